import Microstructure

/// Deribit: whole books, then their changes, each with the id of the state before; trades with contiguous sequence
/// numbers of their instrument; best prices from `quote`.
///
/// `ticker` messages of a recording are read as quotes: they state the best prices of the same instant. In a recording of
/// raw channels they come just before the book that agrees with them.
///
/// Source: Deribit API v2, 2026-08; a recording of 2021-07-22.
public struct DeribitReader: VenueReader {
    public typealias Adapter = DeribitAdapter

    public var directory: InstrumentDirectory

    public init(_ adapter: DeribitAdapter, _ directory: InstrumentDirectory) { self.directory = directory }

    public let rules = StreamRules(tradeIDs: .contiguous)

    /// Greatest id of a book's state or of a trade: whole numbers that a double holds, since the venue's JSON is made of
    /// doubles.
    private static let idLimit: Int64 = 1 << 53

    private enum Channel { case book, trades, quote, other }

    public mutating func read(
        _ scanner: inout JSONScanner, from connection: ConnectionID, at time: Timestamp,
        into message: inout VenueMessage
    ) throws(ScanError) {
        var failure: DeribitFailure?
        var isHeartbeat = false
        var hasResult = false
        var asked: Int64 = 0
        var confirmed: Int64?
        try scanner.eachMember { (key, scanner) throws(ScanError) in
            if scanner.equals(key, "params"), try scanner.peek() == .object {
                try readNotification(&scanner, at: time, into: &message)
            } else if scanner.equals(key, "method") {
                isHeartbeat = scanner.equals(try scanner.string(), "heartbeat")
            } else if scanner.equals(key, "result") {
                hasResult = true
                confirmed = try Self.countOfElements(&scanner)
            } else if scanner.equals(key, "error") {
                failure = try DeribitFailure(&scanner)
            } else if scanner.equals(key, "id"), try scanner.peek() == .number {
                asked = try scanner.integer()
            } else {
                try scanner.skipValue()
            }
        }
        try scanner.finish()
        if let failure {
            message.note = .refused(code: failure.code, message: failure.message)
        } else if let confirmed, confirmed < asked {
            // `DeribitAdapter.subscription`.
            message.note = .refused(code: 0, message: "\(asked - confirmed) of \(asked) channels do not exist")
        } else if hasResult || isHeartbeat {
            message.note = .acknowledgement
        }
    }

    /// How many elements an array has; `nil` for another value.
    private static func countOfElements(_ scanner: inout JSONScanner) throws(ScanError) -> Int64? {
        guard try scanner.peek() == .array else {
            try scanner.skipValue()
            return nil
        }
        var count: Int64 = 0
        try scanner.eachElement { (scanner) throws(ScanError) in
            try scanner.skipValue()
            count += 1
        }
        return count
    }

    /// `{"channel":"book.BTC-PERPETUAL.100ms","data":…}`.
    private func readNotification(
        _ scanner: inout JSONScanner, at time: Timestamp, into message: inout VenueMessage
    ) throws(ScanError) {
        var channel: Channel?
        var data: JSONScanner?
        try scanner.eachMember { (key, scanner) throws(ScanError) in
            if scanner.equals(key, "channel") {
                channel = Self.channel(try scanner.string(), scanner)
            } else if scanner.equals(key, "data") {
                // Usual order: the channel is known, so that nothing is read twice.
                if let channel {
                    try read(channel, &scanner, at: time, into: &message)
                } else {
                    data = scanner
                    try scanner.skipValue()
                }
            } else {
                try scanner.skipValue()
            }
        }
        if var data, let channel { try read(channel, &data, at: time, into: &message) }
    }

