import Synchronization

/// The chat that a bot writes to. A group that becomes a supergroup gets another id, which is followed and kept: also
/// a restarted alerter follows it.
final class TelegramChat: Sendable {
    private let configured: String
    private let moved: Mutex<String?>
    private let keep: @Sendable (String) -> Void

    /// - Parameters:
    ///   - configured: the id of the settings.
    ///   - moved: the id that an earlier run was told for it.
    ///   - keep: stores a new id for later runs.
    init(_ configured: String, moved: String? = nil, keep: @escaping @Sendable (String) -> Void = { _ in }) {
        self.configured = configured
        self.moved = Mutex(moved)
        self.keep = keep
    }

    /// The id to write to now.
    var id: String { moved.withLock { $0 } ?? configured }

    func follow(_ id: String) {
        moved.withLock { $0 = id }
        keep(id)
    }

    var notice: String {
        moved.withLock { $0 }.map { "the group has become a supergroup: change TELEGRAM_CHAT_ID to \($0)" } ?? ""
    }
}
