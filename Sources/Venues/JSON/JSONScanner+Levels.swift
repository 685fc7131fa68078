import Microstructure

extension JSONScanner {
    /// Reads an array of price levels, `[["61837.63","1.5"],…]`, replacing the contents of `levels`.
    ///
    /// Prices must be positive and sizes not negative, else `.numberOutOfRange`. Further elements of a level are
    /// skipped (Binance once sent an empty array as a third). On an error `levels` is incomplete. Complexity: O(bytes);
    /// memory is bounded by the text: below three bytes of levels for one of JSON.
    public mutating func levels(
        of scale: borrowing PriceScale, into levels: inout [PriceLevel]
    ) throws(ScanError) {
        levels.removeAll(keepingCapacity: true)
        try beginArray()
        let canonical = (
            price: CanonicalScale(exponent: scale.price), quantity: CanonicalScale(exponent: scale.quantity)
        )
        while try nextElement() {
            if let price = canonical.price, let quantity = canonical.quantity,
                let level = canonicalLevel(price, quantity, from: &position)
            {
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

    /// Reads an array of levels in the venues' canonical form, without white space; `false` for any other form, after
    /// which the position is meaningless.
    mutating func canonicalLevels(of scale: borrowing PriceScale, into levels: inout [PriceLevel]) -> Bool {
        levels.removeAll(keepingCapacity: true)
        guard consumeIfPresent(UInt8(ascii: "[")) else { return false }
        if consumeIfPresent(UInt8(ascii: "]")) { return true }
        guard let price = CanonicalScale(exponent: scale.price), let quantity = CanonicalScale(exponent: scale.quantity)
        else {
            return false
        }
        var place = position
        // No level is shorter than `["1.0","1.0"]`.
        levels.append(addingCapacity: (bytes.count - place) / 13 + 1) { levels in
            repeat {
                guard let level = canonicalLevel(price, quantity, from: &place) else { return place = bytes.count }
                levels.append(level)
            } while consumeIfPresent(UInt8(ascii: ","), at: &place)
        }
        position = place
        return consumeIfPresent(UInt8(ascii: "]"))
    }

    /// Reads a level in canonical form, `["61837.63000000","1.50000000"]`; `nil`, and nothing consumed, otherwise.
    @inline(__always)
    private func canonicalLevel(_ priceScale: CanonicalScale, _ quantityScale: CanonicalScale, from place: inout Int)
        -> PriceLevel?
    {
        var next = place
        guard consumeIfPresent(UInt8(ascii: "["), at: &next),
            let price = canonicalDecimal(of: priceScale, from: &next), price > 0,
            consumeIfPresent(UInt8(ascii: ","), at: &next),
            let quantity = canonicalDecimal(of: quantityScale, from: &next),
            consumeIfPresent(UInt8(ascii: "]"), at: &next)
        else { return nil }
        place = next
        return PriceLevel(price: Price(price), quantity: Quantity(quantity))
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
