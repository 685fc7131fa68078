/// What takers pay for liquidity, in basis points, a mean by volume: `effective_spread_w` = 2·10⁴·b·(p − m)/m over the
/// trades in `(t−w, t]`, and `realized_spread_w` = 2·10⁴·b·(p − m₅)/m over the trades in `(t−5 s−w, t−5 s]`. b is +1 for a
/// buyer and −1 for a seller, m the mid before the taker came, m₅ the mid five seconds after the trade. The difference of
/// the two is the price impact.
///
/// On Binance 45 % of the trades come after the quote that contains them, so that the last quote is not what the taker
/// met. What it met is taken to be the latest of the last 64 states of the best prices (`BestPrices`) in which its first
/// price can be traded: with an ask at or below a buyer's price, or a bid at or above a seller's. Takers without such a
/// state are left out, and of the realised spread the trades whose later mid is unknown.
///
/// NaN if the window has no volume. A new epoch, and best prices from another source, begin anew; an untrusted book ends
/// the states, and so does a moment without a mid. O(windows) a trade, amortised, and at most 64 states a taker.
/// Source: Huang, Stoll (1996), Journal of Financial Economics 41.
struct TransactionCost: Measure {
    /// A trade whose later mid is waited for.
    private struct Pending: Sendable {
        let time: Timestamp
        let trade: PricedTrade
    }

    /// States of the best prices that are searched.
    private static let stateLimit = 64

    let columns: [Column]
    /// Trades that left a window early because it was full.
    var earlyExpiries: UInt64 { effective.earlyExpiries + realized.earlyExpiries }

    private let windowCount: Int
    private let delayNanoseconds: Int64
    private var effective: SlidingWindows<CostSum>
    private var realized: SlidingWindows<CostSum>
    /// The last states, each with other prices than the one before.
    private var states: RingBuffer<BidAsk>
    private var pending: RingBuffer<Pending>
    /// Twice the mid before the last taker, in price units; `nil` if unknown.
    private var doubleMid: Int128?

    init(_ parameters: FeatureParameters) {
        columns =
            parameters.longWindowColumns("effective_spread", source: .quotes, unit: .basisPoints) {
                "the effective spread in basis points over \($0)"
            }
            + parameters.longWindowColumns("realized_spread", source: .quotes, unit: .basisPoints) {
                "the realised spread in basis points over \($0)"
            }
        windowCount = parameters.longWindowSeconds.count
        delayNanoseconds = Int64(parameters.realizedSpreadSeconds) * 1_000_000_000
        effective = SlidingWindows(widths: parameters.longWindowWidths, limit: parameters.tradeLimit)
        realized = SlidingWindows(widths: parameters.longWindowWidths, limit: parameters.tradeLimit)
        states = RingBuffer(limit: Self.stateLimit)
        pending = RingBuffer(limit: parameters.tradeLimit)
    }

    /// The best prices are still those from before the clock moved.
    mutating func advance(_ market: borrowing MarketState) {
        while let first = pending.first, market.now.nanoseconds(since: first.time) >= delayNanoseconds {
            pending.popFirst()
            guard let later = market.bestPrices.current else { continue }
            realized.append(
                first.trade.cost(against: later.doubleMid), at: first.time.advanced(byNanoseconds: delayNanoseconds))
        }
    }

    mutating func process(_ quote: Quote, _ market: borrowing MarketState) { followBestPrices(market) }

    mutating func processBook(_ market: borrowing MarketState) { followBestPrices(market) }

    mutating func process(_ trade: Trade, _ market: borrowing MarketState) {
        if market.taker?.isNew == true { doubleMid = state(before: trade)?.doubleMid }
        guard let doubleMid, doubleMid > 0, trade.quantity > .zero else { return }
        let priced = PricedTrade(trade, doubleMid: doubleMid)
        effective.append(priced.cost(against: doubleMid), at: market.now)
        pending.append(Pending(time: market.now, trade: priced))
    }

    mutating func forgetBook() { states.removeAll() }

    mutating func startEpoch() {
        effective.removeAll()
        realized.removeAll()
        states.removeAll()
        pending.removeAll()
        doubleMid = nil
    }

    mutating func write(_ market: borrowing MarketState, into row: inout FeatureRow) {
        effective.advance(to: market.now)
        realized.advance(to: market.now)
        for window in 0..<windowCount { row.put(book: effective[window].mean) }
        for window in 0..<windowCount { row.put(book: realized[window].mean) }
    }

    private mutating func followBestPrices(_ market: borrowing MarketState) {
        switch market.bestPrices.update {
        case .ignored: return
        case .restarted: startEpoch()
        case .accepted: break
        }
        guard let state = market.bestPrices.current else { return states.removeAll() }
        if let last = states.last, last.bid.price == state.bid.price, last.ask.price == state.ask.price { return }
        states.append(state)
    }

    /// The best prices that a taker met, by its first trade.
    private func state(before trade: Trade) -> BidAsk? {
        for index in (0..<states.count).reversed() {
            let state = states[index]
            let canTrade = trade.aggressor == .buy ? state.ask.price <= trade.price : state.bid.price >= trade.price
            if canTrade { return state }
        }
        return nil
    }
}

/// A trade beside the mid that its taker met.
private struct PricedTrade: Sendable {
    private let price: Int64
    private let quantity: Int64
    private let isBuy: Bool
    /// Twice the mid, in price units.
    private let doubleMid: Int128

    /// Requires a positive mid.
    init(_ trade: Trade, doubleMid: Int128) {
        price = trade.price.mantissa
        quantity = trade.quantity.mantissa
        isBuy = trade.aggressor == .buy
        self.doubleMid = doubleMid
    }

    /// What it paid more than another mid, of which `doubleMid` is twice.
    func cost(against doubleMid: Int128) -> Cost {
        let difference = 2 * Int128(price) - doubleMid
        let basisPoints = 2e4 * Double(rounding: isBuy ? difference : -difference) / Double(rounding: self.doubleMid)
        return Cost(weighted: basisPoints * Double(quantity), volume: quantity)
    }
}

/// Basis points times quantity units, and the quantity units.
private struct Cost: Sendable {
    let weighted: Double
    let volume: Int64
}

private struct CostSum: InvertibleSum {
    private var weighted = CompensatedSum()
    private var volume: Int128 = 0

    mutating func add(_ cost: Cost) {
        weighted.add(cost.weighted)
        volume += Int128(cost.volume)
    }

    mutating func remove(_ cost: Cost) {
        weighted.remove(cost.weighted)
        volume -= Int128(cost.volume)
    }

    /// In basis points; NaN without volume.
    var mean: Double { volume > 0 ? weighted.value / Double(rounding: volume) : .nan }
}
