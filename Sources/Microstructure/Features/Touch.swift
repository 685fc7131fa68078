/// The best prices: `mid` M = (Pᵇ+Pᵃ)/2 and `spread` S = Pᵃ−Pᵇ in the quote asset, `spread_bps` = 10⁴·S/M.
///
/// NaN unless both sides have a level; `spread_bps` also if M ≤ 0. S is negative in a crossed book. O(1).
struct Touch: Measure {
    var columns: [Column] {
        [
            // Unsigned, though the micro-price is signed: an old built-in rule that profiles rely on.
            Column("mid", source: .book, unit: .quoteCurrency, meaning: "the mid price"),
            Column("spread", source: .book, unit: .quoteCurrency, meaning: "the spread"),
            Column("spread_bps", source: .book, unit: .basisPoints, meaning: "the spread in basis points"),
        ]
    }

    func write(_ market: borrowing MarketState, into row: inout FeatureRow) {
        guard let bid = market.book.bestBid, let ask = market.book.bestAsk, let spread = market.book.spread else {
            for _ in 0..<3 { row.put(.nan) }
            return
        }
        // Add and subtract as integers, where both are exact.
        let doubleMid = Int128(bid.price.mantissa) + Int128(ask.price.mantissa)
        row.put(book: market.priceScale.value(doubleMid) / 2)
        row.put(book: market.priceScale.value(spread))
        row.put(book: doubleMid > 0 ? 2e4 * Double(rounding: spread) / Double(rounding: doubleMid) : .nan)
    }
}
