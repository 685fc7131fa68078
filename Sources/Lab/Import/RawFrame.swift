import Venues

/// What an import needs to know of a stream's frame before the venue session reads it.
struct RawFrame {
    /// The name in `e`, or of the stream; `nil` for answers to requests.
    let event: String?
    /// The unit of `E`; `nil` where the frame states no time.
    let timeUnit: VenueTimeUnit?
    /// What shows that the frame is of a futures market; `nil` for spot.
    let futuresMark: String?

    /// The symbol as the venue spells it, `BTCUSD_PERP`.
    let venueSymbol: String?

    /// Events that no spot market has.
    private static let futuresEvents: Set<String> = [
        "markPriceUpdate", "forceOrder", "contractInfo", "compositeIndex", "assetIndexUpdate",
    ]

    init(_ text: [UInt8]) {
        let head = Self.head(of: text)
        let ownEvent = Self.text(of: "e", in: head).map { String(decoding: $0, as: UTF8.self) }
        event = ownEvent ?? Self.streamEvent(head)
        timeUnit = Self.value(of: "E", in: head).flatMap { digits in
            switch digits.prefix(while: { $0 &- UInt8(ascii: "0") <= 9 }).count {
            case 0: nil
            // 16 digits: microseconds since 2001.
            case 16...: .microseconds
            default: .milliseconds
            }
        }
        venueSymbol = Self.text(of: "s", in: head).map { String(decoding: $0, as: UTF8.self) }
        futuresMark = Self.futuresMark(head, event: event, hasOwnEvent: ownEvent != nil)
    }

    /// What shows that a REST snapshot is of a futures market: it states its time.
    static func futuresMark(ofSnapshot text: [UInt8]) -> String? {
        let head = Self.head(of: text)
        return value(of: "E", in: head) != nil && value(of: "T", in: head) != nil ? "E and T of its snapshot" : nil
    }

    private static func futuresMark(_ head: ArraySlice<UInt8>, event: String?, hasOwnEvent: Bool) -> String? {
        if value(of: "ps", in: head) != nil { return "ps, the pair of a COIN-M contract" }
        switch event {
        case "depthUpdate": return value(of: "pu", in: head) == nil ? nil : "pu of its depth updates"
        case "bookTicker": return hasOwnEvent ? "e of its bookTicker" : nil
        case "trade": return value(of: "X", in: head) == nil ? nil : "X of its trades"
        case "aggTrade": return value(of: "nq", in: head) == nil ? nil : "nq of its aggTrade"
        case let event?: return futuresEvents.contains(event) ? event : nil
        case nil: return nil
        }
    }

    /// `blockTrade` of `btcusdt@blockTrade`, `depth20` of `btcusdt@depth20@100ms`.
    private static func streamEvent(_ head: ArraySlice<UInt8>) -> String? {
        guard let stream = text(of: "stream", in: head), let at = stream.firstIndex(of: UInt8(ascii: "@")) else {
            return nil
        }
        return String(decoding: stream[(at + 1)...].prefix { $0 != UInt8(ascii: "@") }, as: UTF8.self)
    }

    // MARK: Keys

    /// The part where the short fields lie; levels may follow for a hundred kilobytes.
    static func head(of text: [UInt8]) -> ArraySlice<UInt8> { text.prefix(320) }

    /// What stands behind `"key":`, blanks left out; `nil` without that key.
    static func value(of key: StaticString, in text: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        let count = key.utf8CodeUnitCount
        let name = UnsafeBufferPointer(start: key.utf8Start, count: count)
        func skipBlanks(_ place: Int) -> Int {
            var place = place
            while place < text.endIndex, text[place] == UInt8(ascii: " ") { place += 1 }
            return place
        }
        var place = text.startIndex
        while let quote = text[place...].firstIndex(of: UInt8(ascii: "\"")) {
            place = quote + 1
            let close = place + count
            guard close < text.endIndex, text[close] == UInt8(ascii: "\""), text[place..<close].elementsEqual(name)
            else { continue }
            let colon = skipBlanks(close + 1)
            guard colon < text.endIndex, text[colon] == UInt8(ascii: ":") else { continue }
            return text[skipBlanks(colon + 1)...]
        }
        return nil
    }

    /// The text value of `key`.
    static func text(of key: StaticString, in text: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        guard let value = value(of: key, in: text), value.first == UInt8(ascii: "\"") else { return nil }
        return value.dropFirst().prefix { $0 != UInt8(ascii: "\"") }
    }
}
