import Microstructure

/// Coinbase Exchange's public feed: whole books and their changes, trades, the newest trade's id in a heartbeat, and the
/// best prices at each trade.
///
/// Nothing in the changes tells that one is missing; the trades' contiguous ids do, and the heartbeat tells where they end.
/// Source: Coinbase Exchange WebSocket feed, 2026-08; a recording of 2021-04-17, when `level2_batch` was `level2`.
public struct CoinbaseReader: VenueReader {
    public typealias Adapter = CoinbaseAdapter

    private let adapter: CoinbaseAdapter
    public var directory: InstrumentDirectory
    /// By connection and instrument.
    private var products = Array(repeating: [ProductState](), count: ConnectionID.limit)
    private var mixed = MixedLevels()

    /// What one connection has said of a product.
    struct ProductState: Sendable {
        var hasTicker = false
        /// The newest trade of the last heartbeat.
        var announcedTrade: Int64 = 0
    }

    private enum Kind { case snapshot, update, match, lastMatch, ticker, heartbeat, error, acknowledgement, unknown }

    public init(_ adapter: CoinbaseAdapter, _ directory: InstrumentDirectory) {
        self.adapter = adapter
        self.directory = directory
    }

    public static func instrument(
        of venue: Venue, named venueSymbol: String, priceExponent: Int8, quantityExponent: Int8, tickSize: Int64
    ) -> Instrument? {
        CoinbaseProduct.instrument(
            named: venueSymbol, priceExponent: priceExponent, quantityExponent: quantityExponent, tickSize: tickSize)
    }

    public let rules = StreamRules(tradeIDs: .contiguous, needsEveryChange: true)

    public mutating func connectionClosed(_ connection: ConnectionID) { products[connection.index] = [] }

    public mutating func read(
        _ scanner: inout JSONScanner, from connection: ConnectionID, at time: Timestamp,
        into message: inout VenueMessage
    ) throws(ScanError) {
        let start = scanner
        try scanner.beginObject()
        let kind: Kind
        // Usual order: the type comes first, so that nothing is read twice.
        if let key = try scanner.nextKey(), scanner.equals(key, "type") {
            kind = Self.kind(try scanner.string(), scanner)
        } else {
            scanner = start
            kind = try Self.findKind(&scanner)
            scanner = start
            try scanner.beginObject()
        }
        switch kind {
        case .snapshot: try readSnapshot(&scanner, at: time, into: &message)
        case .update: try readUpdate(&scanner, at: time, into: &message)
        case .match, .lastMatch: try readMatch(kind == .lastMatch, &scanner, at: time, into: &message)
        case .ticker: try readTicker(&scanner, from: connection, at: time, into: &message)
        case .heartbeat: try readHeartbeat(&scanner, from: connection, at: time, into: &message)
        case .error: try readError(&scanner, into: &message)
        case .acknowledgement, .unknown:
            message.payload = .control
            while try scanner.nextKey() != nil { try scanner.skipValue() }
            message.note = kind == .unknown ? .unknownEvent : .acknowledgement
        }
        try scanner.finish()
    }

    private static func kind(_ name: JSONString, _ scanner: borrowing JSONScanner) -> Kind {
        if scanner.equals(name, "l2update") { return .update }
        if scanner.equals(name, "match") { return .match }
        if scanner.equals(name, "ticker") { return .ticker }
        if scanner.equals(name, "heartbeat") { return .heartbeat }
        if scanner.equals(name, "snapshot") { return .snapshot }
        if scanner.equals(name, "last_match") { return .lastMatch }
        if scanner.equals(name, "subscriptions") { return .acknowledgement }
        return scanner.equals(name, "error") ? .error : .unknown
    }

    private static func findKind(_ scanner: inout JSONScanner) throws(ScanError) -> Kind {
        var kind: Kind?
        try scanner.eachMember { (key, scanner) throws(ScanError) in
            guard scanner.equals(key, "type") else { return try scanner.skipValue() }
            kind = Self.kind(try scanner.string(), scanner)
        }
        guard let kind else { throw ScanError(.missingField, at: scanner.position) }
        return kind
    }

    // MARK: Books

    private func readSnapshot(
        _ scanner: inout JSONScanner, at time: Timestamp, into message: inout VenueMessage
    ) throws(ScanError) {
        message.payload = .depthUpdate
        var index = -1
        var bids: Range<Int>?
        var asks: Range<Int>?
        var lateBids: JSONScanner?
        var lateAsks: JSONScanner?
        var venueTime = time
        while let key = try scanner.nextKey() {
            if scanner.equals(key, "product_id") {
                index = directory.index(of: try scanner.string(), scanner, noting: &message)
            } else if scanner.equals(key, "time") {
                venueTime = try scanner.timeIfValid() ?? time
            } else if scanner.equals(key, "bids") {
                if index >= 0 {
                    bids = try readSide(&scanner, index, into: &message)
                } else {
                    lateBids = scanner
                    try scanner.skipValue()
                }
            } else if scanner.equals(key, "asks") {
                if index >= 0 {
                    asks = try readSide(&scanner, index, into: &message)
                } else {
                    lateAsks = scanner
                    try scanner.skipValue()
                }
            } else {
                try scanner.skipValue()
            }
        }
        guard index >= 0 else { return try message.checkNamed(at: scanner.position) }
        if var lateBids { bids = try readSide(&lateBids, index, into: &message) }
        if var lateAsks { asks = try readSide(&lateAsks, index, into: &message) }
        guard let bids, let asks else { throw ScanError(.missingField, at: scanner.position) }
        message.books.append(
            VenueMessage.Book(
                index: index, isSnapshot: true, bids: bids, asks: asks, link: .none, venueTime: venueTime))
    }

