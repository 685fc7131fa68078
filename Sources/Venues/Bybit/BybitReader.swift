import Microstructure

/// Bybit's markets by version 5 of its protocol: whole books, then changes numbered without gaps; best prices from the
/// book of depth 1; single trades.
///
/// Block trades, agreed outside the book, are passed on like all others. Source: Bybit API v5, 2026-08.
public struct BybitReader: VenueReader {
    public typealias Adapter = BybitAdapter

    let adapter: BybitAdapter
    public var directory: InstrumentDirectory
    /// By connection and instrument, the levels of the book that is followed: a recording may hold several depths of one
    /// symbol, each numbered by itself. 0 until its snapshot.
    private var depths: [[Int]]

    public init(_ adapter: BybitAdapter, _ directory: InstrumentDirectory) {
        self.adapter = adapter
        self.directory = directory
        depths = Array(repeating: [], count: ConnectionID.limit)
    }

    public let rules = StreamRules(tradeIDs: .distinct)

    public mutating func connectionClosed(_ connection: ConnectionID) {
        depths[connection.index].removeAll(keepingCapacity: true)
    }

    public mutating func read(
        _ scanner: inout JSONScanner, from connection: ConnectionID, at time: Timestamp,
        into message: inout VenueMessage
    ) throws(ScanError) {
        var topic: BybitTopic?
        var isSnapshot: Bool?
        var data: JSONScanner?
        var sent: Timestamp?
        var matched: Timestamp?
        var answer = BybitAnswer()
        try scanner.eachMember { (key, scanner) throws(ScanError) in
            if scanner.equals(key, "topic") {
                topic = find(BybitTopic(try scanner.string(), scanner), scanner, noting: &message)
            } else if scanner.equals(key, "type") {
                isSnapshot = scanner.equals(try scanner.string(), "snapshot")
            } else if scanner.equals(key, "data") {
                // Usual order: topic and type are known, so that nothing is read twice.
                if let topic, let isSnapshot {
                    try read(topic, isSnapshot, &scanner, from: connection, at: time, into: &message)
                } else {
                    data = scanner
                    try scanner.skipValue()
                }
            } else if scanner.equals(key, "cts") {
                matched = try scanner.millisecondTime()
            } else if scanner.equals(key, "ts") {
                sent = try scanner.millisecondTime()
            } else if try !answer.take(key, &scanner) {
                try scanner.skipValue()
            }
        }
        try scanner.finish()
        if let topic {
            if var data { try read(topic, isSnapshot ?? false, &data, from: connection, at: time, into: &message) }
            if topic.kind == .other { message.note = .unknownEvent }
        } else {
            message.note = answer.note(scanner)
        }
        // The engine's time comes behind the data.
        guard let venueTime = matched ?? sent else { return }
        for place in message.books.indices { message.books[place].venueTime = venueTime }
        for place in message.quotes.indices { message.quotes[place].times.venue = venueTime }
    }

    private func find(
        _ topic: BybitTopic, _ scanner: borrowing JSONScanner, noting message: inout VenueMessage
    ) -> BybitTopic {
        guard topic.kind != .other else { return topic }
        var topic = topic
        topic.index = directory.index(of: topic.symbol, scanner, noting: &message)
        return topic
    }

    private mutating func read(
        _ topic: BybitTopic, _ isSnapshot: Bool, _ scanner: inout JSONScanner, from connection: ConnectionID,
        at time: Timestamp, into message: inout VenueMessage
    ) throws(ScanError) {
        guard topic.index >= 0 else { return try scanner.skipValue() }
        switch topic.kind {
        case .book(let depth):
            try readBook(topic, depth, isSnapshot, &scanner, from: connection, at: time, into: &message)
        case .retailBook:
            try readBook(topic, -1, isSnapshot, &scanner, from: connection, at: time, into: &message)
        case .quote: try readQuote(topic, isSnapshot, &scanner, at: time, into: &message)
        case .trades:
            try scanner.eachElement { (scanner) throws(ScanError) in
                try readTrade(topic, &scanner, at: time, into: &message)
            }
        case .other: try scanner.skipValue()
        }
    }

    /// The two names of a message must be the same.
    private func check(_ topic: BybitTopic, _ scanner: inout JSONScanner) throws(ScanError) {
        let name = try scanner.string()
        let isSame = scanner.withBytes(of: name) { name in
            scanner.withBytes(of: topic.symbol) { $0.elementsEqual(name) }
        }
        guard isSame else { throw ScanError(.wrongType, at: name.start) }
    }

    // MARK: Books

    /// Levels of the book with a column for retail orders.
    private static let retailDepth = 50

