/// A price as a whole number of the instrument's price units (`10^priceExponent` of the quote asset).
///
/// Integers keep accounting exact; `Double` is used from Features on. The exponent is in `Instrument`, never here, so a
/// price stays eight bytes and a meme coin does not overflow a global scale.
public struct Price: Sendable, Hashable, Comparable {
    public var mantissa: Int64

    public init(_ mantissa: Int64) { self.mantissa = mantissa }

    public static func < (left: Price, right: Price) -> Bool { left.mantissa < right.mantissa }
}