    /// `[["14.8024","12.77"],…]`, best first.
    private func readSide(
        _ scanner: inout JSONScanner, _ index: Int, into message: inout VenueMessage
    ) throws(ScanError) -> Range<Int> {
        let start = message.levels.count
        let scale = directory.scale(index)
        try scanner.beginArray()
        while try scanner.nextElement() {
            try scanner.beginArray()
            if let level = try readLevel(&scanner, scale, into: &message) { message.levels.append(level) }
        }
        return start..<message.levels.count
    }

    /// The price, the size and the end of a level.
    @inline(__always)
    private func readLevel(
        _ scanner: inout JSONScanner, _ scale: PriceScale, into message: inout VenueMessage
    ) throws(ScanError) -> PriceLevel? {
        guard try scanner.nextElement() else { throw ScanError(.wrongType, at: scanner.position) }
        let price = try scanner.decimalIfValid(exponent: scale.price)
        guard try scanner.nextElement() else { throw ScanError(.wrongType, at: scanner.position) }
        let quantity = try scanner.decimalIfValid(exponent: scale.quantity)
        while try scanner.nextElement() { try scanner.skipValue() }
        return message.level(price, quantity)
    }

    private mutating func readUpdate(
        _ scanner: inout JSONScanner, at time: Timestamp, into message: inout VenueMessage
    ) throws(ScanError) {
        message.payload = .depthUpdate
        var index = -1
        var sides: (bids: Range<Int>, asks: Range<Int>)?
        var late: JSONScanner?
        var venueTime = time
        while let key = try scanner.nextKey() {
            if scanner.equals(key, "product_id") {
                index = directory.index(of: try scanner.string(), scanner, noting: &message)
            } else if scanner.equals(key, "time") {
                venueTime = try scanner.timeIfValid() ?? time
            } else if scanner.equals(key, "changes") {
                if index >= 0 {
                    sides = try readChanges(&scanner, index, into: &message)
                } else {
                    late = scanner
                    try scanner.skipValue()
                }
            } else {
                try scanner.skipValue()
            }
        }
        guard index >= 0 else { return try message.checkNamed(at: scanner.position) }
        if var late { sides = try readChanges(&late, index, into: &message) }
        guard let sides else { throw ScanError(.missingField, at: scanner.position) }
        message.books.append(
            VenueMessage.Book(
                index: index, isSnapshot: false, bids: sides.bids, asks: sides.asks, link: .none, venueTime: venueTime))
    }

    /// `[["buy","80688.08","0.59153273"],…]`; a size of zero, at the product's own precision, removes the level.
    private mutating func readChanges(
        _ scanner: inout JSONScanner, _ index: Int, into message: inout VenueMessage
    ) throws(ScanError) -> (bids: Range<Int>, asks: Range<Int>) {
        let scale = directory.scale(index)
        mixed.begin(in: message)
        try scanner.beginArray()
        while try scanner.nextElement() {
            try scanner.beginArray()
            guard try scanner.nextElement() else { throw ScanError(.wrongType, at: scanner.position) }
            let side = try scanner.string()
            let isBid = scanner.equals(side, "buy")
            guard isBid || scanner.equals(side, "sell") else { throw ScanError(.wrongType, at: side.start) }
            if let level = try readLevel(&scanner, scale, into: &message) {
                mixed.append(level, isBid: isBid, to: &message)
            }
        }
        return mixed.end(in: &message)
    }

    public func resubscribeMessages(for index: Int, on connection: ConnectionID) -> [String] {
        ["unsubscribe", "subscribe"].map {
            CoinbaseAdapter.request($0, [directory.name(index)], [CoinbaseAdapter.bookChannel])
        }
    }

    // MARK: Best prices

    /// Best prices right after a trade. The first one after subscribing is of the last trade before, which may be long
    /// ago: the venue's answer, not a quote.
    private mutating func readTicker(
        _ scanner: inout JSONScanner, from connection: ConnectionID, at time: Timestamp,
        into message: inout VenueMessage
    ) throws(ScanError) {
        message.payload = .quote
        var ticker = CoinbaseTicker()
        while let key = try scanner.nextKey() {
            if scanner.equals(key, "product_id") {
                ticker.index = directory.index(of: try scanner.string(), scanner, noting: &message)
            } else {
                try ticker.read(key, &scanner)
            }
        }
        guard ticker.index >= 0 else { return try message.checkNamed(at: scanner.position) }
        let isFirst = changeState(of: ticker.index, on: connection) { state in
            defer { state.hasTicker = true }
            return !state.hasTicker
        }
        guard !isFirst else {
            message.note = .acknowledgement
            return
        }
        let times = EventTimes(venue: ticker.venueTime ?? time, receive: time)
        try ticker.append(to: &message, directory.scale(ticker.index), times)
    }

    mutating func changeState<Result>(
        of index: Int, on connection: ConnectionID, _ change: (inout ProductState) -> Result
    ) -> Result {
        while products[connection.index].count <= index { products[connection.index].append(ProductState()) }
        return change(&products[connection.index][index])
    }
}
