/// Exact decimals as text: 6183763 · 10⁻² is `61837.63`, with as many decimals as the exponent says.
public enum DecimalNotation {
    /// No producer of ours sends exponents outside −40…40; such exponents are clamped.
    public static func text(_ mantissa: Int64, exponent: Int32) -> String {
        var digits = Array(String(mantissa.magnitude).utf8)
        let exponent = Int(max(-40, min(40, exponent)))
        if exponent >= 0 {
            if mantissa != 0 { digits.append(contentsOf: repeatElement(UInt8(ascii: "0"), count: exponent)) }
        } else {
            let missing = 1 - exponent - digits.count
            if missing > 0 { digits.insert(contentsOf: repeatElement(UInt8(ascii: "0"), count: missing), at: 0) }
            digits.insert(UInt8(ascii: "."), at: digits.count + exponent)
        }
        return (mantissa < 0 ? "-" : "") + String(decoding: digits, as: UTF8.self)
    }
}
