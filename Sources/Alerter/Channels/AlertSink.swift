import Runtime

/// A channel on which alerts go out.
protocol AlertSink: Sendable {
    /// Short name for routes, logs and metrics.
    var name: String { get }
    /// What the service documents, or its user asks for; all of them hold.
    var rateLimits: [RateLimit] { get }
    /// Most signals of one message; 1 sends each by itself.
    var groupLimit: Int { get }
    /// Most signals that a message shows one by one.
    var detailLimit: Int { get }
    /// Delivers one message and returns what the service answered, in a few words.
    func deliver(_ notification: AlertMessage) async throws(DeliveryFailure) -> String
}

/// Why a message was not accepted. `description` holds no secret.
struct DeliveryFailure: Error, CustomStringConvertible, Equatable {
    enum Cause: Sendable, Equatable {
        /// This message will never be accepted: others may.
        case refused
        /// A repetition may succeed: time-outs, refused connections, 408, 429 and 5xx.
        case temporary
        /// The channel is set up wrongly or was revoked (401, 403, 404, 410): nothing will be accepted until that is put
        /// right.
        case channel
    }

    let reason: String
    let cause: Cause
    /// What the receiver asked everybody to wait.
    var retryAfterSeconds: Double?

    var description: String { reason }
}
