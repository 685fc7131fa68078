/// Size resting near the touch: `bid_depth_10`, `ask_depth_10`, sums over the best 10 levels (or fewer if the book has
/// fewer), in the base asset, and `depth_ratio` = bid/ask.
///
/// An empty side has a depth of 0. The ratio is NaN unless the ask depth is positive. O(levels), exact sums.
struct Depth: Measure {
    var columns: [Column] {
        [
            Column(
                "bid_depth_10", source: .book, unit: .baseCurrency, meaning: "the size bid in the best ten levels"),
            Column(
                "ask_depth_10", source: .book, unit: .baseCurrency, meaning: "the size asked in the best ten levels"),
            Column(
                "depth_ratio", source: .book, side: .signed, unit: .one, meaning: "the ratio of bid to ask depth"),
        ]
    }

    func write(_ market: borrowing MarketState, into row: inout FeatureRow) {
        let (bids, asks) = (market.book.bidDepth, market.book.askDepth)
        row.put(book: market.quantityScale.value(bids))
        row.put(book: market.quantityScale.value(asks))
        row.put(book: asks > 0 ? Double(rounding: bids) / Double(rounding: asks) : .nan)
    }
}
