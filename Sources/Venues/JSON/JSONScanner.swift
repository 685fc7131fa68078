/// The type of a JSON value, from its first byte.
public enum JSONKind: Sendable, Hashable {
    case object, array, string, number, boolean, null
}

/// A string inside the scanned bytes, between its quotes and still escaped.
public struct JSONString: Sendable, Hashable {
    /// Offset from the start of the text, in bytes.
    public let start: Int
    public let end: Int
    public let hasEscapes: Bool

    public var count: Int { end - start }
}

/// Reads JSON text from front to back, one value at a time, without allocation and without `String`.
///
/// The caller asks for what it expects (`beginObject`, `nextKey`, `decimal` …) and skips unknown values. Any input is
/// safe: each read ends in a value or a `ScanError`. UTF-8 is not checked, and numbers may have leading zeros;
/// everything else follows JSON (RFC 8259). After an error the scanner is unusable.
public struct JSONScanner {
    /// Deepest nesting that `skipValue` follows. Beyond it `.tooDeep` is thrown, to bound the stack.
    public static let depthLimit = 32

    let bytes: UnsafeBufferPointer<UInt8>
    /// Bytes consumed.
    public internal(set) var position = 0
    /// Whether the innermost object or array was just opened: its first member has no comma before it.
    private var isFresh = false

    /// The pointer must outlive the scanner; outside the module `scan(_:_:)` ensures this.
    init(_ bytes: UnsafeBufferPointer<UInt8>) {
        self.bytes = bytes
    }

    /// Passes a scanner over `bytes` to `body`; it must not escape.
    public static func scan<Result, Failure: Error>(
        _ bytes: Span<UInt8>, _ body: (inout JSONScanner) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try bytes.withUnsafeBufferPointer { (buffer) throws(Failure) -> Result in
            var scanner = JSONScanner(buffer)
            return try body(&scanner)
        }
    }

    // MARK: Structure

    public mutating func beginObject() throws(ScanError) {
        try begin(UInt8(ascii: "{"))
    }

    /// The next key of the object, its colon consumed; `nil` at the end of the object.
    @inline(__always)
    public mutating func nextKey() throws(ScanError) -> JSONString? {
        guard try hasMember(before: UInt8(ascii: "}")) else { return nil }
        guard position < bytes.count else { throw ScanError(.truncated, at: position) }
        if let key = letterKey() { return key }
        guard bytes[position] == UInt8(ascii: "\"") else { throw ScanError(.unexpectedByte, at: position) }
        let key = try string()
        skipWhitespace()
        try consume(UInt8(ascii: ":"))
        return key
    }

    /// A one-letter key with its colon, `"e":`, as most venue keys are; `nil`, and nothing consumed, otherwise.
    @inline(__always)
    private mutating func letterKey() -> JSONString? {
        let start = position &+ 1
        guard bytes.count &- position >= 4, bytes[position] == UInt8(ascii: "\""), Self.isLetter(bytes[start]),
            bytes[start &+ 1] == UInt8(ascii: "\""), bytes[start &+ 2] == UInt8(ascii: ":")
        else { return nil }
        position = start &+ 3
        return JSONString(start: start, end: start &+ 1, hasEscapes: false)
    }

    public mutating func beginArray() throws(ScanError) {
        try begin(UInt8(ascii: "["))
    }

    /// Whether the array has another element, its comma consumed; at the end, the bracket is consumed.
    @inline(__always)
    public mutating func nextElement() throws(ScanError) -> Bool {
        try hasMember(before: UInt8(ascii: "]"))
    }

    /// Checks that only white space follows.
    public mutating func finish() throws(ScanError) {
        skipWhitespace()
        guard position == bytes.count else { throw ScanError(.unexpectedByte, at: position) }
    }

    /// The type of the next value, which is not consumed.
    @inline(__always)
    public mutating func peek() throws(ScanError) -> JSONKind {
        skipWhitespace()
        guard position < bytes.count else { throw ScanError(.truncated, at: position) }
        switch bytes[position] {
        case UInt8(ascii: "\""): return .string
        case UInt8(ascii: "["): return .array
        case UInt8(ascii: "{"): return .object
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"): return .number
        case UInt8(ascii: "t"), UInt8(ascii: "f"): return .boolean
        case UInt8(ascii: "n"): return .null
        default: throw ScanError(.unexpectedByte, at: position)
        }
    }

    /// Skips the next value, whatever its type.
    public mutating func skipValue() throws(ScanError) {
        try skipValue(depth: 0)
    }

    private mutating func skipValue(depth: Int) throws(ScanError) {
        let kind = try peek()
        switch kind {
        case .string: _ = try string()
        case .number: try skipNumber()
        case .boolean: _ = try boolean()
        case .null: try null()
        case .object, .array:
            guard depth < Self.depthLimit else { throw ScanError(.tooDeep, at: position) }
            if kind == .object {
                try beginObject()
                while try nextKey() != nil { try skipValue(depth: depth + 1) }
            } else {
                try beginArray()
                while try nextElement() { try skipValue(depth: depth + 1) }
            }
        }
    }

