/// Equality of bytes that are already in memory.
enum ByteComparison {
    static func areEqual(_ bytes: UnsafeBufferPointer<UInt8>, _ text: StaticString) -> Bool {
        guard bytes.count == text.utf8CodeUnitCount else { return false }
        guard let start = bytes.baseAddress else { return true }
        return areEqual(start, text.utf8Start, bytes.count)
    }

    /// Whether two ranges of `count` bytes are equal, word by word; without a loop if the count is known at compile
    /// time.
    @inline(__always)
    static func areEqual(_ left: UnsafeRawPointer, _ right: UnsafeRawPointer, _ count: Int) -> Bool {
        @inline(__always) func differs<Word: FixedWidthInteger & BitwiseCopyable>(_ offset: Int, _: Word.Type) -> Bool {
            left.loadUnaligned(fromByteOffset: offset, as: Word.self)
                != right.loadUnaligned(fromByteOffset: offset, as: Word.self)
        }
        if count >= 8 {
            var offset = 0
            while offset &+ 8 < count {
                if differs(offset, UInt64.self) { return false }
                offset &+= 8
            }
            // This last word overlaps the previous one.
            return !differs(count &- 8, UInt64.self)
        }
        if count >= 4 { return !differs(0, UInt32.self) && !differs(count &- 4, UInt32.self) }
        for offset in 0..<count where differs(offset, UInt8.self) { return false }
        return true
    }
}
