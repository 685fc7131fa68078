import Microstructure

/// The streams of one of Binance's markets: depth, trades and best quotes of one or many instruments.
///
/// Frames become events with exact integer prices, and books follow the venue's rules. Each instrument has its own
/// state: a sequence gap in one resets no other.
///
/// A frame causes one action: `.fetchSnapshot` for a depth update, `.fetchTrades` for a trade, `.reconnect` for a
/// shutdown notice, otherwise `.proceed`. Memory: two arrays with room for the levels of the longest possible frame,
/// and per instrument a book with its held updates (limits: `BinanceConfiguration`).
///
/// Source: Binance spot WebSocket streams and REST documentation, 2026-07-21. Futures: `BinanceSession+Futures`; binary
/// frames: `BinanceSession+SBE`.
public struct BinanceSession: ~Copyable, Sendable, VenueSession {
    public internal(set) var configuration: BinanceConfiguration
    public internal(set) var unattributedCounts = SessionCounts()
    var symbols: SymbolTable
    var scales: [PriceScale]
    var books: [BinanceBook]
    var tradeSequences: [TradeSequence]
    /// By instrument.
    var quantities: [TradeQuantities]
    /// The newest aggregate fetched, by instrument; the next request continues from it.
    var lastAggregates: [AggregateTrade?]
    /// Update id of the newest quote, by instrument; −1 before the first.
    var lastQuoteIDs: [Int64]
    /// By instrument and channel: `index · channels + channel`.
    var watches: [SilenceWatch]
    /// By instrument.
    var crossChecks: [CrossStreamCheck]
    /// Channels silent beyond their limit, by instrument.
    var silences: [SilentChannels]
    /// One bit per open connection.
    var openConnections: UInt8 = 0
    /// The current update or snapshot, decoded completely before any of it is applied.
    var bids: [PriceLevel] = []
    var asks: [PriceLevel] = []

    public init(_ configuration: BinanceConfiguration) throws(VenueError) {
        try configuration.validate()
        guard let symbols = SymbolTable(configuration.instruments.map(\.venueSymbol)) else {
            throw .badConfiguration("an instrument is given twice")
        }
        self.symbols = symbols
        self.configuration = configuration
        scales = configuration.instruments.map { PriceScale($0) }
        books = configuration.instruments.indices.map { BinanceBook(InstrumentID($0), configuration) }
        tradeSequences = configuration.instruments.map { _ in TradeSequence() }
        quantities = configuration.instruments.map { _ in TradeQuantities() }
        lastAggregates = configuration.instruments.map { _ in nil }
        lastQuoteIDs = configuration.instruments.map { _ in -1 }
        watches = configuration.instruments.flatMap { _ in FeedChannel.allCases.map { _ in SilenceWatch() } }
        crossChecks = configuration.instruments.map { _ in CrossStreamCheck() }
        silences = configuration.instruments.map { _ in [] }
    }

    public init(_ adapter: BinanceAdapter, instruments: [Instrument]) throws(VenueError) {
        var configuration = BinanceConfiguration(instruments: instruments)
        configuration.market = adapter.market
        configuration.timeUnit = adapter.market.timeUnit(adapter.options.timeUnit)
        configuration.depthPublished = adapter.options.depthPublished
        configuration.snapshotDepth = min(adapter.options.snapshotDepth, adapter.market.snapshotLimit)
        configuration.backfillLimit = adapter.options.backfillLimit
        try self.init(configuration)
    }

    // MARK: State

    public var instruments: [Instrument] { configuration.instruments }
    public func validity(of id: InstrumentID) -> Validity {
        let validity = books[id.index].validity
        return validity == .valid && !silences[id.index].isEmpty ? .stale : validity
    }
    public func epoch(of id: InstrumentID) -> UInt64 { books[id.index].epoch }
    /// A copy of the book; free unless it is held while the next update arrives.
    public func book(of id: InstrumentID) -> OrderBook { books[id.index].book }
    public func counts(of id: InstrumentID) -> SessionCounts { books[id.index].counts }
    /// Depth updates that wait for a snapshot.
    public func pendingUpdates(of id: InstrumentID) -> Int {
        books[id.index].pending.count + books[id.index].ahead.count
    }
    public func lastTradeID(of id: InstrumentID) -> Int64? {
        tradeSequences[id.index].last < 0 ? nil : tradeSequences[id.index].last
    }

    // MARK: Connection

    public mutating func connectionOpened(_ connection: ConnectionID = .main, at time: Timestamp) {
        openConnections |= 1 << UInt8(connection.index)
        for index in books.indices { books[index].connectionOpened() }
    }

    public mutating func connectionClosed(_ connection: ConnectionID = .main, at time: Timestamp) {
        openConnections &= ~(1 << UInt8(connection.index))
        for index in books.indices { books[index].connectionClosed(connection) }
        guard openConnections == 0 else { return }
        for index in books.indices { books[index].disconnect() }
        for index in watches.indices { watches[index].pause() }
        for index in crossChecks.indices { crossChecks[index] = CrossStreamCheck() }
        // A new connection sends no older quote; lower ids mean that the venue has restarted its numbering.
        for index in lastQuoteIDs.indices { lastQuoteIDs[index] = -1 }
        for index in silences.indices { silences[index] = [] }
    }

