import Microstructure

/// Kraken's derivatives market: whole books, then one level a message with the product's next sequence number; trades
/// with contiguous sequence numbers of their product.
///
/// The id of a trade is its `seq`, not its `uid`: in the recording each is one more than the one before, past trades and
/// those after them included (1,003 trades of ten products, none missing), so that a missing trade shows. `ticker` and
/// `ticker_lite` are no quotes: they come once a second and are older than the book, and the latter has no sizes.
///
/// Source: Kraken Derivatives WebSocket API v1, 2026-08; a recording of 2021-07-22.
public struct KrakenFuturesReader: VenueReader {
    public typealias Adapter = KrakenFuturesAdapter

    public var directory: InstrumentDirectory

    public init(_ adapter: KrakenFuturesAdapter, _ directory: InstrumentDirectory) { self.directory = directory }

    public let rules = StreamRules(tradeIDs: .contiguous)

    /// Greatest sequence number: whole numbers that a double holds.
    private static let sequenceLimit: Int64 = 1 << 53

    private enum Feed { case book, bookSnapshot, trade, tradeSnapshot, heartbeat, other }

    /// What an object of the stream says; the values whose scale is not known yet are read later.
    private struct Parts {
        var feed: Feed?
        var product: JSONString?
        /// −1 until the product is found.
        var index = -1
        var sequence: Int64?
        var venueTime: Timestamp
        var side: JSONString?
        var price: JSONScanner?
        var quantity: JSONScanner?
        var bids: JSONScanner?
        var asks: JSONScanner?
        var trades: JSONScanner?
        var event: JSONString?
        var text: JSONString?
    }

    public mutating func read(
        _ scanner: inout JSONScanner, from connection: ConnectionID, at time: Timestamp,
        into message: inout VenueMessage
    ) throws(ScanError) {
        let parts = try readParts(&scanner, at: time)
        try scanner.finish()
        if let event = parts.event { return note(event, parts, scanner, into: &message) }
        switch parts.feed {
        case .book, .bookSnapshot: try readBook(parts, scanner, into: &message)
        case .trade:
            message.payload = .trade
            try readTrade(parts, scanner, at: time, into: &message)
        case .tradeSnapshot: try readPastTrades(parts, scanner, at: time, into: &message)
        case .heartbeat: message.note = .acknowledgement
        case .other, nil: message.note = .unknownEvent
        }
    }

    private static func feed(_ name: JSONString, _ scanner: JSONScanner) -> Feed {
        if scanner.equals(name, "book") { return .book }
        if scanner.equals(name, "trade") { return .trade }
        if scanner.equals(name, "book_snapshot") { return .bookSnapshot }
        if scanner.equals(name, "trade_snapshot") { return .tradeSnapshot }
        return scanner.equals(name, "heartbeat") ? .heartbeat : .other
    }

    /// Notes where the values are. None is long but a snapshot's, which comes once.
    private func readParts(_ scanner: inout JSONScanner, at time: Timestamp) throws(ScanError) -> Parts {
        var parts = Parts(venueTime: time)
        try scanner.eachMember { (key, scanner) throws(ScanError) in
            if scanner.equals(key, "feed") {
                parts.feed = Self.feed(try scanner.string(), scanner)
            } else if scanner.equals(key, "product_id") {
                parts.product = try scanner.string()
            } else if scanner.equals(key, "side") {
                parts.side = try scanner.string()
            } else if scanner.equals(key, "seq") {
                parts.sequence = try Self.sequence(&scanner)
            } else if scanner.equals(key, "timestamp") || scanner.equals(key, "time") {
                parts.venueTime = try Self.time(&scanner)
            } else if scanner.equals(key, "event") {
                parts.event = try scanner.string()
            } else if scanner.equals(key, "message"), try scanner.peek() == .string {
                parts.text = try scanner.string()
            } else {
                if scanner.equals(key, "price") {
                    parts.price = scanner
                } else if scanner.equals(key, "qty") {
                    parts.quantity = scanner
                } else if scanner.equals(key, "bids") {
                    parts.bids = scanner
                } else if scanner.equals(key, "asks") {
                    parts.asks = scanner
                } else if scanner.equals(key, "trades") {
                    parts.trades = scanner
                }
                try scanner.skipValue()
            }
        }
        return parts
    }

    /// Whether the product is one of the session's.
    private func find(
        _ parts: Parts, _ scanner: JSONScanner, into message: inout VenueMessage
    ) throws(ScanError) -> Int? {
        guard let product = parts.product else { throw ScanError(.missingField, at: scanner.position) }
        let index = directory.index(of: product, scanner, noting: &message)
        return index < 0 ? nil : index
    }

    // MARK: Books

    private func readBook(
        _ parts: Parts, _ scanner: JSONScanner, into message: inout VenueMessage
    ) throws(ScanError) {
        message.payload = .depthUpdate
        guard let index = try find(parts, scanner, into: &message) else { return }
        guard let sequence = parts.sequence else { throw ScanError(.missingField, at: scanner.position) }
        let start = message.levels.count
        var bids = start..<start
        var asks = start..<start
        if parts.feed == .bookSnapshot {
            guard var bidRows = parts.bids, var askRows = parts.asks else {
                throw ScanError(.missingField, at: scanner.position)
            }
            bids = try readLevels(&bidRows, index, into: &message)
            asks = try readLevels(&askRows, index, into: &message)
        } else {
            guard let side = parts.side.flatMap({ scanner.aggressor($0) }) else {
                throw ScanError(.missingField, at: scanner.position)
            }
            try appendLevel(parts.price, parts.quantity, index, at: scanner.position, into: &message)
            if side == .buy { bids = start..<(start + 1) } else { asks = start..<(start + 1) }
        }
        message.books.append(
            VenueMessage.Book(
                index: index, isSnapshot: parts.feed == .bookSnapshot, bids: bids, asks: asks, link: .next(sequence),
                venueTime: parts.venueTime))
    }

