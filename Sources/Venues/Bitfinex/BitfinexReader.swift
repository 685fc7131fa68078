import Microstructure

/// Bitfinex's markets: books of a fixed depth, a level a message, and trades. All messages of a connection are
/// numbered, and checksums verify the books.
///
/// - A message with a number other than the one after its predecessor's comes after a loss; nobody knows of which
///   market. Within a channel the numbers chain the changes.
/// - A checksum is a change without levels, and so is the heartbeat of a book's channel, which comes every 15 s and
///   says that the book is still the same. Neither publishes a book.
/// - Each trade comes twice, as `te` when it is made and as `tu` some milliseconds later when it is stored, with the
///   same id. Both are read: the second is counted as a duplicate, and is the trade if the first was lost.
/// - The tick is told nowhere. It follows from the price, so from the books' snapshots and the trades.
///
/// Source: Bitfinex WebSocket API v2, 2026-08; recordings of 2021-04-05.
public struct BitfinexReader: VenueReader {
    public typealias Adapter = BitfinexAdapter

    private let adapter: BitfinexAdapter
    public var directory: InstrumentDirectory
    /// By connection.
    var connections = Array(repeating: BitfinexConnection(), count: ConnectionID.limit)
    /// By instrument; it holds while the price stays in the range.
    private var ticks: [BitfinexTick?] = []

    public init(_ adapter: BitfinexAdapter, _ directory: InstrumentDirectory) {
        self.adapter = adapter
        self.directory = directory
    }

    public let rules = StreamRules(tradeLists: .wholeTime)

    public mutating func connectionClosed(_ connection: ConnectionID) {
        connections[connection.index] = BitfinexConnection()
    }

    public mutating func read(
        _ scanner: inout JSONScanner, from connection: ConnectionID, at time: Timestamp,
        into message: inout VenueMessage
    ) throws(ScanError) {
        if try scanner.peek() == .object {
            try readEvent(&scanner, from: connection.index, into: &message)
        } else {
            try readData(&scanner, from: connection.index, at: time, into: &message)
            connections[connection.index].report(in: &message)
        }
    }

    // MARK: Data

    /// `[channel, contents, number, time]` or `[channel, tag, contents, number, time]`; a heartbeat has no contents.
    private mutating func readData(
        _ scanner: inout JSONScanner, from connection: Int, at time: Timestamp, into message: inout VenueMessage
    ) throws(ScanError) {
        try scanner.beginArray()
        try Self.next(&scanner)
        let number = try scanner.integer()
        try Self.next(&scanner)
        var tag = Tag.none
        if try scanner.peek() == .string {
            tag = Self.tag(try scanner.string(), scanner)
            if tag != .heartbeat { try Self.next(&scanner) }
        }
        // The contents are read once the number is known: it counts, whatever the contents are.
        var contents = scanner
        if tag != .heartbeat { try scanner.skipValue() }
        let sent = try Self.readEnd(&scanner, connections[connection].flags)
        connections[connection].take(sent.sequence)
        guard let place = connections[connection].place(of: number) else {
            return message.note = .unknownStream
        }
        message.index = connections[connection].channels[place].index
        switch (connections[connection].channels[place].kind, tag) {
        case (.book, .none), (.book, .checksum), (.book, .heartbeat):
            message.payload = .depthUpdate
            let link = connections[connection].link(of: place, to: sent.sequence)
            try readBook(&contents, tag, link, sent.time ?? time, into: &message)
        case (.trades, .none), (.trades, .execution), (.trades, .update):
            message.payload = .trade
            try readTrades(&contents, arePast: tag == .none, at: time, into: &message)
        case (_, .heartbeat): message.note = .acknowledgement
        default: message.note = .unknownEvent
        }
    }

    private enum Tag { case none, heartbeat, checksum, execution, update, other }

    private static func tag(_ name: JSONString, _ scanner: borrowing JSONScanner) -> Tag {
        if scanner.equals(name, "te") { return .execution }
        if scanner.equals(name, "tu") { return .update }
        if scanner.equals(name, "hb") { return .heartbeat }
        return scanner.equals(name, "cs") ? .checksum : .other
    }

