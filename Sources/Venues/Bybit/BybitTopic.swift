import Microstructure

/// What a message of Bybit is about: `orderbook.50.BTCUSDT`, `orderbook.rpi.BTCUSDT`, `publicTrade.BTCUSDT`.
struct BybitTopic {
    enum Kind: Sendable, Hashable {
        /// Changes of the best levels, this many a side.
        case book(depth: Int)
        /// The same of 50 levels, with orders that only take the flow of retail customers in a column of their own.
        case retailBook
        /// The best level.
        case quote
        case trades
        /// Of a kind that is not read: klines, tickers, `orderbook.full`, whose snapshots come over HTTP.
        case other
    }

    let kind: Kind
    let symbol: JSONString
    /// The instrument's; −1 for one that is not known, or for a kind that is not read.
    var index = -1

    init(_ name: JSONString, _ scanner: borrowing JSONScanner) {
        if let symbol = Self.rest(of: name, after: "publicTrade.", scanner) {
            (kind, self.symbol) = (.trades, symbol)
        } else if let rest = Self.rest(of: name, after: "orderbook.", scanner) {
            (kind, symbol) = Self.book(rest, scanner)
        } else {
            (kind, symbol) = (.other, name)
        }
    }

    /// `50.BTCUSDT`.
    private static func book(_ rest: JSONString, _ scanner: borrowing JSONScanner) -> (Kind, JSONString) {
        if let symbol = Self.rest(of: rest, after: "rpi.", scanner) { return (.retailBook, symbol) }
        var depth = 0
        var place = rest.start
        while place < rest.end, depth < 100_000, (0...9).contains(Int(scanner.bytes[place]) - 48) {
            depth = 10 * depth + Int(scanner.bytes[place]) - 48
            place += 1
        }
        guard depth > 0, place < rest.end, scanner.bytes[place] == UInt8(ascii: ".") else { return (.other, rest) }
        return (
            depth == 1 ? .quote : .book(depth: depth), JSONString(start: place + 1, end: rest.end, hasEscapes: false)
        )
    }

    /// What follows `prefix`; `nil` for another beginning.
    private static func rest(
        of name: JSONString, after prefix: StaticString, _ scanner: borrowing JSONScanner
    ) -> JSONString? {
        let length = prefix.utf8CodeUnitCount
        guard !name.hasEscapes, name.count > length else { return nil }
        let head = UnsafeBufferPointer(rebasing: scanner.bytes[name.start..<name.start + length])
        guard ByteComparison.areEqual(head, prefix) else { return nil }
        return JSONString(start: name.start + length, end: name.end, hasEscapes: false)
    }
}
