/// A size as a whole number of the instrument's quantity units (`10^quantityExponent` of the base asset).
public struct Quantity: Sendable, Hashable, Comparable {
    public var mantissa: Int64

    public init(_ mantissa: Int64) { self.mantissa = mantissa }

    public static let zero = Quantity(0)

    public static func < (left: Quantity, right: Quantity) -> Bool { left.mantissa < right.mantissa }
}
