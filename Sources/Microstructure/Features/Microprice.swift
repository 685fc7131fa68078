/// The size-weighted mid: `microprice` = (Pᵃ·Qᵇ + Pᵇ·Qᵃ)/(Qᵇ+Qᵃ), and `microprice_drift`, its change since the
/// previous vector of this epoch. Both in the quote asset; the microprice lies between the best prices.
///
/// NaN unless both sides have a level and together a size; the drift also where the previous one was undefined,
/// as at the first vector of an epoch. O(1). Source: Gatheral, Oomen (2010), Finance and Stochastics 14.
struct Microprice: Measure {
    private var current = Double.nan
    private var previous = Double.nan

    var columns: [String] { ["microprice", "microprice_drift"] }

    mutating func processBook(_ market: borrowing MarketState) {
        current = Self.microprice(market)
    }

    mutating func startEpoch() { (current, previous) = (.nan, .nan) }

    mutating func write(_ market: borrowing MarketState, into row: inout FeatureRow) {
        row.put(book: current)
        row.put(book: current - previous)
        previous = current
    }

    /// Written as Pᵇ + S·Qᵇ/(Qᵇ+Qᵃ): the products of the definition may overflow even 128 bits.
    private static func microprice(_ market: borrowing MarketState) -> Double {
        guard let bid = market.book.bestBid, let ask = market.book.bestAsk, let spread = market.book.spread else {
            return .nan
        }
        let total = Int128(bid.quantity.mantissa) + Int128(ask.quantity.mantissa)
        guard total > 0 else { return .nan }
        let weight = Double(bid.quantity.mantissa) / Double(rounding: total)
        return market.priceScale.value(Int128(bid.price.mantissa)) + market.priceScale.value(spread) * weight
    }
}
