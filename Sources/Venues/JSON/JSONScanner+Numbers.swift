import Microstructure

/// Numbers: exact, in `Int64`. A number that cannot be represented exactly is an error, never a rounding.
extension JSONScanner {
    /// A bare whole number.
    public mutating func integer() throws(ScanError) -> Int64 {
        guard try peek() == .number else { throw ScanError(.wrongType, at: position) }
        let start = position
        let isNegative = consumeIfPresent(UInt8(ascii: "-"))
        var mantissa: UInt64 = 0
        try digits(into: &mantissa, limit: .max, from: start)
        try endNumber(isQuoted: false, from: start)
        return try signed(mantissa, isNegative: isNegative, from: start)
    }

    /// A decimal number, as a string (`"61837.63000000"`) or bare, as a whole count of units of `10^exponent`.
    ///
    /// Digits finer than the unit must be zero, else `.doesNotFit`. Scientific notation is accepted. Complexity:
    /// O(digits), no division.
    @inline(__always)
    public mutating func decimal(exponent: Int8) throws(ScanError) -> Int64 {
        if let value = canonicalDecimal(exponent: exponent) { return value }
        return try anyDecimal(exponent: exponent)
    }

    /// The same, and how many digits were written behind the point; −1 in scientific notation.
    mutating func decimalWithForm(exponent: Int8) throws(ScanError) -> (value: Int64, decimals: Int8) {
        skipWhitespace()
        let start = position
        let value = try decimal(exponent: exponent)
        var end = position
        if end > start, bytes[end - 1] == UInt8(ascii: "\"") { end -= 1 }
        var place = end
        while place > start, Self.isDigit(bytes[place - 1]) { place -= 1 }
        switch place > start ? bytes[place - 1] : 0 {
        case UInt8(ascii: "."): return (value, Int8(clamping: end - place))
        case UInt8(ascii: "e"), UInt8(ascii: "E"), UInt8(ascii: "+"): return (value, -1)
        case UInt8(ascii: "-") where place - 1 > start && bytes[place - 2] | 0x20 == UInt8(ascii: "e"):
            return (value, -1)
        default: return (value, 0)
        }
    }

    private mutating func anyDecimal(exponent: Int8) throws(ScanError) -> Int64 {
        skipWhitespace()
        guard position < bytes.count else { throw ScanError(.truncated, at: position) }
        let isQuoted = consumeIfPresent(UInt8(ascii: "\""))
        if !isQuoted, try peek() != .number { throw ScanError(.wrongType, at: position) }
        let start = position
        let isNegative = consumeIfPresent(UInt8(ascii: "-"))
        guard exponent <= 0 else { return try scientific(exponent: exponent, isQuoted: isQuoted, from: start) }

        var mantissa: UInt64 = 0
        try digits(into: &mantissa, limit: .max, from: start)
        var missing = -Int(exponent)
        if consumeIfPresent(UInt8(ascii: ".")) {
            let fraction = position
            try digits(into: &mantissa, limit: missing, from: start)
            missing -= position - fraction
            while position < bytes.count, bytes[position] == UInt8(ascii: "0") { position &+= 1 }
            guard position > fraction else { throw missingDigit(from: start) }
        }
        guard position < bytes.count, isQuoted ? bytes[position] == UInt8(ascii: "\"") : isEnd(bytes[position]) else {
            return try scientific(exponent: exponent, isQuoted: isQuoted, from: start)
        }
        if isQuoted { position &+= 1 }
        while missing > 0, mantissa != 0 {
            guard mantissa <= UInt64(Int64.max) / 10 else { throw ScanError(.numberOutOfRange, at: start) }
            mantissa &*= 10
            missing &-= 1
        }
        return try signed(mantissa, isNegative: isNegative, from: start)
    }

    /// Skips a bare number of any form.
    mutating func skipNumber() throws(ScanError) {
        let start = position
        _ = consumeIfPresent(UInt8(ascii: "-"))
        try skipDigits(from: start)
        if consumeIfPresent(UInt8(ascii: ".")) { try skipDigits(from: start) }
        if consumeIfPresent(UInt8(ascii: "e")) || consumeIfPresent(UInt8(ascii: "E")) {
            if !consumeIfPresent(UInt8(ascii: "-")) { _ = consumeIfPresent(UInt8(ascii: "+")) }
            try skipDigits(from: start)
        }
        try endNumber(isQuoted: false, from: start)
    }

    /// A decimal number, as a string or bare, as `mantissa · 10^exponent` without trailing zeros in the mantissa:
    /// `"0.05000000"` is 5 · 10⁻². Zero is 0 · 10⁰.
    public mutating func normalizedDecimal() throws(ScanError) -> (mantissa: Int64, exponent: Int) {
        let kind = try peek()
        guard kind == .string || kind == .number else { throw ScanError(.wrongType, at: position) }
        let isQuoted = consumeIfPresent(UInt8(ascii: "\""))
        return try normalized(isQuoted: isQuoted, from: position)
    }

