import Microstructure

/// The list of a segment's blocks, written at its end.
public enum TapeIndex {
    /// Index and trailer as they follow the last block, which ends at `offset`.
    public static func encode(_ blocks: [TapeBlock], at offset: UInt64) -> [UInt8] {
        var bytes = TapeFormat.indexMagic
        bytes.reserveCapacity(64 + blocks.count * TapeFormat.indexEntryBytes)
        bytes.append(littleEndian: UInt32(blocks.count))
        for block in blocks {
            bytes.append(littleEndian: block.offset)
            bytes.append(littleEndian: block.earliest.nanoseconds)
            bytes.append(littleEndian: block.latest.nanoseconds)
            bytes.append(littleEndian: block.recordCount)
            bytes.append(littleEndian: block.payloadBytes)
        }
        bytes.append(littleEndian: CRC32.of(bytes[...]))
        let trailer = bytes.count
        bytes.append(littleEndian: offset)
        bytes.append(littleEndian: UInt32(trailer))
        bytes.append(littleEndian: CRC32.of(bytes[trailer...]))
        bytes.append(contentsOf: TapeFormat.trailerMagic)
        return bytes
    }

    /// The index location from the last bytes of a segment; `nil` if they are not an intact trailer.
    static func location(trailer: [UInt8], segmentBytes: UInt64) -> (offset: UInt64, bytes: Int)? {
        guard trailer.count == TapeFormat.trailerBytes, trailer[16...].elementsEqual(TapeFormat.trailerMagic),
            CRC32.of(trailer[..<12]) == trailer.littleEndian(UInt32.self, at: 12)
        else { return nil }
        let offset: UInt64 = trailer.littleEndian(at: 0)
        let bytes: UInt32 = trailer.littleEndian(at: 8)
        let (end, overflow) = offset.addingReportingOverflow(UInt64(bytes) + UInt64(TapeFormat.trailerBytes))
        guard !overflow, end == segmentBytes, offset >= UInt64(TapeFormat.fileHeaderBytes),
            Int(bytes) <= TapeFormat.blockCountLimit * TapeFormat.indexEntryBytes + 12
        else { return nil }
        return (offset, Int(bytes))
    }

    /// `nil` where the bytes are no intact index.
    static func decode(_ bytes: [UInt8]) -> [TapeBlock]? {
        guard bytes.count >= TapeFormat.indexHeaderBytes + 4, bytes[..<4].elementsEqual(TapeFormat.indexMagic),
            CRC32.of(bytes[..<(bytes.count - 4)]) == bytes.littleEndian(UInt32.self, at: bytes.count - 4)
        else { return nil }
        let count = Int(bytes.littleEndian(UInt32.self, at: 4))
        guard bytes.count == TapeFormat.indexHeaderBytes + count * TapeFormat.indexEntryBytes + 4 else { return nil }
        return (0..<count).map { index in
            let start = TapeFormat.indexHeaderBytes + index * TapeFormat.indexEntryBytes
            return TapeBlock(
                offset: bytes.littleEndian(at: start),
                earliest: Timestamp(nanoseconds: bytes.littleEndian(at: start + 8)),
                latest: Timestamp(nanoseconds: bytes.littleEndian(at: start + 16)),
                recordCount: bytes.littleEndian(at: start + 24), payloadBytes: bytes.littleEndian(at: start + 28))
        }
    }
}
