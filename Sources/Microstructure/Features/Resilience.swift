/// How the book recovers: `resilience`, the share of a swept side's depth that is back one second after the sweep.
///
/// A sweep is a taker that trades at a second price. The depth is that of the ten best levels, on the side that it takes
/// from, in the last book before that trade; what is back is the size at these prices or better in the book in force a
/// second later, over all levels that it carries. 1 if nothing is missing, above 1 if more came. The value is that of the
/// last sweep of the epoch. Three kinds are passed over: a sweep while another's second runs, one whose book is not trusted
/// throughout, and one that the last book may contain already, since it is not older than the taker by the venue's clock.
/// NaN before the first. O(1), and O(levels) a sweep.
/// Source: Foucault, Kadan, Kandel (2005), Review of Financial Studies 18, on resiliency.
struct Resilience: Measure {
    /// What a sweep met.
    private struct Sweep: Sendable {
        let time: Timestamp
        let side: AggressorSide
        /// Price of the worst of the ten levels.
        let worst: Price
        let depth: Int128
        /// The size at these prices or better, in the last book.
        var back: Int128
    }

    private let delayNanoseconds: Int64
    /// The sweep whose second runs.
    private var pending: Sweep?
    private var current = Double.nan

    init(_ parameters: FeatureParameters) {
        delayNanoseconds = Int64(parameters.resilienceSeconds) * 1_000_000_000
    }

    var columns: [Column] {
        [
            Column(
                "resilience", source: .book, unit: .one,
                meaning: "the share of the depth that was back after the last sweep")
        ]
    }

    /// The last book is still that from before the clock moved.
    mutating func advance(_ market: borrowing MarketState) {
        guard let sweep = pending, market.now.nanoseconds(since: sweep.time) >= delayNanoseconds else { return }
        pending = nil
        current = Double(rounding: sweep.back) / Double(rounding: sweep.depth)
    }

    /// Takes the levels of a valid book update, best first.
    mutating func process(bids: Span<PriceLevel>, asks: Span<PriceLevel>) {
        guard let sweep = pending else { return }
        let levels = sweep.side == .buy ? asks : bids
        var size: Int128 = 0
        for rank in levels.indices {
            let price = levels[rank].price
            guard sweep.side == .buy ? price <= sweep.worst : price >= sweep.worst else { break }
            size += Int128(levels[rank].quantity.mantissa)
        }
        pending?.back = size
    }

    mutating func process(_ trade: Trade, _ market: borrowing MarketState) {
        guard pending == nil, market.isBookBelieved, let taker = market.taker, taker.hasMoved, taker.priceCount == 2,
            market.bookVenueTime < taker.venueTime
        else { return }
        let buys = taker.side == .buy
        let depth = buys ? market.book.askDepth : market.book.bidDepth
        let count = min(BookTop.depth, buys ? market.book.askCount : market.book.bidCount)
        guard count > 0, depth > 0 else { return }
        let worst = buys ? market.book.asks.span[count - 1].price : market.book.bids.span[count - 1].price
        pending = Sweep(time: market.now, side: taker.side, worst: worst, depth: depth, back: depth)
    }

    mutating func forgetBook() { pending = nil }

    mutating func startEpoch() { (pending, current) = (nil, .nan) }

    func write(_ market: borrowing MarketState, into row: inout FeatureRow) { row.put(book: current) }
}