    // MARK: Fast path

    /// A decimal in the venues' canonical form: a string of one to seven digits, a point and one to eight digits;
    /// `nil`, and nothing consumed, otherwise.
    @inline(__always)
    mutating func canonicalDecimal(exponent: Int8) -> Int64? {
        guard let scale = CanonicalScale(exponent: exponent) else { return nil }
        return canonicalDecimal(of: scale, from: &position)
    }

    /// Reads a canonical decimal starting at `place`.
    @inline(__always)
    func canonicalDecimal(of scale: CanonicalScale, from place: inout Int) -> Int64? {
        guard let whole = word(at: place &+ 1), bytes[place] == UInt8(ascii: "\"") else { return nil }
        let wholeCount = whole.lanes(equalTo: ".").firstLane
        let fraction = place &+ wholeCount &+ 2
        guard (1...7).contains(wholeCount), bytes.count &- fraction > 8, let part = word(at: fraction) else {
            return nil
        }
        // The lanes below the digits become zeros, which are valid digits.
        let wholeDigits = whole.digitValues.movedUp(first: wholeCount)
        var partDigits = part.digitValues
        var partCount = 8
        if partDigits.lanesAboveNine != 0 {
            partCount = part.lanes(equalTo: "\"").firstLane
            guard partCount > 0 else { return nil }
            // Lanes from the closing quote on become zero, like omitted digits.
            partDigits = partDigits.firstLanes(partCount)
        }
        guard bytes[fraction &+ partCount] == UInt8(ascii: "\""),
            wholeDigits.lanesAboveNine | partDigits.lanesAboveNine | partDigits & scale.finerLanes == 0
        else { return nil }
        place = fraction &+ partCount &+ 1
        // Below 10¹⁵.
        return Int64(truncatingIfNeeded: wholeDigits.number &* scale.unitsPerOne &+ scale.units(partDigits))
    }

    // MARK: Slow path

    /// The full grammar of numbers: exponents, coarse units, errors and text that ends early.
    ///
    /// A number without trailing zeros is a whole count of units exactly if its power is not below the unit's.
    private mutating func scientific(
        exponent: Int8, isQuoted: Bool, from start: Int
    ) throws(ScanError) -> Int64 {
        var (mantissa, power) = try normalized(isQuoted: isQuoted, from: start)
        guard mantissa != 0 else { return 0 }
        power -= Int(exponent)
        guard power >= 0 else { throw ScanError(.doesNotFit, at: start) }
        // Twenty more digits overflow `Int64`, so the loop ends early with an error.
        for _ in 0..<min(power, 20) {
            let (product, overflow) = mantissa.multipliedReportingOverflow(by: 10)
            guard !overflow else { throw ScanError(.numberOutOfRange, at: start) }
            mantissa = product
        }
        return mantissa
    }

    private mutating func normalized(
        isQuoted: Bool, from start: Int
    ) throws(ScanError) -> (mantissa: Int64, exponent: Int) {
        position = start
        let isNegative = consumeIfPresent(UInt8(ascii: "-"))
        var mantissa: UInt64 = 0
        var power = 0
        try significantDigits(into: &mantissa, power: &power, from: start)
        if consumeIfPresent(UInt8(ascii: ".")) {
            let fraction = position
            try significantDigits(into: &mantissa, power: &power, from: start)
            power -= position - fraction
        }
        if consumeIfPresent(UInt8(ascii: "e")) || consumeIfPresent(UInt8(ascii: "E")) {
            let isShrinking = consumeIfPresent(UInt8(ascii: "-"))
            if !isShrinking { _ = consumeIfPresent(UInt8(ascii: "+")) }
            var shift: UInt64 = 0
            try digits(into: &shift, limit: .max, from: start)
            let bounded = Int(min(shift, UInt64(Int32.max)))
            power += isShrinking ? -bounded : bounded
        }
        try endNumber(isQuoted: isQuoted, from: start)
        return (try signed(mantissa, isNegative: isNegative, from: start), mantissa == 0 ? 0 : power)
    }

    /// Reads digits; trailing zeros go into `power` instead of the mantissa.
    private mutating func significantDigits(
        into mantissa: inout UInt64, power: inout Int, from start: Int
    ) throws(ScanError) {
        let first = position
        while position < bytes.count, Self.isDigit(bytes[position]) {
            let digit = bytes[position] &- UInt8(ascii: "0")
            if digit == 0 {
                if mantissa != 0 { power += 1 }
            } else {
                while power > 0 {
                    try append(digit: 0, to: &mantissa, from: start)
                    power -= 1
                }
                try append(digit: UInt64(digit), to: &mantissa, from: start)
            }
            position &+= 1
        }
        guard position > first else { throw missingDigit(from: start) }
    }

