import Microstructure

/// The checksum over the 25 best levels a side, bid and ask in turn, of each the price, then the size, all separated by
/// colons; sizes of asks are negative. Numbers are written as JavaScript does.
///
/// Source: Bitfinex API v2, "WebSocket Checksum", 2026-08.
enum BitfinexChecksum {
    private static let depth = 25

    static func value(of book: borrowing OrderBook, _ scale: PriceScale) -> UInt32 {
        var checksum = CRC32()
        var isFirst = true
        for rank in 0..<depth {
            if rank < book.bids.count { add(book.bids[rank], isAsk: false, scale, &isFirst, to: &checksum) }
            if rank < book.asks.count { add(book.asks[rank], isAsk: true, scale, &isFirst, to: &checksum) }
        }
        return checksum.value
    }

    private static func add(
        _ level: PriceLevel, isAsk: Bool, _ scale: PriceScale, _ isFirst: inout Bool, to checksum: inout CRC32
    ) {
        if !isFirst { checksum.combine(UInt8(ascii: ":")) }
        isFirst = false
        JavaScriptNumber(level.price.mantissa, exponent: scale.price).write { checksum.combine($0) }
        checksum.combine(UInt8(ascii: ":"))
        if isAsk { checksum.combine(UInt8(ascii: "-")) }
        JavaScriptNumber(level.quantity.mantissa, exponent: scale.quantity).write { checksum.combine($0) }
    }
}

/// A number as JavaScript writes it: without trailing zeros, below 10⁻⁶ in scientific notation, `7.9e-7`.
///
/// JavaScript knows doubles only. The venue's numbers were written by it, so their digits are the shortest that tell a
/// double from the others, and no double is needed to write them again.
/// Source: ECMA-262, `Number::toString`.
struct JavaScriptNumber {
    private var digits = InlineArray<20, UInt8>(repeating: 0)
    private var count = 0
    /// The number is 0.d₁d₂d₃… · 10 to this power.
    private let power: Int

    /// - Parameter mantissa: not negative.
    init(_ mantissa: Int64, exponent: Int8) {
        var rest = UInt64(max(0, mantissa))
        var exponent = Int(exponent)
        while rest > 0, rest % 10 == 0 { (rest, exponent) = (rest / 10, exponent + 1) }
        var reversed = InlineArray<20, UInt8>(repeating: 0)
        while rest > 0 {
            reversed[count] = UInt8(ascii: "0") + UInt8(rest % 10)
            rest /= 10
            count += 1
        }
        for place in 0..<count { digits[place] = reversed[count - 1 - place] }
        power = count + exponent
    }

    /// Passes the text byte by byte.
    func write(_ body: (UInt8) -> Void) {
        guard count > 0 else { return body(UInt8(ascii: "0")) }
        switch power {
        case 1...21:
            for place in 0..<max(count, power) {
                if place == power { body(UInt8(ascii: ".")) }
                body(place < count ? digits[place] : UInt8(ascii: "0"))
            }
        case -5...0:
            body(UInt8(ascii: "0"))
            body(UInt8(ascii: "."))
            for _ in 0..<(-power) { body(UInt8(ascii: "0")) }
            for place in 0..<count { body(digits[place]) }
        default:
            body(digits[0])
            if count > 1 { body(UInt8(ascii: ".")) }
            for place in 1..<max(1, count) { body(digits[place]) }
            body(UInt8(ascii: "e"))
            body(power > 0 ? UInt8(ascii: "+") : UInt8(ascii: "-"))
            let tens = abs(power - 1)
            if tens >= 10 { body(UInt8(ascii: "0") + UInt8(tens / 10)) }
            body(UInt8(ascii: "0") + UInt8(tens % 10))
        }
    }
}
