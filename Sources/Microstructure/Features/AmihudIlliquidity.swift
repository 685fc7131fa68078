/// How far the price moves per unit of money: `amihud` = mean(|r|/dollar volume) over those of the last 60 one-second
/// bars that have trades. Per unit of the quote asset, ≥ 0.
///
/// NaN before 20 bars and if none of the bars has volume. O(bars) once a second, O(1) a vector.
/// Source: Amihud (2002), Journal of Financial Markets 5.
struct AmihudIlliquidity: Measure {
    private let minimum: Int
    private var current = Double.nan

    init(_ parameters: FeatureParameters) { minimum = parameters.impactBarMinimum }

    var columns: [Column] {
        [
            Column(
                "amihud", source: .trades, unit: Column.Unit(rawValue: "1 / quote currency"),
                meaning: "the illiquidity (Amihud)")
        ]
    }

    mutating func processBar(_ market: borrowing MarketState) {
        current = .nan
        guard market.bars.count >= minimum else { return }
        var (sum, count) = (0.0, 0.0)
        for index in 0..<market.bars.count {
            let bar = market.bars[index]
            guard bar.dollarVolume > 0 else { continue }
            sum += bar.logReturn.magnitude / bar.dollarVolume
            count += 1
        }
        current = count > 0 ? sum / count : .nan
    }

    func write(_ market: borrowing MarketState, into row: inout FeatureRow) { row.put(current) }
}
