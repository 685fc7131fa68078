/// The size that refills the best prices: `bid_replenishment_w` and `ask_replenishment_w`, what was traded at the best
/// price less what visibly left it, over w, in the base asset; `replenishment_imbalance_w` = (b − a)/(|b| + |a|), in −1…1,
/// which rises where buyers refill.
///
/// An order that hides its size, an iceberg, shows as trades that leave the visible size as it was: positive. Additions
/// count like it, and cancellations negatively. While a best price stays, its visible change counts; when it retreats,
/// all that was visible has left; when it improves, nothing has. Of a taker, the trades at its first price are those at
/// the best price. A trade and the quote that contains it are two terms of one sum, so that it does not matter which
/// comes first (on Binance 45 % of the trades come after their quote).
///
/// The best prices are those of `BestPrices`. NaN until w has passed since its first state of the epoch, since it
/// restarted, or since the book was not trusted; the imbalance also if both are 0. Exact sums, amortised O(windows).
struct Replenishment: Measure {
    let columns: [Column]
    private let widths: [Int64]
    private var windows: SlidingWindows<RefillSum>
    /// When the first state of the best prices came; `nil` before it.
    private var start: Timestamp?

    /// Changes that left a window early because it was full.
    var earlyExpiries: UInt64 { windows.earlyExpiries }

    init(_ parameters: FeatureParameters) {
        columns =
            parameters.longWindowColumns("bid_replenishment", source: .quotes, unit: .baseCurrency) {
                "the size that refilled the best bid over \($0)"
            }
            + parameters.longWindowColumns("ask_replenishment", source: .quotes, unit: .baseCurrency) {
                "the size that refilled the best ask over \($0)"
            }
            + parameters.longWindowColumns("replenishment_imbalance", source: .quotes, side: .signed, unit: .one) {
                "the imbalance of what refilled bid and ask over \($0)"
            }
        widths = parameters.longWindowWidths
        windows = SlidingWindows(widths: widths, limit: parameters.tradeLimit)
    }

    mutating func process(_ quote: Quote, _ market: borrowing MarketState) { followBestPrices(market) }

    mutating func processBook(_ market: borrowing MarketState) { followBestPrices(market) }

    mutating func process(_ trade: Trade, _ market: borrowing MarketState) {
        guard start != nil, market.taker?.priceCount == 1 else { return }
        let size = trade.quantity.mantissa
        windows.append(trade.aggressor == .buy ? Refill(bid: 0, ask: size) : Refill(bid: size, ask: 0), at: market.now)
    }

    mutating func forgetBook() { startEpoch() }

    mutating func startEpoch() {
        start = nil
        windows.removeAll()
    }

    mutating func write(_ market: borrowing MarketState, into row: inout FeatureRow) {
        windows.advance(to: market.now)
        let age = start.map { market.now.nanoseconds(since: $0) } ?? -1
        let scale = market.quantityScale
        func put(_ value: (RefillSum) -> Double) {
            for window in widths.indices { row.put(book: age >= widths[window] ? value(windows[window]) : .nan) }
        }
        put { scale.value($0.bid) }
        put { scale.value($0.ask) }
        put(\.imbalance)
    }

    private mutating func followBestPrices(_ market: borrowing MarketState) {
        if market.bestPrices.update == .restarted { startEpoch() }
        if start == nil, market.bestPrices.current != nil { start = market.now }
        guard let (from, to) = market.bestPrices.step else { return }
        let refill = Refill(
            bid: Self.change(from.bid, to.bid, retreats: to.bid.price < from.bid.price),
            ask: Self.change(from.ask, to.ask, retreats: to.ask.price > from.ask.price))
        if refill.bid != 0 || refill.ask != 0 { windows.append(refill, at: market.now) }
    }

    /// The change of the size visible at the old best price. Both sizes are positive, so that it cannot overflow.
    private static func change(_ from: PriceLevel, _ to: PriceLevel, retreats: Bool) -> Int64 {
        guard from.price != to.price else { return to.quantity.mantissa - from.quantity.mantissa }
        return retreats ? -from.quantity.mantissa : 0
    }
}

/// What was traded or became visible at the best prices, in quantity units.
private struct Refill: Sendable {
    let bid: Int64
    let ask: Int64
}

private struct RefillSum: InvertibleSum {
    private(set) var bid: Int128 = 0
    private(set) var ask: Int128 = 0

    /// (b − a)/(|b| + |a|).
    var imbalance: Double {
        let total = Int128(bid.magnitude + ask.magnitude)
        return total > 0 ? Double(rounding: bid - ask) / Double(rounding: total) : .nan
    }

    mutating func add(_ refill: Refill) {
        bid += Int128(refill.bid)
        ask += Int128(refill.ask)
    }

    mutating func remove(_ refill: Refill) {
        bid -= Int128(refill.bid)
        ask -= Int128(refill.ask)
    }
}