    // MARK: Scalars

    /// A string, checked for well-formed escapes but not decoded.
    public mutating func string() throws(ScanError) -> JSONString {
        if position >= bytes.count || bytes[position] != UInt8(ascii: "\"") { try expect(.string) }
        position &+= 1
        let start = position
        while let word = word(at: position) {
            let ends = word.lanes(equalTo: "\"") | word.lanes(equalTo: "\\") | word.lanes(below: 0x20)
            position &+= ends.firstLane
            guard ends != 0 else { continue }
            guard bytes[position] == UInt8(ascii: "\"") else { break }
            position &+= 1
            return JSONString(start: start, end: position &- 1, hasEscapes: false)
        }
        return try restOfString(from: start)
    }

    /// Reads byte by byte: after the first escape, and near the end of the text.
    private mutating func restOfString(from start: Int) throws(ScanError) -> JSONString {
        var hasEscapes = false
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: "\""):
                position &+= 1
                return JSONString(start: start, end: position - 1, hasEscapes: hasEscapes)
            case UInt8(ascii: "\\"):
                hasEscapes = true
                try skipEscape()
            case 0..<0x20:
                throw ScanError(.unexpectedByte, at: position)
            default:
                position &+= 1
            }
        }
        throw ScanError(.truncated, at: position)
    }

    public mutating func boolean() throws(ScanError) -> Bool {
        try expect(.boolean)
        let isTrue = bytes[position] == UInt8(ascii: "t")
        try consume(literal: isTrue ? "true" : "false")
        return isTrue
    }

    public mutating func null() throws(ScanError) {
        try expect(.null)
        try consume(literal: "null")
    }

    // MARK: Bytes

    /// The eight bytes from `offset` on, the first one lowest; `nil` where there are fewer.
    @inline(__always)
    func word(at offset: Int) -> UInt64? {
        guard bytes.count &- offset >= 8, let start = bytes.baseAddress else { return nil }
        return UInt64(littleEndian: UnsafeRawPointer(start).loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }

    @inline(__always)
    static func isLetter(_ byte: UInt8) -> Bool { (byte | 0x20) &- UInt8(ascii: "a") < 26 }

    /// Skips JSON's four white-space bytes; in compact text the first comparison ends it.
    @inline(__always)
    mutating func skipWhitespace() {
        while position < bytes.count, bytes[position] <= 0x20, Self.isWhitespace(bytes[position]) { position &+= 1 }
    }

    @inline(__always)
    static func isWhitespace(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09
    }

    @inline(__always)
    mutating func consume(_ byte: UInt8) throws(ScanError) {
        guard position < bytes.count else { throw ScanError(.truncated, at: position) }
        guard bytes[position] == byte else { throw ScanError(.unexpectedByte, at: position) }
        position &+= 1
    }

    private mutating func expect(_ kind: JSONKind) throws(ScanError) {
        guard try peek() == kind else { throw ScanError(.wrongType, at: position) }
    }

    private mutating func begin(_ bracket: UInt8) throws(ScanError) {
        try expect(bracket == UInt8(ascii: "{") ? .object : .array)
        position &+= 1
        isFresh = true
    }

    @inline(__always)
    private mutating func hasMember(before bracket: UInt8) throws(ScanError) -> Bool {
        skipWhitespace()
        guard position < bytes.count else { throw ScanError(.truncated, at: position) }
        if bytes[position] == bracket {
            position &+= 1
            isFresh = false
            return false
        }
        if !isFresh {
            try consume(UInt8(ascii: ","))
            skipWhitespace()
        }
        isFresh = false
        return true
    }

    private mutating func consume(literal: StaticString) throws(ScanError) {
        for index in 0..<literal.utf8CodeUnitCount { try consume(literal.utf8Start[index]) }
    }

    private mutating func skipEscape() throws(ScanError) {
        let start = position
        position &+= 1
        guard position < bytes.count else { throw ScanError(.truncated, at: position) }
        let escape = bytes[position]
        position &+= 1
        switch escape {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            return
        case UInt8(ascii: "u"):
            for _ in 0..<4 {
                guard position < bytes.count else { throw ScanError(.truncated, at: position) }
                guard Self.hexDigit(bytes[position]) != nil else { throw ScanError(.invalidEscape, at: start) }
                position &+= 1
            }
        default:
            throw ScanError(.invalidEscape, at: start)
        }
    }

    static func hexDigit(_ byte: UInt8) -> UInt16? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt16(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt16(byte - UInt8(ascii: "a") + 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt16(byte - UInt8(ascii: "A") + 10)
        default: nil
        }
    }
}
