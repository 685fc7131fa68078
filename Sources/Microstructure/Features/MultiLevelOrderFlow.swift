/// Pressure in the depth of the book: `mlofi_1` … `mlofi_10`, the order flow (`OrderFlow`) at each level from the
/// previous book update to this one, in the base asset, and `ofi_integrated`, all ten in one dimensionless number
/// (`IntegratedOrderFlow`).
///
/// NaN at the first update of an epoch and at the first after the book was not believed: nobody knows what came and went
/// in between. NaN at a level that either side lacks before or after. In a vector without a
/// book update, 0 where the last update had a value. O(levels).
/// Source: Xu, Gould, Howison (2018), arXiv 1907.06230; Cont, Cucuringu, Zhang (2023), arXiv 2112.13213.
struct MultiLevelOrderFlow: Measure {
    private static let levels = BookTop.depth

    private var last: BookTop?
    private var flows = InlineArray<10, Double>(repeating: .nan)
    private var integrated: IntegratedOrderFlow
    private var projection = Double.nan

    init(_ parameters: FeatureParameters) {
        integrated = IntegratedOrderFlow(parameters)
    }

    var columns: [String] { (1...Self.levels).map { "mlofi_\($0)" } + ["ofi_integrated"] }

    mutating func processBook(_ market: borrowing MarketState) {
        let book = market.book
        defer { last = book }
        projection = .nan
        guard let last else {
            flows = InlineArray(repeating: .nan)
            return integrated.note(book)
        }
        let known = min(book.bidCount, book.askCount, last.bidCount, last.askCount)
        for level in 0..<Self.levels {
            guard level < known else {
                flows[level] = .nan
                continue
            }
            let before = OrderFlow(bid: last.bids[level], ask: last.asks[level])
            let after = OrderFlow(bid: book.bids[level], ask: book.asks[level])
            flows[level] = Double(rounding: after.imbalance(since: before))
        }
        integrated.note(book)
        if known == Self.levels { projection = integrated.process(flows) }
        for level in 0..<known { flows[level] = market.quantityScale.value(flows[level]) }
    }

    mutating func forgetBook() { last = nil }

    mutating func startEpoch() {
        last = nil
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
