import Microstructure

/// The digits of a number as a venue wrote them, from its mantissa and its form.
struct SentDigits {
    /// 19 digits of the mantissa and as many zeros.
    private var digits = InlineArray<40, UInt8>(repeating: UInt8(ascii: "0"))
    /// Digits before the point; the rest are behind it.
    private(set) var wholeCount = 0
    private(set) var count = 0

    /// - Parameters:
    ///   - mantissa: not negative.
    ///   - exponent: of the mantissa's unit; above 0 the number ends in zeros.
    ///   - decimals: digits behind the point; those finer than the unit are zeros.
    init(_ mantissa: Int64, exponent: Int8, decimals: Int8) {
        let decimals = min(18, max(0, Int(decimals)))
        let known = min(decimals, max(0, -Int(exponent)))
        var value = UInt64(max(0, mantissa))
        for _ in 0..<max(0, -Int(exponent) - known) { value /= 10 }
        for _ in 0..<max(0, Int(exponent)) { value &*= 10 }
        var length = 1
        var rest = value / 10
        while rest > 0 || length <= known { (rest, length) = (rest / 10, length + 1) }
        for place in (0..<length).reversed() {
            digits[place] = UInt8(ascii: "0") + UInt8(value % 10)
            value /= 10
        }
        wholeCount = length - known
        count = wholeCount + decimals
    }

    subscript(index: Int) -> UInt8 { digits[index] }
}

extension CRC32 {
    /// The number as it was sent, `30243.50`.
    mutating func combine(_ number: SentDigits) {
        for index in 0..<number.count {
            if index == number.wholeCount { combine(UInt8(ascii: ".")) }
            combine(number[index])
        }
    }

    /// The number as it was sent, without its point and leading zeros: `0.00120` is `120`.
    mutating func combine(withoutPoint number: SentDigits) {
        var isLeading = true
        for index in 0..<number.count {
            if isLeading, number[index] == UInt8(ascii: "0") { continue }
            isLeading = false
            combine(number[index])
        }
    }
}
