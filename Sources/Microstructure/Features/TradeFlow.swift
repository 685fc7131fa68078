/// What traded within the windows `(t−w, t]`: `trade_imbalance_w` = bought − sold (aggressor's side) and
/// `trade_volume_w` = bought + sold, in the base asset; `trade_count_w`.
///
/// Never NaN: without trades they are 0. O(windows), exact sums.
struct TradeFlow: Measure {
    let columns: [String]
    private let windows: Int

    init(_ parameters: FeatureParameters) {
        columns = ["trade_imbalance", "trade_volume", "trade_count"].flatMap(parameters.windowColumns)
        windows = parameters.windowSeconds.count
    }

    func write(_ market: borrowing MarketState, into row: inout FeatureRow) {
        for window in 0..<windows { row.put(market.quantityScale.value(market.trades[window].net)) }
        for window in 0..<windows { row.put(market.quantityScale.value(market.trades[window].volume)) }
        for window in 0..<windows { row.put(Double(market.trades.count(window))) }
    }
}
