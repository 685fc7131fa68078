/// A tape that cannot be read or written at all, or not any further.
public enum TapeError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Not a segment, or no usable file at that path.
    case notATape(String, reason: String)
    case unsupportedVersion(String, version: UInt32)
    case cannotOpen(String, reason: String)
    case cannotCreate(String, reason: String)
    case cannotRead(String, reason: String)
    /// No partial write: the file ends with its last complete block, and unwritten records are kept.
    case cannotWrite(String, reason: String)
    /// The record was refused: the unwritten records have reached their limit.
    case bufferFull(limitBytes: Int)
    /// A record outside the limits of `TapeFormat`.
    case badRecord(reason: String)
    case noMemory

    public var description: String {
        switch self {
        case .notATape(let path, let reason): "\(path) is no tape: \(reason)"
        case .unsupportedVersion(let path, let version):
            "\(path) has version \(version) of the tape format; this program reads version \(TapeFormat.version)"
        case .cannotOpen(let path, let reason): "cannot open \(path): \(reason)"
        case .cannotCreate(let path, let reason): "cannot create \(path): \(reason)"
        case .cannotRead(let path, let reason): "cannot read \(path): \(reason)"
        case .cannotWrite(let path, let reason): "cannot write \(path): \(reason)"
        case .bufferFull(let limit): "\(limit) bytes wait to be written: no room for more"
        case .badRecord(let reason): "no record of a tape: \(reason)"
        case .noMemory: "no memory to compress or decompress"
        }
    }
}

/// A problem in a segment that did not prevent reading the rest.
public struct TapeProblem: Sendable, Equatable, CustomStringConvertible {
    public enum Kind: Sendable, Equatable {
        /// The file header's checksum is wrong; the blocks after it are still read.
        case damagedFileHeader
        /// The file has no index: its writer was killed, or still writes. No record is lost by this.
        case noIndex
        /// The checksum of index or trailer is wrong; the blocks are walked instead.
        case damagedIndex
        /// The file ends inside a block; these bytes were passed over.
        case partialBlock(bytes: UInt64)
        /// Bytes that are not a block, skipped up to the next block or the end.
        case noBlock(bytes: UInt64)
        /// A block with damaged content, skipped.
        case corruptBlock(records: UInt32, reason: String)
        /// A segment of a directory that cannot be read at all.
        case unreadableSegment(TapeError)
    }

    /// Path of the segment.
    public let segment: String
    /// Bytes from the start of the segment.
    public let offset: UInt64
    public let kind: Kind

    public init(segment: String, offset: UInt64, _ kind: Kind) {
        self.segment = segment
        self.offset = offset
        self.kind = kind
    }

    /// Whether this problem may mean missing records.
    public var isLoss: Bool {
        switch kind {
        case .damagedFileHeader, .noIndex, .damagedIndex: false
        case .partialBlock, .noBlock, .corruptBlock, .unreadableSegment: true
        }
    }

    /// Whether the tape is damaged: a missing index alone may be a tape that still grows.
    public var isDamage: Bool { kind != .noIndex }

    public var description: String {
        let what =
            switch kind {
            case .damagedFileHeader: "the file header is damaged"
            case .noIndex: "no index: the writer was killed, or still writes"
            case .damagedIndex: "the index is damaged; blocks are found without it"
            case .partialBlock(let bytes): "the file ends inside a block; \(bytes) bytes passed over"
            case .noBlock(let bytes): "\(bytes) bytes that are no block, passed over"
            case .corruptBlock(let records, let reason): "a block of \(records) records passed over: \(reason)"
            case .unreadableSegment(let error): "\(error)"
            }
        return "\(segment), byte \(offset): \(what)"
    }
}
