/// Contents of strings. Unescaped strings are compared in place; escaped strings are decoded first, which allocates,
/// but venues send none on the hot path.
extension JSONScanner {
    /// Whether a string equals `text`.
    public func equals(_ string: JSONString, _ text: StaticString) -> Bool {
        withBytes(of: string) { ByteComparison.areEqual($0, text) }
    }

    /// The byte of a one-byte string; zero for any other string.
    @inline(__always)
    func onlyByte(of string: JSONString) -> UInt8 {
        if !string.hasEscapes { return string.count == 1 ? bytes[string.start] : 0 }
        return withBytes(of: string) { bytes in bytes.count == 1 ? bytes[0] : 0 }
    }

    /// The decoded string; ill-formed UTF-8 and lone surrogates become U+FFFD.
    public func text(of string: JSONString) -> String {
        withBytes(of: string) { bytes in String(decoding: bytes, as: UTF8.self) }
    }

    /// Passes the decoded bytes of a string to `body`.
    func withBytes<Result>(of string: JSONString, _ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
        if !string.hasEscapes { return body(UnsafeBufferPointer(rebasing: bytes[string.start..<string.end])) }
        return decoded(string).withUnsafeBufferPointer(body)
    }

    private func decoded(_ string: JSONString) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(string.count)
        var index = string.start
        while index < string.end {
            guard bytes[index] == UInt8(ascii: "\\") else {
                result.append(bytes[index])
                index += 1
                continue
            }
            let escape = bytes[index + 1]
            guard escape == UInt8(ascii: "u") else {
                result.append(Self.meaning(ofEscape: escape))
                index += 2
                continue
            }
            let first = codeUnit(at: index + 2)
            index += 6
            var units = [first]
            if UTF16.isLeadSurrogate(first), index + 6 <= string.end, bytes[index] == UInt8(ascii: "\\"),
                bytes[index + 1] == UInt8(ascii: "u"), UTF16.isTrailSurrogate(codeUnit(at: index + 2))
            {
                units.append(codeUnit(at: index + 2))
                index += 6
            }
            result.append(contentsOf: String(decoding: units, as: UTF16.self).utf8)
        }
        return result
    }

    /// The four hexadecimal digits at `offset`, which `string()` has checked.
    private func codeUnit(at offset: Int) -> UInt16 {
        (0..<4).reduce(0) { unit, index in unit << 4 | (Self.hexDigit(bytes[offset + index]) ?? 0) }
    }

    private static func meaning(ofEscape byte: UInt8) -> UInt8 {
        switch byte {
        case UInt8(ascii: "b"): 0x08
        case UInt8(ascii: "f"): 0x0C
        case UInt8(ascii: "n"): 0x0A
        case UInt8(ascii: "r"): 0x0D
        case UInt8(ascii: "t"): 0x09
        default: byte
        }
    }
}
