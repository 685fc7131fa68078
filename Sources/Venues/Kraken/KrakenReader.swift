import Microstructure

/// Kraken's spot market, version 2 of its protocol: whole books and their changes with a checksum, trades with
/// contiguous ids, best prices from `ticker`.
///
/// Source: Kraken WebSocket API v2, 2026-08.
public struct KrakenReader: VenueReader {
    public typealias Adapter = KrakenAdapter

    private let adapter: KrakenAdapter
    public var directory: InstrumentDirectory
    /// Levels a side of each book that the venue has confirmed.
    private var depths: [Int: Int] = [:]

    public init(_ adapter: KrakenAdapter, _ directory: InstrumentDirectory) {
        self.adapter = adapter
        self.directory = directory
    }

    public let rules = StreamRules(tradeIDs: .contiguous, needsDigits: true)

    private enum Channel { case book, trade, ticker, other }

    public mutating func read(
        _ scanner: inout JSONScanner, from connection: ConnectionID, at time: Timestamp,
        into message: inout VenueMessage
    ) throws(ScanError) {
        var channel: Channel?
        var isSnapshot = false
        var data: JSONScanner?
        var result: JSONScanner?
        var error: JSONString?
        var isAnswer = false
        try scanner.eachMember { (key, scanner) throws(ScanError) in
            if scanner.equals(key, "channel") {
                channel = Self.channel(try scanner.string(), scanner)
            } else if scanner.equals(key, "type") {
                isSnapshot = scanner.equals(try scanner.string(), "snapshot")
            } else if scanner.equals(key, "data") {
                // Usual order: the channel is known, so that nothing is read twice.
                if let channel {
                    try read(channel, isSnapshot, &scanner, at: time, into: &message)
                } else {
                    data = scanner
                    try scanner.skipValue()
                }
            } else if scanner.equals(key, "method") {
                isAnswer = true
                try scanner.skipValue()
            } else if scanner.equals(key, "result") {
                result = scanner
                try scanner.skipValue()
            } else if scanner.equals(key, "error") {
                error = try scanner.string()
            } else {
                try scanner.skipValue()
            }
        }
        try scanner.finish()
        if var data, let channel { try read(channel, isSnapshot, &data, at: time, into: &message) }
        if let error {
            message.note = .refused(code: 0, message: scanner.text(of: error))
        } else if isAnswer {
            message.note = .acknowledgement
            if var result { try noteDepth(&result) }
        } else if channel == .other, message.note == .none {
            // Heartbeats, the venue's status.
            message.note = .acknowledgement
        }
    }

    private static func channel(_ name: JSONString, _ scanner: JSONScanner) -> Channel {
        if scanner.equals(name, "book") { return .book }
        if scanner.equals(name, "trade") { return .trade }
        return scanner.equals(name, "ticker") ? .ticker : .other
    }

    private mutating func read(
        _ channel: Channel, _ isSnapshot: Bool, _ scanner: inout JSONScanner, at time: Timestamp,
        into message: inout VenueMessage
    ) throws(ScanError) {
        guard channel != .other else { return try scanner.skipValue() }
        try scanner.beginArray()
        while try scanner.nextElement() {
            switch channel {
            case .book: try readBook(isSnapshot, &scanner, at: time, into: &message)
            case .trade: try readTrade(isSnapshot, &scanner, at: time, into: &message)
            default: try readTicker(&scanner, at: time, into: &message)
            }
        }
    }

    // MARK: Books

    private func readBook(
        _ isSnapshot: Bool, _ scanner: inout JSONScanner, at time: Timestamp, into message: inout VenueMessage
    ) throws(ScanError) {
        message.payload = .depthUpdate
        var index = -1
        var bids = 0..<0
        var asks = 0..<0
        var lateBids: JSONScanner?
        var lateAsks: JSONScanner?
        var checksum: UInt32?
        var venueTime = time
        try scanner.eachMember { (key, scanner) throws(ScanError) in
            if scanner.equals(key, "symbol") {
                index = directory.index(of: try scanner.string(), scanner, noting: &message)
            } else if scanner.equals(key, "bids") {
                if index >= 0 {
                    bids = try readLevels(&scanner, index, into: &message)
                } else {
                    lateBids = scanner
                    try scanner.skipValue()
                }
            } else if scanner.equals(key, "asks") {
                if index >= 0 {
                    asks = try readLevels(&scanner, index, into: &message)
                } else {
                    lateAsks = scanner
                    try scanner.skipValue()
                }
            } else if scanner.equals(key, "checksum") {
                checksum = UInt32(exactly: try scanner.integer())
                guard checksum != nil else { throw ScanError(.numberOutOfRange, at: scanner.position) }
            } else if scanner.equals(key, "timestamp") {
                venueTime = try scanner.isoTime() ?? time
            } else {
                try scanner.skipValue()
            }
        }
        guard index >= 0 else { return try message.checkNamed(at: scanner.position) }
        if var lateBids { bids = try readLevels(&lateBids, index, into: &message) }
        if var lateAsks { asks = try readLevels(&lateAsks, index, into: &message) }
        message.books.append(
            VenueMessage.Book(
                index: index, isSnapshot: isSnapshot, bids: bids, asks: asks, link: .none, checksum: checksum,
                depth: depths[index] ?? adapter.bookDepth, venueTime: venueTime))
    }