    /// `[{"price":34892.5,"qty":6385},…]`; returns the levels' range.
    private func readLevels(
        _ scanner: inout JSONScanner, _ index: Int, into message: inout VenueMessage
    ) throws(ScanError) -> Range<Int> {
        let start = message.levels.count
        try scanner.eachElement { (scanner) throws(ScanError) in
            var price: JSONScanner?
            var quantity: JSONScanner?
            try scanner.eachMember { (key, scanner) throws(ScanError) in
                if scanner.equals(key, "price") {
                    price = scanner
                } else if scanner.equals(key, "qty") {
                    quantity = scanner
                }
                try scanner.skipValue()
            }
            try appendLevel(price, quantity, index, at: scanner.position, into: &message)
        }
        return start..<message.levels.count
    }

    private func appendLevel(
        _ price: JSONScanner?, _ quantity: JSONScanner?, _ index: Int, at offset: Int, into message: inout VenueMessage
    ) throws(ScanError) {
        guard var price, var quantity else { throw ScanError(.missingField, at: offset) }
        let scale = directory.scale(index)
        let level = (try price.decimal(exponent: scale.price), try quantity.decimal(exponent: scale.quantity))
        guard level.0 > 0, level.1 >= 0 else { throw ScanError(.numberOutOfRange, at: offset) }
        message.levels.append(PriceLevel(price: Price(level.0), quantity: Quantity(level.1)))
    }

    // MARK: Trades

    private func readTrade(
        _ parts: Parts, _ scanner: JSONScanner, at time: Timestamp, into message: inout VenueMessage
    ) throws(ScanError) {
        guard let index = try find(parts, scanner, into: &message) else { return }
        guard var price = parts.price, var quantity = parts.quantity, let id = parts.sequence,
            let side = parts.side.flatMap({ scanner.aggressor($0) })
        else { throw ScanError(.missingField, at: scanner.position) }
        let scale = directory.scale(index)
        try message.appendTrade(
            id: id, price: price.decimal(exponent: scale.price), quantity: quantity.decimal(exponent: scale.quantity),
            side, of: index, EventTimes(venue: parts.venueTime, receive: time), at: scanner.position)
    }

    /// The trades before the subscription, of which those missed are new. They come newest first and are passed on oldest
    /// first: else the oldest would count as lost before it is seen.
    private func readPastTrades(
        _ parts: Parts, _ scanner: JSONScanner, at time: Timestamp, into message: inout VenueMessage
    ) throws(ScanError) {
        message.payload = .trade
        message.hasPastTrades = true
        guard try find(parts, scanner, into: &message) != nil else { return }
        guard var rows = parts.trades else { throw ScanError(.missingField, at: scanner.position) }
        message.note = .acknowledgement
        try rows.eachElement { (scanner) throws(ScanError) in
            var row = try readParts(&scanner, at: time)
            row.product = row.product ?? parts.product
            try readTrade(row, scanner, at: time, into: &message)
        }
        message.trades.sort { $0.id < $1.id }
    }

    // MARK: Numbers

    private static func sequence(_ scanner: inout JSONScanner) throws(ScanError) -> Int64 {
        let start = scanner.position
        let sequence = try scanner.integer()
        guard (0...sequenceLimit).contains(sequence) else { throw ScanError(.numberOutOfRange, at: start) }
        return sequence
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

    /// `{"event":"subscribed",…}`, `{"event":"alert","message":"Bad request"}`, `{"event":"subscribed_failed",…}`.
    private func note(
        _ event: JSONString, _ parts: Parts, _ scanner: JSONScanner, into message: inout VenueMessage
    ) {
        message.payload = .control
        if scanner.equals(event, "subscribed") || scanner.equals(event, "unsubscribed") || scanner.equals(event, "info")
        {
            message.note = .acknowledgement
        } else if scanner.equals(event, "alert") || scanner.equals(event, "error")
            || scanner.equals(event, "subscribed_failed") || scanner.equals(event, "unsubscribed_failed")
        {
            message.note = .refused(code: 0, message: scanner.text(of: parts.text ?? event))
        } else {
            message.note = .unknownEvent
        }
    }

    public func resubscribeMessages(for index: Int, on connection: ConnectionID) -> [String] {
        ["unsubscribe", "subscribe"].map { KrakenFuturesAdapter.request($0, "book", [directory.name(index)]) }
    }

    public static func instrument(
        of venue: Venue, named venueSymbol: String, priceExponent: Int8, quantityExponent: Int8, tickSize: Int64
    ) -> Instrument? {
        let name = KrakenFuturesName(venueSymbol)
        return SymbolName.normalized(venueSymbol).map {
            Instrument(
                venue: venue, symbol: $0, venueSymbol: venueSymbol, priceExponent: priceExponent,
                quantityExponent: quantityExponent, tickSize: tickSize, baseAsset: name.baseAsset,
                quoteAsset: name.quoteAsset,
                contract: Instrument.Contract(name.isPerpetual ? .perpetual : .future, isInverse: name.isInverse))
        }
    }
}