    private static func channel(_ name: JSONString, _ scanner: JSONScanner) -> Channel {
        scanner.withBytes(of: name) { bytes in
            func begins(with prefix: StaticString) -> Bool {
                bytes.count > prefix.utf8CodeUnitCount
                    && ByteComparison.areEqual(
                        UnsafeBufferPointer(rebasing: bytes[..<prefix.utf8CodeUnitCount]), prefix)
            }
            if begins(with: "book.") { return .book }
            if begins(with: "trades.") { return .trades }
            return begins(with: "quote.") || begins(with: "ticker.") ? .quote : .other
        }
    }

    private func read(
        _ channel: Channel, _ scanner: inout JSONScanner, at time: Timestamp, into message: inout VenueMessage
    ) throws(ScanError) {
        switch channel {
        case .book: try readBook(&scanner, at: time, into: &message)
        case .quote: try readQuote(&scanner, at: time, into: &message)
        case .other:
            message.note = .unknownEvent
            try scanner.skipValue()
        case .trades:
            // An empty list says nothing.
            message.note = .acknowledgement
            try scanner.eachElement { (scanner) throws(ScanError) in
                try readTrade(&scanner, of: nil, at: time, into: &message)
            }
        }
    }

    // MARK: Books

    private func readBook(
        _ scanner: inout JSONScanner, at time: Timestamp, into message: inout VenueMessage
    ) throws(ScanError) {
        message.payload = .depthUpdate
        var index = -1
        var isSnapshot: Bool?
        var previous: Int64?
        var last: Int64?
        var bids = 0..<0
        var asks = 0..<0
        var lateBids: JSONScanner?
        var lateAsks: JSONScanner?
        var venueTime = time
        try scanner.eachMember { (key, scanner) throws(ScanError) in
            if scanner.equals(key, "type") {
                isSnapshot = try Self.isSnapshot(&scanner)
            } else if scanner.equals(key, "timestamp") {
                venueTime = try Self.time(&scanner)
            } else if scanner.equals(key, "prev_change_id"), try scanner.peek() == .number {
                previous = try Self.id(&scanner)
            } else if scanner.equals(key, "instrument_name") {
                index = directory.index(of: try scanner.string(), scanner, noting: &message)
            } else if scanner.equals(key, "change_id") {
                last = try Self.id(&scanner)
            } else if scanner.equals(key, "bids") {
                if index >= 0 {
                    bids = try readRows(&scanner, index, into: &message)
                } else {
                    lateBids = scanner
                    try scanner.skipValue()
                }
            } else if scanner.equals(key, "asks") {
                if index >= 0 {
                    asks = try readRows(&scanner, index, into: &message)
                } else {
                    lateAsks = scanner
                    try scanner.skipValue()
                }
            } else {
                try scanner.skipValue()
            }
        }
        guard index >= 0 else { return try message.checkNamed(at: scanner.position) }
        if var lateBids { bids = try readRows(&lateBids, index, into: &message) }
        if var lateAsks { asks = try readRows(&lateAsks, index, into: &message) }
        // A snapshot has no id before it.
        guard let last, let isSnapshot, isSnapshot || previous != nil else {
            throw ScanError(.missingField, at: scanner.position)
        }
        message.books.append(
            VenueMessage.Book(
                index: index, isSnapshot: isSnapshot, bids: bids, asks: asks,
                link: .chain(previous: previous ?? -1, last: last), venueTime: venueTime))
    }

    private static func isSnapshot(_ scanner: inout JSONScanner) throws(ScanError) -> Bool {
        let start = scanner.position
        let type = try scanner.string()
        if scanner.equals(type, "change") { return false }
        guard scanner.equals(type, "snapshot") else { throw ScanError(.wrongType, at: start) }
        return true
    }

