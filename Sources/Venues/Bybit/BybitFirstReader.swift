import Microstructure

/// The inverse market's first protocol, for recordings: rows of levels named by their price, to be deleted, updated and
/// inserted. Live sessions speak version 5.
///
/// Source: Bybit inverse contracts, WebSocket V2; recording of 2021-04-17.
public struct BybitFirstReader: VenueReader {
    public typealias Adapter = BybitAdapter

    public var directory: InstrumentDirectory

    public init(_ adapter: BybitAdapter, _ directory: InstrumentDirectory) { self.directory = directory }

    public let rules = StreamRules(tradeIDs: .distinct)

    private enum Topic { case book, trades, other }

    public mutating func read(
        _ scanner: inout JSONScanner, from connection: ConnectionID, at time: Timestamp,
        into message: inout VenueMessage
    ) throws(ScanError) {
        var topic: Topic?
        var isSnapshot = false
        var data: JSONScanner?
        var sequence: Int64?
        var microseconds: Int64?
        var answer = BybitAnswer()
        try scanner.eachMember { (key, scanner) throws(ScanError) in
            if scanner.equals(key, "topic") {
                topic = scanner.withBytes(of: try scanner.string(), Self.topic)
            } else if scanner.equals(key, "type") {
                isSnapshot = scanner.equals(try scanner.string(), "snapshot")
            } else if scanner.equals(key, "data") {
                data = scanner
                try scanner.skipValue()
            } else if scanner.equals(key, "cross_seq") {
                sequence = try scanner.wholeNumber()
            } else if scanner.equals(key, "timestamp_e6") {
                microseconds = try scanner.wholeNumber()
            } else if try !answer.take(key, &scanner) {
                try scanner.skipValue()
            }
        }
        try scanner.finish()
        guard let topic else { return message.note = answer.note(scanner) }
        guard topic != .other else { return message.note = .unknownEvent }
        guard var data else { throw ScanError(.missingField, at: scanner.position) }
        if topic == .trades {
            return try data.eachElement { (scanner) throws(ScanError) in
                try readTrade(&scanner, at: time, into: &message)
            }
        }
        message.payload = .depthUpdate
        // Both kinds of message may come in one of these steps only, which are arbitrary.
        guard let sequence, sequence > 0 else { throw ScanError(.missingField, at: scanner.position) }
        try readBook(
            data, isSnapshot, link: .later(sequence),
            at: microseconds.flatMap { $0 > 0 ? Timestamp(microseconds: $0) : nil } ?? time, into: &message)
    }

    /// `orderBookL2_25.BTCUSD`, `trade.BTCUSD`.
    private static func topic(_ name: UnsafeBufferPointer<UInt8>) -> Topic {
        guard let end = name.firstIndex(of: UInt8(ascii: ".")) else { return .other }
        let kind = UnsafeBufferPointer(rebasing: name[..<end])
        if ByteComparison.areEqual(kind, "orderBookL2_25") { return .book }
        return ByteComparison.areEqual(kind, "trade") ? .trades : .other
    }

    // MARK: Books

    private static let depth = 25

    /// `[row,…]` is a whole book; `{"delete":[row,…],"update":[row,…],"insert":[row,…]}` changes it.
    private func readBook(
        _ data: JSONScanner, _ isSnapshot: Bool, link: BookLink, at venueTime: Timestamp,
        into message: inout VenueMessage
    ) throws(ScanError) {
        // Rows of both sides are mixed: each side is read by itself.
        var index = -1
        let start = message.levels.count
        try readSide("Buy", data, &index, into: &message)
        let middle = message.levels.count
        try readSide("Sell", data, &index, into: &message)
        // Nothing was changed, or the instrument is not known.
        guard index >= 0 else {
            if message.note == .none { message.note = .unknownEvent }
            return
        }
        message.books.append(
            VenueMessage.Book(
                index: index, isSnapshot: isSnapshot, bids: start..<middle, asks: middle..<message.levels.count,
                link: link, depth: Self.depth, venueTime: venueTime))
    }

