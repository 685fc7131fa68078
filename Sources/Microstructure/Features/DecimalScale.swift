/// Converts an instrument's integers to doubles, with a stored power of ten. Equal to `Decimal10.value`.
struct DecimalScale: Sendable {
    private let power: Double
    private let divides: Bool

    init(exponent: Int8) {
        power = Decimal10.power(exponent < 0 ? -exponent : exponent)
        divides = exponent < 0
    }

    /// Correctly rounded for |mantissa| ≤ 2⁵³.
    func value(_ mantissa: Int128) -> Double { value(Double(rounding: mantissa)) }

    /// Converts a measure in units, which need not be whole, to the asset itself.
    func value(_ units: Double) -> Double {
        divides ? units / power : units * power
    }
}
