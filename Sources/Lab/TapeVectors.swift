import Microstructure
import Wire

/// Runs the engines of `features` over the records of a tape: the vectors that the bus would have carried.
struct TapeVectors: ~Copyable {
    /// A vector; its numbers lie in the market's engine until the next record.
    struct Vector {
        let market: Int
        let header: FeatureHeader
        let arrival: SequenceTracker.Arrival
    }

    /// The event of the last record, and its market; `nil` if the record had no usable event.
    private(set) var lastEvent: (market: Int, event: MarketEvent)?
    private(set) var count: UInt64 = 0
    /// Records that are no message of the bus, by kind.
    private(set) var refused: [String: UInt64] = [:]
    private(set) var counts = SequenceTracker.Counts()

    private var features = FeatureMarkets()
    private var reader = EnvelopeReader()
    private var tracker = SequenceTracker()
    private let symbols: Set<String>

    /// - Parameter symbols: the symbols to take; empty takes all.
    init(symbols: Set<String>) { self.symbols = symbols }

    /// Markets in the order of their first messages.
    var markets: [FeatureMarkets.Market] { features.markets }
    /// The levels that `lastEvent` refers to.
    var levels: [PriceLevel] { reader.levels }

    /// Takes one record of the tape; returns the vector that it completes, `nil` if none.
    mutating func process(_ record: TapeRecord) -> Vector? {
        lastEvent = nil
        guard let topic = Topic(record.topicBytes) else {
            refused["topic", default: 0] += 1
            return nil
        }
        guard topic.kind == .tick, symbols.isEmpty || symbols.contains(topic.symbol) else { return nil }
        do throws(WireError) {
            let body = record.body
            try reader.read(body.span)
            let arrival = tracker.process(topic: record.topicBytes, epoch: reader.epoch, sequence: reader.sequence)
            counts = tracker.counts
            guard arrival != .duplicate else { return nil }
            switch try features.process(topic, reader, arrival) {
            case .ignored: return nil
            case .taken(let market, let event):
                lastEvent = (market, event)
                return nil
            case .vector(let market, let event, let header):
                lastEvent = (market, event)
                count += 1
                return Vector(market: market, header: header, arrival: arrival)
            }
        } catch {
            refused[error.kind, default: 0] += 1
            return nil
        }
    }
}
