import Microstructure

/// Reads a frame in the canonical form that the venue uses nearly always: combined wrapper, keys in the venue's order,
/// no white space, numbers with at most a few digits more than today's.
///
/// Each byte is read once. For a frame of any other form, well-formed or not, this is `nil`, and `BinanceFrame` reads
/// it: it takes keys in any order and reports errors. If both can read a frame they give the same result.
enum CanonicalFrame {
    /// The levels are in the arrays passed in.
    case depth(InstrumentID, DepthHeader)
    case trade(Trade)
    case quote(Quote)

    init?(
        _ scanner: inout JSONScanner, of market: BinanceMarket = .global, symbols: borrowing SymbolTable,
        scales: borrowing [PriceScale], unit: VenueTimeUnit, at time: Timestamp, bids: inout [PriceLevel],
        asks: inout [PriceLevel]
    ) {
        guard !market.isFutures else {
            self.init(
                futures: &scanner, symbols: symbols, scales: scales, unit: unit, at: time, bids: &bids, asks: &asks)
            return
        }
        guard scanner.consumeIfPresent(#"{"stream":""#), let symbol = scanner.symbol(in: symbols, endingBefore: "@")
        else { return nil }
        let (id, scale) = (InstrumentID(symbol), scales[symbol])
        if scanner.consumeIfPresent(#"@depth@100ms","data":{"e":"depthUpdate","E":"#) {
            guard let venueTime = scanner.canonicalTime(in: unit),
                scanner.consumeIfPresent(#","s":""#), scanner.consumeIfPresent(symbol, of: symbols),
                scanner.consumeIfPresent(#"","U":"#), let first = scanner.canonicalInteger(),
                scanner.consumeIfPresent(#","u":"#), let last = scanner.canonicalInteger(), first <= last,
                scanner.consumeIfPresent(#","b":"#), scanner.canonicalLevels(of: scale, into: &bids),
                scanner.consumeIfPresent(#","a":"#), scanner.canonicalLevels(of: scale, into: &asks)
            else { return nil }
            self = .depth(
                id, DepthHeader(first: first, last: last, times: EventTimes(venue: venueTime, receive: time)))
        } else if scanner.consumeIfPresent(#"@trade","data":{"e":"trade","E":"#) {
            guard scanner.canonicalInteger() != nil,
                scanner.consumeIfPresent(#","s":""#), scanner.consumeIfPresent(symbol, of: symbols),
                scanner.consumeIfPresent(#"","t":"#), let number = scanner.canonicalInteger(),
                scanner.consumeIfPresent(#","p":"#),
                let price = scanner.canonicalDecimal(exponent: scale.price), price > 0,
                scanner.consumeIfPresent(#","q":"#),
                let quantity = scanner.canonicalDecimal(exponent: scale.quantity), quantity > 0,
                scanner.consumeIfPresent(#","T":"#), let venueTime = scanner.canonicalTime(in: unit),
                scanner.consumeIfPresent(#","m":"#), let isBuyerMaker = scanner.canonicalBoolean(),
                scanner.consumeIfPresent(#","M":"#), scanner.canonicalBoolean() != nil
            else { return nil }
            self = .trade(
                Trade(
                    instrument: id, times: EventTimes(venue: venueTime, receive: time), id: number, price: Price(price),
                    quantity: Quantity(quantity), aggressor: isBuyerMaker ? .sell : .buy))
        } else if scanner.consumeIfPresent(#"@bookTicker","data":{"u":"#) {
            guard let updateID = scanner.canonicalInteger(),
                scanner.consumeIfPresent(#","s":""#), scanner.consumeIfPresent(symbol, of: symbols),
                scanner.consumeIfPresent(#"","b":"#),
                let bid = scanner.canonicalDecimal(exponent: scale.price),
                scanner.consumeIfPresent(#","B":"#),
                let bidSize = scanner.canonicalDecimal(exponent: scale.quantity),
                scanner.consumeIfPresent(#","a":"#),
                let ask = scanner.canonicalDecimal(exponent: scale.price),
                scanner.consumeIfPresent(#","A":"#),
                let askSize = scanner.canonicalDecimal(exponent: scale.quantity)
            else { return nil }
            // The venue gives quotes no time of their own.
            self = .quote(
                Quote(
                    instrument: id, times: EventTimes(venue: time, receive: time), updateID: updateID,
                    bid: PriceLevel(price: Price(bid), quantity: Quantity(bidSize)),
                    ask: PriceLevel(price: Price(ask), quantity: Quantity(askSize))))
        } else {
            return nil
        }
        guard scanner.consumeIfPresent("}}"), scanner.position == scanner.bytes.count else { return nil }
    }
}

/// Readers of the canonical form only: `nil` or `false` for any other form, after which the position is meaningless.
extension JSONScanner {
    @inline(__always)
    mutating func consumeIfPresent(_ literal: StaticString) -> Bool {
        let count = literal.utf8CodeUnitCount
        guard bytes.count &- position >= count, let start = bytes.baseAddress,
            ByteComparison.areEqual(start + position, literal.utf8Start, count)
        else { return false }
        position &+= count
        return true
    }

    /// The index of the symbol spelt up to the next `end`, which is not consumed.
    @inline(__always)
    mutating func symbol(in symbols: borrowing SymbolTable, endingBefore end: Unicode.Scalar) -> Int? {
        let start = position
        while let word = word(at: position) {
            let ends = word.lanes(equalTo: end)
            position &+= ends.firstLane
            guard ends != 0 else { continue }
            let index = symbols.index(of: UnsafeBufferPointer(rebasing: bytes[start..<position]))
            return index >= 0 ? index : nil
        }
        return nil
    }

    /// Whether the symbol with that index follows.
    @inline(__always)
    mutating func consumeIfPresent(_ symbol: Int, of symbols: borrowing SymbolTable) -> Bool {
        let end = position &+ symbols.length(of: symbol)
        guard end <= bytes.count, symbols.matches(symbol, UnsafeBufferPointer(rebasing: bytes[position..<end])) else {
            return false
        }
        position = end
        return true
    }

    /// A bare whole number of 1 to 16 digits.
    @inline(__always)
    mutating func canonicalInteger() -> Int64? {
        guard let word = word(at: position) else { return nil }
        let digits = word.digitValues
        let count = digits.lanesAboveNine.firstLane
        guard count > 0 else { return nil }
        position &+= count
        let high = digits.number(ofFirst: count)
        guard count == 8 else { return Int64(high) }
        guard let rest = self.word(at: position) else { return nil }
        let low = rest.digitValues
        let lowCount = low.lanesAboveNine.firstLane
        guard lowCount > 0 else { return Int64(high) }
        position &+= lowCount
        return Int64(high &* .power(ofTen: lowCount) &+ low.number(ofFirst: lowCount))
    }

    @inline(__always)
    mutating func canonicalTime(in unit: VenueTimeUnit) -> Timestamp? {
        guard let count = canonicalInteger() else { return nil }
        return unit.timestamp(count)
    }

    @inline(__always)
    mutating func canonicalBoolean() -> Bool? {
        if consumeIfPresent("true") { return true }
        return consumeIfPresent("false") ? false : nil
    }
}
