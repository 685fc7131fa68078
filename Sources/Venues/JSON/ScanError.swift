/// Why bytes could not be read as the requested JSON, and where.
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
        /// Valid JSON of another type than requested.
        case wrongType
        /// Text where a decimal number, or a fraction where a whole number, was expected.
        case notANumber
        /// A number beyond `Int64`, or not allowed in its field (a negative price).
        case numberOutOfRange
        /// A number with digits finer than the requested scale.
        case doesNotFit
        /// A member without which the message says nothing.
        case missingField
    }

    public let kind: Kind
    /// Offset from the start of the text, in bytes.
    public let offset: Int

    public init(_ kind: Kind, at offset: Int) {
        self.kind = kind
        self.offset = offset
    }
}
