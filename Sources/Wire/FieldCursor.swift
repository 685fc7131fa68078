/// Walks over protobuf fields. Every read is checked against the end; `nil` is malformed, or longer than canonical.
struct FieldCursor {
    private var next: UnsafeRawPointer
    private let end: UnsafeRawPointer

    /// - Parameter bytes: must stay where they are while the cursor is used; not empty.
    init?(_ bytes: UnsafeRawBufferPointer) {
        guard let start = bytes.baseAddress else { return nil }
        next = start
        end = start + bytes.count
    }

    private init(next: UnsafeRawPointer, end: UnsafeRawPointer) {
        self.next = next
        self.end = end
    }

    var count: Int { end - next }
    var isAtEnd: Bool { next == end }

    mutating func varint() -> UInt64? {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while next < end {
            let byte = next.load(as: UInt8.self)
            next += 1
            // The tenth byte has room for one bit.
            guard shift < 63 || byte <= 1 else { return nil }
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
            shift += 7
        }
        return nil
    }

    mutating func zigzag() -> Int64? {
        guard let value = varint() else { return nil }
        return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
    }

    mutating func fixed64() -> UInt64? {
        guard count >= 8 else { return nil }
        let value = UInt64(littleEndian: next.loadUnaligned(as: UInt64.self))
        next += 8
        return value
    }

    /// The content of a length-delimited field.
    mutating func content() -> FieldCursor? {
        guard let length = varint(), length <= UInt64(count) else { return nil }
        let start = next
        next += Int(length)
        return FieldCursor(next: start, end: next)
    }

    /// What is left to read.
    var rest: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: next, count: count) }
}
