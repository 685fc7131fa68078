import Metrics
import Synchronization
import Wire

/// The counters of one topic, labelled by kind, symbol and, for ticks and schemas, detail: Prometheus can check at
/// every hop and for each topic that sent = received + lost (+ missed at join).
///
/// A signal's type is not a label, since whoever posts signals chooses it. For the same reason a process has at most
/// `limit` symbols: further ones share the symbol `other`.
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

    /// The topic's counter with this name; it starts at zero.
    func counter(_ name: String) -> Counter { Counter(label: name, dimensions: dimensions) }
}
