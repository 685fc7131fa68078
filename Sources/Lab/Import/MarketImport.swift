import Microstructure
import Venues
import Wire

/// Turns a recording's messages into market events: Binance's through the venue session that also runs live, others by
/// the rules of their format.
struct MarketImport: ~Copyable {
    /// State of a symbol outside the session.
    private struct Market {
        /// Used only if no stream of deltas with ids builds the book.
        var book: OrderBook?
        var bookEpoch: UInt64 = 0
        var bookValidity = Validity.resyncing
        var updateID: Int64 = 0
        var quoteID: Int64 = 0
        /// The last id given to a trade that has none.
        var tradeID: Int64 = 0
        var counts = SessionCounts()
        /// Session counts after the previous message, to find what the current one adds.
        var seen = SessionCounts()
    }

    let instruments: [Instrument]
    private let survey: ImportSurvey
    private let indices: [String: Int]
    private let depth: Int
    private var session: BinanceSession
    private var markets: [Market]

    init(_ survey: ImportSurvey, instruments: [Instrument], depth: Int) throws(ImportError) {
        var configuration = BinanceConfiguration(instruments: instruments)
        configuration.depthPublished = depth
        configuration.streams = .depth
        do throws(VenueError) {
            session = try BinanceSession(configuration)
        } catch {
            throw ImportError(.noUsableData, "\(error)")
        }
        self.survey = survey
        self.instruments = instruments
        self.depth = depth
        indices = Dictionary(uniqueKeysWithValues: instruments.enumerated().map { ($1.symbol, $0) })
        markets = instruments.map { _ in Market() }
    }

    mutating func begin(at time: Timestamp) { session.connectionOpened(at: time) }

    /// Appends the events of `message`. Returns the instrument whose book has just become invalid, since live ingest
    /// publishes that at once.
    mutating func process(
        _ message: ImportMessage, file: Int, path: String, into batch: inout EventBatch, _ report: inout ImportReport
    ) -> InstrumentID? {
        let times = EventTimes(venue: message.receiveTime, receive: message.receiveTime)
        func refuse(_ reason: String) { report.note(.badRow, path, message.line, reason) }
        switch message.content {
        case .connected:
            session.connectionClosed(at: message.receiveTime)
            session.connectionOpened(at: message.receiveTime)
        case .frame(let symbol, let text):
            return receive(text, symbol, message, path, into: &batch, &report)
        case .snapshot(let symbol, let text):
            guard let index = (symbol ?? survey.symbol(ofFile: file)).flatMap({ indices[$0] }) else {
                report.note(
                    .badSnapshot, path, message.line,
                    "the snapshot names no symbol, and its file does not hold exactly one")
                return nil
            }
            return receiveSnapshot(text, index, message, path, into: &batch, &report)
        case .depth(let levels, let first, let last):
            guard let index = indices[levels.symbol] else { return nil }
            return receive(levels, first, last, index, message, path, into: &batch, &report)
        case .depthSnapshot(let levels, let last):
            guard let index = indices[levels.symbol] else { return nil }
            guard survey.hasUpdates(levels.symbol) else {
                markets[index].updateID = last
                return replace(levels, index, isSnapshot: true, message, path, into: &batch, &report)
            }
            return receiveSnapshot(levels, last, index, message, path, into: &batch, &report)
        case .levels(let levels, let isSnapshot):
            guard let index = indices[levels.symbol] else { return nil }
            markets[index].updateID += 1
            return replace(levels, index, isSnapshot: isSnapshot, message, path, into: &batch, &report)
        case .lostLevels(let symbol):
            guard let index = indices[symbol], markets[index].book != nil else { return nil }
            return giveUp(index)
        case .top(let levels):
            guard let index = indices[levels.symbol] else { return nil }
            markets[index].updateID += 1
            return replace(levels, index, isSnapshot: true, message, path, into: &batch, &report)
        case .quote(let quote):
            guard let index = indices[quote.symbol] else { return nil }
            guard let bid = scaled(quote.bid, index), let ask = scaled(quote.ask, index) else {
                refuse(Self.tooFine(quote.symbol))
                return nil
            }
            markets[index].quoteID += 1
            markets[index].counts.quotes += 1
            batch.append(
                .quote(
                    Quote(
                        instrument: InstrumentID(index),
                        times: EventTimes(venue: quote.venueTime, receive: message.receiveTime),
                        updateID: markets[index].quoteID, bid: bid, ask: ask)))
        case .trade(let trade):
            processTrade(trade, times, message.line, path, into: &batch, &report)
        }
        return nil
    }

