/// The size-weighted mid: `microprice` = (Pᵃ·Qᵇ + Pᵇ·Qᵃ)/(Qᵇ+Qᵃ), and `microprice_drift`, its change since the
/// previous vector of this epoch. Both in the quote asset; the microprice lies between the best prices.
///
/// NaN unless both sides have a level and a size in total; the drift also if the previous value was undefined (as at an
/// epoch's first vector) or the book was untrusted in between. O(1). Source: Gatheral, Oomen (2010), Finance and
/// Stochastics 14.
struct Microprice: Measure {
    /// The microprice as the bid, in price units, plus an offset: the drift needs the offset's digits.
    private struct Position {
        var bid: Int128 = 0
        var above = Double.nan
    }

    private var current = Position()
    private var previous = Position()

    var columns: [Column] {
        [
            Column(
                "microprice", source: .book, side: .signed, unit: .quoteCurrency,
                meaning: "the micro-price, the mid weighted by the best sizes"),
            Column(
                "microprice_drift", source: .book, side: .signed, unit: .quoteCurrency,
                meaning: "the movement of the micro-price"),
        ]
    }

    mutating func processBook(_ market: borrowing MarketState) {
        current = Self.position(market)
    }

    mutating func forgetBook() { previous = Position() }

    mutating func startEpoch() { (current, previous) = (Position(), Position()) }

    mutating func write(_ market: borrowing MarketState, into row: inout FeatureRow) {
        row.put(book: market.priceScale.value(current.bid) + market.priceScale.value(current.above))
        row.put(
            book: market.priceScale.value(
                Double(rounding: current.bid - previous.bid) + (current.above - previous.above)))
        previous = market.isBookBelieved ? current : Position()
    }

    /// Computed as Pᵇ + S·Qᵇ/(Qᵇ+Qᵃ): the products in the definition may overflow even 128 bits.
    private static func position(_ market: borrowing MarketState) -> Position {
        guard let bid = market.book.bestBid, let ask = market.book.bestAsk, let spread = market.book.spread else {
            return Position()
        }
        let total = Int128(bid.quantity.mantissa) + Int128(ask.quantity.mantissa)
        guard total > 0 else { return Position() }
        let weight = Double(bid.quantity.mantissa) / Double(rounding: total)
        return Position(bid: Int128(bid.price.mantissa), above: Double(rounding: spread) * weight)
    }
}