    /// What was learnt of silences is of the other streams.
    public mutating func change(to adapter: BinanceAdapter) {
        configuration.market = adapter.market
        configuration.timeUnit = adapter.market.timeUnit(adapter.options.timeUnit)
        for index in watches.indices { watches[index] = SilenceWatch() }
    }

    public func instrumentsAwaitingHandover(from old: ConnectionID, to new: ConnectionID) -> Int {
        books.count { !$0.positions.hasHandedOver(from: old, to: new) }
    }

    // MARK: Snapshots

    public func snapshotRequest(for id: InstrumentID) -> VenueRequest? {
        BinanceREST.depth(
            symbol: instruments[id.index].venueSymbol, limit: configuration.snapshotDepth, of: configuration.market)
    }

    /// None: the venue serves snapshots over HTTP.
    public func resubscribeMessages(for id: InstrumentID, on connection: ConnectionID) -> [String] { [] }

    public mutating func snapshotFailed(for id: InstrumentID, at time: Timestamp) -> VenueAction {
        books[id.index].snapshotFailed()
    }

    public mutating func receiveSnapshot(
        _ body: Span<UInt8>, for id: InstrumentID, at time: Timestamp, into events: inout EventBatch
    ) throws(VenueError) -> VenueAction {
        guard books.indices.contains(id.index) else { throw .unknownInstrument(id) }
        let lastUpdateID: Int64
        do {
            lastUpdateID = try BinanceREST.decodeDepth(
                body, byteLimit: configuration.snapshotByteLimit, scale: scales[id.index], id: id, bids: &bids,
                asks: &asks)
        } catch {
            if case .rejected(let rejection) = error { books[id.index].counts.snapshotRejections[rejection.kind] += 1 }
            throw error
        }
        return books[id.index].receiveSnapshot(
            lastUpdateID: lastUpdateID, bids: bids, asks: asks, validity: bookValidity(id.index), into: &events)
    }

    // MARK: Frames

    public mutating func receive(
        _ frame: Span<UInt8>, from connection: ConnectionID = .main, at time: Timestamp, into events: inout EventBatch
    ) throws(VenueError) -> VenueAction {
        guard frame.count <= configuration.frameByteLimit else {
            unattributedCounts.messages += 1
            unattributedCounts.rejections[.oversized] += 1
            throw .rejected(Rejection(.oversized, in: .frame, at: configuration.frameByteLimit))
        }
        return try frame.withUnsafeBufferPointer { (bytes) throws(VenueError) -> VenueAction in
            if configuration.market == .sbe, bytes.first != UInt8(ascii: "{") {
                return try receive(binary: bytes, from: connection, at: time, into: &events)
            }
            var scanner = JSONScanner(bytes)
            if let canonical = CanonicalFrame(
                &scanner, of: configuration.market, symbols: symbols, scales: scales, unit: configuration.timeUnit,
                at: time, bids: &bids, asks: &asks)
            {
                return receive(canonical, from: connection, into: &events)
            }
            scanner = JSONScanner(bytes)
            var frame = BinanceFrame()
            do throws(VenueError) {
                try read(&frame, &scanner)
                let action = try dispatch(frame, &scanner, from: connection, at: time, into: &events)
                withCounts(of: frame.symbol) { $0.messages += 1 }
                return action
            } catch {
                withCounts(of: frame.symbol) { counts in
                    counts.messages += 1
                    switch error {
                    case .rejected(let rejection): counts.rejections[rejection.kind] += 1
                    default: counts.venueErrors += 1
                    }
                }
                throw error
            }
        }
    }

    private mutating func receive(
        _ frame: CanonicalFrame, from connection: ConnectionID, into events: inout EventBatch
    ) -> VenueAction {
        switch frame {
        case .depth(let id, let header):
            books[id.index].counts.messages += 1
            return process(header, id.index, from: connection, into: &events)
        case .trade(let trade):
            books[trade.instrument.index].counts.messages += 1
            return process(trade, into: &events)
        case .quote(let quote):
            books[quote.instrument.index].counts.messages += 1
            process(quote, into: &events)
            return .proceed
        }
    }

    private mutating func read(
        _ frame: inout BinanceFrame, _ scanner: inout JSONScanner
    ) throws(VenueError) {
        do throws(ScanError) {
            try frame.read(&scanner, symbols: symbols, scales: scales, bids: &bids, asks: &asks)
        } catch {
            throw frame.rejection(error)
        }
    }

