/// Pressure at the best prices: `ofi` = Σe (`BidAsk`) over the best-price changes since the previous vector, and
/// `ofi_w` over the changes in `(t−w, t]`. In the base asset, positive if buyers press.
///
/// The best prices are those of `BestPrices`; where these restart, so does the measure.
///
/// NaN until an epoch has seen its first change; then 0 while nothing changes. Exact sums, amortised O(windows).
/// Source: Cont, Kukanov, Stoikov (2014), arXiv 1011.6402.
struct OrderFlowImbalance: Measure {
    let columns: [Column]
    private let windowCount: Int
    private var windows: SlidingWindows<ExactSum>
    private var sinceVector: Int128 = 0
    private var hasFlow = false

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

    mutating func process(_ quote: Quote, _ market: borrowing MarketState) { followBestPrices(market) }

    mutating func processBook(_ market: borrowing MarketState) { followBestPrices(market) }

    mutating func startEpoch() {
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

    private mutating func followBestPrices(_ market: borrowing MarketState) {
        if market.bestPrices.update == .restarted { startEpoch() }
        guard let step = market.bestPrices.step else { return }
        hasFlow = true
        let flow = step.to.orderFlow(since: step.from)
        guard flow != 0 else { return }
        sinceVector += flow
        windows.append(flow, at: market.now)
    }
}
