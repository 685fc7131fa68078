import Runtime

/// A channel that delivers alerts.
protocol AlertSink: Sendable {
    /// Short name for routes, logs and metrics.
    var name: String { get }
    /// The limits that the service documents or the user sets; all of them apply.
    var rateLimits: [RateLimit] { get }
    /// Most signals in one message; 1 sends each signal alone.
    var groupLimit: Int { get }
    /// Most signals that a message lists individually.
    var detailLimit: Int { get }
    /// Delivers one message and returns what the service answered, in a few words.
    func deliver(_ notification: AlertMessage) async throws(DeliveryFailure) -> String
}

/// Why a message was not accepted. `description` holds no secret.
struct DeliveryFailure: Error, CustomStringConvertible, Equatable {
    enum Cause: Sendable, Equatable {
        /// This message will never be accepted; others may be.
        case refused
        /// A repetition may succeed: time-outs, refused connections, 408, 429 and 5xx.
        case temporary
        /// The channel is misconfigured or was revoked (401, 403, 404, 410): nothing is accepted until that is fixed.
        case channel
    }

    let reason: String
    let cause: Cause
    /// The wait that the service asked of all senders.
    var retryAfterSeconds: Double?

    var description: String { reason }
}
