import Microstructure

/// The step between the prices of orders: they have five significant digits and at most eight decimals, so the step
/// depends on the price.
///
/// Source: Bitfinex API v2, "Price Precision", 2026-08.
struct BitfinexTick: Sendable, Hashable {
    private static let significantDigits = 5
    private static let decimals = 8

    /// In price units, at least 1.
    let size: Int64
    /// The prices that have this step, in price units.
    let prices: Range<Int64>

    /// - Parameters:
    ///   - price: positive, in price units.
    ///   - exponent: one price unit is 10 to this power.
    init(at price: Int64, exponent: Int8) {
        // The range's end is 10¹⁹ for the greatest prices, which is more than there are.
        var (start, end, digits): (Int64, Int64, Int) = (1, 10, 1)
        while price >= end {
            let (next, overflow) = end.multipliedReportingOverflow(by: 10)
            (start, end, digits) = (end, overflow ? .max : next, digits + 1)
            if overflow { break }
        }
        prices = start..<end
        let power = min(18, max(0, digits - Self.significantDigits, -Self.decimals - Int(exponent)))
        size = (0..<power).reduce(1) { size, _ in size * 10 }
    }
}
