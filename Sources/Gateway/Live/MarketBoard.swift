import Bus
import Runtime
import Metrics
import Microstructure
import NIOCore
import Synchronization
import Wire

/// A message with the moment at which it came, on the monotonic clock.
struct Heard<Message: Sendable>: Sendable {
    let message: Message
    let moment: Int64

    init(_ message: Message) {
        self.message = message
        moment = HostClock.monotonicNanoseconds
    }

    /// How long ago it came, in tenths of a second.
    var ageSeconds: Double { (Double(HostClock.monotonicNanoseconds - moment) / 1e8).rounded() / 10 }
}

/// A trade with its place in the order in which this gateway heard the market's trades, from 1.
struct HeardTrade: Sendable {
    let number: UInt64
    let trade: ProtoTrade
}

/// The vector of one moment, kept to explain a signal by.
struct PastVector: Sendable {
    let receiveTimeNs: Int64
    /// Of the values, in their order.
    let names: [String]
    let values: [Double]
}

/// What is known of one market now.
struct Market: Sendable {
    /// Trades remembered.
    static let tradeLimit = 200
    /// Vectors remembered for explanations, and the least time between two of them: five minutes.
    static let pastLimit = 1_200
    static let pastSpacingNanoseconds: Int64 = 250_000_000

    let venue: String
    let symbol: String
    fileprivate(set) var book: Heard<ProtoBook>?
    fileprivate(set) var quote: Heard<ProtoQuote>?
    fileprivate(set) var vector: Heard<ProtoFeatureVector>?
    /// That of `vector`.
    fileprivate(set) var schema: FeatureSchema?
    fileprivate(set) var detectors: Heard<ProtoDetectorState>?
    fileprivate(set) var trades = RingBuffer<HeardTrade>(limit: tradeLimit)
    fileprivate(set) var tradeCount: UInt64 = 0
    /// Counts of messages, by which a stream sees what is new.
    fileprivate(set) var versions = Versions()
    fileprivate var past = RingBuffer<PastVector>(limit: pastLimit)
    fileprivate let keepsPast: Bool

    struct Versions: Sendable {
        var book: UInt64 = 0
        var quote: UInt64 = 0
        var vector: UInt64 = 0
        var detectors: UInt64 = 0
    }
}

/// The latest book, quote, trades, feature vector and detector state of each market, taken from the bus.
final class MarketBoard: Sendable {
    /// Markets kept; the messages of a further one are refused and counted.
    static let marketLimit = 10_000
    /// Markets whose past vectors are kept, 500 KB each: the first ones heard.
    static let pastMarketLimit = 128

    /// This version's.
    let schema = FeatureSchema()
    private let schemas = Mutex(SchemaCatalog())
    private let markets = Mutex<[String: Market]>([:])
    private let unknownSchema = Counter(label: MetricName.busRejected, dimensions: [("reason", "schema")])
    private let tooManyMarkets = Counter(label: MetricName.busRejected, dimensions: [("reason", "market_limit")])

    /// Takes a message of a tick, feature or detector topic; what is none of these is passed over.
    func receive(_ delivery: Delivery) {
        let topic = delivery.topic
        switch delivery.envelope.payload {
        case .book(let book):
            update(topic) {
                $0.book = Heard(book)
                $0.versions.book += 1
            }
        case .quote(let quote):
            update(topic) {
                $0.quote = Heard(quote)
                $0.versions.quote += 1
            }
        case .trade(let trade):
            update(topic) {
                $0.tradeCount += 1
                $0.trades.append(HeardTrade(number: $0.tradeCount, trade: trade))
            }
        case .featureVector(let vector):
            // Values whose names are not known yet, or not all, would stand under wrong ones.
            guard let schema = knownSchema(vector.schemaID), vector.values.count == schema.columns.count else {
                return unknownSchema.increment()
            }
            update(topic) { market in
                market.vector = Heard(vector)
                market.schema = schema
                market.versions.vector += 1
                guard market.keepsPast else { return }
                let time = vector.receiveTimeNs
                if let last = market.past.last?.receiveTimeNs {
                    // A clock that was set back begins the past anew: its order is what is searched.
                    if time < last { market.past.removeAll() }
                    if time >= last, time - last < Market.pastSpacingNanoseconds { return }
                }
                market.past.append(PastVector(receiveTimeNs: time, names: schema.names, values: vector.values))
            }
        case .featureSchema(let schema):
            // One that cannot be used is counted like the vectors that it leaves without names.
            do throws(WireError) {
                _ = try schemas.withLock { schemas throws(WireError) in try schemas.learn(schema) }
            } catch {
                unknownSchema.increment()
            }
        case .detectorState(let state):
            update(topic) {
                $0.detectors = Heard(state)
                $0.versions.detectors += 1
            }
        case .status, .signal, nil: break
        }
    }

    private func knownSchema(_ id: UInt64) -> FeatureSchema? {
        id == schema.id ? schema : schemas.withLock { $0[id] }
    }

    private func update(_ topic: Topic, _ change: (inout Market) -> Void) {
        markets.withLock { markets in
            guard markets[topic.market] != nil || markets.count < Self.marketLimit else {
                return tooManyMarkets.increment()
            }
            let keepsPast = markets.count < Self.pastMarketLimit
            change(
                &markets[
                    topic.market, default: Market(venue: topic.venue, symbol: topic.symbol, keepsPast: keepsPast)])
        }
    }

    /// All of them, by venue and symbol.
    var all: [Market] {
        markets.withLock { $0.values.sorted { ($0.venue, $0.symbol) < ($1.venue, $1.symbol) } }
    }

    /// The market of a symbol: at `venue`, or where it was heard first by name of the venue.
    func market(_ symbol: String, venue: String?) -> Market? {
        markets.withLock { markets in
            if let venue { return markets["\(venue).\(symbol)"] }
            return markets.values.filter { $0.symbol == symbol }.min { $0.venue < $1.venue }
        }
    }

    /// The last vector kept at or before `time`, if it is at most `withinSeconds` older. O(log of what is kept).
    func vector(
        venue: String, symbol: String, at time: Int64, withinSeconds: Double = 2
    ) -> PastVector? {
        markets.withLock { markets in
            guard let past = markets["\(venue).\(symbol)"]?.past else { return nil }
            var (low, high) = (0, past.count)
            while low < high {
                let middle = (low + high) / 2
                if past[middle].receiveTimeNs <= time { low = middle + 1 } else { high = middle }
            }
            guard low > 0 else { return nil }
            let found = past[low - 1]
            return Double(time - found.receiveTimeNs) / 1e9 <= withinSeconds ? found : nil
        }
    }
}
