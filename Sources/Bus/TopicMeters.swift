import Metrics
import Runtime
import Synchronization
import Wire

/// The counters of one topic, labelled by kind, venue, symbol and, for ticks and schemas, detail: Prometheus can check at
/// every hop and for each topic that sent = received + lost (+ missed at join).
///
/// A signal's type is not a label, since whoever posts signals chooses it. For the same reason a process has at most
/// `limit` markets: further ones share the symbol and the venue `other`.
struct TopicMeters {
    static let limit = 4_096
    private static let other = "other"
    private static let markets = Mutex<Set<String>>([])

    private let dimensions: [(String, String)]

    init(_ topic: Topic) {
        let isNamed = Self.markets.withLock { markets in
            if markets.count < Self.limit { markets.insert(topic.market) }
            return markets.contains(topic.market)
        }
        dimensions =
            [("kind", topic.kind.rawValue)]
            + MetricLabels.market(
                venue: isNamed ? topic.venue : Self.other, symbol: isNamed ? topic.symbol : Self.other)
            + (topic.kind == .signal ? [] : topic.detail.map { [("detail", $0)] } ?? [])
    }

    /// The topic's counter with this name; it starts at zero.
    func counter(_ name: String) -> Counter { Counter(label: name, dimensions: dimensions) }
}
