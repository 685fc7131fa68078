import Runtime
import Logging
import Metrics
import Wire

/// Counts refused messages and says so in the log: at most once a minute for each kind, with how many there were, so
/// that a flood of garbage fills no disk.
struct RefusalLog {
    static let intervalNanoseconds: Int64 = 60_000_000_000
    /// Kinds told apart in the log; further ones share a line.
    static let kindLimit = 64

    private struct Kind {
        var saidAt: Int64
        /// Refused since the last line.
        var unsaid = 0
    }

    private let text: Logger.Message
    private let logger: Logger
    private var kinds: [String: Kind] = [:]

    /// - Parameter text: what was refused, e.g. "alert message refused".
    init(_ text: Logger.Message, logger: Logger) {
        self.text = text
        self.logger = logger
    }

    /// - Parameters:
    ///   - kind: the counter's label, one of a fixed set.
    ///   - detail: what the log says of it, also one of a fixed set; the kind if there is none.
    mutating func refuse(_ kind: String, detail: String? = nil, at now: Int64 = HostClock.monotonicNanoseconds) {
        Counter(label: MetricName.busRejected, dimensions: [("reason", kind)]).increment()
        let reason = detail ?? kind
        let key = kinds[reason] != nil || kinds.count < Self.kindLimit ? reason : "other"
        if var known = kinds[key], now - known.saidAt < Self.intervalNanoseconds {
            known.unsaid += 1
            kinds[key] = known
            return
        }
        let more = kinds[key]?.unsaid ?? 0
        kinds[key] = Kind(saidAt: now)
        logger.warning(text, metadata: ["reason": "\(reason)", "since_last_line": "\(more + 1)"])
    }

    mutating func refuse(_ error: WireError) { refuse(error.kind, detail: error.description) }
}
