/// Price impact of volume: `kyle_lambda`, the slope of the least-squares line of Δp (close to close, quote asset) on
/// signed volume (base asset) over the last 60 one-second bars.
///
/// NaN before 20 bars and if all volumes are equal. O(bars) once a second, O(1) a vector.
/// Source: Kyle (1985), Econometrica 53; as a regression: Hasbrouck (2009), Journal of Finance 64.
struct KyleLambda: Measure {
    private let minimum: Int
    private var current = Double.nan

    init(_ parameters: FeatureParameters) { minimum = parameters.impactBarMinimum }

    var columns: [Column] {
        [
            Column(
                "kyle_lambda", source: .trades, unit: Column.Unit(rawValue: "quote currency / base currency"),
                meaning: "the price impact of volume (Kyle)")
        ]
    }

    mutating func processBar(_ market: borrowing MarketState) {
        let scale = market.priceScale
        current = market.bars.slope(
            of: { scale.value(Double($0.priceChange)) }, on: { $0.signedVolume }, minimum: minimum)
    }

    func write(_ market: borrowing MarketState, into row: inout FeatureRow) { row.put(current) }
}