    /// The market that a raw message is about; `nil` if that is not known.
    func index(of message: ImportMessage, file: Int) -> Int? {
        switch message.content {
        case .frame(let symbol, _), .snapshot(let symbol, _):
            (symbol ?? survey.symbol(ofFile: file)).flatMap { indices[$0] }
        default: survey.symbol(ofFile: file).flatMap { indices[$0] }
        }
    }

    /// The values for an instrument's status message.
    func state(of id: InstrumentID) -> (validity: Validity, bookEpoch: UInt64, counts: SessionCounts) {
        var counts = session.counts(of: id)
        counts += markets[id.index].counts
        // Without a recorded book, no book can be invalid: the trades are valid.
        guard survey.hasBook(instruments[id.index].symbol) else { return (.valid, 0, counts) }
        guard markets[id.index].book != nil else { return (session.validity(of: id), session.epoch(of: id), counts) }
        return (markets[id.index].bookValidity, markets[id.index].bookEpoch, counts)
    }

    /// Reports books that never became valid although deltas for them arrived.
    func finish(_ paths: String, _ report: inout ImportReport) {
        for (index, instrument) in instruments.enumerated() {
            let counts = session.counts(of: InstrumentID(index))
            guard counts.depthUpdates > 0, counts.depthApplied == 0 else { continue }
            report.note(
                .noBook, paths, nil,
                "\(instrument.symbol): \(counts.depthUpdates) depth updates and no snapshot that they continue, so its "
                    + "book cannot be built; add the file with the snapshot")
        }
    }

    // MARK: Binance's own words

    private mutating func receive(
        _ text: [UInt8], _ symbol: String?, _ message: ImportMessage, _ path: String, into batch: inout EventBatch,
        _ report: inout ImportReport
    ) -> InstrumentID? {
        let index = symbol.flatMap { indices[$0] }
        let frame = RawFrame(text)
        // Several recordings may hold both units.
        if let unit = frame.timeUnit { session.setTimeUnit(unit) }
        switch frame.event {
        case "aggTrade":
            guard let index, let symbol, !survey.hasTradeFrames(symbol) else {
                report.note(.aggregatesPassed)
                break
            }
            let before = batch.events.count
            _ = handIn(index, message, path, &report) { (session) throws(VenueError) in
                try session.receive(
                    aggregate: text.span, of: InstrumentID(index), at: message.receiveTime, into: &batch)
                return .proceed
            }
            if batch.events.count > before { report.note(.aggregatesTaken) }
            return nil
        case nil, "depthUpdate", "depth", "trade", "bookTicker": break
        case let event?: report.notePassedFrame(event)
        }
        return handIn(index, message, path, &report) { (session) throws(VenueError) in
            try session.receive(text.span, at: message.receiveTime, into: &batch)
        }
    }

    private mutating func receiveSnapshot(
        _ text: [UInt8], _ index: Int, _ message: ImportMessage, _ path: String, into batch: inout EventBatch,
        _ report: inout ImportReport
    ) -> InstrumentID? {
        handInSnapshot(index, message, path, &report) { (session) throws(VenueError) in
            try session.receiveSnapshot(
                text.span, for: InstrumentID(index), at: message.receiveTime, into: &batch)
        }
    }

