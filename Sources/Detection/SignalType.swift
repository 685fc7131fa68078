/// The kind of event that a signal reports. An open set: other programs may publish types of their own.
///
/// A raw value is 1 to 32 characters, a lower-case ASCII letter followed by lower-case letters, digits and
/// underscores. It therefore fits in a topic, and holds no "-" (which separates the parts of a signal's id).
public struct SignalType: RawRepresentable, Sendable, Hashable, Codable, CustomStringConvertible {
    public let rawValue: String

    /// Most characters of a raw value.
    public static let lengthLimit = 32

    /// A persistent shift of a measure.
    public static let drift = SignalType(known: "drift")
    /// A sudden excess of volume or volatility.
    public static let burst = SignalType(known: "burst")
    /// The market's statistics have changed.
    public static let regimeChange = SignalType(known: "regime_change")

    /// `nil` if `rawValue` is empty, too long, or contains a character that is not allowed.
    public init?(rawValue: String) {
        let bytes = rawValue.utf8
        guard let first = bytes.first, Self.isLetter(first), bytes.count <= Self.lengthLimit,
            bytes.allSatisfy({ Self.isLetter($0) || (0x30...0x39).contains($0) || $0 == 0x5F })
        else { return nil }
        self.rawValue = rawValue
    }

    private init(known rawValue: String) { self.rawValue = rawValue }

    private static func isLetter(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte) }

    public var description: String { rawValue }
}
