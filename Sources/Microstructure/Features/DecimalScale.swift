/// From an instrument's integers to doubles, with the power of ten at hand. Equal to `Decimal10.value`.
struct DecimalScale: Sendable {
    private let power: Double
    private let divides: Bool

    init(exponent: Int8) {
        power = Decimal10.power(exponent < 0 ? -exponent : exponent)
        divides = exponent < 0
    }

    /// Correctly rounded for |mantissa| ≤ 2⁵³.
    func value(_ mantissa: Int128) -> Double { value(Double(rounding: mantissa)) }

    /// A measure in units, which need not be whole, in the asset itself.
    func value(_ units: Double) -> Double {
        divides ? units / power : units * power
    }
}

extension Double {
    /// The nearest double, as `init(_:)` has it at fifty times the cost; quickest where the value fits 64 bits.
    public init(rounding wide: Int128) {
        if let narrow = Int64(exactly: wide) {
            self.init(narrow)
            return
        }
        let magnitude = wide.magnitude
        let dropped = 64 - magnitude.leadingZeroBitCount
        // Of the bits that are dropped it only counts whether there are any: 64 are more than a double has, and one more.
        let kept = UInt64(truncatingIfNeeded: magnitude &>> UInt128(dropped))
        let rounded = Double(magnitude.trailingZeroBitCount < dropped ? kept | 1 : kept)
        let power = Double(bitPattern: UInt64(1_023 + dropped) << 52)
        self = wide < 0 ? -rounded * power : rounded * power
    }
}
