/// The spread implied by the bounce of trade prices: `roll_spread` = 2√(−cov(Δpₜ, Δpₜ₋₁)), the sample covariance over
/// consecutive pairs of the last 60 one-second bars. In the quote asset, > 0.
///
/// NaN before 20 bars, and if the covariance is not negative: the model then has no answer, and `abs` would invent one.
/// NaN also if a change, in price units, exceeds 2⁶³/bars, which no real market reaches: the sums are exact, so the
/// covariance has its true sign. O(bars) once a second, O(1) a vector.
/// Source: Roll (1984), Journal of Finance 39.
struct RollSpread: Measure {
    private let minimum: Int
    private var current = Double.nan

    init(_ parameters: FeatureParameters) { minimum = parameters.impactBarMinimum }

    var columns: [Column] {
        [
            Column(
                "roll_spread", source: .trades, unit: .quoteCurrency, meaning: "the spread implied by trades (Roll)")
        ]
    }

    mutating func processBar(_ market: borrowing MarketState) {
        current = .nan
        guard market.bars.count >= minimum else { return }
        let pairs = market.bars.count - 1
        // With n changes of magnitude L each term below is at most (n·L)² < 2¹²⁶, so their difference fits.
        let changeLimit = UInt64(Int64.max) / UInt64(pairs)
        var (earlier, later, products) = (Int128(0), Int128(0), Int128(0))
        var last = market.bars[0].priceChange
        guard last.magnitude <= changeLimit else { return }
        for index in 1...pairs {
            let change = market.bars[index].priceChange
            guard change.magnitude <= changeLimit else { return }
            earlier += Int128(last)
            later += Int128(change)
            products += Int128(last) * Int128(change)
            last = change
        }
        // n·Σab − Σa·Σb = n(n−1)·cov, in squared price units.
        let scaled = Int128(pairs) * products - earlier * later
        guard scaled < 0 else { return }
        let covariance = Double(rounding: -scaled) / Double(pairs * (pairs - 1))
        current = 2 * market.priceScale.value(covariance.squareRoot())
    }

    func write(_ market: borrowing MarketState, into row: inout FeatureRow) { row.put(current) }
}
