import Microstructure

/// Errors in converting a venue's bytes to events.
public enum VenueError: Error, Sendable, Hashable, CustomStringConvertible {
    /// Invalid bytes. Counted by kind in `SessionCounts`.
    case rejected(Rejection)
    /// The venue answered with an error of its own.
    case refused(code: Int64, message: String)
    /// No instrument of this session has the id.
    case unknownInstrument(InstrumentID)
    /// An invalid configuration, explained in one line.
    case badConfiguration(String)

    public var description: String {
        switch self {
        case .rejected(let rejection): rejection.description
        case .refused(let code, let message): "the venue refused: \(message) (code \(code))"
        case .unknownInstrument(let id): "no instrument has index \(id.index)"
        case .badConfiguration(let reason): reason
        }
    }
}

/// Which bytes were refused, and why.
public struct Rejection: Sendable, Hashable, CustomStringConvertible {
    public let kind: RejectionKind
    /// What was being decoded.
    public let payload: PayloadKind
    /// The instrument concerned, if known.
    public let instrument: InstrumentID?
    /// The JSON key at fault, if any.
    public let field: String?
    /// Offset from the start of the text, in bytes.
    public let offset: Int

    public init(
        _ kind: RejectionKind, in payload: PayloadKind, of instrument: InstrumentID? = nil, field: String? = nil,
        at offset: Int
    ) {
        self.kind = kind
        self.payload = payload
        self.instrument = instrument
        self.field = field
        self.offset = offset
    }

    public var description: String {
        let place = field.map { "field \"\($0)\", byte \(offset)" } ?? "byte \(offset)"
        let owner = instrument.map { " of instrument \($0.index)" } ?? ""
        return "\(payload.rawValue)\(owner): \(kind) (\(place))"
    }
}

/// Why bytes were rejected. Each has its own count.
public enum RejectionKind: Int, Sendable, Hashable, CaseIterable {
    case notJSON
    case truncated
    case tooDeep
    /// More bytes than the limit for frames or snapshots.
    case oversized
    case missingField
    case wrongType
    case badNumber
    /// A price or size finer than the instrument's unit.
    case doesNotFitInstrument
    /// A number not allowed in its field: a negative size, an id beyond `Int64`, a last id below the first.
    case outOfRange
    /// The stream's name and its data state different symbols.
    case wrongSymbol

    public init(_ kind: ScanError.Kind) {
        self =
            switch kind {
            case .truncated: .truncated
            case .unexpectedByte, .invalidEscape: .notJSON
            case .tooDeep: .tooDeep
            case .wrongType: .wrongType
            case .notANumber: .badNumber
            case .numberOutOfRange: .outOfRange
            case .doesNotFit: .doesNotFitInstrument
            case .missingField: .missingField
            }
    }
}

/// What a venue sends.
public enum PayloadKind: String, Sendable, Hashable, CaseIterable {
    /// A stream frame before its content is known.
    case frame
    case depthUpdate = "depth update"
    case trade
    case order
    case quote
    case control
    case snapshot
    case serverTime = "server time"
    case exchangeInfo = "exchange information"
    case trades
}
