import Microstructure

/// The session of a venue that sends whole books, then their changes: `VenueReader` reads its messages, and this keeps
/// its books, trades and silences by the rules that all such venues share.
///
/// A book follows each connection by itself, so a snapshot is never merged into an older book: a new connection's book is
/// published, in a new epoch, once the old connection has ended. A hole in the ids, a checksum that does not agree and a
/// book that stays crossed discard the book; then the venue is asked for a snapshot, by the instrument if it can be asked
/// so.
///
/// Memory: the buffers of the longest message, and per instrument up to `ConnectionID.limit` books.
public struct StreamSession<Reader: VenueReader>: ~Copyable, VenueSession {
    public typealias Adapter = Reader.Adapter

    public internal(set) var unattributedCounts = SessionCounts()
    var reader: Reader
    let options: VenueOptions
    var markets: [StreamMarket]
    var message = VenueMessage()
    /// When a message that could not be read named no instrument.
    var lastUnknownLoss = Timestamp(nanoseconds: -1 << 62)
    /// One bit per open connection.
    private var openConnections: UInt8 = 0

    /// Largest message of a stream and largest answer over HTTP; larger ones are rejected unread. A whole book of a busy
    /// market is 5 MB.
    public static var byteLimit: Int { 16 << 20 }
    /// Most levels kept a side; those furthest from the best price are dropped.
    private static var bookLevelLimit: Int { 50_000 }
    /// More than two connections can be apart.
    private static var anewNanoseconds: Int64 { 5_000_000_000 }

    public init(_ adapter: Reader.Adapter, instruments: [Instrument]) throws(VenueError) {
        guard instruments.count <= adapter.limits.symbols else {
            throw .badConfiguration(
                "\(instruments.count) instruments; one process serves \(adapter.limits.symbols) of this venue")
        }
        try self.init(adapter, recorded: instruments)
    }

    /// A session for a recording, which may hold more instruments than one process serves live.
    public init(_ adapter: Reader.Adapter, recorded instruments: [Instrument]) throws(VenueError) {
        guard !instruments.isEmpty else { throw .badConfiguration("no instruments") }
        reader = Reader(adapter, try InstrumentDirectory(instruments))
        options = adapter.options
        markets = instruments.map { _ in StreamMarket(levelLimit: Self.bookLevelLimit) }
    }

    // MARK: State

    public var instruments: [Instrument] { reader.directory.instruments }
    public func validity(of id: InstrumentID) -> Validity {
        guard openConnections != 0 else { return .stale }
        guard markets[id.index].isTrustworthy else { return .resyncing }
        return markets[id.index].silences.isEmpty ? .valid : .stale
    }
    public func epoch(of id: InstrumentID) -> UInt64 { markets[id.index].epoch }
    public func counts(of id: InstrumentID) -> SessionCounts { markets[id.index].counts }
    /// The book that is published; empty before the first snapshot.
    public func book(of id: InstrumentID) -> OrderBook {
        let market = markets[id.index]
        return market.books[market.active ?? 0].book
    }

    public mutating func add(_ instrument: Instrument) throws(VenueError) {
        guard !instruments.contains(where: { $0.symbol == instrument.symbol }) else {
            throw .badConfiguration("\(instrument.symbol) is given twice")
        }
        try reader.directory.add(instrument)
        markets.append(StreamMarket(levelLimit: Self.bookLevelLimit))
    }

    // MARK: Connections

    public mutating func connectionOpened(_ connection: ConnectionID = .main, at time: Timestamp) {
        openConnections |= 1 << UInt8(connection.index)
    }

    public mutating func connectionClosed(_ connection: ConnectionID = .main, at time: Timestamp) {
        openConnections &= ~(1 << UInt8(connection.index))
        reader.connectionClosed(connection)
        for index in markets.indices {
            loseBook(of: index, slot: connection.index)
            // Another connection may not have been subscribed to all trades yet.
            markets[index].mayLoseTrades()
            guard openConnections == 0 else { continue }
            for channel in FeedChannel.allCases { markets[index].watches[channel.rawValue].pause() }
            markets[index].silences = []
            markets[index].lastQuoteID = -1
        }
    }

    public func instrumentsAwaitingHandover(from old: ConnectionID, to new: ConnectionID) -> Int {
        markets.count { !$0.books[new.index].isLive }
    }

    // MARK: Messages

