import RealModule

/// The return from one price to another.
enum LogReturn {
    /// ln(price/previous) of positive whole numbers of the same unit; finite, ±0 if equal.
    ///
    /// For close prices the exact difference keeps digits that the quotient of doubles would lose; a fall to nearly
    /// nothing, whose quotient less one would round to −1, uses the quotient.
    static func value(from previous: Int128, to price: Int128) -> Double {
        let change = price - previous
        guard change.magnitude < previous.magnitude / 2 + 1 else {
            return .log(Double(rounding: price) / Double(rounding: previous))
        }
        return .log(onePlus: Double(rounding: change) / Double(rounding: previous))
    }
}