    private mutating func dispatch(
        _ frame: borrowing BinanceFrame, _ scanner: inout JSONScanner, from connection: ConnectionID,
        at time: Timestamp, into events: inout EventBatch
    ) throws(VenueError) -> VenueAction {
        let kind = configuration.market.isFutures ? frame.futuresKind : frame.kind
        switch kind {
        case .serverShutdown:
            withCounts(of: frame.symbol) { $0.shutdownNotices += 1 }
            return .reconnect
        case .none, .other:
            return try receiveOther(frame, scanner)
        case .depthUpdate, .trade, .bookTicker:
            if frame.symbol == -1 {
                unattributedCounts.unknownStreams += 1
                return .proceed
            }
            guard frame.has("s") else { throw frame.rejection(.missingField, "s") }
            guard frame.dataSymbol >= 0, frame.dataSymbol == frame.symbol else {
                throw frame.rejection(frame.dataSymbol == -2 ? .wrongType : .wrongSymbol, "s")
            }
        }
        let index = frame.symbol
        switch kind {
        case .depthUpdate:
            return try receiveDepth(frame, &scanner, index, from: connection, at: time, into: &events)
        case .trade: return try receiveTrade(frame, &scanner, index, at: time, into: &events)
        default:
            try receiveQuote(frame, &scanner, index, at: time, into: &events)
            return .proceed
        }
    }

    // MARK: Contents of frames

    /// A depth update whose levels are in `bids` and `asks`.
    mutating func process(
        _ header: DepthHeader, _ index: Int, from connection: ConnectionID, into events: inout EventBatch
    ) -> VenueAction {
        let time = header.times.receive
        let hasQuotes = configuration.market.quotesAreComplete
        let isJoined = books[index].isJoined(by: header)
        if books[index].positions.last(on: connection) == header.first - 1 {
            books[index].counts.chainsPassed += 1
        }
        let isPrompt = !hasQuotes || crossChecks[index].process(depth: header.last, at: time)
        noteArrival(.depth, of: index, at: time, after: isJoined && isPrompt ? .own : .failure)
        let action = books[index].receive(
            header, bids: bids, asks: asks, from: connection, validity: bookValidity(index), into: &events)
        if hasQuotes { compareWithQuotes(index, isWhole: isJoined, at: time) }
        return action
    }

    mutating func process(_ trade: Trade, into events: inout EventBatch) -> VenueAction {
        let index = trade.instrument.index
        guard let action = admit(trade.id, index, trade.times) else {
            books[index].counts.duplicateTrades += 1
            return .proceed
        }
        books[index].counts.trades += 1
        quantities[index].note(trade.id, trade.quantity)
        events.append(.trade(trade))
        return action
    }

    /// Notes the arrival of a trade's id; `nil` for a duplicate.
    mutating func admit(_ id: Int64, _ index: Int, _ times: EventTimes) -> VenueAction? {
        if tradeSequences[index].isOfNewSeries(id, at: times.venue) { restartTrades(index) }
        let last = tradeSequences[index].last
        noteArrival(.trades, of: index, at: times.receive, after: last < 0 || id <= last + 1 ? .own : .failure)
        let arrival = tradeSequences[index].process(
            id, at: times.venue, limit: Int64(configuration.backfillLimit),
            givenUp: &books[index].counts.unfilledTrades)
        switch arrival {
        case .duplicate: return nil
        case .late: books[index].counts.lateTrades += 1
        case .newest(let missed) where missed > 0:
            books[index].counts.missedTrades += UInt64(missed)
            if !tradeSequences[index].holes.isEmpty { return .fetchTrades(InstrumentID(index)) }
        case .newest: break
        }
        return .proceed
    }

    /// The venue counts its trades anew.
    mutating func restartTrades(_ index: Int) {
        books[index].counts.unfilledTrades += UInt64(tradeSequences[index].missing)
        books[index].counts.restartedSeries += 1
        tradeSequences[index] = TradeSequence()
        quantities[index] = TradeQuantities()
        lastAggregates[index] = nil
    }

    mutating func process(_ quote: Quote, into events: inout EventBatch) {
        let index = quote.instrument.index
        let time = quote.times.receive
        if configuration.market.quotesAreComplete {
            let before = crossChecks[index].process(quote: quote.updateID, bid: quote.bid, ask: quote.ask, at: time)
            if before == .lost { books[index].counts.quoteGaps += 1 }
            noteArrival(.quotes, of: index, at: time, after: before == .complete ? .unknown : .failure)
        } else {
            noteArrival(.quotes, of: index, at: time, after: .own)
        }
        guard quote.bid.price.mantissa > 0, quote.ask.price.mantissa > 0 else {
            books[index].counts.emptyQuotes += 1
            return
        }
        // The quote came over the slower of two connections, or late: a newer quote is known.
        guard quote.updateID > lastQuoteIDs[index] else {
            books[index].counts.oldQuotes += 1
            return
        }
        lastQuoteIDs[index] = quote.updateID
        books[index].counts.quotes += 1
        events.append(.quote(quote))
    }

    @inline(__always)
    mutating func withCounts(of symbol: Int, _ body: (inout SessionCounts) -> Void) {
        if symbol >= 0 { body(&books[symbol].counts) } else { body(&unattributedCounts) }
    }
}