    /// - Parameter depth: levels a side, −1 for the book with a column for retail orders.
    private mutating func readBook(
        _ topic: BybitTopic, _ depth: Int, _ isSnapshot: Bool, _ scanner: inout JSONScanner,
        from connection: ConnectionID, at time: Timestamp, into message: inout VenueMessage
    ) throws(ScanError) {
        message.payload = .depthUpdate
        let index = topic.index
        let known = followedDepth(of: index, on: connection)
        guard known == 0 || known == depth else {
            message.note = .unknownEvent
            return try scanner.skipValue()
        }
        let scale = directory.scale(index)
        var bids = message.levels.count..<message.levels.count
        var asks = bids
        var number: Int64?
        try scanner.eachMember { (key, scanner) throws(ScanError) in
            switch scanner.onlyByte(of: key) {
            case UInt8(ascii: "b"): bids = try readLevels(&scanner, depth < 0, scale, into: &message)
            case UInt8(ascii: "a"): asks = try readLevels(&scanner, depth < 0, scale, into: &message)
            case UInt8(ascii: "s"): try check(topic, &scanner)
            case UInt8(ascii: "u"): number = try scanner.integer()
            default: try scanner.skipValue()
            }
        }
        guard let number else { throw ScanError(.missingField, at: scanner.position) }
        guard number > 0 else { throw ScanError(.numberOutOfRange, at: scanner.position) }
        // 1 is the venue's restart, whatever the message calls itself.
        let isWhole = isSnapshot || number == 1
        if isWhole { follow(depth, of: index, on: connection) }
        message.books.append(
            VenueMessage.Book(
                index: index, isSnapshot: isWhole, bids: bids, asks: asks, link: .next(number),
                depth: depth < 0 ? Self.retailDepth : depth, venueTime: time))
    }

    private func followedDepth(of index: Int, on connection: ConnectionID) -> Int {
        index < depths[connection.index].count ? depths[connection.index][index] : 0
    }

    private mutating func follow(_ depth: Int, of index: Int, on connection: ConnectionID) {
        while depths[connection.index].count <= index { depths[connection.index].append(0) }
        depths[connection.index][index] = depth
    }

    private func readLevels(
        _ scanner: inout JSONScanner, _ isRetail: Bool, _ scale: PriceScale, into message: inout VenueMessage
    ) throws(ScanError) -> Range<Int> {
        isRetail
            ? try readRetailLevels(&scanner, scale, into: &message)
            : try message.readLevels(&scanner, of: scale)
    }

    /// `[["121975.1","0.114259","0.78821"],…]`: price, size, size for retail customers only. A level is gone when both are
    /// zero, so their sum is its size.
    private func readRetailLevels(
        _ scanner: inout JSONScanner, _ scale: PriceScale, into message: inout VenueMessage
    ) throws(ScanError) -> Range<Int> {
        let start = message.levels.count
        try scanner.eachElement { (scanner) throws(ScanError) in
            try scanner.beginArray()
            guard try scanner.nextElement() else { throw ScanError(.wrongType, at: scanner.position) }
            let price = try scanner.decimalWithForm(exponent: scale.price)
            guard try scanner.nextElement() else { throw ScanError(.wrongType, at: scanner.position) }
            let size = try scanner.decimal(exponent: scale.quantity)
            guard try scanner.nextElement() else { throw ScanError(.wrongType, at: scanner.position) }
            let retail = try scanner.decimal(exponent: scale.quantity)
            while try scanner.nextElement() { try scanner.skipValue() }
            let (sum, overflow) = size.addingReportingOverflow(retail)
            guard size >= 0, retail >= 0, !overflow else { throw ScanError(.numberOutOfRange, at: scanner.position) }
            try message.append(price, (sum, 0), false, at: scanner.position)
        }
        return start..<message.levels.count
    }

    // MARK: Best prices and trades

    /// The book of depth 1, always whole. The venue repeats it after three seconds without a change, under the same
    /// number. A change, as older versions sent them, says nothing without the level before it.
    private func readQuote(
        _ topic: BybitTopic, _ isSnapshot: Bool, _ scanner: inout JSONScanner, at time: Timestamp,
        into message: inout VenueMessage
    ) throws(ScanError) {
        message.payload = .quote
        guard isSnapshot else {
            message.note = .unknownEvent
            return try scanner.skipValue()
        }
        let scale = directory.scale(topic.index)
        var bid: PriceLevel?
        var ask: PriceLevel?
        var number: Int64?
        try scanner.eachMember { (key, scanner) throws(ScanError) in
            switch scanner.onlyByte(of: key) {
            case UInt8(ascii: "b"): bid = try message.readBest(&scanner, of: scale)
            case UInt8(ascii: "a"): ask = try message.readBest(&scanner, of: scale)
            case UInt8(ascii: "s"): try check(topic, &scanner)
            case UInt8(ascii: "u"): number = try scanner.integer()
            default: try scanner.skipValue()
            }
        }
        guard let bid, let ask, let number else { throw ScanError(.missingField, at: scanner.position) }
        guard number > 0 else { throw ScanError(.numberOutOfRange, at: scanner.position) }
        message.quotes.append(
            Quote(
                instrument: InstrumentID(topic.index), times: EventTimes(venue: time, receive: time),
                updateID: number, bid: bid, ask: ask))
    }