    public mutating func receive(
        _ frame: Span<UInt8>, from connection: ConnectionID = .main, at time: Timestamp, into events: inout EventBatch
    ) throws(VenueError) -> VenueAction {
        guard frame.count <= Self.byteLimit else {
            count(rejection: .oversized, of: -1)
            if reader.rules.needsEveryChange { loseBooks(of: -1, on: connection) }
            throw .rejected(Rejection(.oversized, in: .frame, at: Self.byteLimit))
        }
        message.clear()
        do throws(ScanError) {
            try frame.withUnsafeBufferPointer { (bytes) throws(ScanError) in
                if reader.rules.plainAnswers.contains(where: { $0.elementsEqual(bytes) }) {
                    return message.note = .acknowledgement
                }
                var scanner = JSONScanner(bytes)
                try reader.read(&scanner, from: connection, at: time, into: &message)
            }
        } catch {
            let kind = RejectionKind(error.kind)
            count(rejection: kind, of: message.index)
            loseTrades(at: time)
            // A change that cannot be read is a missed one; where no id or checksum would show it, neither can any message
            // that may have been a change. The next change asks for a snapshot.
            let isUnknown = message.index < 0 && reader.rules.needsEveryChange
            if message.payload == .depthUpdate && message.index >= 0
                || isUnknown && (message.payload == .depthUpdate || message.payload == .frame)
            {
                loseBooks(of: message.index, on: connection)
            }
            throw .rejected(
                Rejection(
                    kind, in: message.payload, of: message.index < 0 ? nil : InstrumentID(message.index),
                    at: error.offset))
        }
        return try process(from: connection, at: time, into: &events)
    }

    private mutating func count(rejection kind: RejectionKind, of index: Int) {
        if markets.indices.contains(index) {
            markets[index].counts.messages += 1
            markets[index].counts.rejections[kind] += 1
        } else {
            unattributedCounts.messages += 1
            unattributedCounts.rejections[kind] += 1
        }
    }

    /// Processes what `message` holds.
    private mutating func process(
        from connection: ConnectionID, at time: Timestamp, into events: inout EventBatch
    ) throws(VenueError) -> VenueAction {
        var action = VenueAction.proceed
        if message.isAfterLoss { action = loseAllBooks(on: connection, at: time) }
        for place in message.books.indices {
            let change = message.books[place]
            if place == 0 { markets[change.index].counts.refusedLevels += message.refusedLevels }
            markets[change.index].counts.messages += 1
            markets[change.index].counts.depthUpdates += 1
            let next =
                switch reader.rules.snapshots {
                case .inStream: process(change, slot: connection.index, at: time, into: &events)
                case .overHTTP: processHeld(change, slot: connection.index, at: time, into: &events)
                case .either: processEither(change, slot: connection.index, at: time, into: &events)
                }
            if action == .proceed { action = next }
        }
        for place in message.trades.indices {
            let next = process(message.trades[place], into: &events)
            if action == .proceed { action = next }
        }
        for trade in message.trades { markets[trade.instrument.index].knowsTrades = true }
        if let id = message.lastTradeID {
            let next = expectTrades(through: id, of: message.index, at: message.lastTradeTime)
            if action == .proceed { action = next }
        }
        for place in message.quotes.indices { process(message.quotes[place], into: &events) }
        guard message.isEmpty else { return action }
        let index = message.index
        func add(_ field: WritableKeyPath<SessionCounts, UInt64>, _ counts: inout SessionCounts) {
            counts.messages += 1
            counts[keyPath: field] += 1
        }
        let field: WritableKeyPath<SessionCounts, UInt64>
        switch message.note {
        case .acknowledgement: field = \.acknowledgements
        case .none, .unknownEvent: field = \.unknownEvents
        case .unknownStream: field = \.unknownStreams
        case .shutdown: field = \.shutdownNotices
        case .refused: field = \.venueErrors
        }
        if markets.indices.contains(index) {
            add(field, &markets[index].counts)
        } else {
            add(field, &unattributedCounts)
        }
        if case .refused(let code, let text) = message.note { throw .refused(code: code, message: text) }
        return message.note == .shutdown ? .reconnect : action
    }

    // MARK: Quotes

    private mutating func process(_ quote: Quote, into events: inout EventBatch) {
        let index = quote.instrument.index
        markets[index].counts.messages += 1
        markets[index].noteArrival(.quotes, at: quote.times.receive, after: .unknown)
        // No other stream proves that a long silence was a failure.
        markets[index].watches[FeedChannel.quotes.rawValue].settle(true)
        guard quote.bid.price.mantissa > 0, quote.ask.price.mantissa > 0 else {
            markets[index].counts.emptyQuotes += 1
            return
        }
        var quote = quote
        if quote.updateID < 0 {
            markets[index].quoteID += 1
            quote.updateID = markets[index].quoteID
        } else {
            // An id below the last one at a clearly later time: the venue has restarted, and numbers its quotes anew.
            let isAnew =
                quote.updateID < markets[index].lastQuoteID
                && quote.times.venue.nanoseconds(since: markets[index].lastQuoteTime) > Self.anewNanoseconds
            guard quote.updateID > markets[index].lastQuoteID || isAnew else {
                markets[index].counts.oldQuotes += 1
                return
            }
            markets[index].lastQuoteID = quote.updateID
            markets[index].lastQuoteTime = quote.times.venue
        }
        markets[index].counts.quotes += 1
        events.append(.quote(quote))
    }
}
