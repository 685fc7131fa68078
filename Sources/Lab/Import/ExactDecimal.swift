import Microstructure

/// A number of a text file, exactly: `mantissa · 10^exponent`, not negative, without trailing zeros in the mantissa.
struct ExactDecimal: Sendable, Hashable {
    var mantissa: Int64
    var exponent: Int8

    /// Most significant digits: what every `Int64` holds.
    static let digitLimit = 18

    enum Problem: Error { case missing, notANumber, negative, outOfRange }

    init(mantissa: Int64, exponent: Int8) {
        self.mantissa = mantissa
        self.exponent = exponent
    }

    /// Reads digits with an optional point and an optional power of ten: `61837.63000000`, `2.46e-06`.
    init(_ bytes: [UInt8], _ range: Range<Int>) throws(Problem) {
        guard !range.isEmpty else { throw .missing }
        var index = range.lowerBound
        let isNegative = bytes[index] == UInt8(ascii: "-")
        if isNegative || bytes[index] == UInt8(ascii: "+") { index += 1 }
        var mantissa: Int64 = 0
        var digits = 0
        var power = 0
        /// Zeros seen that count only where another digit follows.
        var zeros = 0
        var hasDigit = false
        var hasPoint = false
        scan: while index < range.upperBound {
            switch bytes[index] {
            case UInt8(ascii: "."):
                guard !hasPoint else { throw .notANumber }
                hasPoint = true
            case UInt8(ascii: "0"):
                hasDigit = true
                if hasPoint { power -= 1 }
                if mantissa != 0 { zeros += 1 }
            case UInt8(ascii: "1")...UInt8(ascii: "9"):
                hasDigit = true
                if hasPoint { power -= 1 }
                digits += zeros + 1
                guard digits <= Self.digitLimit else { throw .outOfRange }
                for _ in 0..<zeros { mantissa *= 10 }
                zeros = 0
                mantissa = mantissa * 10 + Int64(bytes[index] - UInt8(ascii: "0"))
            case UInt8(ascii: "e"), UInt8(ascii: "E"):
                break scan
            default:
                throw .notANumber
            }
            index += 1
        }
        guard hasDigit else { throw .notANumber }
        if index < range.upperBound {
            guard let shift = WholeNumber.parse(bytes, index + 1..<range.upperBound, allowsPlus: true) else {
                throw .notANumber
            }
            power += Int(clamping: max(-100_000, min(100_000, shift)))
        }
        guard mantissa != 0 else {
            self.init(mantissa: 0, exponent: 0)
            return
        }
        guard !isNegative else { throw .negative }
        guard let exponent = Int8(exactly: power + zeros), Instrument.exponentRange.contains(exponent) else {
            throw .outOfRange
        }
        self.init(mantissa: mantissa, exponent: exponent)
    }

    /// The number in units of `10^exponent`; `nil` if it is not a whole number of units or does not fit.
    func units(of exponent: Int8) -> Int64? {
        guard mantissa != 0 else { return 0 }
        guard self.exponent >= exponent else { return nil }
        var value = mantissa
        for _ in 0..<(Int(self.exponent) - Int(exponent)) {
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            guard !overflow else { return nil }
            value = product
        }
        return value
    }

    /// Place of the first digit: 3 for 1234 and for 1234.5. Of zero no matter.
    var magnitude: Int {
        var digits = 0
        var rest = mantissa
        while rest >= 10 {
            rest /= 10
            digits += 1
        }
        return digits + Int(exponent)
    }
}

/// Whole numbers of text files.
enum WholeNumber {
    /// Parses digits with an optional minus sign; `nil` for other text and for numbers that do not fit.
    static func parse(_ bytes: [UInt8], _ range: Range<Int>, allowsPlus: Bool = false) -> Int64? {
        var index = range.lowerBound
        guard index < range.upperBound else { return nil }
        let isNegative = bytes[index] == UInt8(ascii: "-")
        if isNegative || (allowsPlus && bytes[index] == UInt8(ascii: "+")) { index += 1 }
        guard index < range.upperBound else { return nil }
        var value: Int64 = 0
        while index < range.upperBound {
            let digit = bytes[index] &- UInt8(ascii: "0")
            guard digit <= 9 else { return nil }
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflow2) = product.addingReportingOverflow(Int64(digit))
            guard !overflow, !overflow2 else { return nil }
            value = sum
            index += 1
        }
        return isNegative ? -value : value
    }
}

/// Finds the scale for the numbers of one column, from all of them.
struct DecimalSurvey: Sendable {
    private static let finest = Int(Instrument.exponentRange.lowerBound)
    private static let exponents = Instrument.exponentRange.count
    private static let magnitudes = 64
    /// Counts of numbers by the places of their last and first digits.
    private var counts = [Int](repeating: 0, count: Self.exponents * Self.magnitudes)
    private(set) var isEmpty = true

    mutating func add(_ number: ExactDecimal) {
        guard number.mantissa != 0 else { return }
        isEmpty = false
        let magnitude = min(number.magnitude - Self.finest, Self.magnitudes - 1)
        counts[(Int(number.exponent) - Self.finest) * Self.magnitudes + magnitude] += 1
    }

    /// The coarsest exponent at which the most numbers are whole and fit: all of them, unless some are absurd. Absurd
    /// numbers must not cost the others digits.
    var exponent: Int8 {
        var best = (exponent: Self.exponents - 1, count: -1)
        for exponent in (0..<Self.exponents).reversed() {
            var count = 0
            for last in exponent..<Self.exponents {
                // The first digit may stand 17 places before the unit.
                for first in 0..<min(Self.magnitudes, exponent + ExactDecimal.digitLimit) {
                    count += counts[last * Self.magnitudes + first]
                }
            }
            if count > best.count { best = (exponent, count) }
        }
        return Int8(best.exponent + Self.finest)
    }
}
