/// Trading counted by orders instead of trades (`Taker`), within the windows `(t−w, t]`, a taker dated at its first
/// trade: `taker_count_w`; `taker_imbalance_w` = (buyers − sellers)/(buyers + sellers), in −1…1; `largest_taker_w`, the
/// largest size of one, in the base asset; `sweep_prices_w`, the most prices that one traded at. And
/// `median_taker_50`, the lower median of the sizes of the last 50 takers that are complete.
///
/// Without takers the counts and sizes are 0, and the imbalance is NaN; the median is NaN before 50 takers. Exact sums,
/// amortised O(windows) a trade, and a move of up to 50 sizes a taker.
struct TakerFlow: Measure {
    let columns: [Column]
    private let widths: [Int64]
    /// +1 for a buyer, −1 for a seller.
    private var signs: SlidingWindows<ExactSum>
    private var sizes: SlidingMaximum<Int128>
    private var priceCounts: SlidingMaximum<Int>
    /// Sizes of the last complete takers, in quantity units.
    private var recent: RollingQuantile
    /// Size so far of the last taker.
    private var openSize: Int128?

    init(_ parameters: FeatureParameters) {
        columns =
            parameters.windowColumns("taker_count", unit: .one) { "the number of takers over \($0)" }
            + parameters.windowColumns("taker_imbalance", side: .signed, unit: .one) {
                "the imbalance of buying and selling takers over \($0)"
            }
            + parameters.windowColumns("largest_taker", unit: .baseCurrency) {
                "the size of the largest taker over \($0)"
            }
            + parameters.windowColumns("sweep_prices", unit: .one) {
                "the most prices that one taker traded at over \($0)"
            }
            + [
                Column(
                    "median_taker_\(parameters.takerMedianLength)", source: .trades, unit: .baseCurrency,
                    meaning: "the median size of the last \(parameters.takerMedianLength) takers")
            ]
        widths = parameters.windowWidths
        signs = SlidingWindows(widths: widths, limit: parameters.tradeLimit)
        sizes = SlidingMaximum(width: widths[widths.count - 1], limit: parameters.tradeLimit)
        priceCounts = SlidingMaximum(width: widths[widths.count - 1], limit: parameters.tradeLimit)
        recent = RollingQuantile(window: parameters.takerMedianLength)
    }

    mutating func process(_ trade: Trade, _ market: borrowing MarketState) {
        guard let taker = market.taker else { return }
        if taker.isNew {
            signs.append(taker.side == .buy ? 1 : -1, at: market.now)
            if let openSize { recent.insert(Double(rounding: openSize)) }
        }
        openSize = taker.size
        sizes.append(taker.size, at: taker.start)
        priceCounts.append(taker.priceCount, at: taker.start)
    }

    mutating func write(_ market: borrowing MarketState, into row: inout FeatureRow) {
        signs.advance(to: market.now)
        sizes.advance(to: market.now)
        priceCounts.advance(to: market.now)
        for window in widths.indices { row.put(Double(signs.count(window))) }
        for window in widths.indices {
            let count = signs.count(window)
            row.put(count > 0 ? Double(rounding: signs[window].value) / Double(count) : .nan)
        }
        for width in widths { row.put(market.quantityScale.value(sizes.maximum(over: width, at: market.now) ?? 0)) }
        for width in widths { row.put(Double(priceCounts.maximum(over: width, at: market.now) ?? 0)) }
        row.put(recent.count == recent.window ? market.quantityScale.value(recent.quantile(0.5)) : .nan)
    }
}
