import Runtime
import Foundation
import Transport

/// Posts JSON to a service and reads its answer. Its failure texts contain neither the address nor a secret.
struct HTTPPost: Sendable {
    let http: HTTPClient
    let timeoutMilliseconds: Int
    /// Removed from every text that is shown.
    let secrets: [String]

    init(_ http: HTTPClient, timeoutSeconds: Double, secrets: [String]) {
        self.http = http
        timeoutMilliseconds = Int(timeoutSeconds * 1_000)
        self.secrets = secrets.filter { !$0.isEmpty }
    }

    func send(
        _ body: [UInt8], to url: String, headers: [(name: String, value: String)] = []
    ) async throws(DeliveryFailure) -> String {
        var request = HTTPRequest(
            method: "POST", url: url,
            headers: [(name: "Content-Type", value: "application/json"), (name: "User-Agent", value: Self.agent)]
                + headers, body: body)
        request.totalTimeoutMilliseconds = timeoutMilliseconds
        request.connectTimeoutMilliseconds = min(5_000, timeoutMilliseconds)
        request.maxResponseBytes = 64 << 10
        let response: HTTPResponse
        do {
            response = try await http.send(request)
        } catch {
            throw DeliveryFailure(reason: shown("\(error)"), cause: .temporary)
        }
        let text = shown(String(decoding: response.body.prefix(4_096), as: UTF8.self))
        let answer = text.isEmpty ? "status \(response.status)" : "status \(response.status): \(text)"
        guard !(200..<300).contains(response.status) else { return answer }
        let cause: DeliveryFailure.Cause =
            switch response.status {
            case 408, 425, 429, 500...: .temporary
            case 401, 403, 404, 410: .channel
            default: .refused
            }
        throw DeliveryFailure(reason: answer, cause: cause, retryAfterSeconds: Self.retryAfter(response))
    }

    private static let agent = "microstructure-alerter/" + Version.current

    /// The text as one short printable line without secrets.
    private func shown(_ text: String) -> String {
        var text = text
        for secret in secrets { text = text.replacing(secret, with: "(secret)") }
        return MessageText.fit(text.replacing("\n", with: " "), 200)
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
