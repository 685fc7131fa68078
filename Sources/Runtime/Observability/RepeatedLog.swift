import Logging

/// Logs what a faulty peer can cause thousands of times: of each kind the first event at once, then at most one line a
/// minute, which says how many events the kind had since its last line. Metrics count every event. Lives on one thread.
package struct RepeatedLog {
    /// Shortest time between two lines of one kind.
    static let pauseNanoseconds: Int64 = 60_000_000_000
    /// Kinds with lines of their own in one pause, so that invented names cannot fill the log; the others share one line.
    static let kindLimit = 20
    private static let otherKinds = "others"

    private struct Kind {
        let loggedAt: Int64
        var unlogged = 0
    }

    private let logger: Logger
    private var kinds: [String: Kind] = [:]

    package init(_ logger: Logger) { self.logger = logger }

    package mutating func write(
        _ message: Logger.Message, level: Logger.Level = .warning, kind: String,
        metadata: @autoclosure () -> Logger.Metadata, at now: Int64 = HostClock.monotonicNanoseconds
    ) {
        var kind = kind
        if kinds[kind] == nil, kinds.count >= Self.kindLimit {
            kinds = kinds.filter { now - $1.loggedAt < Self.pauseNanoseconds }
            if kinds.count >= Self.kindLimit { kind = Self.otherKinds }
        }
        let last = kinds[kind]
        if let last, now - last.loggedAt < Self.pauseNanoseconds {
            kinds[kind]?.unlogged += 1
            return
        }
        kinds[kind] = Kind(loggedAt: now)
        var metadata = metadata()
        if let last, last.unlogged > 0 { metadata["not_logged_before"] = "\(last.unlogged)" }
        logger.log(level: level, message, metadata: metadata)
    }
}
