/// Converts decimal text to and from whole numbers of 10⁻⁸; written with eight decimals, `61837.63000000`.
enum DecimalText {
    /// The value of `bytes[range]` in 10⁻⁸; `nil` for anything but digits with at most one point, for more than eight
    /// decimals, and for values too large (9.2·10¹⁰).
    static func parse(_ bytes: [UInt8], _ range: Range<Int>) -> Int64? {
        var value: Int64 = 0
        var decimals: Int?
        var digits = 0
        for byte in bytes[range] {
            if byte == UInt8(ascii: ".") {
                guard decimals == nil else { return nil }
                decimals = 0
                continue
            }
            guard let next = appending(byte, to: value) else { return nil }
            value = next
            digits += 1
            if let count = decimals { decimals = count + 1 }
        }
        guard digits > 0, decimals ?? 0 <= 8 else { return nil }
        for _ in (decimals ?? 0)..<8 {
            guard let next = appending(UInt8(ascii: "0"), to: value) else { return nil }
            value = next
        }
        return value
    }

    /// The whole number `bytes[range]`, digits with an optional sign; `nil` for anything else.
    static func integer(_ bytes: [UInt8], _ range: Range<Int>) -> Int64? {
        let isNegative = !range.isEmpty && bytes[range.lowerBound] == UInt8(ascii: "-")
        var value: Int64 = 0
        let digits = isNegative ? range.dropFirst() : range
        guard !digits.isEmpty else { return nil }
        for byte in bytes[digits] {
            guard let next = appending(byte, to: value) else { return nil }
            value = next
        }
        return isNegative ? -value : value
    }

    /// `value` (≥ 0) in 10⁻⁸ with eight decimals.
    static func text(_ value: Int64) -> [UInt8] {
        var text: [UInt8] = []
        append(value, to: &text)
        return text
    }

    static func append(_ value: Int64, to text: inout [UInt8]) {
        let (whole, fraction) = value.quotientAndRemainder(dividingBy: 100_000_000)
        append(integer: whole, to: &text)
        text.append(UInt8(ascii: "."))
        var divisor: Int64 = 10_000_000
        while divisor > 0 {
            text.append(UInt8(ascii: "0") + UInt8(fraction / divisor % 10))
            divisor /= 10
        }
    }

    /// `mantissa · 10^exponent` with exactly `decimals` digits behind the point, none without a point; a negative number
    /// with its sign. `decimals` must hold the number.
    static func append(_ mantissa: Int64, exponent: Int8, decimals: Int, to text: inout [UInt8]) {
        if mantissa < 0 { text.append(UInt8(ascii: "-")) }
        var value = mantissa.magnitude
        var places = -Int(exponent)
        while places < decimals { (value, places) = (value &* 10, places + 1) }
        while places > decimals { (value, places) = (value / 10, places - 1) }
        var divisor: UInt64 = 1
        for _ in 0..<decimals { divisor &*= 10 }
        text.append(contentsOf: String(value / divisor).utf8)
        guard decimals > 0 else { return }
        text.append(UInt8(ascii: "."))
        let fraction = String(value % divisor)
        text.append(contentsOf: repeatElement(UInt8(ascii: "0"), count: decimals - fraction.utf8.count))
        text.append(contentsOf: fraction.utf8)
    }

    /// The same with as few digits behind the point as hold the number, at least `least`.
    static func append(_ mantissa: Int64, exponent: Int8, least: Int = 0, to text: inout [UInt8]) {
        var (value, exponent) = (mantissa, exponent)
        while exponent < 0, value % 10 == 0 { (value, exponent) = (value / 10, exponent + 1) }
        append(value, exponent: exponent, decimals: max(least, -Int(exponent)), to: &text)
    }

    static func append(integer value: Int64, to text: inout [UInt8]) {
        text.append(contentsOf: String(value).utf8)
    }

    private static func appending(_ byte: UInt8, to value: Int64) -> Int64? {
        guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
        let (product, overflow) = value.multipliedReportingOverflow(by: 10)
        let (sum, overflow2) = product.addingReportingOverflow(Int64(byte - UInt8(ascii: "0")))
        return overflow || overflow2 ? nil : sum
    }
}
