import Microstructure

/// The checksum over the ten best levels a side: asks, then bids, best first; of each the price, then the size, without
/// points and leading zeros.
enum KrakenChecksum {
    private static let depth = 10

    static func value(of book: borrowing OrderBook, _ forms: borrowing LevelForms, _ scale: PriceScale) -> UInt32 {
        var checksum = CRC32()
        add(book.asks, forms, scale, to: &checksum)
        add(book.bids, forms, scale, to: &checksum)
        return checksum.value
    }

    private static func add(
        _ side: borrowing BookSide, _ forms: borrowing LevelForms, _ scale: PriceScale, to checksum: inout CRC32
    ) {
        for rank in 0..<min(depth, side.count) {
            let level = side[rank]
            guard let form = forms.form(at: level.price) else { continue }
            checksum.combine(
                withoutPoint: SentDigits(level.price.mantissa, exponent: scale.price, decimals: form.priceDecimals))
            checksum.combine(
                withoutPoint: SentDigits(
                    level.quantity.mantissa, exponent: scale.quantity, decimals: form.sizeDecimals))
        }
    }
}
