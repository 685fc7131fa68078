extension PostedSignal {
    /// Reads a body in the canonical form that programs write: the four fields, each once, without escapes. `nil` for
    /// every other body, including invalid ones: `init(json:)` reports the error. O(bytes), without Foundation.
    init?(canonical body: ArraySlice<UInt8>) {
        var scanner = Scanner(bytes: body)
        guard let fields = scanner.fields() else { return nil }
        try? self.init(timestamp: fields.timestamp, type: fields.type, score: fields.score, symbol: fields.symbol)
    }

    private struct Scanner {
        let bytes: ArraySlice<UInt8>
        private var position: Int

        init(bytes: ArraySlice<UInt8>) {
            self.bytes = bytes
            position = bytes.startIndex
        }

        mutating func fields() -> (timestamp: Double, type: String, score: Double, symbol: String)? {
            var (timestamp, type, score, symbol): (Double?, String?, Double?, String?)
            guard take("{") else { return nil }
            repeat {
                guard let name = text(), take(":") else { return nil }
                switch name {
                case "timestamp" where timestamp == nil: timestamp = number()
                case "score" where score == nil: score = number()
                case "signal_type" where type == nil: type = text()
                case "symbol" where symbol == nil: symbol = text()
                default: return nil
                }
            } while take(",")
            guard take("}"), let timestamp, let type, let score, let symbol else { return nil }
            skipSpace()
            return position == bytes.endIndex ? (timestamp, type, score, symbol) : nil
        }

        private mutating func skipSpace() {
            while position < bytes.endIndex, [0x20, 0x0A, 0x0D, 0x09].contains(bytes[position]) { position += 1 }
        }

        private mutating func take(_ character: Unicode.Scalar) -> Bool {
            skipSpace()
            guard position < bytes.endIndex, bytes[position] == UInt8(ascii: character) else { return false }
            position += 1
            return true
        }

        /// ASCII between quotes, without escapes.
        private mutating func text() -> String? {
            guard take("\"") else { return nil }
            let start = position
            while position < bytes.endIndex, bytes[position] != UInt8(ascii: "\"") {
                guard (0x20...0x7E).contains(bytes[position]), bytes[position] != UInt8(ascii: "\\") else { return nil }
                position += 1
            }
            guard position < bytes.endIndex else { return nil }
            defer { position += 1 }
            return String(decoding: bytes[start..<position], as: UTF8.self)
        }

        /// A number in JSON's grammar with a finite value. Source: RFC 8259, section 6.
        private mutating func number() -> Double? {
            skipSpace()
            let start = position
            if peek(UInt8(ascii: "-")) { position += 1 }
            let isZero = peek(UInt8(ascii: "0"))
            guard let whole = digits(), !isZero || whole == 1 else { return nil }
            if peek(UInt8(ascii: ".")) {
                position += 1
                guard digits() != nil else { return nil }
            }
            if peek(UInt8(ascii: "e")) || peek(UInt8(ascii: "E")) {
                position += 1
                if peek(UInt8(ascii: "+")) || peek(UInt8(ascii: "-")) { position += 1 }
                guard digits() != nil else { return nil }
            }
            guard let value = Double(String(decoding: bytes[start..<position], as: UTF8.self)), value.isFinite else {
                return nil
            }
            return value
        }

        private func peek(_ byte: UInt8) -> Bool { position < bytes.endIndex && bytes[position] == byte }

        /// Skips digits and returns their count; `nil` if there are none.
        private mutating func digits() -> Int? {
            let start = position
            while position < bytes.endIndex, (0x30...0x39).contains(bytes[position]) { position += 1 }
            return position > start ? position - start : nil
        }
    }
}
