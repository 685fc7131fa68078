import Runtime
import Logging
import Metrics
import Wire

/// Counts refused messages by kind, and says so in the log: at most once a minute for each kind.
struct RefusalLog {
    private let text: Logger.Message
    private var log: RepeatedLog

    /// - Parameter text: what was refused, e.g. "alert message refused".
    init(_ text: Logger.Message, logger: Logger) {
        self.text = text
        log = RepeatedLog(logger)
    }

    /// - Parameters:
    ///   - kind: the counter's label, one of a fixed set.
    ///   - detail: what the log says of it; the kind if there is none.
    mutating func refuse(_ kind: String, detail: String? = nil) {
        Counter(label: MetricName.busRejected, dimensions: [("reason", kind)]).increment()
        let reason = detail ?? kind
        log.write(text, kind: reason, metadata: ["reason": "\(reason)"])
    }

    mutating func refuse(_ error: WireError) { refuse(error.kind, detail: error.description) }
}