    /// `{"T":1672304486865,"s":"BTCUSDT","S":"Buy","v":"0.001","p":"16578.50","i":"20f43950-…","BT":false}`; the side is
    /// the taker's.
    private func readTrade(
        _ topic: BybitTopic, _ scanner: inout JSONScanner, at time: Timestamp, into message: inout VenueMessage
    ) throws(ScanError) {
        message.payload = .trade
        let scale = directory.scale(topic.index)
        var price: Int64?
        var quantity: Int64?
        var side: AggressorSide?
        var id: Int64?
        var venueTime = time
        try scanner.eachMember { (key, scanner) throws(ScanError) in
            switch scanner.onlyByte(of: key) {
            case UInt8(ascii: "T"): venueTime = try scanner.millisecondTime() ?? time
            case UInt8(ascii: "s"): try check(topic, &scanner)
            case UInt8(ascii: "S"): side = scanner.aggressor(try scanner.string())
            case UInt8(ascii: "v"): quantity = try scanner.decimal(exponent: scale.quantity)
            case UInt8(ascii: "p"): price = try scanner.decimal(exponent: scale.price)
            case UInt8(ascii: "i"): id = try scanner.tradeIdentity()
            default: try scanner.skipValue()
            }
        }
        guard let price, let quantity, let side, let id else { throw ScanError(.missingField, at: scanner.position) }
        try message.appendTrade(
            id: id, price: price, quantity: quantity, side, of: topic.index,
            EventTimes(venue: venueTime, receive: time), at: scanner.position)
    }

    // MARK: Requests

    public func resubscribeMessages(for index: Int, on connection: ConnectionID) -> [String] {
        ["unsubscribe", "subscribe"].map { BybitAdapter.request($0, [adapter.bookTopic(directory.name(index))]) }
    }

    public static func instrument(
        of venue: Venue, named venueSymbol: String, priceExponent: Int8, quantityExponent: Int8, tickSize: Int64
    ) -> Instrument? {
        guard let symbol = SymbolName.normalized(venueSymbol) else { return nil }
        let market = BybitMarket.allCases.first { $0.venue == venue } ?? .spot
        let assets = assets(of: venueSymbol)
        return Instrument(
            venue: venue, symbol: symbol, venueSymbol: venueSymbol, priceExponent: priceExponent,
            quantityExponent: quantityExponent, tickSize: tickSize, baseAsset: assets.base, quoteAsset: assets.quote,
            contract: market.contract(named: venueSymbol))
    }

    /// The assets of a name, which has no mark between them; empty if its end is no common quote asset.
    private static func assets(of venueSymbol: String) -> (base: String, quote: String) {
        let name = venueSymbol.prefix { $0 != "-" }
        if name.hasSuffix("PERP") { return (String(name.dropLast(4)), "USDC") }
        for quote in ["USDT", "USDC", "USD", "EUR", "BTC", "ETH"]
        where name.hasSuffix(quote) && name.count > quote.count {
            return (String(name.dropLast(quote.count)), quote)
        }
        return ("", "")
    }
}

/// What the venue answers to a request over the stream: `{"success":true,"ret_msg":"pong","op":"ping"}`.
struct BybitAnswer {
    private var isAnswer = false
    private var isFailure = false
    private var text: JSONString?

    /// Reads a member of the answer; `false` for any other key, whose value is not consumed.
    mutating func take(_ key: JSONString, _ scanner: inout JSONScanner) throws(ScanError) -> Bool {
        if scanner.equals(key, "success") {
            isAnswer = true
            isFailure = try !scanner.boolean()
        } else if scanner.equals(key, "ret_msg"), try scanner.peek() == .string {
            text = try scanner.string()
        } else if scanner.equals(key, "op") || scanner.equals(key, "request") {
            isAnswer = true
            try scanner.skipValue()
        } else {
            return false
        }
        return true
    }

    func note(_ scanner: JSONScanner) -> VenueMessage.Note {
        if isFailure { return .refused(code: 0, message: text.map { scanner.text(of: $0) } ?? "") }
        return isAnswer ? .acknowledgement : .unknownEvent
    }
}

extension VenueMessage {
    /// Reads the first level of a side, which is then no level of a book; price zero for an empty side.
    mutating func readBest(_ scanner: inout JSONScanner, of scale: PriceScale) throws(ScanError) -> PriceLevel {
        let range = try readLevels(&scanner, of: scale)
        defer { levels.removeSubrange(range) }
        return range.isEmpty ? PriceLevel(price: Price(0), quantity: .zero) : levels[range.lowerBound]
    }
}
