import Foundation
import Transport

/// Posts each signal as JSON, signed where a secret is set.
///
/// `X-Microstructure-Signature: sha256=<hex HMAC-SHA256 of the body>`; `X-Microstructure-Id` repeats the signal's
/// id, so that a receiver can drop what a retry brings twice.
struct WebhookSink: AlertSink {
    let name = "webhook"
    private let url: String
    private let secret: String?
    private let timeoutMilliseconds: Int
    private let http: HTTPClient

    init(url: String, secret: String?, timeoutSeconds: Double, http: HTTPClient) {
        self.url = url
        self.secret = secret
        self.http = http
        timeoutMilliseconds = Int(timeoutSeconds * 1_000)
    }

    func deliver(_ signal: SignalDocument) async throws(DeliveryFailure) {
        let body: [UInt8]
        do {
            body = try signal.json()
        } catch {
            throw DeliveryFailure(reason: "cannot be written as JSON: \(error)", isTemporary: false)
        }
        var headers = [
            (name: "Content-Type", value: "application/json"), (name: "X-Microstructure-Id", value: signal.id),
        ]
        if let secret {
            let code = HMACSHA256.authenticationCode(for: body, key: Array(secret.utf8))
            let hex = code.map { String(format: "%02x", $0) }.joined()
            headers.append((name: "X-Microstructure-Signature", value: "sha256=\(hex)"))
        }
        var request = HTTPRequest(method: "POST", url: url, headers: headers, body: body)
        request.totalTimeoutMilliseconds = timeoutMilliseconds
        request.maxResponseBytes = 64 << 10
        let response: HTTPResponse
        do {
            response = try await http.send(request)
        } catch {
            throw DeliveryFailure(reason: "\(error)", isTemporary: true)
        }
        guard !(200..<300).contains(response.status) else { return }
        throw DeliveryFailure(
            reason: "status \(response.status)",
            isTemporary: response.status == 429 || response.status == 408 || response.status >= 500,
            retryAfterSeconds: RetryAfter.seconds(response.header("Retry-After")))
    }
}
