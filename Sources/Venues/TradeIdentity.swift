import Microstructure

/// The number by which a trade with a textual id is known.
enum TradeIdentity {
    /// A whole number keeps its value. Any other text, such as a UUID, becomes a hash of 63 bits: the same on any machine
    /// and in any version, and equal for two trades among 4,096 with a chance of 10⁻¹².
    static func number(_ text: UnsafeBufferPointer<UInt8>) -> Int64 { number(in: text) ?? hash(text) }

    /// `nil` for text that is no whole number, is written with leading zeros, or does not fit.
    private static func number(in text: UnsafeBufferPointer<UInt8>) -> Int64? {
        guard (1...19).contains(text.count), text[0] != UInt8(ascii: "0") || text.count == 1 else { return nil }
        var value: Int64 = 0
        for byte in text {
            let digit = Int64(byte) - Int64(UInt8(ascii: "0"))
            guard (0...9).contains(digit) else { return nil }
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(digit)
            guard !overflow, !carry else { return nil }
            value = sum
        }
        return value
    }

    private static func hash(_ text: UnsafeBufferPointer<UInt8>) -> Int64 {
        var hash = StableHash()
        for byte in text { hash.combine(byte: byte) }
        return Int64(hash.mixed >> 1)
    }
}

extension JSONScanner {
    /// The number of a trade's id, quoted or bare.
    mutating func tradeIdentity() throws(ScanError) -> Int64 {
        guard try peek() == .string else { return try integer() }
        let text = try string()
        guard text.count > 0 else { throw ScanError(.missingField, at: position) }
        return withBytes(of: text) { TradeIdentity.number($0) }
    }
}
