/// Why bytes from the bus or a tape were refused. The reader counts each kind; none stops it.
public enum WireError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Not a protobuf `Envelope`.
    case malformed
    case tooLarge(bytes: Int, limit: Int)
    /// The envelope has no payload, or a kind unknown to this version.
    case missingPayload
    /// Sequence 0, a level column shorter than its partner, an unknown enum value: the field is named.
    case invalidField(String)
    /// A topic whose venue is no well-formed name.
    case unknownVenue(String)

    /// Names for counters: one a kind.
    public var kind: String {
        switch self {
        case .malformed: "malformed"
        case .tooLarge: "too_large"
        case .missingPayload: "missing_payload"
        case .invalidField: "invalid_field"
        case .unknownVenue: "unknown_venue"
        }
    }

    public var description: String {
        switch self {
        case .malformed: "not a protobuf Envelope"
        case .tooLarge(let bytes, let limit): "message of \(bytes) bytes is over the limit of \(limit)"
        case .missingPayload: "the envelope carries no payload that this version knows"
        case .invalidField(let field): "invalid \(field)"
        case .unknownVenue(let name): "'\(name)' is no venue's name"
        }
    }
}
