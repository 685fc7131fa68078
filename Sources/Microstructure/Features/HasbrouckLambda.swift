/// Price impact of money: `hasbrouck_lambda`, the slope of the least-squares line of Δln p (close to close) on
/// Σb·√(dollar volume of a trade), b = ±1 the aggressor's side, over the last 60 one-second bars.
///
/// Per square root of the quote asset. NaN before 20 bars and if all regressors are equal. O(bars) once a second, O(1)
/// a vector. Source: Hasbrouck (2009), Journal of Finance 64, eq. 3.
struct HasbrouckLambda: Measure {
    private let minimum: Int
    private var current = Double.nan

    init(_ parameters: FeatureParameters) { minimum = parameters.impactBarMinimum }

    var columns: [Column] {
        [
            Column(
                "hasbrouck_lambda", source: .trades, unit: Column.Unit(rawValue: "1 / √(quote currency)"),
                meaning: "the price impact of root volume (Hasbrouck)")
        ]
    }

    mutating func processBar(_ market: borrowing MarketState) {
        current = market.bars.slope(of: { $0.logReturn }, on: { $0.signedRootDollarVolume }, minimum: minimum)
    }

    func write(_ market: borrowing MarketState, into row: inout FeatureRow) { row.put(current) }
}
