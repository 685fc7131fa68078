import Runtime
import Wire
import Foundation
import Transport

/// Posts each signal as JSON, signed if a secret is set.
///
/// `X-Microstructure-Signature: sha256=<hex HMAC-SHA256 of the body>`; `X-Microstructure-Id` repeats the signal's id,
/// so that a receiver can drop duplicates from retries.
struct WebhookSink: AlertSink {
    let name = "webhook"
    let rateLimits: [RateLimit]
    let groupLimit = 1
    let detailLimit = 1
    let url: String
    let secret: String?
    let post: HTTPPost

    func deliver(_ notification: AlertMessage) async throws(DeliveryFailure) -> String {
        guard let signal = notification.signals.first else {
            throw DeliveryFailure(reason: "a message without a signal", cause: .refused)
        }
        let body: [UInt8]
        do {
            body = try CompactJSON.bytes(signal)
        } catch {
            throw DeliveryFailure(reason: "cannot be written as JSON: \(error)", cause: .refused)
        }
        var headers = [(name: "X-Microstructure-Id", value: MessageText.fit(signal.id, 200))]
        if let secret {
            let code = HMACSHA256.authenticationCode(for: body, key: Array(secret.utf8))
            let hex = code.map { String(format: "%02x", $0) }.joined()
            headers.append((name: "X-Microstructure-Signature", value: "sha256=\(hex)"))
        }
        return try await post.send(body, to: url, headers: headers)
    }
}
