import Microstructure

/// The checksum over the 25 best levels a side, bid and ask in turn, best first: `price:size:price:size:…`, the digits as
/// sent; a side that has no more levels is passed over.
enum OKXChecksum {
    private static let depth = 25

    static func value(of book: borrowing OrderBook, _ forms: borrowing LevelForms, _ scale: PriceScale) -> UInt32 {
        var checksum = CRC32()
        var isFirst = true
        for rank in 0..<depth {
            if rank < book.bids.count { add(book.bids[rank], forms, scale, &isFirst, to: &checksum) }
            if rank < book.asks.count { add(book.asks[rank], forms, scale, &isFirst, to: &checksum) }
        }
        return checksum.value
    }

    private static func add(
        _ level: PriceLevel, _ forms: borrowing LevelForms, _ scale: PriceScale, _ isFirst: inout Bool,
        to checksum: inout CRC32
    ) {
        guard let form = forms.form(at: level.price) else { return }
        if !isFirst { checksum.combine(UInt8(ascii: ":")) }
        isFirst = false
        checksum.combine(SentDigits(level.price.mantissa, exponent: scale.price, decimals: form.priceDecimals))
        checksum.combine(UInt8(ascii: ":"))
        checksum.combine(SentDigits(level.quantity.mantissa, exponent: scale.quantity, decimals: form.sizeDecimals))
    }
}
