import Microstructure

/// OKX by version 5 of its protocol: books of 400 levels a side, sums of trades, best prices.
///
/// A book's changes name the state that they follow. A snapshot comes in the stream; the venue has announced to end
/// that, so a book without one is begun from the answer to a request (`StreamRules.Snapshots.either`).
/// Source: OKX API v5, 2026-08; its changelog of 2026-02-12.
public struct OKXReader: VenueReader {
    public typealias Adapter = OKXAdapter

    public var directory: InstrumentDirectory

    public init(_ adapter: OKXAdapter, _ directory: InstrumentDirectory) { self.directory = directory }

    public let rules = StreamRules(
        snapshots: .either, tradeIDs: .distinct, tradeLists: .pages, needsDigits: true, plainAnswers: ["pong"])

    /// Whether books carry a checksum: from 2026-06-23 on the field is there, and always zero.
    private static let hasChecksums = DatedRule(
        true, (from: Timestamp(nanoseconds: 1_782_172_800_000_000_000), value: false))

    /// Levels a side that the venue keeps up to date.
    private static let bookDepth = 400

    private enum Channel { case book, trades, quote, other }

    public mutating func read(
        _ scanner: inout JSONScanner, from connection: ConnectionID, at time: Timestamp,
        into message: inout VenueMessage
    ) throws(ScanError) {
        var channel: Channel?
        var name: JSONString?
        var isSnapshot: Bool?
        var data: JSONScanner?
        var event: JSONString?
        var code: JSONString?
        var text: JSONString?
        try scanner.eachMember { (key, scanner) throws(ScanError) in
            if scanner.equals(key, "arg"), try scanner.peek() == .object {
                try scanner.eachMember { (key, scanner) throws(ScanError) in
                    if scanner.equals(key, "channel") {
                        channel = Self.channel(try scanner.string(), scanner)
                    } else if scanner.equals(key, "instId") {
                        name = try scanner.string()
                    } else {
                        try scanner.skipValue()
                    }
                }
            } else if scanner.equals(key, "action") {
                isSnapshot = scanner.equals(try scanner.string(), "snapshot")
            } else if scanner.equals(key, "data") {
                // Usual order: what the data are is known, so that nothing is read twice.
                if let channel, channel != .book || isSnapshot != nil {
                    try read(channel, name, isSnapshot ?? false, &scanner, at: time, into: &message)
                } else {
                    data = scanner
                    try scanner.skipValue()
                }
            } else if scanner.equals(key, "event") {
                event = try scanner.string()
            } else if scanner.equals(key, "code"), try scanner.peek() == .string {
                code = try scanner.string()
            } else if scanner.equals(key, "msg"), try scanner.peek() == .string {
                text = try scanner.string()
            } else {
                try scanner.skipValue()
            }
        }
        try scanner.finish()
        if let event { return message.note = Self.note(event, code, text, scanner) }
        guard let channel else { return message.note = .unknownEvent }
        if var data { try read(channel, name, isSnapshot ?? false, &data, at: time, into: &message) }
        if channel == .other { message.note = .unknownEvent }
    }

    private static func channel(_ name: JSONString, _ scanner: JSONScanner) -> Channel {
        if scanner.equals(name, "books") { return .book }
        if scanner.equals(name, "trades") { return .trades }
        return scanner.equals(name, "bbo-tbt") ? .quote : .other
    }

    /// `{"event":"subscribe",…}`, `{"event":"error","code":"60012","msg":"Invalid request: …"}`,
    /// `{"event":"notice","code":"64008","msg":"The connection will soon be closed for a service upgrade. …"}`.
    private static func note(
        _ event: JSONString, _ code: JSONString?, _ text: JSONString?, _ scanner: JSONScanner
    ) -> VenueMessage.Note {
        if scanner.equals(event, "subscribe") || scanner.equals(event, "unsubscribe") { return .acknowledgement }
        if scanner.equals(event, "error") {
            return .refused(
                code: code.flatMap { Int64(scanner.text(of: $0)) } ?? 0,
                message: text.map { scanner.text(of: $0) } ?? "")
        }
        if scanner.equals(event, "notice"), let code, scanner.equals(code, "64008") { return .shutdown }
        return .unknownEvent
    }

