import Microstructure

/// How long after an event a venue sends its messages, by stream. Each stream keeps its own order; which of two streams
/// is first follows from the delays. Times in ns of market time.
///
/// The values are a venue's: see `BinanceDialect.delays`.
public struct ArrivalDelays: Sendable, Hashable {
    /// The names of the sets of delays that a specification and `exchange-sim` can ask for.
    public enum Name: String, Sendable, CaseIterable {
        /// As measured at the venue.
        case measured
        /// Everything is sent as it happens: a trade, then the quote that contains it.
        case none
    }

    /// Quotes, and depth updates from the end of their interval: uniform.
    public var quote: ClosedRange<Int64> = 0...0
    public var depth: ClosedRange<Int64> = 0...0
    /// From a trade to its event time, and from there to its message: uniform. A taker's further trades follow the first
    /// one at `tradeGap`.
    public var trade: ClosedRange<Int64> = 0...0
    public var tradeMessage: ClosedRange<Int64> = 0...0
    public var tradeGap: Int64 = 0
    /// The chance of a trade to hold up the stream of trades, for an exponential time with this mean, and the longest
    /// delay of a trade's event time. What happens meanwhile waits behind it.
    public var pauseChance = 0.0
    public var meanPause: Int64 = 0
    public var longestTrade: Int64 = .max

    public init() {}

    /// Nothing is delayed.
    public static let none = ArrivalDelays()
}

/// Draws the delays of one market's messages; the same seed gives the same delays. Events come in the market's order.
struct ArrivalClock: Sendable {
    private let delays: ArrivalDelays
    private var random: SplitMix64
    /// When the last message of each stream was sent.
    private var lastQuote: Int64 = 0
    private var lastDepth: Int64 = 0
    private var lastTrade: Int64 = 0
    /// When the last trade happened, and its event time.
    private var lastTaker: Int64 = -1
    private var lastTradeEvent: Int64 = 0

    init(_ delays: ArrivalDelays, seed: UInt64) {
        self.delays = delays
        random = SplitMix64(seed: seed)
    }

    /// When the quote of `time` is sent.
    mutating func quote(at time: Int64) -> Int64 {
        lastQuote = max(lastQuote, time + draw(delays.quote))
        return lastQuote
    }

    /// When the depth update of `time` is sent: after the quotes that it covers.
    mutating func depth(at time: Int64) -> Int64 {
        lastDepth = max(lastDepth, lastQuote, time + draw(delays.depth))
        return lastDepth
    }

    /// The event time of the trade of `time`, and when it is sent.
    mutating func trade(at time: Int64) -> (event: Int64, sent: Int64) {
        var event = time == lastTaker ? lastTradeEvent + delays.tradeGap : time + draw(delays.trade)
        lastTaker = time
        event = max(event, lastTradeEvent)
        if delays.pauseChance > 0, random.chance(delays.pauseChance) {
            event += Int64(Double(delays.meanPause) * random.exponential())
        }
        if delays.longestTrade < .max { event = max(lastTradeEvent, min(event, time + delays.longestTrade)) }
        lastTradeEvent = event
        lastTrade = max(lastTrade, event + draw(delays.tradeMessage))
        return (event, lastTrade)
    }

    private mutating func draw(_ range: ClosedRange<Int64>) -> Int64 {
        guard range.upperBound > range.lowerBound else { return range.lowerBound }
        return range.lowerBound + Int64(Double(range.upperBound - range.lowerBound) * random.uniform())
    }
}