    private static func next(_ scanner: inout JSONScanner) throws(ScanError) {
        guard try scanner.nextElement() else { throw ScanError(.missingField, at: scanner.position) }
    }

    /// What follows the contents. The venue may add more. Without its number a message is not known to be the next one,
    /// but it can be read.
    private static func readEnd(
        _ scanner: inout JSONScanner, _ flags: BitfinexFlags
    ) throws(ScanError) -> (sequence: Int64?, time: Timestamp?) {
        var sequence: Int64?
        var time: Timestamp?
        var hasMore = try scanner.nextElement()
        if hasMore, flags.contains(.sequence) {
            sequence = try scanner.integer()
            hasMore = try scanner.nextElement()
        }
        if hasMore, flags.contains(.times) {
            time = try milliseconds(&scanner)
            hasMore = try scanner.nextElement()
        }
        while hasMore {
            try scanner.skipValue()
            hasMore = try scanner.nextElement()
        }
        try scanner.finish()
        return (sequence, time)
    }

    private static func milliseconds(_ scanner: inout JSONScanner) throws(ScanError) -> Timestamp {
        let offset = scanner.position
        guard let time = VenueTimeUnit.milliseconds.timestamp(try scanner.integer()), time.nanoseconds > 0 else {
            throw ScanError(.numberOutOfRange, at: offset)
        }
        return time
    }

    // MARK: Books

    private mutating func readBook(
        _ contents: inout JSONScanner, _ tag: Tag, _ link: BookLink, _ venueTime: Timestamp,
        into message: inout VenueMessage
    ) throws(ScanError) {
        let none = message.levels.count..<message.levels.count
        var book = VenueMessage.Book(
            index: message.index, isSnapshot: false, bids: none, asks: none, link: link, venueTime: venueTime)
        switch tag {
        case .heartbeat: break
        case .checksum:
            guard let signed = Int32(exactly: try contents.integer()) else {
                throw ScanError(.numberOutOfRange, at: contents.position)
            }
            book.checksum = UInt32(bitPattern: signed)
        default:
            var first = contents
            try first.beginArray()
            // A change is one level; a snapshot has a list of them, which may be empty.
            if try first.nextElement(), try first.peek() == .number {
                let isBid = try readLevel(&contents, of: directory.scale(message.index), into: &message)
                if isBid { book.bids = none.lowerBound..<message.levels.count }
                if !isBid { book.asks = none.lowerBound..<message.levels.count }
            } else {
                book.isSnapshot = true
                (book.bids, book.asks) = try readSnapshot(contents, into: &message)
                if let best = message.levels.first { followTick(at: best.price, of: message.index) }
            }
        }
        // The venue tells of each level that leaves the depth, so none is dropped here.
        message.books.append(book)
    }

    /// `[[0.46688,1,3246.86920679],…,[0.46772,1,-166.4],…]`: read once for each side, whose levels must lie together.
    private func readSnapshot(
        _ contents: JSONScanner, into message: inout VenueMessage
    ) throws(ScanError) -> (bids: Range<Int>, asks: Range<Int>) {
        let scale = directory.scale(message.index)
        let start = message.levels.count
        var middle = start
        for wantsBids in [true, false] {
            var rows = contents
            try rows.eachElement { (rows) throws(ScanError) in
                let isBid = try readLevel(&rows, of: scale, into: &message)
                if isBid != wantsBids { message.levels.removeLast() }
            }
            if wantsBids { middle = message.levels.count }
        }
        return (start..<middle, middle..<message.levels.count)
    }

    /// `[price, count, ±size]`: sizes of asks are negative, and a count of zero removes the level. Returns whether it
    /// is a bid.
    private func readLevel(
        _ scanner: inout JSONScanner, of scale: PriceScale, into message: inout VenueMessage
    ) throws(ScanError) -> Bool {
        try scanner.beginArray()
        try Self.next(&scanner)
        let price = try scanner.decimal(exponent: scale.price)
        try Self.next(&scanner)
        let count = try scanner.integer()
        try Self.next(&scanner)
        // What is removed has the size 1 or −1, in any unit.
        let size = try scanner.decimal(exponent: count == 0 ? 0 : scale.quantity)
        while try scanner.nextElement() { try scanner.skipValue() }
        guard count >= 0, size != 0 else { throw ScanError(.numberOutOfRange, at: scanner.position) }
        try message.append((price, 0), (count == 0 ? 0 : abs(size), 0), false, at: scanner.position)
        return size > 0
    }

