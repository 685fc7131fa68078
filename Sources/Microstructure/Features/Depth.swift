/// Size that rests near the touch: `bid_depth_10`, `ask_depth_10`, sums over the best 10 levels or those there are,
/// in the base asset, and `depth_ratio` = bid/ask.
///
/// An empty side is a depth of 0. The ratio is NaN where the ask depth is not positive. O(levels), exact sums.
struct Depth: Measure {
    var columns: [String] { ["bid_depth_10", "ask_depth_10", "depth_ratio"] }

    func write(_ market: borrowing MarketState, into row: inout FeatureRow) {
        let (bids, asks) = (market.book.bidDepth, market.book.askDepth)
        row.put(book: market.quantityScale.value(bids))
        row.put(book: market.quantityScale.value(asks))
        row.put(book: asks > 0 ? Double(rounding: bids) / Double(rounding: asks) : .nan)
    }
}
