/// One order that took liquidity, as far as it is known: consecutive trades of one venue time and one side.
///
/// Two thirds of a venue's trades are of the same order as the trade before. Two orders of one side within the venue's
/// smallest step of time, a millisecond on most, count as one.
struct Taker: Sendable {
    let side: AggressorSide
    let venueTime: Timestamp
    /// When its first trade was received, by the engine's clock.
    let start: Timestamp
    private(set) var tradeCount = 1
    /// In quantity units.
    private(set) var size: Int128
    /// Prices traded at: an order walks through them without coming back, so that each change is a new one.
    private(set) var priceCount = 1
    /// The last trade was at another price than the one before it.
    private(set) var hasMoved = false
    private var lastPrice: Price

    init(_ trade: Trade, at now: Timestamp) {
        side = trade.aggressor
        venueTime = trade.times.venue
        start = now
        size = Int128(trade.quantity.mantissa)
        lastPrice = trade.price
    }

    /// Only one trade of it is known.
    var isNew: Bool { tradeCount == 1 }

    /// Takes a further trade; returns `false` if that is another taker's.
    mutating func add(_ trade: Trade) -> Bool {
        guard trade.aggressor == side, trade.times.venue == venueTime else { return false }
        tradeCount += 1
        size += Int128(trade.quantity.mantissa)
        hasMoved = trade.price != lastPrice
        if hasMoved { priceCount += 1 }
        lastPrice = trade.price
        return true
    }
}