    public func checksum(of book: borrowing OrderBook, _ forms: borrowing LevelForms, index: Int) -> UInt32 {
        BitfinexChecksum.value(of: book, directory.scale(index))
    }

    // MARK: Trades

    /// `[id, time, ±size, price]`, or a list of the newest ones before the subscription, newest first.
    private mutating func readTrades(
        _ contents: inout JSONScanner, arePast: Bool, at time: Timestamp, into message: inout VenueMessage
    ) throws(ScanError) {
        guard arePast else {
            try readTrade(&contents, at: time, into: &message)
            if let trade = message.trades.last { followTick(at: trade.price, of: message.index) }
            return
        }
        message.hasPastTrades = true
        try contents.eachElement { (contents) throws(ScanError) in
            try readTrade(&contents, at: time, into: &message)
        }
        message.trades.reverse()
        if message.trades.isEmpty { message.note = .acknowledgement }
    }

    /// A positive size was bought by the taker.
    func readTrade(
        _ scanner: inout JSONScanner, at time: Timestamp, into message: inout VenueMessage
    ) throws(ScanError) {
        let scale = directory.scale(message.index)
        try scanner.beginArray()
        try Self.next(&scanner)
        let id = try scanner.integer()
        try Self.next(&scanner)
        let venueTime = try Self.milliseconds(&scanner)
        try Self.next(&scanner)
        let size = try scanner.decimal(exponent: scale.quantity)
        try Self.next(&scanner)
        let price = try scanner.decimal(exponent: scale.price)
        while try scanner.nextElement() { try scanner.skipValue() }
        try message.appendTrade(
            id: id, price: price, quantity: abs(size), size > 0 ? .buy : .sell, of: message.index,
            EventTimes(venue: venueTime, receive: time), at: scanner.position)
    }

    /// Gives the instrument the tick that it has at a price.
    private mutating func followTick(at price: Price, of index: Int) {
        while ticks.count <= index { ticks.append(nil) }
        if let tick = ticks[index], tick.prices.contains(price.mantissa) { return }
        let old = directory.instruments[index]
        let tick = BitfinexTick(at: price.mantissa, exponent: old.priceExponent)
        ticks[index] = tick
        guard tick.size != old.tickSize else { return }
        directory.replace(
            Instrument(
                venue: old.venue, symbol: old.symbol, venueSymbol: old.venueSymbol, priceExponent: old.priceExponent,
                quantityExponent: old.quantityExponent, tickSize: tick.size, lotSize: old.lotSize,
                baseAsset: old.baseAsset, quoteAsset: old.quoteAsset, contract: old.contract), at: index)
    }

    // MARK: Requests

    public func resubscribeMessages(for index: Int, on connection: ConnectionID) -> [String] {
        let subscription = adapter.bookRequest(of: directory.name(index))
        let channel = connections[connection.index].channels.first { $0.index == index && $0.kind == .book }
        guard let channel else { return [subscription] }
        return [#"{"event":"unsubscribe","chanId":\#(channel.number)}"#, subscription]
    }

    /// `UST` is `USDT` elsewhere.
    public static func instrument(
        of venue: Venue, named venueSymbol: String, priceExponent: Int8, quantityExponent: Int8, tickSize: Int64
    ) -> Instrument? {
        guard let pair = BitfinexSymbol(venueSymbol), let symbol = pair.name else { return nil }
        return Instrument(
            venue: venue, symbol: symbol, venueSymbol: venueSymbol, priceExponent: priceExponent,
            quantityExponent: quantityExponent, tickSize: tickSize, baseAsset: pair.baseAsset,
            quoteAsset: pair.quoteAsset, contract: pair.contract)
    }
}
