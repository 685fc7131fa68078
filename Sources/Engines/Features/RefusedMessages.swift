import Runtime
import Logging
import Metrics
import Wire

/// The bus messages that a stage refuses. All are counted by reason; the log has a market's first complaint of each
/// reason, and then no more than it can bear.
struct RefusedMessages {
    private var log: RepeatedLog

    init(logger: Logger) { log = RepeatedLog(logger) }

    /// - Parameter reason: the counter's label, from a small fixed set.
    mutating func add(_ topic: Topic, reason: String, _ complaint: String) {
        Counter(label: MetricName.busRejected, dimensions: [("reason", reason)]).increment()
        log.write(
            "message refused", kind: "\(reason) \(topic.market)",
            metadata: ["topic": "\(topic)", "reason": "\(complaint)"])
    }
}
