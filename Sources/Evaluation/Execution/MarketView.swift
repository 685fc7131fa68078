public import Microstructure

/// The market that an order meets: the recorded levels of both sides, best first, updated by later quotes.
///
/// Without books and quotes, trades imply the best prices: a buyer paid the ask, a seller took the bid. Sizes are then
/// unknown, and orders of any size are assumed to fill there (`isImplied`). No allocation once the levels have grown to
/// the deepest update.
public struct MarketView: Sendable {
    public private(set) var bids: [PriceLevel] = []
    public private(set) var asks: [PriceLevel] = []
    /// Prices come from trades alone.
    public private(set) var isImplied = false
    private var hasBooks = false

    public init() {}

    /// Do both sides have a price, with the bid below the ask?
    public var isQuoted: Bool {
        guard let bid = bids.first, let ask = asks.first else { return false }
        return bid.price < ask.price && bid.price.mantissa > 0
    }

    /// Requires `isQuoted`.
    public var bid: Price { bids[0].price }
    /// Requires `isQuoted`.
    public var ask: Price { asks[0].price }
    /// Mid price, in price units. Requires `isQuoted`.
    public var mid: Double { (Double(bids[0].price.mantissa) + Double(asks[0].price.mantissa)) / 2 }

    mutating func forget() {
        bids.removeAll(keepingCapacity: true)
        asks.removeAll(keepingCapacity: true)
    }

    mutating func process(_ update: BookSnapshot, levels: Span<PriceLevel>) {
        forget()
        hasBooks = true
        isImplied = false
        guard update.validity == .valid else { return }
        for index in update.bids where levels[index].quantity > .zero { bids.append(levels[index]) }
        for index in update.asks where levels[index].quantity > .zero { asks.append(levels[index]) }
    }

    mutating func process(_ quote: Quote) {
        // If the feed has books, a quote alone is not tradable: neither before the first book nor during a gap.
        if hasBooks, bids.isEmpty, asks.isEmpty { return }
        isImplied = false
        Self.sharpen(&bids, with: quote.bid) { $0 > $1 }
        Self.sharpen(&asks, with: quote.ask) { $0 < $1 }
    }

    mutating func process(_ trade: Trade) {
        guard !hasBooks, bids.isEmpty || isImplied, trade.price.mantissa > 0 else { return }
        isImplied = true
        let level = PriceLevel(price: trade.price, quantity: Quantity(.max))
        if trade.aggressor == .buy {
            asks = [level]
            if let bid = bids.first, bid.price >= trade.price { bids = [] }
        } else {
            bids = [level]
            if let ask = asks.first, ask.price <= trade.price { asks = [] }
        }
    }

    /// Removes levels better than the quote's best and sets the best level to the quote's size.
    static func sharpen(
        _ side: inout [PriceLevel], with best: PriceLevel, isBetter: (Price, Price) -> Bool
    ) {
        var gone = 0
        while gone < side.count, isBetter(side[gone].price, best.price) { gone += 1 }
        if gone < side.count, side[gone].price == best.price {
            if gone > 0 { side.removeFirst(gone) }
            side[0] = best
        } else if gone > 0 {
            side.removeFirst(gone - 1)
            side[0] = best
        } else {
            side.insert(best, at: 0)
        }
    }
}
