import Microstructure

/// Values that both of Coinbase's feeds write alike.
extension JSONScanner {
    /// A decimal number; `nil`, and the value skipped, for text that is no number and for a number beyond `Int64`. The size
    /// "0.-10000" has been seen.
    @inline(__always)
    mutating func decimalIfValid(exponent: Int8) throws(ScanError) -> Int64? {
        let start = self
        do throws(ScanError) {
            return try decimal(exponent: exponent)
        } catch {
            guard error.kind == .notANumber || error.kind == .numberOutOfRange else { throw error }
            self = start
            guard error.kind == .numberOutOfRange, try peek() == .string else {
                try skipValue()
                return nil
            }
            // Too many digits behind the point: a number finer than the instrument's, which is refused like any such one.
            let text = try string()
            guard !withBytes(of: text, { $0.contains(UInt8(ascii: ".")) }) else {
                throw ScanError(.doesNotFit, at: error.offset)
            }
            return nil
        }
    }

    /// A time; `nil`, and the value skipped, for none and for one that makes no sense: the year 1 has been seen.
    mutating func timeIfValid() throws(ScanError) -> Timestamp? {
        guard try peek() == .string else {
            try skipValue()
            return nil
        }
        return try isoTime()
    }

    /// The aggressor of a trade from the side of its maker, as both feeds and the HTTP services state it; `nil` for other
    /// text.
    func aggressor(ofMaker side: JSONString) -> AggressorSide? {
        if equals(side, "sell") || equals(side, "SELL") { return .buy }
        return equals(side, "buy") || equals(side, "BUY") ? .sell : nil
    }
}

extension VenueMessage {
    /// The level of a price and an absolute size, either of them `nil` if it is no number.
    ///
    /// A level that makes no sense is counted and left out. If only its size makes no sense, the book's level at that price
    /// is removed, since its size is not known any more.
    @inline(__always)
    mutating func level(_ price: Int64?, _ quantity: Int64?) -> PriceLevel? {
        guard let price, price > 0 else {
            refusedLevels += 1
            return nil
        }
        guard let quantity, quantity >= 0 else {
            refusedLevels += 1
            return PriceLevel(price: Price(price), quantity: .zero)
        }
        return PriceLevel(price: Price(price), quantity: Quantity(quantity))
    }
}

/// Sorts the levels of both sides, which come in one list, into two ranges of a message: bids go there at once, asks wait
/// until the list ends. O(1) a level, each side in the order in which it came.
struct MixedLevels: Sendable {
    private var start = 0
    private var asks: [PriceLevel] = []

    mutating func begin(in message: borrowing VenueMessage) {
        start = message.levels.count
        asks.removeAll(keepingCapacity: true)
    }

    @inline(__always)
    mutating func append(_ level: PriceLevel, isBid: Bool, to message: inout VenueMessage) {
        if isBid {
            message.levels.append(level)
        } else {
            asks.append(level)
        }
    }

    mutating func end(in message: inout VenueMessage) -> (bids: Range<Int>, asks: Range<Int>) {
        let middle = message.levels.count
        message.levels.append(contentsOf: asks)
        return (start..<middle, middle..<message.levels.count)
    }
}
