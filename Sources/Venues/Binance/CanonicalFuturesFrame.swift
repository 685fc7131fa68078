import Microstructure

/// The canonical forms of futures. `ps`, the pair, and `st`, the kind of market, came to USD-M in 2026; both are optional.
extension CanonicalFrame {
    init?(
        futures scanner: inout JSONScanner, symbols: borrowing SymbolTable, scales: borrowing [PriceScale],
        unit: VenueTimeUnit, at time: Timestamp, bids: inout [PriceLevel], asks: inout [PriceLevel]
    ) {
        guard scanner.consumeIfPresent(#"{"stream":""#), let symbol = scanner.symbol(in: symbols, endingBefore: "@")
        else { return nil }
        let (id, scale) = (InstrumentID(symbol), scales[symbol])
        if scanner.consumeIfPresent("@depth@") {
            guard scanner.consumeIfPresent("100ms") || scanner.consumeIfPresent("0ms"),
                scanner.consumeIfPresent(#"","data":{"e":"depthUpdate","E":"#), scanner.canonicalInteger() != nil,
                scanner.consumeIfPresent(#","T":"#), let venueTime = scanner.canonicalTime(in: unit),
                scanner.consumeIfPresent(#","s":""#), scanner.consumeIfPresent(symbol, of: symbols),
                scanner.consumePair(), scanner.consumeIfPresent(#","U":"#), scanner.canonicalInteger() != nil,
                scanner.consumeIfPresent(#","u":"#), let last = scanner.canonicalInteger(),
                scanner.consumeIfPresent(#","pu":"#), let previous = scanner.canonicalInteger(), previous < last,
                scanner.consumeIfPresent(#","b":"#), scanner.canonicalLevelsOfFutures(of: scale, into: &bids),
                scanner.consumeIfPresent(#","a":"#), scanner.canonicalLevelsOfFutures(of: scale, into: &asks)
            else { return nil }
            self = .depth(
                id, DepthHeader(first: previous + 1, last: last, times: EventTimes(venue: venueTime, receive: time)))
        } else if scanner.consumeIfPresent(#"@trade","data":{"e":"trade","E":"#) {
            guard scanner.canonicalInteger() != nil,
                scanner.consumeIfPresent(#","T":"#), let venueTime = scanner.canonicalTime(in: unit),
                scanner.consumeIfPresent(#","s":""#), scanner.consumeIfPresent(symbol, of: symbols),
                scanner.consumeIfPresent(#"","t":"#), let number = scanner.canonicalInteger(),
                scanner.consumeIfPresent(#","p":"#), let price = scanner.canonicalNumber(of: scale.price), price > 0,
                scanner.consumeIfPresent(#","q":"#), let quantity = scanner.canonicalNumber(of: scale.quantity),
                quantity > 0, scanner.consumeIfPresent(#","X":""#),
                scanner.consumeIfPresent("MARKET") || scanner.consumeIfPresent("RPI"),
                scanner.consumeIfPresent(#"","m":"#), let isBuyerMaker = scanner.canonicalBoolean()
            else { return nil }
            self = .trade(
                Trade(
                    instrument: id, times: EventTimes(venue: venueTime, receive: time), id: number, price: Price(price),
                    quantity: Quantity(quantity), aggressor: isBuyerMaker ? .sell : .buy))
        } else if scanner.consumeIfPresent(#"@bookTicker","data":{"#) {
            guard let updateID = scanner.quoteID(),
                scanner.consumeIfPresent(#","s":""#), scanner.consumeIfPresent(symbol, of: symbols),
                scanner.consumePair(),
                scanner.consumeIfPresent(#","b":"#), let bid = scanner.canonicalNumber(of: scale.price),
                scanner.consumeIfPresent(#","B":"#), let bidSize = scanner.canonicalNumber(of: scale.quantity),
                scanner.consumeIfPresent(#","a":"#), let ask = scanner.canonicalNumber(of: scale.price),
                scanner.consumeIfPresent(#","A":"#), let askSize = scanner.canonicalNumber(of: scale.quantity),
                scanner.consumeIfPresent(#","T":"#), let venueTime = scanner.canonicalTime(in: unit),
                scanner.consumeIfPresent(#","E":"#), scanner.consumeDigits()
            else { return nil }
            self = .quote(
                Quote(
                    instrument: id, times: EventTimes(venue: venueTime, receive: time), updateID: updateID,
                    bid: PriceLevel(price: Price(bid), quantity: Quantity(bidSize)),
                    ask: PriceLevel(price: Price(ask), quantity: Quantity(askSize))))
        } else {
            return nil
        }
        if scanner.consumeIfPresent(#","st":"#), !scanner.consumeDigits() { return nil }
        guard scanner.consumeIfPresent("}}"), scanner.position == scanner.bytes.count else { return nil }
    }
}

extension JSONScanner {
    /// A bare whole number that nobody needs. Unlike `canonicalInteger` it may be at the end of the frame.
    @inline(__always)
    fileprivate mutating func consumeDigits() -> Bool {
        let start = position
        while position < bytes.count, bytes[position] &- UInt8(ascii: "0") <= 9 { position &+= 1 }
        return position > start
    }

    /// The end of `s` and, if present, `ps`: `BTCUSD_PERP","ps":"BTCUSD"`.
    @inline(__always)
    fileprivate mutating func consumePair() -> Bool {
        if consumeIfPresent(#"","ps":""#) {
            while position < bytes.count, bytes[position] != UInt8(ascii: "\"") {
                // An escape is not canonical, and a control character is not JSON.
                guard bytes[position] >= 0x20, bytes[position] != UInt8(ascii: "\\") else { return false }
                position &+= 1
            }
        }
        return consumeIfPresent("\"")
    }

    /// `u` of a quote. COIN-M put it before `e` until 2024 or later, USD-M behind.
    @inline(__always)
    fileprivate mutating func quoteID() -> Int64? {
        if consumeIfPresent(#""e":"bookTicker","u":"#) { return canonicalInteger() }
        guard consumeIfPresent(#""u":"#), let id = canonicalInteger(),
            consumeIfPresent(#","e":"bookTicker""#)
        else { return nil }
        return id
    }

    @inline(__always)
    fileprivate mutating func canonicalNumber(of exponent: Int8) -> Int64? {
        guard let scale = CanonicalScale(exponent: exponent) else { return nil }
        return canonicalNumber(of: scale, from: &position)
    }

    /// A canonical decimal, or one that the word-wise reader does not take: sizes of futures are often whole numbers, and
    /// the last number of a frame may have too few bytes behind it.
    @inline(__always)
    fileprivate func canonicalNumber(of scale: CanonicalScale, from place: inout Int) -> Int64? {
        canonicalDecimal(of: scale, from: &place) ?? shortNumber(of: scale, from: &place)
    }

    /// A string of one to ten digits and, behind a point, of one to eight more.
    private func shortNumber(of scale: CanonicalScale, from place: inout Int) -> Int64? {
        guard place < bytes.count, bytes[place] == UInt8(ascii: "\"") else { return nil }
        var next = place &+ 1
        guard let whole = digits(atMost: 10, from: &next) else { return nil }
        // At most 10¹⁰ · 10⁸.
        var units = whole &* scale.unitsPerOne
        if next < bytes.count, bytes[next] == UInt8(ascii: ".") {
            next &+= 1
            let start = next
            guard let fraction = digits(atMost: 8, from: &next) else { return nil }
            let count = next &- start
            let scaled = fraction &* scale.unitsPerOne
            let one = UInt64.power(ofTen: count)
            guard scaled % one == 0 else { return nil }
            units &+= scaled / one
        }
        guard next < bytes.count, bytes[next] == UInt8(ascii: "\"") else { return nil }
        place = next &+ 1
        return Int64(truncatingIfNeeded: units)
    }

    /// The number formed by the digits from `place` on; `nil` without any or with more than `limit`.
    private func digits(atMost limit: Int, from place: inout Int) -> UInt64? {
        let start = place
        var value: UInt64 = 0
        while place < bytes.count {
            let digit = bytes[place] &- UInt8(ascii: "0")
            guard digit <= 9 else { break }
            guard place &- start < limit else { return nil }
            value = value &* 10 &+ UInt64(digit)
            place &+= 1
        }
        return place > start ? value : nil
    }

    /// Reads an array of levels in canonical form; `false` for any other form, after which the position is meaningless.
    fileprivate mutating func canonicalLevelsOfFutures(
        of scale: borrowing PriceScale, into levels: inout [PriceLevel]
    ) -> Bool {
        levels.removeAll(keepingCapacity: true)
        guard consumeIfPresent(UInt8(ascii: "[")) else { return false }
        if consumeIfPresent(UInt8(ascii: "]")) { return true }
        guard let price = CanonicalScale(exponent: scale.price), let quantity = CanonicalScale(exponent: scale.quantity)
        else { return false }
        var place = position
        repeat {
            guard consumeIfPresent(UInt8(ascii: "["), at: &place),
                let level = canonicalNumber(of: price, from: &place), level > 0,
                consumeIfPresent(UInt8(ascii: ","), at: &place),
                let size = canonicalNumber(of: quantity, from: &place),
                consumeIfPresent(UInt8(ascii: "]"), at: &place)
            else { return false }
            levels.append(PriceLevel(price: Price(level), quantity: Quantity(size)))
        } while consumeIfPresent(UInt8(ascii: ","), at: &place)
        position = place
        return consumeIfPresent(UInt8(ascii: "]"))
    }
}