    private func readSide(
        _ side: StaticString, _ data: JSONScanner, _ index: inout Int, into message: inout VenueMessage
    ) throws(ScanError) {
        var data = data
        guard try data.peek() == .object else {
            return try data.eachElement { (scanner) throws(ScanError) in
                try readRow(side, isDeletion: false, &scanner, &index, into: &message)
            }
        }
        // Deletions first, wherever they stand: a level may be inserted again.
        for isDeletion in [true, false] {
            var changes = data
            try changes.eachMember { (key, scanner) throws(ScanError) in
                let isWanted =
                    isDeletion
                    ? scanner.equals(key, "delete") : scanner.equals(key, "update") || scanner.equals(key, "insert")
                guard isWanted else { return try scanner.skipValue() }
                try scanner.eachElement { (scanner) throws(ScanError) in
                    try readRow(side, isDeletion: isDeletion, &scanner, &index, into: &message)
                }
            }
        }
    }

    /// `{"price":"60604.00","symbol":"BTCUSD","id":606040000,"side":"Buy","size":2074}`; a deletion has no size.
    private func readRow(
        _ wanted: StaticString, isDeletion: Bool, _ scanner: inout JSONScanner, _ index: inout Int,
        into message: inout VenueMessage
    ) throws(ScanError) {
        var row = -1
        var isWanted = false
        var price: JSONScanner?
        var size: JSONScanner?
        try scanner.eachMember { (key, scanner) throws(ScanError) in
            if scanner.equals(key, "symbol") {
                row = directory.index(of: try scanner.string(), scanner, noting: &message)
            } else if scanner.equals(key, "side") {
                let side = try scanner.string()
                isWanted = scanner.equals(side, wanted)
                guard isWanted || scanner.equals(side, "Buy") || scanner.equals(side, "Sell") else {
                    throw ScanError(.wrongType, at: side.start)
                }
            } else {
                if scanner.equals(key, "price") {
                    price = scanner
                } else if scanner.equals(key, "size") {
                    size = scanner
                }
                try scanner.skipValue()
            }
        }
        guard row >= 0 else { return try message.checkNamed(at: scanner.position) }
        // One message is of one symbol.
        guard index < 0 || index == row else { throw ScanError(.wrongType, at: scanner.position) }
        index = row
        guard isWanted else { return }
        guard var price else { throw ScanError(.missingField, at: scanner.position) }
        let scale = directory.scale(row)
        var quantity: Int64 = 0
        if !isDeletion {
            guard var size else { throw ScanError(.missingField, at: scanner.position) }
            quantity = try size.decimal(exponent: scale.quantity)
        }
        try message.append(
            (try price.decimal(exponent: scale.price), 0), (quantity, 0), false, at: scanner.position)
    }

    // MARK: Trades

    /// `{"trade_time_ms":1618677786614,"symbol":"BTCUSD","side":"Sell","size":4,"price":60621.5,"trade_id":"5ffb8b77-…"}`.
    private func readTrade(
        _ scanner: inout JSONScanner, at time: Timestamp, into message: inout VenueMessage
    ) throws(ScanError) {
        message.payload = .trade
        var index = -1
        var price: JSONScanner?
        var size: JSONScanner?
        var side: AggressorSide?
        var id: Int64?
        var venueTime = time
        try scanner.eachMember { (key, scanner) throws(ScanError) in
            if scanner.equals(key, "symbol") {
                index = directory.index(of: try scanner.string(), scanner, noting: &message)
            } else if scanner.equals(key, "side") {
                side = scanner.aggressor(try scanner.string())
            } else if scanner.equals(key, "trade_id") {
                id = try scanner.tradeIdentity()
            } else if scanner.equals(key, "trade_time_ms") {
                venueTime = try scanner.millisecondTime() ?? time
            } else {
                if scanner.equals(key, "price") {
                    price = scanner
                } else if scanner.equals(key, "size") {
                    size = scanner
                }
                try scanner.skipValue()
            }
        }
        guard index >= 0 else { return try message.checkNamed(at: scanner.position) }
        guard var price, var size, let side, let id else { throw ScanError(.missingField, at: scanner.position) }
        let scale = directory.scale(index)
        try message.appendTrade(
            id: id, price: try price.decimal(exponent: scale.price),
            quantity: try size.decimal(exponent: scale.quantity), side, of: index,
            EventTimes(venue: venueTime, receive: time), at: scanner.position)
    }

    public static func instrument(
        of venue: Venue, named venueSymbol: String, priceExponent: Int8, quantityExponent: Int8, tickSize: Int64
    ) -> Instrument? {
        BybitReader.instrument(
            of: venue, named: venueSymbol, priceExponent: priceExponent, quantityExponent: quantityExponent,
            tickSize: tickSize)
    }
}
