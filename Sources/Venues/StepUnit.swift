import Microstructure

/// The decimal unit in which an instrument's prices or sizes are counted, from the venue's smallest step.
struct StepUnit {
    /// The unit is 10 to this power.
    let exponent: Int8
    /// The step in this unit.
    let size: Int64

    /// - Parameters:
    ///   - step: `mantissa · 10^exponent`, the mantissa without trailing zeros. Zero means that there is no rule.
    ///   - spareDigits: decimals beyond those of the step that a number may have (`BinanceREST.decodeExchangeInfo`).
    ///   - finest: the finest unit that the venue can write, as a power of ten; spare digits do not go beyond it.
    /// - Returns: `nil` for a step that makes no sense.
    init?(_ step: (mantissa: Int64, exponent: Int), spareDigits: Int = 3, finest: Int = -8) {
        guard step.mantissa != 0 else {
            (exponent, size) = (Int8(finest), 1)
            return
        }
        let spare = min(max(spareDigits, 0), max(step.exponent - finest, 0))
        var size = step.mantissa
        for _ in 0..<min(spare, 20) {
            let (product, overflow) = size.multipliedReportingOverflow(by: 10)
            guard !overflow else { return nil }
            size = product
        }
        guard size >= 1, let exponent = Int8(exactly: step.exponent - spare),
            Instrument.exponentRange.contains(exponent)
        else { return nil }
        (self.exponent, self.size) = (exponent, size)
    }

    /// The unit of numbers with `decimals` digits behind the point and no coarser step.
    init?(decimals: Int, spareDigits: Int = 3, finest: Int = -8) {
        self.init((1, -decimals), spareDigits: spareDigits, finest: min(finest, -decimals))
    }
}
