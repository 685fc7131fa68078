public import Microstructure

/// Where the bytes of a segment come from.
public protocol TapeSource {
    /// What to call it in errors: its path.
    var name: String { get }
    /// Bytes that it holds now.
    var byteCount: UInt64 { get }
    /// Fills `buffer` with the bytes from `offset` on, fewer than its length only at the end; returns how many.
    func read(at offset: UInt64, into buffer: inout [UInt8]) throws(TapeError) -> Int
}

/// Reads one segment from its first block to its last complete one.
///
/// Damage costs the blocks that it touches and nothing else: it is noted in `problems`, and reading goes on with the
/// next intact block. A segment that still grows is read as it was when it was opened.
public struct TapeSegmentReader<Source: TapeSource>: ~Copyable {
    private enum Found {
        case block(TapeBlockHeader)
        case end
    }

    public let created: Timestamp
    /// The blocks by the index; `nil` where there is none.
    public let index: [TapeBlock]?
    public private(set) var problems: [TapeProblem] = []

    private let source: Source
    private let decompressor: BlockDecompressor
    /// Where the blocks end.
    private let end: UInt64
    /// Start of the next block: the reading position.
    public private(set) var position = UInt64(TapeFormat.fileHeaderBytes)
    private var wanted = Timestamp(nanoseconds: .min)...Timestamp(nanoseconds: .max)
    private var payload: [UInt8] = []
    private var content: [UInt8] = []
    private var contentUsed = 0
    private var contentEnd = 0
    /// Topics met, so that the records of one topic share their bytes.
    private var topics: [[UInt8]] = []
    private static var topicCacheLimit: Int { 64 }

    /// Throws `.notATape`, `.unsupportedVersion`, or the source's errors.
    public init(_ source: Source) throws(TapeError) {
        let size = source.byteCount
        var header = [UInt8](repeating: 0, count: TapeFormat.fileHeaderBytes + TapeFormat.blockHeaderBytes)
        let headerCount = try source.read(at: 0, into: &header)
        guard headerCount >= TapeFormat.fileHeaderBytes else {
            throw .notATape(source.name, reason: "\(size) bytes are fewer than its header has")
        }
        var problems: [TapeProblem] = []
        let isIntact =
            header.starts(with: TapeFormat.fileMagic)
            && CRC32.of(header[..<20]) == header.littleEndian(UInt32.self, at: 20)
        if isIntact {
            let version: UInt32 = header.littleEndian(at: 8)
            guard version == TapeFormat.version else { throw .unsupportedVersion(source.name, version: version) }
        } else {
            // A damaged header alone must not cost a whole tape.
            guard headerCount == header.count, TapeBlockHeader(header, at: TapeFormat.fileHeaderBytes) != nil else {
                throw .notATape(source.name, reason: "it does not begin like one")
            }
            problems.append(TapeProblem(segment: source.name, offset: 0, .damagedFileHeader))
        }

        var trailer = [UInt8](repeating: 0, count: TapeFormat.trailerBytes)
        var index: [TapeBlock]?
        var end = size
        let trailerStart = size - min(size, UInt64(TapeFormat.trailerBytes))
        if trailerStart >= UInt64(TapeFormat.fileHeaderBytes), try source.read(at: trailerStart, into: &trailer) == 24,
            let location = TapeIndex.location(trailer: trailer, segmentBytes: size)
        {
            var bytes = [UInt8](repeating: 0, count: location.bytes)
            end = location.offset
            if try source.read(at: location.offset, into: &bytes) == location.bytes { index = TapeIndex.decode(bytes) }
            if index == nil { problems.append(TapeProblem(segment: source.name, offset: end, .damagedIndex)) }
        } else {
            problems.append(TapeProblem(segment: source.name, offset: size, .noIndex))
        }
        guard let decompressor = BlockDecompressor() else { throw .noMemory }
        self.decompressor = decompressor
        self.source = source
        created = Timestamp(nanoseconds: header.littleEndian(at: 12))
        self.index = index
        self.end = end
        self.problems = problems
    }

    /// Skips blocks without records received within `times`. Delivered blocks may also hold records outside. Call it
    /// before the first `next()`.
    public mutating func seek(_ times: ClosedRange<Timestamp>) {
        wanted = times
        guard let block = index?.first(where: { $0.latest >= times.lowerBound }) else { return }
        position = max(position, min(block.offset, end))
    }

    /// The next record, or `nil` behind the last complete block.
    public mutating func next() throws(TapeError) -> TapeRecord? {
        while contentUsed == contentEnd {
            guard try openBlock() else { return nil }
        }
        let topicCount = Int(content.littleEndian(UInt16.self, at: contentUsed))
        let bodyCount = Int(content.littleEndian(UInt32.self, at: contentUsed + 2))
        let topicStart = contentUsed + TapeFormat.recordHeaderBytes
        let bodyStart = topicStart + topicCount
        contentUsed = bodyStart + bodyCount
        return TapeRecord(
            topicBytes: topic(topicStart..<bodyStart), body: Array(content[bodyStart..<contentUsed]))
    }

    /// The earliest receive time of the first intact block, without moving on; `nil` where there is none.
    public mutating func firstTime() throws(TapeError) -> Timestamp? {
        if let first = index?.first { return first.earliest }
        let (start, known) = (position, problems)
        defer { (position, problems) = (start, known) }
        guard case .block(let header) = try findBlock() else { return nil }
        return header.earliest
    }

    private mutating func topic(_ range: Range<Int>) -> [UInt8] {
        for known in topics where known.count == range.count && known.elementsEqual(content[range]) { return known }
        let bytes = Array(content[range])
        if topics.count < Self.topicCacheLimit { topics.append(bytes) }
        return bytes
    }