    // MARK: Binance's depth as rows

    private mutating func receive(
        _ levels: ImportMessage.Levels, _ first: Int64, _ last: Int64, _ index: Int, _ message: ImportMessage,
        _ path: String, into batch: inout EventBatch, _ report: inout ImportReport
    ) -> InstrumentID? {
        guard let (bids, asks) = scaled(levels, index) else {
            report.note(.badRow, path, message.line, Self.tooFine(levels.symbol))
            return nil
        }
        let times = EventTimes(venue: levels.venueTime, receive: message.receiveTime)
        return handIn(index, message, path, &report) { (session) throws(VenueError) in
            try session.receive(
                depthFrom: first, to: last, bids: bids, asks: asks, of: InstrumentID(index), times: times, into: &batch)
        }
    }

    private mutating func receiveSnapshot(
        _ levels: ImportMessage.Levels, _ last: Int64, _ index: Int, _ message: ImportMessage, _ path: String,
        into batch: inout EventBatch, _ report: inout ImportReport
    ) -> InstrumentID? {
        guard let (bids, asks) = scaled(levels, index) else {
            report.note(.badSnapshot, path, message.line, Self.tooFine(levels.symbol))
            _ = session.snapshotFailed(for: InstrumentID(index), at: message.receiveTime)
            return nil
        }
        return handInSnapshot(index, message, path, &report) { (session) throws(VenueError) in
            try session.receiveSnapshot(upTo: last, bids: bids, asks: asks, for: InstrumentID(index), into: &batch)
        }
    }

    // MARK: The session

    /// Gives data to the session; returns the instrument whose book has just become invalid, if any.
    private mutating func handIn(
        _ index: Int?, _ message: ImportMessage, _ path: String, _ report: inout ImportReport,
        _ body: (inout BinanceSession) throws(VenueError) -> VenueAction
    ) -> InstrumentID? {
        let action: VenueAction
        do throws(VenueError) {
            action = try body(&session)
        } catch {
            report.note(.badRow, path, message.line, "\(error)")
            return nil
        }
        if let index { noteLosses(index, message.line, path, &report) }
        guard case .fetchSnapshot(let id) = action else { return nil }
        return id
    }

    private mutating func handInSnapshot(
        _ index: Int, _ message: ImportMessage, _ path: String, _ report: inout ImportReport,
        _ body: (inout BinanceSession) throws(VenueError) -> VenueAction
    ) -> InstrumentID? {
        do throws(VenueError) {
            _ = try body(&session)
        } catch {
            report.note(.badSnapshot, path, message.line, "\(error)")
            _ = session.snapshotFailed(for: InstrumentID(index), at: message.receiveTime)
        }
        noteLosses(index, message.line, path, &report)
        return nil
    }

    /// Reports what the session has counted since the message before.
    private mutating func noteLosses(_ index: Int, _ line: Int, _ path: String, _ report: inout ImportReport) {
        let now = session.counts(of: InstrumentID(index))
        let before = markets[index].seen
        if now.gaps > before.gaps {
            report.note(.depthHole, path, line, "depth updates are missing before this one; the book starts anew")
        }
        if now.crossedBooks > before.crossedBooks {
            report.note(.crossedBook, path, line, "the best ask is not above the best bid; the book starts anew")
        }
        if now.duplicateTrades > before.duplicateTrades {
            report.note(.duplicateTrade, path, line, "a trade that came before")
        }
        if now.missedTrades > before.missedTrades {
            report.note(
                .missingTrades, path, line,
                "\(now.missedTrades - before.missedTrades) trades are missing before this one")
        }
        if now.snapshotsCrossed > before.snapshotsCrossed {
            report.note(.badSnapshot, path, line, "the snapshot's best ask is not above its best bid")
        }
        markets[index].seen = now
    }

    // MARK: Other words

