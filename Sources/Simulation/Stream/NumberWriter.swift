import Microstructure

/// Writes a market's prices, sizes and levels as decimal text, with as few digits as hold the number.
struct NumberWriter: Sendable {
    let price: Int8
    let quantity: Int8

    init(_ listing: Listing) {
        price = listing.priceUnit.exponent
        quantity = listing.quantityUnit.exponent
    }

    func append(_ value: Price, to text: inout [UInt8]) {
        DecimalText.append(value.mantissa, exponent: price, to: &text)
    }

    func append(_ value: Quantity, to text: inout [UInt8]) {
        DecimalText.append(value.mantissa, exponent: quantity, to: &text)
    }

    /// `["61837.6","0.5"],…`; each level with `before` in front of the price and `after` behind the size.
    func append(_ levels: [PriceLevel], before: String = "", after: String = "", to text: inout [UInt8]) {
        for (rank, level) in levels.enumerated() {
            text.append(contentsOf: (rank == 0 ? "[\(before)\"" : ",[\(before)\"").utf8)
            append(level.price, to: &text)
            text.append(contentsOf: "\",\"".utf8)
            append(level.quantity, to: &text)
            text.append(contentsOf: "\"\(after)]".utf8)
        }
    }

    func text(_ value: Price) -> String {
        var text: [UInt8] = []
        append(value, to: &text)
        return String(decoding: text, as: UTF8.self)
    }

    func text(_ value: Quantity) -> String {
        var text: [UInt8] = []
        append(value, to: &text)
        return String(decoding: text, as: UTF8.self)
    }

    /// As a venue writes that keeps its numbers as floating-point ones: `50.0`.
    func float(_ value: Price) -> String { Self.float(value.mantissa, price) }
    func float(_ value: Quantity) -> String { Self.float(value.mantissa, quantity) }

    static func float(_ mantissa: Int64, _ exponent: Int8) -> String {
        var text: [UInt8] = []
        DecimalText.append(mantissa, exponent: exponent, least: 1, to: &text)
        return String(decoding: text, as: UTF8.self)
    }
}

extension Timestamp {
    var milliseconds: Int64 { bucket(width: 1_000_000) }
    var microseconds: Int64 { bucket(width: 1_000) }

    /// `2024-08-08T23:54:13.123456Z`.
    var isoText: String {
        var text: [UInt8] = []
        ISO8601.append(self, decimals: 6, to: &text)
        return String(decoding: text, as: UTF8.self)
    }
}
