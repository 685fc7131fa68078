/// Decimal scaling by exact powers of ten.
public enum Decimal10 {
    /// `mantissa · 10^exponent`, correctly rounded for |mantissa| ≤ 2⁵³ and |exponent| ≤ 22:
    /// powers of ten up to 10²² are exact doubles, and one division or product rounds once.
    public static func value(_ mantissa: Int64, exponent: Int8) -> Double {
        exponent < 0 ? Double(mantissa) / power(-exponent) : Double(mantissa) * power(exponent)
    }

    /// `10^exponent` for 0 ≤ exponent ≤ 22, exact.
    public static func power(_ exponent: Int8) -> Double {
        var result = 1.0
        for _ in 0..<exponent { result *= 10 }
        return result
    }
}
