/// Protobuf written from the last byte to the first, into reused memory. A length precedes its content, so in this
/// direction it is known when it is written.
struct ReverseBytes: ~Copyable {
    private var memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 1_024, alignment: 1)
    /// Start of the bytes written so far; they end at the end of the memory.
    private var start = 1_024

    deinit { memory.deallocate() }

    /// Discards everything and reserves `byteCount` bytes.
    mutating func clear(reserving byteCount: Int) {
        if byteCount > memory.count {
            memory.deallocate()
            memory = .allocate(byteCount: byteCount, alignment: 1)
        }
        start = memory.count
    }

    var count: Int { memory.count - start }

    /// The bytes written, valid until the next change.
    func withBytes<R, E: Error>(_ body: (RawSpan) throws(E) -> R) throws(E) -> R {
        try body(RawSpan(_unsafeBytes: UnsafeRawBufferPointer(rebasing: memory[start...])))
    }

    // MARK: Values

    mutating func varint(_ value: UInt64) {
        if value < 0x80 {
            move(by: 1)
            memory[start] = UInt8(truncatingIfNeeded: value)
            return
        }
        let size = (63 - value.leadingZeroBitCount) / 7 + 1
        move(by: size)
        var rest = value
        for index in start..<start + size - 1 {
            memory[index] = UInt8(truncatingIfNeeded: rest) | 0x80
            rest >>= 7
        }
        memory[start + size - 1] = UInt8(truncatingIfNeeded: rest)
    }

    mutating func zigzag(_ value: Int64) { varint(UInt64(bitPattern: (value << 1) ^ (value >> 63))) }

    mutating func fixed64(_ value: UInt64) {
        move(by: 8)
        memory.storeBytes(of: value.littleEndian, toByteOffset: start, as: UInt64.self)
    }

    mutating func bytes(_ bytes: [UInt8]) {
        move(by: bytes.count)
        UnsafeMutableRawBufferPointer(rebasing: memory[start...]).copyBytes(from: bytes)
    }

    // MARK: Fields: zero values are omitted, as in proto3

    mutating func field(_ number: UInt64, varint value: UInt64) {
        guard value != 0 else { return }
        varint(value)
        varint(number << 3)
    }

    mutating func field(_ number: UInt64, zigzag value: Int64) {
        guard value != 0 else { return }
        zigzag(value)
        varint(number << 3)
    }

    mutating func field(_ number: UInt64, fixed64 value: UInt64) {
        guard value != 0 else { return }
        fixed64(value)
        varint(number << 3 | 1)
    }

    mutating func field(_ number: UInt64, fixed64 value: Int64) { field(number, fixed64: UInt64(bitPattern: value)) }

    /// Closes a length-delimited field: its content was written since `count` was `end`.
    mutating func field(_ number: UInt64, since end: Int) {
        varint(UInt64(count - end))
        varint(number << 3 | 2)
    }

    private mutating func move(by size: Int) {
        precondition(start >= size, "more was written than reserved")
        start -= size
    }
}
