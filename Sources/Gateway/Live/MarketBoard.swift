import Bus
import Runtime
import Metrics
import Microstructure
import NIOCore
import Synchronization
import Wire

/// A message with its arrival time on the monotonic clock.
struct Heard<Message: Sendable>: Sendable {
    let message: Message
    let moment: Int64

    init(_ message: Message) {
        self.message = message
        moment = HostClock.monotonicNanoseconds
    }

    /// Seconds since the message arrived, rounded to tenths.
    var ageSeconds: Double { (Double(HostClock.monotonicNanoseconds - moment) / 1e8).rounded() / 10 }
}

/// A trade with its number, from 1, in the order in which this gateway received the market's trades.
struct HeardTrade: Sendable {
    let number: UInt64
    let trade: ProtoTrade
}

/// A feature vector of the past, kept to explain signals.
struct PastVector: Sendable {
    let receiveTime: Timestamp
    /// Names of the values, in the same order.
    let names: [String]
    let values: [Double]
}

/// The current state of one market.
struct Market: Sendable {
    /// Most trades kept.
    static let tradeLimit = 200
    /// Most vectors kept for explanations, and the least time between two of them: five minutes in all.
    static let pastLimit = 1_200
    static let pastSpacingNanoseconds: Int64 = 250_000_000

    let venue: String
    let symbol: String
    fileprivate(set) var book: Heard<ProtoBook>?
    fileprivate(set) var quote: Heard<ProtoQuote>?
    fileprivate(set) var vector: Heard<ProtoFeatureVector>?
    /// Schema of `vector`, and the places in it of what charts show.
    fileprivate(set) var schema: FeatureSchema?
    fileprivate(set) var chartColumns: ChartColumns?
    fileprivate(set) var detectors: Heard<ProtoDetectorState>?
    fileprivate(set) var trades = RingBuffer<HeardTrade>(limit: tradeLimit)
    fileprivate(set) var tradeCount: UInt64 = 0
    /// Message counts, by which a stream recognizes new messages.
    fileprivate(set) var versions = Versions()
    fileprivate var past = RingBuffer<PastVector>(limit: pastLimit)
    fileprivate let keepsPast: Bool
    fileprivate(set) var history = MarketHistory()
    fileprivate let keepsHistory: Bool

    struct Versions: Sendable {
        var book: UInt64 = 0
        var quote: UInt64 = 0
        var vector: UInt64 = 0
        var detectors: UInt64 = 0
    }
}

/// The latest book, quote, trades, feature vector and detector state of each market, taken from the bus.
final class MarketBoard: Sendable {
    /// Most markets kept; messages of further markets are refused and counted.
    static let marketLimit = 10_000
    /// Most markets whose past vectors are kept, 500 KB each: the first markets received.
    static let pastMarketLimit = 128
    /// Most markets whose history is kept for charts, 19 KB each, 19 MB in all: the first markets received.
    static let historyMarketLimit = 1_000

    /// The feature schema of this program version.
    let schema = FeatureSchema()
    private let schemas = Mutex(SchemaCatalog())
    private let markets = Mutex<[String: Market]>([:])
    private let unknownSchema = Counter(label: MetricName.busRejected, dimensions: [("reason", "schema")])
    private let tooManyMarkets = Counter(label: MetricName.busRejected, dimensions: [("reason", "market_limit")])

    /// Takes a message of a tick, feature or detector topic; ignores all others.
    func receive(_ envelope: ProtoEnvelope, on topic: Topic) {
        switch envelope.payload {
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
                guard $0.keepsHistory, !trade.backfilled else { return }
                let exponent = Int8(max(-22, min(22, trade.quantityExponent)))
                $0.history.add(
                    quantity: Decimal10.value(trade.quantity, exponent: exponent), isBuy: trade.aggressor != .sell,
                    at: trade.receiveTimeNs)
            }
        case .featureVector(let vector):
            // Without a matching schema, values would appear under wrong names.
            guard let schema = knownSchema(vector.schemaID), vector.values.count == schema.columns.count else {
                return unknownSchema.increment()
            }
            update(topic) { market in
                market.vector = Heard(vector)
                if market.schema?.id != schema.id { market.chartColumns = ChartColumns(schema) }
                market.schema = schema
                market.versions.vector += 1
                if market.keepsHistory, let columns = market.chartColumns {
                    market.history.add(
                        vector.values, isValid: vector.validity == .valid, columns, at: vector.receiveTimeNs)
                }
                guard market.keepsPast else { return }
                let time = Timestamp(nanoseconds: vector.receiveTimeNs)
                if let last = market.past.last?.receiveTime {
                    // If the clock was set back, clear the past vectors: the search needs ascending times.
                    if time < last { market.past.removeAll() }
                    if time >= last, time.nanoseconds(since: last) < Market.pastSpacingNanoseconds { return }
                }
                market.past.append(PastVector(receiveTime: time, names: schema.names, values: vector.values))
            }
        case .featureSchema(let schema):
            // An unusable schema is counted like the vectors that it leaves without names.
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
        // A market whose book was never valid is one too.
        case .status: update(topic) { _ in }
        case .signal, nil: break
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
            let (keepsPast, keepsHistory) = (
                markets.count < Self.pastMarketLimit, markets.count < Self.historyMarketLimit
            )
            change(
                &markets[
                    topic.market,
                    default: Market(
                        venue: topic.venue, symbol: topic.symbol, keepsPast: keepsPast, keepsHistory: keepsHistory)])
        }
    }

    /// All markets, ordered by venue and symbol.
    var all: [Market] {
        markets.withLock { $0.values.sorted { ($0.venue, $0.symbol) < ($1.venue, $1.symbol) } }
    }

    /// The market of a symbol at `venue`; without a venue, at the first venue in alphabetical order.
    func market(_ symbol: String, venue: String?) -> Market? {
        markets.withLock { markets in
            if let venue { return markets["\(venue).\(symbol)"] }
            return markets.values.filter { $0.symbol == symbol }.min { $0.venue < $1.venue }
        }
    }

    /// The last vector kept at or before `time`, if at most `withinSeconds` older. O(log of vectors kept).
    func vector(
        venue: String, symbol: String, at time: Timestamp, withinSeconds: Double = 2
    ) -> PastVector? {
        markets.withLock { markets in
            guard let past = markets["\(venue).\(symbol)"]?.past else { return nil }
            var (low, high) = (0, past.count)
            while low < high {
                let middle = (low + high) / 2
                if past[middle].receiveTime <= time { low = middle + 1 } else { high = middle }
            }
            guard low > 0 else { return nil }
            let found = past[low - 1]
            return Double(time.nanoseconds(since: found.receiveTime)) / 1e9 <= withinSeconds ? found : nil
        }
    }
}
