/// Why bytes could not be read as the JSON that was asked for, and where.
public struct ScanError: Error, Sendable, Hashable {
    public enum Kind: UInt8, Sendable, Hashable, CaseIterable {
        /// The bytes end inside a value.
        case truncated
        /// A byte that JSON does not allow at this place.
        case unexpectedByte
        /// A backslash that starts none of JSON's escapes.
        case invalidEscape
        /// Arrays and objects nested beyond the limit.
        case tooDeep
        /// JSON, but of another type than the one asked for.
        case wrongType
        /// Text where a decimal number, or a fraction where a whole number, was expected.
        case notANumber
        /// A number beyond `Int64`, or one that the field does not allow (a negative price).
        case numberOutOfRange
        /// A number with digits finer than the scale it was asked for.
        case doesNotFit
    }

    public let kind: Kind
    /// Bytes from the start of the text.
    public let offset: Int

    public init(_ kind: Kind, at offset: Int) {
        self.kind = kind
        self.offset = offset
    }
}