    /// `[["new",0.0015,4714.0],["change",0.001,861.0],["delete",0.0005,0.0],…]`; returns the levels' range.
    private func readRows(
        _ scanner: inout JSONScanner, _ index: Int, into message: inout VenueMessage
    ) throws(ScanError) -> Range<Int> {
        let start = message.levels.count
        let scale = directory.scale(index)
        try scanner.beginArray()
        while try scanner.nextElement() {
            let row = scanner.position
            try scanner.beginArray()
            guard try scanner.nextElement() else { throw ScanError(.missingField, at: row) }
            let action = try scanner.string()
            guard try scanner.nextElement() else { throw ScanError(.missingField, at: row) }
            let price = try scanner.decimal(exponent: scale.price)
            guard try scanner.nextElement() else { throw ScanError(.missingField, at: row) }
            let amount = try scanner.decimal(exponent: scale.quantity)
            while try scanner.nextElement() { try scanner.skipValue() }
            let isGone = scanner.equals(action, "delete")
            guard isGone || scanner.equals(action, "change") || scanner.equals(action, "new") else {
                throw ScanError(.wrongType, at: row)
            }
            guard price > 0, amount >= 0 else { throw ScanError(.numberOutOfRange, at: row) }
            message.levels.append(PriceLevel(price: Price(price), quantity: isGone ? .zero : Quantity(amount)))
        }
        return start..<message.levels.count
    }

    // MARK: Trades and best prices

    /// - Parameter given: the instrument, if it is known already.
    private func readTrade(
        _ scanner: inout JSONScanner, of given: Int?, at time: Timestamp, into message: inout VenueMessage
    ) throws(ScanError) {
        message.payload = .trade
        var index = given ?? -1
        var price: JSONScanner?
        var amount: JSONScanner?
        var side: AggressorSide?
        var id: Int64?
        var venueTime = time
        try scanner.eachMember { (key, scanner) throws(ScanError) in
            if scanner.equals(key, "trade_seq") {
                id = try Self.id(&scanner)
            } else if scanner.equals(key, "timestamp") {
                venueTime = try Self.time(&scanner)
            } else if scanner.equals(key, "price") {
                price = scanner
                try scanner.skipValue()
            } else if scanner.equals(key, "amount") {
                amount = scanner
                try scanner.skipValue()
            } else if scanner.equals(key, "direction") {
                side = scanner.aggressor(try scanner.string())
            } else if given == nil, scanner.equals(key, "instrument_name") {
                index = directory.index(of: try scanner.string(), scanner, noting: &message)
            } else {
                try scanner.skipValue()
            }
        }
        guard index >= 0 else { return try message.checkNamed(at: scanner.position) }
        guard var price, var amount, let side, let id else { throw ScanError(.missingField, at: scanner.position) }
        let scale = directory.scale(index)
        try message.appendTrade(
            id: id, price: price.decimal(exponent: scale.price), quantity: amount.decimal(exponent: scale.quantity),
            side, of: index, EventTimes(venue: venueTime, receive: time), at: scanner.position)
    }

    private func readQuote(
        _ scanner: inout JSONScanner, at time: Timestamp, into message: inout VenueMessage
    ) throws(ScanError) {
        message.payload = .quote
        var index = -1
        var places = QuotePlaces()
        var venueTime = time
        try scanner.eachMember { (key, scanner) throws(ScanError) in
            if scanner.equals(key, "instrument_name") {
                index = directory.index(of: try scanner.string(), scanner, noting: &message)
            } else if scanner.equals(key, "timestamp") {
                venueTime = try Self.time(&scanner)
            } else {
                if scanner.equals(key, "best_bid_price") {
                    places.bid = scanner
                } else if scanner.equals(key, "best_bid_amount") {
                    places.bidSize = scanner
                } else if scanner.equals(key, "best_ask_price") {
                    places.ask = scanner
                } else if scanner.equals(key, "best_ask_amount") {
                    places.askSize = scanner
                }
                try scanner.skipValue()
            }
        }
        guard index >= 0 else { return try message.checkNamed(at: scanner.position) }
        message.quotes.append(
            try places.quote(
                of: index, directory.scale(index), EventTimes(venue: venueTime, receive: time), at: scanner.position,
                number: Self.numberOrZero))
    }

