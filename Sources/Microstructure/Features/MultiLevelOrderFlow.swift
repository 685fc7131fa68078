/// Pressure in the depth of the book: `mlofi_1` … `mlofi_10`, the order flow (`BidAsk`) at each level from the
/// previous book update to this one, in the base asset, and `ofi_integrated`, all ten in one dimensionless number
/// (`IntegratedOrderFlow`).
///
/// NaN at the first update of an epoch and at the first after the book was untrusted, since the changes in between are
/// unknown. NaN at a level that either side lacks before or after. In a vector without a book update, 0 if the last
/// update had a value. O(levels).
/// Source: Xu, Gould, Howison (2018), arXiv 1907.06230; Cont, Cucuringu, Zhang (2023), arXiv 2112.13213.
struct MultiLevelOrderFlow: Measure {
    private static let levels = BookTop.depth

    /// The book of the last update, valid if `isContinued`.
    private var last = BookTop()
    private var isContinued = false
    private var flows = InlineArray<10, Double>(repeating: .nan)
    private var integrated: IntegratedOrderFlow
    private var projection = Double.nan

    init(_ parameters: FeatureParameters) {
        integrated = IntegratedOrderFlow(parameters)
    }

    var columns: [Column] {
        (1...Self.levels).map { level in
            Column(
                "mlofi_\(level)", source: .book, side: .signed, unit: .baseCurrency,
                meaning: "the order flow at level \(level)")
        } + [
            Column(
                "ofi_integrated", source: .book, side: .signed, unit: .one,
                meaning: "the order flow integrated over ten levels")
        ]
    }

    mutating func processBook(_ market: borrowing MarketState) {
        defer { (last, isContinued) = (market.book, true) }
        projection = .nan
        guard isContinued else {
            flows = InlineArray(repeating: .nan)
            return integrated.note(market.book)
        }
        let known = min(market.book.bidCount, market.book.askCount, last.bidCount, last.askCount)
        Self.fill(&flows, known, from: last, to: market.book)
        integrated.note(market.book)
        if known == Self.levels { projection = integrated.process(flows) }
        var flows = flows.mutableSpan
        for level in 0..<known { flows[level] = market.quantityScale.value(flows[level]) }
    }

    /// Fills the flows of the first `count` levels, in quantity units; the others are NaN.
    private static func fill(
        _ flows: inout InlineArray<10, Double>, _ count: Int, from last: borrowing BookTop, to book: borrowing BookTop
    ) {
        var flows = flows.mutableSpan
        let (lastBids, lastAsks) = (last.bids.span, last.asks.span)
        let (bids, asks) = (book.bids.span, book.asks.span)
        for level in 0..<count {
            let before = BidAsk(bid: lastBids[level], ask: lastAsks[level])
            let after = BidAsk(bid: bids[level], ask: asks[level])
            flows[level] = Double(rounding: after.orderFlow(since: before))
        }
        for level in count..<levels { flows[level] = .nan }
    }

    mutating func forgetBook() { isContinued = false }

    mutating func startEpoch() {
        isContinued = false
        flows = InlineArray(repeating: .nan)
        projection = .nan
        integrated.startEpoch()
    }

    mutating func write(_ market: borrowing MarketState, into row: inout FeatureRow) {
        for level in 0..<Self.levels {
            row.put(book: flows[level])
            if !flows[level].isNaN { flows[level] = 0 }
        }
        row.put(book: projection)
        if !projection.isNaN { projection = 0 }
    }
}
