import Metrics
import Synchronization
import Wire

/// The counters of one topic, by kind, symbol and, of ticks and schemas, what they carry: so that at every hop sent = received + lost
/// (+ missed at join) can be asked of Prometheus, topic by topic.
///
/// A signal's type is no label, since whoever posts signals chooses it; nor are there more than `limit` symbols a process,
/// for the same reason: further ones share the symbol `other`.
struct TopicMeters {
    static let limit = 4_096
    private static let symbols = Mutex<Set<String>>([])

    private let dimensions: [(String, String)]

    init(_ topic: Topic) {
        let isNamed = Self.symbols.withLock { symbols in
            if symbols.count < Self.limit { symbols.insert(topic.symbol) }
            return symbols.contains(topic.symbol)
        }
        dimensions =
            [("kind", topic.kind.rawValue), ("symbol", isNamed ? topic.symbol : "other")]
            + (topic.kind == .signal ? [] : topic.detail.map { [("detail", $0)] } ?? [])
    }

    /// The topic's counter of that name, which starts at zero.
    func counter(_ name: String) -> Counter { Counter(label: name, dimensions: dimensions) }
}
