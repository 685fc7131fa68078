/// Trading within the windows `(t−w, t]`: `trade_imbalance_w` = bought − sold (aggressor's side) and `trade_volume_w` =
/// bought + sold, in the base asset; `trade_count_w`.
///
/// Never NaN: without trades they are 0. O(windows), exact sums.
struct TradeFlow: Measure {
    let columns: [Column]
    /// Their places in `MarketState.trades`.
    private let windows: [Int]

    init(_ parameters: FeatureParameters) {
        columns =
            parameters.windowColumns("trade_imbalance", side: .signed, unit: .baseCurrency) {
                "the signed trade volume over \($0)"
            }
            + parameters.windowColumns("trade_volume", unit: .baseCurrency) { "the traded volume over \($0)" }
            + parameters.windowColumns("trade_count", unit: .one) { "the number of trades over \($0)" }
        windows = parameters.tradeWindows(of: parameters.windowSeconds)
    }

    func write(_ market: borrowing MarketState, into row: inout FeatureRow) {
        for window in windows { row.put(market.quantityScale.value(market.trades[window].net)) }
        for window in windows { row.put(market.quantityScale.value(market.trades[window].volume)) }
        for window in windows { row.put(Double(market.trades.count(window))) }
    }
}
