import Wire
import NIOCore
import Wire

/// Writes compact JSON straight into a buffer: for documents that are written many times a second.
///
/// The writer adds commas; array elements have no key. The caller must close every object and array.
struct JSONWriter {
    private(set) var buffer: ByteBuffer
    private var needsComma = false

    init(capacity: Int = 256) {
        buffer = ByteBuffer()
        buffer.reserveCapacity(capacity)
    }

    mutating func object(_ key: String? = nil, _ body: (inout JSONWriter) throws -> Void) rethrows {
        try nest(key, "{", "}", body)
    }

    mutating func array(_ key: String? = nil, _ body: (inout JSONWriter) throws -> Void) rethrows {
        try nest(key, "[", "]", body)
    }

    private mutating func nest(
        _ key: String?, _ open: StaticString, _ close: StaticString, _ body: (inout JSONWriter) throws -> Void
    ) rethrows {
        begin(key)
        buffer.writeStaticString(open)
        needsComma = false
        try body(&self)
        buffer.writeStaticString(close)
        needsComma = true
    }

    /// Writes a number; `nil`, NaN and infinities, which JSON cannot express, become null.
    mutating func number(_ key: String?, _ value: Double?) {
        begin(key)
        if let value, value.isFinite { buffer.writeString(value.description) } else { buffer.writeStaticString("null") }
    }

    mutating func integer(_ key: String?, _ value: some BinaryInteger) {
        begin(key)
        buffer.writeString("\(value)")
    }

    mutating func bool(_ key: String?, _ value: Bool) {
        begin(key)
        buffer.writeString(value ? "true" : "false")
    }

    mutating func string(_ key: String?, _ value: String?) {
        begin(key)
        if let value { quoted(value) } else { buffer.writeStaticString("null") }
    }

    /// Writes `mantissa · 10^exponent` as quoted text, with the number of decimals that the exponent gives.
    mutating func decimal(_ key: String?, _ mantissa: Int64, exponent: Int32) {
        begin(key)
        quoted(DecimalNotation.text(mantissa, exponent: exponent))
    }

    /// Writes a value that is already JSON.
    mutating func raw(_ key: String?, _ json: ByteBuffer) {
        begin(key)
        buffer.writeImmutableBuffer(json)
    }

    private mutating func begin(_ key: String?) {
        if needsComma { buffer.writeStaticString(",") }
        needsComma = true
        guard let key else { return }
        quoted(key)
        buffer.writeStaticString(":")
    }

    private mutating func quoted(_ text: String) {
        buffer.writeStaticString("\"")
        if text.utf8.allSatisfy({ $0 >= 0x20 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }) {
            buffer.writeString(text)
        } else {
            for scalar in text.unicodeScalars {
                switch scalar {
                case "\"": buffer.writeStaticString("\\\"")
                case "\\": buffer.writeStaticString("\\\\")
                case "\u{0}"..<" ":
                    let digits = String(scalar.value, radix: 16)
                    buffer.writeString("\\u" + String(repeating: "0", count: 4 - digits.count) + digits)
                default: buffer.writeString(String(scalar))
                }
            }
        }
        buffer.writeStaticString("\"")
    }
}
