/// The tape's file format, version 1: sizes, marks and limits that writer and reader share.
///
/// A segment is a file header, blocks, and, if it was closed in order, an index and a trailer. All integers are
/// little-endian; every part has its own CRC-32 (zlib's). The article Tape in Microstructure.docc specifies every byte.
public enum TapeFormat {
    public static let version: UInt32 = 1
    /// What the name of a segment ends with.
    public static let fileSuffix = ".tape"

    /// A block is ended when its records reach this many bytes.
    public static let blockBytes = 1 << 20
    /// Maximum bytes of records in a block, before compression. Readers refuse a larger block: no writer makes one,
    /// since a writer's largest block is `blockBytes` plus one record.
    public static let blockByteLimit = 4 << 20
    /// Maximum bytes of a block's Zstandard frame: an incompressible `blockByteLimit` plus the frame's overhead.
    public static let payloadByteLimit = blockByteLimit + (64 << 10)
    /// Most blocks of a segment; a recorder that ends one each second rotates long before.
    public static let blockCountLimit = 1 << 20
    /// Longest topic and largest body of a record: the limits of the bus.
    public static let topicByteLimit = Topic.byteLimit
    public static let bodyByteLimit = EnvelopeCodec.byteLimit

    /// The CR LF reveals a transfer that rewrote line ends.
    static let fileMagic = Array("MSTAPE\r\n".utf8)
    static let blockMagic = Array("TBLK".utf8)
    static let indexMagic = Array("TIDX".utf8)
    static let trailerMagic = Array("TAPEEND\n".utf8)

    static let fileHeaderBytes = 24
    static let blockHeaderBytes = 40
    static let recordHeaderBytes = 6
    static let indexHeaderBytes = 8
    static let indexEntryBytes = 32
    static let trailerBytes = 24

    /// The file header: magic, version, time of creation, CRC.
    public static func fileHeader(created: Int64) -> [UInt8] {
        var bytes = fileMagic
        bytes.append(littleEndian: version)
        bytes.append(littleEndian: created)
        bytes.append(littleEndian: CRC32.of(bytes[...]))
        return bytes
    }
}

extension [UInt8] {
    mutating func append<Integer: FixedWidthInteger>(littleEndian value: Integer) {
        Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
    }

    /// - Precondition: the integer lies within the array.
    func littleEndian<Integer: FixedWidthInteger>(_ type: Integer.Type = Integer.self, at offset: Int) -> Integer {
        precondition(offset >= 0 && offset + MemoryLayout<Integer>.size <= count)
        return withUnsafeBytes { Integer(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: Integer.self)) }
    }
}
