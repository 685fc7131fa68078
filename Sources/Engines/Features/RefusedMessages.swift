import Runtime
import Logging
import Metrics
import Wire

/// The bus messages that a stage refuses. All are counted by reason. A market's complaint is logged only when it
/// changes, since a faulty producer sends many bad messages.
struct RefusedMessages {
    private let logger: Logger
    /// The last complaint about each market, for at most as many markets as a stage serves.
    private var complaints: [String: String] = [:]

    init(logger: Logger) { self.logger = logger }

    /// - Parameter reason: the counter's label, from a small fixed set.
    mutating func add(_ topic: Topic, reason: String, _ complaint: String) {
        Counter(label: MetricName.busRejected, dimensions: [("reason", reason)]).increment()
        let last = complaints[topic.market]
        guard last != complaint, last != nil || complaints.count < FeatureMarkets.symbolLimit else { return }
        complaints[topic.market] = complaint
        logger.warning("message refused", metadata: ["topic": "\(topic)", "reason": "\(complaint)"])
    }
}
