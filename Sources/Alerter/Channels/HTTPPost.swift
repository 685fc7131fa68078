import Runtime
import Foundation
import Transport

/// Posts JSON to a service and reads its answer. Its texts contain no secret.
struct HTTPPost: Sendable {
    /// What a refusal means, where a channel knows more than its status says.
    struct Judgement: Sendable {
        var cause: DeliveryFailure.Cause
        /// What a person has to do.
        var advice = ""
        var movedTo: Int64?
    }

    let http: HTTPClient
    let timeoutMilliseconds: Int
    let redaction: Redaction

    init(_ http: HTTPClient, timeoutSeconds: Double, redaction: Redaction = Redaction()) {
        self.http = http
        timeoutMilliseconds = Int(timeoutSeconds * 1_000)
        self.redaction = redaction
    }

    /// - Parameter judge: the meaning of an answer other than 2xx; `nil` leaves it to the status.
    func send(
        _ body: [UInt8], to url: String, headers: [(name: String, value: String)] = [],
        judge: (HTTPResponse) -> Judgement? = { _ in nil }
    ) async throws(DeliveryFailure) -> String {
        var request = HTTPRequest(
            method: "POST", url: url,
            headers: [(name: "Content-Type", value: "application/json"), (name: "User-Agent", value: Self.agent)]
                + headers, body: body)
        request.totalTimeoutMilliseconds = timeoutMilliseconds
        request.connectTimeoutMilliseconds = min(5_000, timeoutMilliseconds)
        request.maxResponseBytes = 1 << 20
        let response: HTTPResponse
        do throws(HTTPError) {
            response = try await http.send(request)
        } catch {
            throw failure(error)
        }
        let text = redaction.line(String(decoding: response.body.prefix(8_192), as: UTF8.self))
        let answer = text.isEmpty ? "status \(response.status)" : "status \(response.status): \(text)"
        guard !(200..<300).contains(response.status) else { return answer }
        let judgement = judge(response) ?? meaning(of: response)
        let advice = judgement.advice.isEmpty ? "" : "; " + judgement.advice
        throw DeliveryFailure(
            reason: answer + advice, cause: judgement.cause, retryAfterSeconds: Self.retryAfter(response),
            movedTo: judgement.movedTo)
    }

    private static let agent = "microstructure-alerter/" + Version.current

    /// Without an answer: what only a person can mend is told from what may pass by itself.
    private func failure(_ error: HTTPError) -> DeliveryFailure {
        let (cause, advice): (DeliveryFailure.Cause, String) =
            switch error {
            case .unknownHost: (.held, "check the host's name in the address, and this machine's name service")
            case .tls: (.held, "check the service's certificate and this machine's trusted authorities")
            case .badURL: (.held, "check the channel's address")
            case .timedOut, .connectionFailed, .tooLarge, .cancelled, .tooManyRequests, .other: (.temporary, "")
            }
        let reason = redaction.line("\(error)", limit: 300)
        return DeliveryFailure(reason: advice.isEmpty ? reason : "\(reason); \(advice)", cause: cause)
    }

    /// By the status alone. Only what speaks of the message itself is a refusal of the message; an answer that is not
    /// known here holds the alerts rather than losing them.
    private func meaning(of response: HTTPResponse) -> Judgement {
        switch response.status {
        case 300..<400:
            // Not followed: the new place has not been entrusted with what the old one was.
            let place = redaction.line(Self.place(response.header("Location")), limit: 100)
            return Judgement(cause: .held, advice: "it redirects to \(place): set the channel's address to the new one")
        case 400, 409, 413, 422, 431: return Judgement(cause: .refused)
        case 407: return Judgement(cause: .held, advice: "the proxy wants a name and a password")
        case 401, 403, 404, 410:
            return Judgement(cause: .held, advice: "the channel's address or token is wrong or was revoked")
        case 408, 425, 429: return Judgement(cause: .temporary)
        case 402..<500, 501, 505, 511:
            return Judgement(cause: .held, advice: "the channel's address does not take alerts: check it")
        default: return Judgement(cause: .temporary)
        }
    }

    /// Scheme, host and port of a redirect's target; its path may hold a secret.
    private static func place(_ location: String?) -> String {
        guard let location, let url = URL(string: location), let scheme = url.scheme, let host = url.host else {
            return "another path"
        }
        return "\(scheme)://\(host)" + (url.port.map { ":\($0)" } ?? "")
    }

    /// The longest of the header, the body's `retry_after` (Discord: seconds with decimals) and
    /// `parameters.retry_after` (Telegram).
    static func retryAfter(_ response: HTTPResponse) -> Double? {
        struct Body: Decodable {
            struct Parameters: Decodable { var retryAfter: Double? }
            var retryAfter: Double?
            var parameters: Parameters?
        }
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        let body = try? decoder.decode(Body.self, from: Data(response.body))
        let asked = [body?.retryAfter, body?.parameters?.retryAfter].compactMap { $0 }
            .filter { $0.isFinite && $0 >= 0 }.map { min($0, RetryAfter.limitSeconds) }
        return ([RetryAfter.seconds(response.header("Retry-After"))] + asked).compactMap { $0 }.max()
    }
}

/// The JSON of a message; `isSnakeCase` writes `chatID` as `chat_id`. Message types hold no NaN or infinity.
func messageJSON(_ value: some Encodable, isSnakeCase: Bool = true) throws(DeliveryFailure) -> [UInt8] {
    do {
        return try CompactJSON.bytes(value, isSnakeCase: isSnakeCase)
    } catch {
        throw DeliveryFailure(reason: "cannot be written as JSON: \(error)", cause: .refused)
    }
}
