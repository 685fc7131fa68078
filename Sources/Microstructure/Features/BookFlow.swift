/// The size that joins and leaves the book, a side: `bid_additions_w`, `ask_additions_w`, `bid_removals_w`,
/// `ask_removals_w`, in the base asset, ≥ 0; `addition_imbalance_w` = (bid − ask)/(bid + ask) and `removal_imbalance_w` =
/// (ask − bid)/(ask + bid), in −1…1, both rising where buyers press.
///
/// Sums over the price levels of a book update and the one before, at the prices that both show: those no worse than
/// the worst level of each. What was traded is among the removals; what came and went between the two updates is not
/// seen. NaN until the chain of trusted updates of the epoch is w old; the imbalances also if nothing changed. Exact
/// sums, O(levels) an update.
/// Source: Cont, Stoikov, Talreja (2010), Operations Research 58, on rates of orders and cancellations by side.
struct BookFlow: Measure {
    let columns: [Column]
    private let widths: [Int64]
    private var windows: SlidingWindows<BookChangeSum>
    private var lastBids = KeptLevels()
    private var lastAsks = KeptLevels()
    /// When the chain began; `nil` before the epoch's first book, and after a doubt before the next.
    private var start: Timestamp?

    /// Changes that left a window early because it was full.
    var earlyExpiries: UInt64 { windows.earlyExpiries }

    init(_ parameters: FeatureParameters) {
        let sizes = [
            ("bid_additions", "bid that was added"), ("ask_additions", "asked that was added"),
            ("bid_removals", "bid that was removed"), ("ask_removals", "asked that was removed"),
        ]
        columns =
            sizes.flatMap { name, what in
                parameters.windowColumns(name, source: .book, unit: .baseCurrency) { "the size \(what) over \($0)" }
            }
            + parameters.windowColumns("addition_imbalance", source: .book, side: .signed, unit: .one) {
                "the imbalance of the sizes added over \($0)"
            }
            + parameters.windowColumns("removal_imbalance", source: .book, side: .signed, unit: .one) {
                "the imbalance of the sizes removed over \($0)"
            }
        widths = parameters.windowWidths
        windows = SlidingWindows(widths: widths, limit: parameters.tradeLimit)
    }

    /// Takes the levels of a valid book update, best first.
    mutating func process(bids: Span<PriceLevel>, asks: Span<PriceLevel>, _ market: borrowing MarketState) {
        defer {
            lastBids.keep(bids)
            lastAsks.keep(asks)
        }
        guard market.isBookContinued else {
            windows.removeAll()
            return start = market.now
        }
        let bid = Self.change(from: lastBids.levels.span.extracting(..<lastBids.count), to: bids, isBid: true)
        let ask = Self.change(from: lastAsks.levels.span.extracting(..<lastAsks.count), to: asks, isBid: false)
        guard bid != SizeChange() || ask != SizeChange() else { return }
        windows.append(BookChange(bid: bid, ask: ask), at: market.now)
    }

    /// Until the next book, what came and went is unknown.
    mutating func forgetBook() { start = nil }

    mutating func startEpoch() { start = nil }

    mutating func write(_ market: borrowing MarketState, into row: inout FeatureRow) {
        windows.advance(to: market.now)
        let age = start.map { market.now.nanoseconds(since: $0) } ?? -1
        let scale = market.quantityScale
        func put(_ value: (BookChange) -> Double) {
            for window in widths.indices { row.put(book: age >= widths[window] ? value(windows[window].value) : .nan) }
        }
        put { scale.value($0.bid.added) }
        put { scale.value($0.ask.added) }
        put { scale.value($0.bid.removed) }
        put { scale.value($0.ask.removed) }
        put { Self.imbalance($0.bid.added, $0.ask.added) }
        put { Self.imbalance($0.ask.removed, $0.bid.removed) }
    }

    private static func imbalance(_ buying: Int128, _ selling: Int128) -> Double {
        guard buying + selling > 0 else { return .nan }
        return Double(rounding: buying - selling) / Double(rounding: buying + selling)
    }

    /// What appeared and disappeared on one side, both books best first.
    ///
    /// Where one of the books ends, so do the prices that both show.
    @inline(__always)
    private static func change(from old: Span<PriceLevel>, to new: Span<PriceLevel>, isBid: Bool) -> SizeChange {
        var change = SizeChange()
        var (left, right) = (0, 0)
        while left < old.count, right < new.count {
            let (former, latter) = (old[left], new[right])
            if former == latter {
                (left, right) = (left + 1, right + 1)
            } else if former.price == latter.price {
                change.add(Int128(latter.quantity.mantissa) - Int128(former.quantity.mantissa))
                (left, right) = (left + 1, right + 1)
            } else if isBid == (former.price > latter.price) {
                change.add(-Int128(former.quantity.mantissa))
                left += 1
            } else {
                change.add(Int128(latter.quantity.mantissa))
                right += 1
            }
        }
        return change
    }
}

/// One side of the last update, best first.
private struct KeptLevels: Sendable {
    /// An array, which is not copied to be read; the first `count` elements are valid.
    private(set) var levels = Array(
        repeating: PriceLevel(price: Price(0), quantity: .zero), count: MeasureSet.levelLimit)
    private(set) var count = 0

    mutating func keep(_ side: Span<PriceLevel>) {
        count = side.count
        var levels = levels.mutableSpan
        for rank in side.indices { levels[rank] = side[rank] }
    }
}

/// Size that was added to and removed from one side, in quantity units.
private struct SizeChange: Sendable, Equatable {
    var added: Int128 = 0
    var removed: Int128 = 0

    /// Adds the change of one level's size.
    mutating func add(_ change: Int128) {
        if change > 0 { added += change } else { removed -= change }
    }
}

private struct BookChange: Sendable {
    var bid = SizeChange()
    var ask = SizeChange()
}

private struct BookChangeSum: InvertibleSum {
    private(set) var value = BookChange()

    mutating func add(_ change: BookChange) {
        value.bid.added += change.bid.added
        value.bid.removed += change.bid.removed
        value.ask.added += change.ask.added
        value.ask.removed += change.ask.removed
    }

    mutating func remove(_ change: BookChange) {
        value.bid.added -= change.bid.added
        value.bid.removed -= change.bid.removed
        value.ask.added -= change.ask.added
        value.ask.removed -= change.ask.removed
    }
}
