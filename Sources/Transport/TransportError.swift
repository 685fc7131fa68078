/// What the transport attempted and why it failed. Failures of a single connection are not thrown: they arrive as its
/// close reason (`WebSocketCloseReason`, `HTTPError`).
public struct TransportError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What was attempted, e.g. `listen on 127.0.0.1:9443`.
    public let attempted: String
    /// The library's own words where it gave any.
    public let reason: String

    init(_ attempted: String, _ reason: String) {
        self.attempted = attempted
        self.reason = reason
    }

    public var description: String { "\(attempted): \(reason)" }
}