    private func read(
        _ channel: Channel, _ name: JSONString?, _ isSnapshot: Bool, _ scanner: inout JSONScanner, at time: Timestamp,
        into message: inout VenueMessage
    ) throws(ScanError) {
        guard channel != .other else { return try scanner.skipValue() }
        guard let name else { throw ScanError(.missingField, at: scanner.position) }
        let index = directory.index(of: name, scanner, noting: &message)
        guard index >= 0 else { return try scanner.skipValue() }
        try scanner.eachElement { (scanner) throws(ScanError) in
            switch channel {
            case .book: try readBook(index, isSnapshot, &scanner, at: time, into: &message)
            case .trades: try readTrade(index, &scanner, at: time, into: &message)
            default: try readQuote(index, &scanner, at: time, into: &message)
            }
        }
    }

    // MARK: Books

    /// `{"asks":[["78722.3","0.33","0","10"],…],"bids":…,"ts":"1787612486207","checksum":0,"seqId":76,"prevSeqId":70}`:
    /// price, size, a zero, the number of orders.
    private func readBook(
        _ index: Int, _ isSnapshot: Bool, _ scanner: inout JSONScanner, at time: Timestamp,
        into message: inout VenueMessage
    ) throws(ScanError) {
        message.payload = .depthUpdate
        let isChecked = Self.hasChecksums[time]
        let scale = directory.scale(index)
        var bids = message.levels.count..<message.levels.count
        var asks = bids
        var last: Int64?
        var previous: Int64?
        var checksum: UInt32?
        var venueTime = time
        try scanner.eachMember { (key, scanner) throws(ScanError) in
            if scanner.equals(key, "asks") {
                asks = try message.readLevels(&scanner, of: scale, needsDigits: isChecked)
            } else if scanner.equals(key, "bids") {
                bids = try message.readLevels(&scanner, of: scale, needsDigits: isChecked)
            } else if scanner.equals(key, "ts") {
                venueTime = try scanner.millisecondTime() ?? time
            } else if scanner.equals(key, "seqId") {
                last = try scanner.wholeNumber()
            } else if scanner.equals(key, "prevSeqId") {
                previous = try scanner.wholeNumber()
            } else if scanner.equals(key, "checksum"), isChecked {
                guard let number = try scanner.wholeNumber() else { return }
                guard let number = Int32(exactly: number) else {
                    throw ScanError(.numberOutOfRange, at: scanner.position)
                }
                checksum = UInt32(bitPattern: number)
            } else {
                try scanner.skipValue()
            }
        }
        message.books.append(
            VenueMessage.Book(
                index: index, isSnapshot: isSnapshot, bids: bids, asks: asks,
                link: try Self.link(previous, last, isSnapshot, at: scanner.position), checksum: checksum,
                depth: Self.bookDepth, venueTime: venueTime))
    }

    /// A change with an id below the one before it begins a new series, and follows like any other. Recordings of 2022
    /// have no ids.
    private static func link(
        _ previous: Int64?, _ last: Int64?, _ isSnapshot: Bool, at offset: Int
    ) throws(ScanError) -> BookLink {
        guard let last else { return .none }
        guard isSnapshot || previous != nil else { throw ScanError(.missingField, at: offset) }
        return .chain(previous: previous ?? -1, last: last)
    }

    public func checksum(of book: borrowing OrderBook, _ forms: borrowing LevelForms, index: Int) -> UInt32 {
        OKXChecksum.value(of: book, forms, directory.scale(index))
    }

    // MARK: Trades and best prices

    /// `{"instId":"BTC-USDT","tradeId":"130639474","px":"42219.9","sz":"0.12060306","side":"buy","ts":"1630048897897",
    /// "count":"3"}`: the trades of one taker at one price, named by the last one's id.
    func readTrade(
        _ index: Int, _ scanner: inout JSONScanner, at time: Timestamp, into message: inout VenueMessage
    ) throws(ScanError) {
        message.payload = .trade
        let scale = directory.scale(index)
        var price: Int64?
        var quantity: Int64?
        var side: AggressorSide?
        var id: Int64?
        var count: Int64 = 1
        var venueTime = time
        try scanner.eachMember { (key, scanner) throws(ScanError) in
            if scanner.equals(key, "tradeId") {
                id = try scanner.tradeIdentity()
            } else if scanner.equals(key, "px") {
                price = try scanner.decimal(exponent: scale.price)
            } else if scanner.equals(key, "sz") {
                quantity = try scanner.decimal(exponent: scale.quantity)
            } else if scanner.equals(key, "side") {
                side = scanner.aggressor(try scanner.string())
            } else if scanner.equals(key, "ts") {
                venueTime = try scanner.millisecondTime() ?? time
            } else if scanner.equals(key, "count") {
                count = try scanner.wholeNumber() ?? 1
            } else {
                try scanner.skipValue()
            }
        }
        guard let price, let quantity, let side, let id else { throw ScanError(.missingField, at: scanner.position) }
        try message.appendTrade(
            id: id, price: price, quantity: quantity, side, of: index,
            EventTimes(venue: venueTime, receive: time), at: scanner.position)
        if count > 1, count <= id { message.trades[message.trades.count - 1].firstID = id - count + 1 }
    }

