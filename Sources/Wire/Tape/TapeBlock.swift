public import Microstructure

/// One message of the bus as it was sent: decode it with `Topic(_:)` and `EnvelopeCodec.decode`.
public struct TapeRecord: Sendable, Equatable {
    public let topicBytes: [UInt8]
    public let body: [UInt8]

    public init(topicBytes: [UInt8], body: [UInt8]) {
        self.topicBytes = topicBytes
        self.body = body
    }
}

/// A block's description, known without decompression.
public struct TapeBlock: Sendable, Equatable {
    /// Bytes from the start of the segment to the block's header.
    public var offset: UInt64
    /// Earliest and latest receive time of the records.
    public var earliest: Timestamp
    public var latest: Timestamp
    public var recordCount: UInt32
    /// Bytes of the Zstandard frame.
    public var payloadBytes: UInt32
}

/// The 40 bytes before a block's Zstandard frame.
struct TapeBlockHeader: Equatable {
    var recordCount: UInt32
    var payloadBytes: UInt32
    /// Bytes of the records before compression.
    var contentBytes: UInt32
    var earliest: Timestamp
    var latest: Timestamp
    var payloadCRC: UInt32

    var bytes: [UInt8] {
        var bytes = TapeFormat.blockMagic
        bytes.reserveCapacity(TapeFormat.blockHeaderBytes)
        bytes.append(littleEndian: recordCount)
        bytes.append(littleEndian: payloadBytes)
        bytes.append(littleEndian: contentBytes)
        bytes.append(littleEndian: earliest.nanoseconds)
        bytes.append(littleEndian: latest.nanoseconds)
        bytes.append(littleEndian: payloadCRC)
        bytes.append(littleEndian: CRC32.of(bytes[...]))
        return bytes
    }

    /// `nil` where the bytes at `start` are no intact header within the limits.
    init?(_ bytes: [UInt8], at start: Int = 0) {
        let end = start + TapeFormat.blockHeaderBytes
        guard end <= bytes.count, bytes[start..<start + 4].elementsEqual(TapeFormat.blockMagic),
            CRC32.of(bytes[start..<end - 4]) == bytes.littleEndian(at: end - 4)
        else { return nil }
        recordCount = bytes.littleEndian(at: start + 4)
        payloadBytes = bytes.littleEndian(at: start + 8)
        contentBytes = bytes.littleEndian(at: start + 12)
        earliest = Timestamp(nanoseconds: bytes.littleEndian(at: start + 16))
        latest = Timestamp(nanoseconds: bytes.littleEndian(at: start + 24))
        payloadCRC = bytes.littleEndian(at: start + 32)
        guard payloadBytes <= TapeFormat.payloadByteLimit, contentBytes <= TapeFormat.blockByteLimit else { return nil }
    }

    init(
        recordCount: UInt32, payloadBytes: UInt32, contentBytes: UInt32, earliest: Timestamp, latest: Timestamp,
        payloadCRC: UInt32
    ) {
        self.recordCount = recordCount
        self.payloadBytes = payloadBytes
        self.contentBytes = contentBytes
        self.earliest = earliest
        self.latest = latest
        self.payloadCRC = payloadCRC
    }
}

/// Gathers records and makes a block of them.
public struct TapeBlockBuilder: ~Copyable {
    private let compressor: BlockCompressor
    private var content: [UInt8] = []
    private var earliest = Timestamp(nanoseconds: .max)
    private var latest = Timestamp(nanoseconds: .min)
    public private(set) var recordCount: UInt32 = 0

    /// - Parameter level: Zstandard's, 1 (fast) to 19 (small).
    public init(level: Int = 3) throws(TapeError) {
        guard let compressor = BlockCompressor(level: Int32(clamping: level)) else { throw .noMemory }
        self.compressor = compressor
        content.reserveCapacity(TapeFormat.blockBytes + (64 << 10))
    }

    /// Bytes of the gathered records.
    public var byteCount: Int { content.count }
    /// The block has its size: seal it.
    public var isFull: Bool { content.count >= TapeFormat.blockBytes }

    /// Throws `.badRecord` for a record outside the limits.
    public mutating func append(topic: [UInt8], body: [UInt8], receiveTime: Timestamp) throws(TapeError) {
        guard !topic.isEmpty, topic.count <= TapeFormat.topicByteLimit else {
            throw .badRecord(reason: "a topic of \(topic.count) bytes, not 1 to \(TapeFormat.topicByteLimit)")
        }
        guard body.count <= TapeFormat.bodyByteLimit else {
            throw .badRecord(reason: "a body of \(body.count) bytes, above \(TapeFormat.bodyByteLimit)")
        }
        content.append(littleEndian: UInt16(topic.count))
        content.append(littleEndian: UInt32(body.count))
        content.append(contentsOf: topic)
        content.append(contentsOf: body)
        recordCount += 1
        earliest = min(earliest, receiveTime)
        latest = max(latest, receiveTime)
    }

    /// Appends the block to `output` and begins the next one. Returns its index entry, with the offset in `output`;
    /// `nil` if there were no records.
    public mutating func seal(into output: inout [UInt8]) throws(TapeError) -> TapeBlock? {
        guard recordCount > 0 else { return nil }
        let start = output.count
        output.append(contentsOf: repeatElement(0, count: TapeFormat.blockHeaderBytes))
        let payloadStart = output.count
        guard compressor.compress(content, appendingTo: &output) else {
            output.removeLast(output.count - start)
            throw .noMemory
        }
        let header = TapeBlockHeader(
            recordCount: recordCount, payloadBytes: UInt32(output.count - payloadStart),
            contentBytes: UInt32(content.count), earliest: earliest, latest: latest,
            payloadCRC: CRC32.of(output[payloadStart...]))
        output.replaceSubrange(start..<payloadStart, with: header.bytes)
        let block = TapeBlock(
            offset: UInt64(start), earliest: earliest, latest: latest, recordCount: recordCount,
            payloadBytes: header.payloadBytes)
        content.removeAll(keepingCapacity: true)
        (earliest, latest) = (Timestamp(nanoseconds: .max), Timestamp(nanoseconds: .min))
        recordCount = 0
        return block
    }
}