    /// An empty side has the price 0 or `null`.
    private static func numberOrZero(_ scanner: inout JSONScanner, _ exponent: Int8) throws(ScanError) -> Int64 {
        if try scanner.peek() == .null { return 0 }
        let start = scanner.position
        let number = try scanner.decimal(exponent: exponent)
        guard number >= 0 else { throw ScanError(.numberOutOfRange, at: start) }
        return number
    }

    private static func id(_ scanner: inout JSONScanner) throws(ScanError) -> Int64 {
        let start = scanner.position
        let id = try scanner.integer()
        guard (0...idLimit).contains(id) else { throw ScanError(.numberOutOfRange, at: start) }
        return id
    }

    /// Milliseconds since 1970.
    private static func time(_ scanner: inout JSONScanner) throws(ScanError) -> Timestamp {
        let start = scanner.position
        guard let time = VenueTimeUnit.milliseconds.timestamp(try scanner.integer()) else {
            throw ScanError(.numberOutOfRange, at: start)
        }
        return time
    }

    // MARK: Requests

    public func resubscribeMessages(for index: Int, on connection: ConnectionID) -> [String] {
        let channel = [DeribitAdapter.book(directory.name(index))]
        return [DeribitAdapter.cancellation(channel), DeribitAdapter.subscription(channel)]
    }

    public func tradesRequest(for index: Int, from first: Int64, limit: Int) -> VenueRequest? {
        VenueRequest(
            path: "/api/v2/public/get_last_trades_by_instrument",
            query: "instrument_name=\(directory.name(index))&start_seq=\(first)&count=\(limit)&sorting=asc", weight: 1)
    }

    /// `{"result":{"trades":[…],"has_more":true}}`. Trades whose numbers make no sense are left out, so that the others
    /// are not lost with them; they count as trades that the venue does not have.
    public func readTrades(
        _ scanner: inout JSONScanner, of index: Int, at time: Timestamp, into message: inout VenueMessage
    ) throws(ScanError) {
        var hasTrades = false
        var failure: DeribitFailure?
        try scanner.eachMember { (key, scanner) throws(ScanError) in
            if scanner.equals(key, "error") {
                failure = try DeribitFailure(&scanner)
            } else if scanner.equals(key, "result"), try scanner.peek() == .object {
                try scanner.eachMember { (key, scanner) throws(ScanError) in
                    guard scanner.equals(key, "trades") else { return try scanner.skipValue() }
                    hasTrades = true
                    try readRowsOfTrades(&scanner, of: index, at: time, into: &message)
                }
            } else {
                try scanner.skipValue()
            }
        }
        try scanner.finish()
        if let failure { return message.note = .refused(code: failure.code, message: failure.message) }
        guard hasTrades else { throw ScanError(.missingField, at: scanner.position) }
    }

    private func readRowsOfTrades(
        _ scanner: inout JSONScanner, of index: Int, at time: Timestamp, into message: inout VenueMessage
    ) throws(ScanError) {
        try scanner.eachElement { (scanner) throws(ScanError) in
            var row = scanner
            try scanner.skipValue()
            do throws(ScanError) {
                try readTrade(&row, of: index, at: time, into: &message)
            } catch {
                guard error.kind == .numberOutOfRange || error.kind == .doesNotFit else { throw error }
            }
        }
    }

    public static func instrument(
        of venue: Venue, named venueSymbol: String, priceExponent: Int8, quantityExponent: Int8, tickSize: Int64
    ) -> Instrument? {
        let name = DeribitName(venueSymbol)
        return SymbolName.normalized(venueSymbol).map {
            Instrument(
                venue: venue, symbol: $0, venueSymbol: venueSymbol, priceExponent: priceExponent,
                quantityExponent: quantityExponent, tickSize: tickSize, baseAsset: name.baseAsset,
                quoteAsset: name.quoteAsset, contract: name.contract)
        }
    }
}
