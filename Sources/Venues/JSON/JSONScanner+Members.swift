import Microstructure

/// Whole objects and arrays, member by member.
extension JSONScanner {
    /// Passes each key of an object to `body`, which must consume the value.
    @inline(__always)
    mutating func eachMember(
        _ body: (JSONString, inout JSONScanner) throws(ScanError) -> Void
    ) throws(ScanError) {
        try beginObject()
        while let key = try nextKey() { try body(key, &self) }
    }

    /// Calls `body` at each element of an array, which must consume it.
    @inline(__always)
    mutating func eachElement(_ body: (inout JSONScanner) throws(ScanError) -> Void) throws(ScanError) {
        try beginArray()
        while try nextElement() { try body(&self) }
    }

    /// The number in a string or bare, without a fraction; `nil` for another value, which is skipped.
    mutating func wholeNumber() throws(ScanError) -> Int64? {
        switch try peek() {
        case .string, .number: break
        default:
            try skipValue()
            return nil
        }
        return try decimal(exponent: 0)
    }

    /// A time as ISO 8601 writes it; `nil` for one that makes no sense, which is skipped.
    mutating func isoTime() throws(ScanError) -> Timestamp? {
        let text = try string()
        return withBytes(of: text) { ISO8601.time($0, 0..<$0.count) }.flatMap { $0.nanoseconds > 0 ? $0 : nil }
    }

    /// Reads an answer over HTTP from its first byte to its last.
    static func answer<Result>(
        _ body: Span<UInt8>, _ payload: PayloadKind,
        _ read: (inout JSONScanner) throws(ScanError) -> Result
    ) throws(VenueError) -> Result {
        do throws(ScanError) {
            return try scan(body) { (scanner) throws(ScanError) in
                let result = try read(&scanner)
                try scanner.finish()
                return result
            }
        } catch {
            throw .rejected(Rejection(RejectionKind(error.kind), in: payload, at: error.offset))
        }
    }
}