    private func readQuote(
        _ index: Int, _ scanner: inout JSONScanner, at time: Timestamp, into message: inout VenueMessage
    ) throws(ScanError) {
        message.payload = .quote
        let scale = directory.scale(index)
        var bid: PriceLevel?
        var ask: PriceLevel?
        var id: Int64 = -1
        var venueTime = time
        try scanner.eachMember { (key, scanner) throws(ScanError) in
            if scanner.equals(key, "asks") {
                ask = try message.readBest(&scanner, of: scale)
            } else if scanner.equals(key, "bids") {
                bid = try message.readBest(&scanner, of: scale)
            } else if scanner.equals(key, "ts") {
                venueTime = try scanner.millisecondTime() ?? time
            } else if scanner.equals(key, "seqId") {
                id = try scanner.wholeNumber() ?? -1
            } else {
                try scanner.skipValue()
            }
        }
        guard let bid, let ask else { throw ScanError(.missingField, at: scanner.position) }
        message.quotes.append(
            Quote(
                instrument: InstrumentID(index), times: EventTimes(venue: venueTime, receive: time), updateID: id,
                bid: bid, ask: ask))
    }

    // MARK: Requests

    public func resubscribeMessages(for index: Int, on connection: ConnectionID) -> [String] {
        ["unsubscribe", "subscribe"].map {
            OKXAdapter.request($0, [OKXAdapter.argument("books", directory.name(index))])
        }
    }

    /// The book by which the stream can be joined, of as many levels as the stream's.
    public func snapshotRequest(for index: Int) -> VenueRequest? {
        VenueRequest(
            path: "/api/v5/market/books",
            query: "instId=\(BinanceREST.percentEncoded(directory.name(index)))&sz=\(Self.bookDepth)&source=0",
            weight: 1)
    }

    /// `{"code":"0","msg":"","data":[{"asks":…,"bids":…,"ts":"1704067200000","seqId":80274874800}]}`.
    public func readSnapshot(
        _ scanner: inout JSONScanner, of index: Int, at time: Timestamp, into message: inout VenueMessage
    ) throws(ScanError) {
        var answer = OKXAnswer()
        try answer.read(&scanner)
        try scanner.finish()
        guard let code = answer.code else { throw ScanError(.missingField, at: scanner.position) }
        guard code == 0 else { return message.note = .refused(code: code, message: answer.text) }
        guard var data = answer.data else { throw ScanError(.missingField, at: scanner.position) }
        try data.eachElement { (scanner) throws(ScanError) in
            try readBook(index, true, &scanner, at: time, into: &message)
            message.payload = .snapshot
        }
        // Without its id nobody knows which changes it contains.
        guard message.books.allSatisfy({ $0.link != .none }) else {
            throw ScanError(.missingField, at: scanner.position)
        }
    }

    /// A recording does not say how much a contract stands for: its size is 1.
    public static func instrument(
        of venue: Venue, named venueSymbol: String, priceExponent: Int8, quantityExponent: Int8, tickSize: Int64
    ) -> Instrument? {
        guard let symbol = SymbolName.normalized(venueSymbol) else { return nil }
        let parts = venueSymbol.split(separator: "-").map(String.init)
        let isPair = parts.count >= 2
        let kind: Instrument.Contract.Kind? =
            switch OKXInstrumentType(of: symbol) {
            case .spot: nil
            case .perpetual: .perpetual
            case .future: .future
            }
        return Instrument(
            venue: venue, symbol: symbol, venueSymbol: venueSymbol, priceExponent: priceExponent,
            quantityExponent: quantityExponent, tickSize: tickSize, baseAsset: isPair ? parts[0] : "",
            quoteAsset: isPair ? parts[1] : "",
            contract: kind.map { Instrument.Contract($0, isInverse: isPair && parts[1] == "USD") })
    }
}
