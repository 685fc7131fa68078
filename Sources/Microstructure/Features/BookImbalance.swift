/// The heavier side: `imbalance_n` = (ΣQᵇ−ΣQᵃ)/(ΣQᵇ+ΣQᵃ) over the best 5 and 10 levels, or fewer if the book has fewer.
///
/// Range −1…1: ±1 if one side is empty. NaN if both are empty or have no size. O(levels).
struct BookImbalance: Measure {
    var columns: [Column] {
        [5, 10].map { levels in
            Column(
                "imbalance_\(levels)", source: .book, side: .signed, unit: .one,
                meaning: "the imbalance of the book's top \(levels) levels")
        }
    }

    func write(_ market: borrowing MarketState, into row: inout FeatureRow) {
        row.put(book: Self.imbalance(market.book.nearBidDepth, market.book.nearAskDepth))
        row.put(book: Self.imbalance(market.book.bidDepth, market.book.askDepth))
    }

    private static func imbalance(_ bids: Int128, _ asks: Int128) -> Double {
        guard bids + asks > 0 else { return .nan }
        return Double(rounding: bids - asks) / Double(rounding: bids + asks)
    }
}
