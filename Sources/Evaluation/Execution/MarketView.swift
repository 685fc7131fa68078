public import Microstructure

/// What an order would meet: the recorded levels of both sides, best first, sharpened by later quotes.
///
/// A tape without books and quotes implies the best prices: a buyer paid the ask and a seller took the bid. Then the sizes
/// are not known, and orders of any size are taken to fill there (`isImplied`). No allocation once the levels have grown
/// to the deepest update.
public struct MarketView: Sendable {
    public private(set) var bids: [PriceLevel] = []
    public private(set) var asks: [PriceLevel] = []
    /// Known from trades alone.
    public private(set) var isImplied = false
    /// When the venue says that the book was as it is here.
    private(set) var bookVenueTime = Timestamp(nanoseconds: .min)
    private var hasBooks = false

    public init() {}

    /// Is there a price on both sides, the bid below the ask?
    public var isQuoted: Bool {
        guard let bid = bids.first, let ask = asks.first else { return false }
        return bid.price < ask.price && bid.price.mantissa > 0
    }

    /// Requires `isQuoted`.
    public var bid: Price { bids[0].price }
    /// Requires `isQuoted`.
    public var ask: Price { asks[0].price }
    /// Half of bid and ask, in price units. Requires `isQuoted`.
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
        bookVenueTime = update.times.venue
        for index in update.bids where levels[index].quantity > .zero { bids.append(levels[index]) }
        for index in update.asks where levels[index].quantity > .zero { asks.append(levels[index]) }
    }

    mutating func process(_ quote: Quote) {
        // Before the first book of a feed that has books, and in a hole, a quote alone is no market to trade on.
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

    /// Nothing on this side is better than the quote's best, and at the best rests what the quote says.
    private static func sharpen(
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
