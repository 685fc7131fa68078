import Microstructure

extension JSONScanner {
    /// An array of price levels, `[["61837.63","1.5"],…]`, in place of what `levels` held.
    ///
    /// Prices must be above zero and sizes not below it, else `.numberOutOfRange`. Further elements of a level
    /// are skipped (Binance once sent an empty array as a third). On an error `levels` is incomplete.
    /// Complexity: O(bytes); memory is bounded by the text: below three bytes of levels for one of JSON.
    public mutating func levels(
        of scale: borrowing PriceScale, into levels: inout [PriceLevel]
    ) throws(ScanError) {
        levels.removeAll(keepingCapacity: true)
        try beginArray()
        while try nextElement() {
            if let level = usualLevel(of: scale) {
                levels.append(level)
                continue
            }
            try beginArray()
            guard try nextElement() else { throw ScanError(.wrongType, at: position) }
            let priceStart = position
            let price = try decimal(exponent: scale.price)
            guard price > 0 else { throw ScanError(.numberOutOfRange, at: priceStart) }
            guard try nextElement() else { throw ScanError(.wrongType, at: position) }
            let quantityStart = position
            let quantity = try decimal(exponent: scale.quantity)
            guard quantity >= 0 else { throw ScanError(.numberOutOfRange, at: quantityStart) }
            while try nextElement() { try skipValue() }
            levels.append(PriceLevel(price: Price(price), quantity: Quantity(quantity)))
        }
    }

    /// A level as venues write it, `["61837.63000000","1.50000000"]`; `nil`, and nothing consumed, for any other.
    @inline(__always)
    private mutating func usualLevel(of scale: borrowing PriceScale) -> PriceLevel? {
        let start = position
        if consumeIfPresent(UInt8(ascii: "[")), let price = usualDecimal(exponent: scale.price), price > 0,
            consumeIfPresent(UInt8(ascii: ",")), let quantity = usualDecimal(exponent: scale.quantity),
            consumeIfPresent(UInt8(ascii: "]"))
        {
            return PriceLevel(price: Price(price), quantity: Quantity(quantity))
        }
        position = start
        return nil
    }
}

/// The decimal exponents of an instrument's prices and sizes.
public struct PriceScale: Sendable, Hashable {
    public let price: Int8
    public let quantity: Int8

    public init(_ instrument: Instrument) {
        price = instrument.priceExponent
        quantity = instrument.quantityExponent
    }
}