    /// Changes or replaces a book without ids.
    private mutating func replace(
        _ levels: ImportMessage.Levels, _ index: Int, isSnapshot: Bool, _ message: ImportMessage, _ path: String,
        into batch: inout EventBatch, _ report: inout ImportReport
    ) -> InstrumentID? {
        // Deltas before the first snapshot belong to no book.
        guard isSnapshot || markets[index].bookValidity == .valid else { return nil }
        var book = markets[index].book.take() ?? OrderBook()
        markets[index].counts.depthUpdates += 1
        if isSnapshot {
            book.reset(updateID: markets[index].updateID)
            if markets[index].bookValidity != .valid { markets[index].bookEpoch += 1 }
        }
        var isWhole = true
        for level in levels.bids {
            guard let level = scaled(level, index) else { isWhole = false; break }
            book.setBid(level.price, to: level.quantity)
        }
        for level in levels.asks {
            guard let level = scaled(level, index) else { isWhole = false; break }
            book.setAsk(level.price, to: level.quantity)
        }
        book.commit(updateID: markets[index].updateID)
        let isCrossed = book.isCrossed
        markets[index].book = book
        guard isWhole, !isCrossed else {
            report.note(
                isWhole ? .crossedBook : .badRow, path, message.line,
                isWhole
                    ? "the best ask is not above the best bid; the book waits for the next whole one"
                    : Self.tooFine(levels.symbol))
            return giveUp(index)
        }
        markets[index].bookValidity = .valid
        markets[index].counts.depthApplied += 1
        batch.append(
            book: book, depth: depth, instrument: InstrumentID(index), tickSize: instruments[index].tickSize,
            times: EventTimes(venue: levels.venueTime, receive: message.receiveTime), epoch: markets[index].bookEpoch,
            validity: .valid)
        return nil
    }

    private mutating func giveUp(_ index: Int) -> InstrumentID? {
        guard markets[index].bookValidity == .valid else { return nil }
        markets[index].bookValidity = .resyncing
        markets[index].counts.resyncs += 1
        return InstrumentID(index)
    }

    private mutating func processTrade(
        _ trade: ImportMessage.Trade, _ times: EventTimes, _ line: Int, _ path: String, into batch: inout EventBatch,
        _ report: inout ImportReport
    ) {
        guard let index = indices[trade.symbol] else { return }
        let size = ImportMessage.Level(price: trade.price, quantity: trade.quantity)
        guard let size = scaled(size, index) else {
            report.note(
                .badRow, path, line, Self.tooFine(trade.symbol))
            return
        }
        markets[index].counts.missedTrades += UInt64(trade.missedBefore)
        let id = trade.id ?? markets[index].tradeID + 1
        if trade.id == nil { markets[index].tradeID = id }
        markets[index].counts.trades += 1
        batch.append(
            .trade(
                Trade(
                    instrument: InstrumentID(index), times: EventTimes(venue: trade.venueTime, receive: times.receive),
                    id: id, price: size.price, quantity: size.quantity, aggressor: trade.aggressor)))
    }

    private static func tooFine(_ symbol: String) -> String {
        "a price or size is finer or larger than the others of \(symbol) allow"
    }

    /// `nil` where a level cannot be stated in the instrument's units.
    private func scaled(_ levels: ImportMessage.Levels, _ index: Int) -> (bids: [PriceLevel], asks: [PriceLevel])? {
        let bids = levels.bids.compactMap { scaled($0, index) }
        let asks = levels.asks.compactMap { scaled($0, index) }
        guard bids.count == levels.bids.count, asks.count == levels.asks.count else { return nil }
        return (bids, asks)
    }

    private func scaled(_ level: ImportMessage.Level, _ index: Int) -> PriceLevel? {
        guard let price = level.price.units(of: instruments[index].priceExponent),
            let quantity = level.quantity.units(of: instruments[index].quantityExponent)
        else { return nil }
        return PriceLevel(price: Price(price), quantity: Quantity(quantity))
    }
}
