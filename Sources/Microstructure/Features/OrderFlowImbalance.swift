/// Pressure at the best prices: `ofi` = Σe (`OrderFlow`) over the best-price changes since the previous vector, and
/// `ofi_w` over the changes in `(t−w, t]`. In the base asset, positive if buyers press.
///
/// The best prices come from the quotes if there are any, else from the book; the two are never mixed. The first quote
/// of an epoch therefore restarts the measure. So does the first book update whose best prices have differed from the
/// last quote's for five seconds without a new quote: the quotes have stopped, and the book takes over. A crossed,
/// locked or one-sided state, and an untrusted book, break the chain: the next state is only a starting point. So does
/// an update id that goes back: a quote with an older id is ignored, unless no quote was accepted for five seconds,
/// since ids then restart.
///
/// NaN until an epoch has seen its first change; then 0 while nothing changes. Exact sums, amortised O(windows).
/// Source: Cont, Kukanov, Stoikov (2014), arXiv 1011.6402.
struct OrderFlowImbalance: Measure {
    /// Silence after which quotes are no longer expected.
    private static let silenceLimitNanoseconds: Int64 = 5_000_000_000

    let columns: [Column]
    private let windowCount: Int
    private var windows: SlidingWindows<OrderFlowSum>
    private var sinceVector: Int128 = 0
    private var last: OrderFlow?
    private var hasFlow = false
    private var usesQuotes = false
    private var lastQuoteID = Int64.min
    private var lastQuoteTime = Timestamp(nanoseconds: .min)
    /// Best prices of the last quote, even if the chain broke.
    private var lastQuote: OrderFlow?
    /// When the book first differed from the last quote; `nil` while they agree or before a comparison.
    private var differsSince: Timestamp?

    /// Flows that left a window early because it was full.
    var earlyExpiries: UInt64 { windows.earlyExpiries }

    init(_ parameters: FeatureParameters) {
        columns =
            [Self.column("ofi", meaning: "the order flow at the best prices")]
            + parameters.orderFlowWindowSeconds.map { seconds in
                Self.column("ofi_\(seconds)s", meaning: "the order flow at the best prices over \(seconds) s")
            }
        windowCount = parameters.orderFlowWindowSeconds.count
        windows = SlidingWindows(
            widths: parameters.orderFlowWindowSeconds.map { Int64($0) * 1_000_000_000 }, limit: parameters.tradeLimit)
    }

    private static func column(_ name: String, meaning: String) -> Column {
        Column(name, source: .quotes, side: .signed, unit: .baseCurrency, meaning: meaning)
    }

    mutating func advance(_ market: borrowing MarketState) { windows.advance(to: market.now) }

    mutating func process(_ quote: Quote, _ market: borrowing MarketState) {
        if !usesQuotes {
            startEpoch()
            usesQuotes = true
        }
        if quote.updateID < lastQuoteID {
            // Two overlapping connections may deliver the same change twice, but only briefly.
            guard hasExpired(lastQuoteTime, market.now) else { return }
            last = nil
        }
        (lastQuoteID, lastQuoteTime, differsSince) = (quote.updateID, market.now, nil)
        lastQuote = OrderFlow(bid: quote.bid, ask: quote.ask)
        process(bid: quote.bid, ask: quote.ask, at: market.now)
    }

    mutating func processBook(_ market: borrowing MarketState) {
        if usesQuotes {
            guard haveQuotesStopped(market) else { return }
            startEpoch()
        }
        guard let bid = market.book.bestBid, let ask = market.book.bestAsk else { return last = nil }
        process(bid: bid, ask: ask, at: market.now)
    }

    mutating func forgetBook() { last = nil }

    mutating func startEpoch() {
        usesQuotes = false
        (last, lastQuote, differsSince) = (nil, nil, nil)
        lastQuoteID = .min
        hasFlow = false
        sinceVector = 0
        windows.removeAll()
    }

    mutating func write(_ market: borrowing MarketState, into row: inout FeatureRow) {
        row.put(book: hasFlow ? market.quantityScale.value(sinceVector) : .nan)
        for window in 0..<windowCount {
            row.put(book: hasFlow ? market.quantityScale.value(windows[window].value) : .nan)
        }
        sinceVector = 0
    }

    /// Have the book's best prices differed from the last quote's for too long?
    private mutating func haveQuotesStopped(_ market: borrowing MarketState) -> Bool {
        guard market.book.bestBid != lastQuote?.bid || market.book.bestAsk != lastQuote?.ask else {
            differsSince = nil
            return false
        }
        let since = differsSince ?? market.now
        differsSince = since
        return hasExpired(since, market.now)
    }

    private func hasExpired(_ time: Timestamp, _ now: Timestamp) -> Bool {
        now.nanoseconds(since: time) >= Self.silenceLimitNanoseconds
    }

    private mutating func process(bid: PriceLevel, ask: PriceLevel, at now: Timestamp) {
        guard bid.quantity > .zero, ask.quantity > .zero, bid.price < ask.price else { return last = nil }
        let state = OrderFlow(bid: bid, ask: ask)
        defer { last = state }
        guard let last else { return }
        hasFlow = true
        let flow = state.imbalance(since: last)
        guard flow != 0 else { return }
        sinceVector += flow
        windows.append(flow, at: now)
    }
}