    /// `[{"price":78871.5,"qty":0.01266503},…]`; trailing zeros count.
    private func readLevels(
        _ scanner: inout JSONScanner, _ index: Int, into message: inout VenueMessage
    ) throws(ScanError) -> Range<Int> {
        let start = message.levels.count
        let scale = directory.scale(index)
        try scanner.beginArray()
        while try scanner.nextElement() {
            var price: (value: Int64, decimals: Int8) = (0, 0)
            var quantity: (value: Int64, decimals: Int8) = (-1, 0)
            try scanner.eachMember { (key, scanner) throws(ScanError) in
                if scanner.equals(key, "price") {
                    price = try scanner.decimalWithForm(exponent: scale.price)
                } else if scanner.equals(key, "qty") {
                    quantity = try scanner.decimalWithForm(exponent: scale.quantity)
                } else {
                    try scanner.skipValue()
                }
            }
            try message.append(price, quantity, true, at: scanner.position)
        }
        return start..<message.levels.count
    }

    public func checksum(of book: borrowing OrderBook, _ forms: borrowing LevelForms, index: Int) -> UInt32 {
        KrakenChecksum.value(of: book, forms, directory.scale(index))
    }

    // MARK: Trades and best prices

    private func readTrade(
        _ isSnapshot: Bool, _ scanner: inout JSONScanner, at time: Timestamp, into message: inout VenueMessage
    ) throws(ScanError) {
        message.payload = .trade
        // The newest trades before the subscription: those missed are among them.
        message.hasPastTrades = isSnapshot
        var index = -1
        var price: JSONScanner?
        var quantity: JSONScanner?
        var side: AggressorSide?
        var id: Int64?
        var venueTime = time
        try scanner.eachMember { (key, scanner) throws(ScanError) in
            if scanner.equals(key, "symbol") {
                index = directory.index(of: try scanner.string(), scanner, noting: &message)
            } else if scanner.equals(key, "price") {
                price = scanner
                try scanner.skipValue()
            } else if scanner.equals(key, "qty") {
                quantity = scanner
                try scanner.skipValue()
            } else if scanner.equals(key, "side") {
                side = scanner.aggressor(try scanner.string())
            } else if scanner.equals(key, "trade_id") {
                id = try scanner.integer()
            } else if scanner.equals(key, "timestamp") {
                venueTime = try scanner.isoTime() ?? time
            } else {
                try scanner.skipValue()
            }
        }
        guard index >= 0 else { return try message.checkNamed(at: scanner.position) }
        guard var price, var quantity, let side, let id else {
            throw ScanError(.missingField, at: scanner.position)
        }
        try message.appendTrade(
            id: id, price: price.decimal(exponent: directory.scale(index).price),
            quantity: quantity.decimal(exponent: directory.scale(index).quantity), side, of: index,
            EventTimes(venue: venueTime, receive: time), at: scanner.position)
    }

    private func readTicker(
        _ scanner: inout JSONScanner, at time: Timestamp, into message: inout VenueMessage
    ) throws(ScanError) {
        message.payload = .quote
        var index = -1
        var places = QuotePlaces()
        var venueTime = time
        try scanner.eachMember { (key, scanner) throws(ScanError) in
            if scanner.equals(key, "symbol") {
                index = directory.index(of: try scanner.string(), scanner, noting: &message)
            } else if scanner.equals(key, "timestamp") {
                venueTime = try scanner.isoTime() ?? time
            } else {
                if scanner.equals(key, "bid") {
                    places.bid = scanner
                } else if scanner.equals(key, "bid_qty") {
                    places.bidSize = scanner
                } else if scanner.equals(key, "ask") {
                    places.ask = scanner
                } else if scanner.equals(key, "ask_qty") {
                    places.askSize = scanner
                }
                try scanner.skipValue()
            }
        }
        guard index >= 0 else { return try message.checkNamed(at: scanner.position) }
        message.quotes.append(
            try places.quote(
                of: index, directory.scale(index), EventTimes(venue: venueTime, receive: time), at: scanner.position
            ) { (scanner, exponent) throws(ScanError) in try scanner.decimal(exponent: exponent) })
    }

    // MARK: Requests

    /// `{"channel":"book","depth":10,"symbol":"BTC/USD"}`: what the venue has confirmed.
    private mutating func noteDepth(_ scanner: inout JSONScanner) throws(ScanError) {
        var isBook = false
        var depth: Int64?
        var index = -1
        try scanner.eachMember { (key, scanner) throws(ScanError) in
            if scanner.equals(key, "channel") {
                isBook = scanner.equals(try scanner.string(), "book")
            } else if scanner.equals(key, "depth") {
                depth = try scanner.wholeNumber()
            } else if scanner.equals(key, "symbol"), try scanner.peek() == .string {
                let name = try scanner.string()
                index = scanner.withBytes(of: name) { directory.index(of: $0) }
            } else {
                try scanner.skipValue()
            }
        }
        if isBook, index >= 0, let depth, (1...100_000).contains(depth) { depths[index] = Int(depth) }
    }

    public func resubscribeMessages(for index: Int, on connection: ConnectionID) -> [String] {
        ["unsubscribe", "subscribe"].map { adapter.bookRequest($0, [directory.name(index)]) }
    }
}