    private func append(digit: UInt64, to mantissa: inout UInt64, from start: Int) throws(ScanError) {
        guard mantissa <= UInt64(Int64.max) / 10 else { throw ScanError(.numberOutOfRange, at: start) }
        mantissa = mantissa &* 10 &+ digit
    }

    // MARK: Digits

    /// Appends up to `limit` digits. At least one is required if `limit` allows one.
    ///
    /// Above `Int64.max / 10` even the smallest next digit overflows `Int64`, so the test is exact.
    @inline(__always)
    private mutating func digits(
        into mantissa: inout UInt64, limit: Int, from start: Int
    ) throws(ScanError) {
        let first = position
        let end = limit < bytes.count &- position ? position &+ limit : bytes.count
        // At most sixteen digits, which fit.
        while mantissa < 100_000_000, end &- position >= 8, let word = word(at: position) {
            let values = word.digitValues
            let count = values.lanesAboveNine.firstLane
            guard count > 0 else { break }
            mantissa = mantissa &* .power(ofTen: count) &+ values.number(ofFirst: count)
            position &+= count
            guard count == 8 else { break }
        }
        while position < end {
            let digit = bytes[position] &- UInt8(ascii: "0")
            guard digit <= 9 else { break }
            guard mantissa <= UInt64(Int64.max) / 10 else { throw ScanError(.numberOutOfRange, at: start) }
            mantissa = mantissa &* 10 &+ UInt64(digit)
            position &+= 1
        }
        guard position > first || limit == 0 else { throw missingDigit(from: start) }
    }

    private mutating func skipDigits(from start: Int) throws(ScanError) {
        let first = position
        while let word = word(at: position) {
            let count = word.digitValues.lanesAboveNine.firstLane
            position &+= count
            guard count == 8 else { break }
        }
        while position < bytes.count, Self.isDigit(bytes[position]) { position &+= 1 }
        guard position > first else { throw missingDigit(from: start) }
    }

    private func missingDigit(from start: Int) -> ScanError {
        position < bytes.count ? ScanError(.notANumber, at: start) : ScanError(.truncated, at: position)
    }

    /// Checks the end of a number: the closing quote, or a byte that may follow a bare number.
    private mutating func endNumber(isQuoted: Bool, from start: Int) throws(ScanError) {
        guard position < bytes.count else {
            if isQuoted { throw ScanError(.truncated, at: position) }
            return
        }
        if isQuoted {
            guard bytes[position] == UInt8(ascii: "\"") else { throw ScanError(.notANumber, at: start) }
            position &+= 1
        } else {
            guard isEnd(bytes[position]) else { throw ScanError(.notANumber, at: start) }
        }
    }

    @inline(__always)
    private func isEnd(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: ",") || byte == UInt8(ascii: "]") || byte == UInt8(ascii: "}") || Self.isWhitespace(byte)
    }

    @inline(__always)
    private static func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") <= 9 }

    @inline(__always)
    mutating func consumeIfPresent(_ byte: UInt8) -> Bool { consumeIfPresent(byte, at: &position) }

    /// The same, at `place`.
    @inline(__always)
    func consumeIfPresent(_ byte: UInt8, at place: inout Int) -> Bool {
        guard place < bytes.count, bytes[place] == byte else { return false }
        place &+= 1
        return true
    }

    @inline(__always)
    private func signed(_ mantissa: UInt64, isNegative: Bool, from start: Int) throws(ScanError) -> Int64 {
        guard mantissa <= UInt64(Int64.max) else { throw ScanError(.numberOutOfRange, at: start) }
        return isNegative ? -Int64(mantissa) : Int64(mantissa)
    }
}

/// A unit of `10^−places` with 0 to 8 places, for decimals in the canonical form.
struct CanonicalScale {
    let unitsPerOne: UInt64
    /// The lanes of digits finer than the unit.
    let finerLanes: UInt64
    private let places: Int

    /// `nil` for any other unit.
    @inline(__always)
    init?(exponent: Int8) {
        places = -Int(exponent)
        guard (0...8).contains(places) else { return nil }
        unitsPerOne = .power(ofTen: places)
        finerLanes = ~UInt64.max.firstLanes(places)
    }

    /// The units formed by eight digits after the point; digits finer than the unit are zero.
    @inline(__always)
    func units(_ digits: UInt64) -> UInt64 { places == 0 ? 0 : digits.movedUp(first: places).number }
}