    // MARK: Blocks

    /// Opens the next intact block; `false` at the end.
    private mutating func openBlock() throws(TapeError) -> Bool {
        while case .block(let header) = try findBlock() {
            let start = position
            let payloadStart = start + UInt64(TapeFormat.blockHeaderBytes)
            if header.latest < wanted.lowerBound || header.earliest > wanted.upperBound {
                position = payloadStart + UInt64(header.payloadBytes)
                continue
            }
            Self.resize(&payload, to: Int(header.payloadBytes))
            let count = try source.read(at: payloadStart, into: &payload)
            guard count == payload.count else {
                note(.partialBlock(bytes: end - start), at: start)
                position = end
                return false
            }
            let next = payloadStart + UInt64(header.payloadBytes)
            if let reason = open(header) {
                note(.corruptBlock(records: header.recordCount, reason: reason), at: start)
                if try isBlockOrEnd(at: next) {
                    position = next
                } else {
                    // The next block is not in its place either: bytes have gone, so it may lie inside this one.
                    try skipToBlock(from: payloadStart)
                }
                continue
            }
            position = next
            return true
        }
        return false
    }

    /// Decompresses and checks the current block. Returns the problem, if any.
    private mutating func open(_ header: TapeBlockHeader) -> String? {
        (contentUsed, contentEnd) = (0, 0)
        guard CRC32.of(payload[...]) == header.payloadCRC else { return "its checksum is wrong" }
        let size = Int(header.contentBytes)
        guard decompressor.decompress(payload[...], into: &content, count: size) else {
            return "it does not decompress"
        }
        var used = 0
        var records: UInt32 = 0
        while used < size {
            guard used + TapeFormat.recordHeaderBytes <= size else { return "its last record is cut off" }
            let topicCount = Int(content.littleEndian(UInt16.self, at: used))
            let bodyCount = Int(content.littleEndian(UInt32.self, at: used + 2))
            guard topicCount <= TapeFormat.topicByteLimit, bodyCount <= TapeFormat.bodyByteLimit else {
                return "a record is over the limit"
            }
            used += TapeFormat.recordHeaderBytes + topicCount + bodyCount
            records += 1
        }
        guard used == size, records == header.recordCount else { return "its records do not add up" }
        contentEnd = size
        return nil
    }

    /// The header at `position`, or the next one after it; moves `position` there.
    private mutating func findBlock() throws(TapeError) -> Found {
        while position < end {
            if let header = try header(at: position) {
                let blockEnd = position + UInt64(TapeFormat.blockHeaderBytes) + UInt64(header.payloadBytes)
                if blockEnd <= end { return .block(header) }
                // The segment ends here, or this block lacks bytes.
                let start = position
                try skipToBlock(from: start + UInt64(TapeFormat.blockHeaderBytes))
                let bytes = position - start
                note(position == end ? .partialBlock(bytes: bytes) : .noBlock(bytes: bytes), at: start)
                continue
            }
            if index == nil, try isUnfinishedIndex(at: position) {
                position = end
                return .end
            }
            let start = position
            try skipToBlock(from: start + 1)
            note(position == end ? tail(from: start) : .noBlock(bytes: position - start), at: start)
        }
        return .end
    }

    private func header(at offset: UInt64) throws(TapeError) -> TapeBlockHeader? {
        var bytes = [UInt8](repeating: 0, count: TapeFormat.blockHeaderBytes)
        guard try source.read(at: offset, into: &bytes) == bytes.count else { return nil }
        return TapeBlockHeader(bytes)
    }

    private func isBlockOrEnd(at offset: UInt64) throws(TapeError) -> Bool {
        if offset >= end { return offset == end }
        if try header(at: offset) != nil { return true }
        guard index == nil else { return false }
        return try isUnfinishedIndex(at: offset)
    }

    /// An index left unfinished by a killed writer has no records after it.
    private func isUnfinishedIndex(at offset: UInt64) throws(TapeError) -> Bool {
        var bytes = [UInt8](repeating: 0, count: 4)
        let count = try source.read(at: offset, into: &bytes)
        return count == bytes.count && bytes == TapeFormat.indexMagic
    }

    /// Moves to the next intact header from `start` on, or to the end.
    private mutating func skipToBlock(from start: UInt64) throws(TapeError) {
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        var chunkStart = start
        position = end
        while chunkStart < end {
            let count = min(try source.read(at: chunkStart, into: &chunk), Int(clamping: end - chunkStart))
            guard count >= TapeFormat.blockHeaderBytes else { break }
            for offset in 0...(count - TapeFormat.blockHeaderBytes) where chunk[offset] == TapeFormat.blockMagic[0] {
                guard TapeBlockHeader(chunk, at: offset) != nil else { continue }
                position = chunkStart + UInt64(offset)
                return
            }
            chunkStart += UInt64(count - TapeFormat.blockHeaderBytes + 1)
        }
    }

    /// Classifies the unreadable end of a segment: a partial block, or something else.
    private func tail(from offset: UInt64) -> TapeProblem.Kind {
        let bytes = end - offset
        return index == nil && bytes < UInt64(TapeFormat.blockHeaderBytes)
            ? .partialBlock(bytes: bytes) : .noBlock(bytes: bytes)
    }

    private mutating func note(_ kind: TapeProblem.Kind, at offset: UInt64) {
        problems.append(TapeProblem(segment: source.name, offset: offset, kind))
    }

    private static func resize(_ buffer: inout [UInt8], to count: Int) {
        if buffer.count > count {
            buffer.removeLast(buffer.count - count)
        } else {
            buffer.append(contentsOf: repeatElement(0, count: count - buffer.count))
        }
    }
}
