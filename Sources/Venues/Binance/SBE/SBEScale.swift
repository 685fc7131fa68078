/// Converts a message's `mantissa · 10^exponent` to whole units of an instrument, exactly.
struct SBEScale {
    /// Whether the message counts in smaller units than the instrument.
    private let isFiner: Bool
    /// How many of the smaller units are one of the larger: a power of ten; 0 if it does not fit.
    private let ratio: Int64

    init(from exponent: Int8, to unit: Int8) {
        let difference = Int(exponent) - Int(unit)
        isFiner = difference < 0
        var ratio: Int64 = 1
        let places = abs(difference)
        for _ in 0..<min(places, 18) { ratio *= 10 }
        self.ratio = places > 18 ? 0 : ratio
    }

    /// - Parameter offset: the mantissa's place, for the error.
    @inline(__always)
    func units(of mantissa: Int64, at offset: Int) throws(ScanError) -> Int64 {
        if ratio == 1 || mantissa == 0 { return mantissa }
        guard isFiner else {
            let (units, overflow) = mantissa.multipliedReportingOverflow(by: ratio)
            guard ratio != 0, !overflow else { throw ScanError(.numberOutOfRange, at: offset) }
            return units
        }
        // No other number below 10¹⁹ is a multiple of 10¹⁹.
        guard ratio != 0, mantissa % ratio == 0 else { throw ScanError(.doesNotFit, at: offset) }
        return mantissa / ratio
    }
}
