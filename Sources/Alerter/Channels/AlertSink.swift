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
    /// How many of the groups, in their order, one message names with a line each; at least 1. The rest waits.
    func room(for groups: [AlertMessage.Group]) -> Int
    /// What a person should change although the channel works; empty if nothing.
    var notice: String { get }
    /// Delivers one message and returns what the service answered, in a few words.
    func deliver(_ notification: AlertMessage) async throws(DeliveryFailure) -> String
}

extension AlertSink {
    func room(for groups: [AlertMessage.Group]) -> Int { max(1, groups.count) }
    var notice: String { "" }
}

/// Why a message was not accepted. `description` holds no secret.
struct DeliveryFailure: Error, CustomStringConvertible, Equatable {
    enum Cause: Sendable, Equatable {
        /// This message will never be accepted; others may be.
        case refused
        /// A repetition may succeed: time-outs, refused connections, 408, 429 and 5xx.
        case temporary
        /// A person must mend the channel: wrong or revoked address, an unknown host, a certificate that is not
        /// trusted, a chat that does not exist. Until then nothing is accepted, and all alerts are held.
        case held
    }

    let reason: String
    let cause: Cause
    /// The wait that the service asked of all senders.
    var retryAfterSeconds: Double?
    /// The chat's new id, where the service says that it has one.
    var movedTo: Int64?

    var description: String { reason }
}
