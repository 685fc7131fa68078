/// A place in a binary frame that only moves forward, and never beyond its end.
struct SBECursor {
    private let bytes: UnsafeRawBufferPointer
    /// Bytes consumed.
    private(set) var position = 0

    /// The pointer must outlive the cursor.
    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    mutating func skip(_ count: Int) throws(ScanError) {
        guard count >= 0, count <= bytes.count - position else { throw ScanError(.truncated, at: bytes.count) }
        position += count
    }

    /// A little-endian number.
    mutating func next<Number: FixedWidthInteger & BitwiseCopyable>(_: Number.Type) throws(ScanError) -> Number {
        let start = position
        try skip(MemoryLayout<Number>.size)
        return Number(littleEndian: bytes.loadUnaligned(fromByteOffset: start, as: Number.self))
    }
}
