import Runtime
import Metrics
import Transport
import Venues

/// What becomes of a feed whose key the venue refuses: the same market by the venue's streams that need none, until the
/// process ends. A key that is refused does not become good by asking again.
///
/// Only where nothing else is connected: while a connection lives, one that is to replace it may be refused, and is tried
/// again, without ending the other.
extension LiveFeed where Session: ~Copyable {
    /// `false` if the venue has no streams without a key, or they are followed already.
    func leaveKey(because reason: String) -> Bool {
        guard let open = adapter.withoutKey else { return false }
        adapter = open
        session.change(to: open)
        Counter(label: MetricName.feedKeysRefused).increment()
        logger.warning(
            "the venue refuses the key: its streams that need none are followed until a restart; check --api-key-file",
            metadata: ["venue": "\(open.venue)", "reason": "\(reason)", "url": "\(keylessWebSocketURL)"])
        links.follow(
            open.connectionPlan(for: session.instruments, targetByteLimit: WebSocketRequest.longestTarget),
            at: keylessWebSocketURL)
        return true
    }

    func hasChangedStreams(after reason: WebSocketCloseReason) -> Bool {
        guard case .failed(_, let status?) = reason, adapter.isKeyRefused(status: status) else { return false }
        return leaveKey(because: "\(reason)")
    }
}
