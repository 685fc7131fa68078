import Runtime
import Logging
import Metrics
import Wire

/// The bus messages that a stage refuses. All are counted by reason; of one market only a new complaint is logged, since a
/// producer that sends nonsense sends much of it.
struct RefusedMessages {
    private let logger: Logger
    /// The last complaint about each market, of at most as many markets as a stage serves.
    private var complaints: [String: String] = [:]

    init(logger: Logger) { self.logger = logger }

    /// - Parameter reason: the label of the counter: one of a few words.
    mutating func add(_ topic: Topic, reason: String, _ complaint: String) {
        Counter(label: MetricName.busRejected, dimensions: [("reason", reason)]).increment()
        let last = complaints[topic.market]
        guard last != complaint, last != nil || complaints.count < FeatureMarkets.symbolLimit else { return }
        complaints[topic.market] = complaint
        logger.warning("message refused", metadata: ["topic": "\(topic)", "reason": "\(complaint)"])
    }
}
