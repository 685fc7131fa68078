import Microstructure

/// Trades: each is passed on once, whichever way it comes.
extension StreamSession {
    mutating func process(_ trade: Trade, into events: inout EventBatch) -> VenueAction {
        let index = trade.instrument.index
        markets[index].counts.messages += 1
        let action = reader.rules.tradeIDs == .contiguous ? processInOrder(trade) : processDistinct(trade)
        guard let action else {
            markets[index].counts.duplicateTrades += 1
            return .proceed
        }
        markets[index].counts.trades += 1
        var trade = trade
        // It was missed when it was made.
        trade.isBackfilled = message.hasPastTrades
        events.append(.trade(trade))
        return action
    }

    /// `nil` for a trade that was passed on before.
    private mutating func processDistinct(_ trade: Trade) -> VenueAction? {
        let index = trade.instrument.index
        // What was before our first trade is not new.
        let isKnown = message.hasPastTrades && !markets[index].knowsTrades
        let isNew = markets[index].recentTrades.insert(trade)
        let action = noteDistinct(trade)
        guard isNew, !isKnown else { return nil }
        markets[index].noteArrival(.trades, at: trade.times.receive, after: .own)
        return action
    }

    private mutating func processInOrder(_ trade: Trade) -> VenueAction? {
        let index = trade.instrument.index
        if markets[index].trades.isOfNewSeries(trade.id, at: trade.times.venue) {
            markets[index].counts.unfilledTrades += UInt64(markets[index].trades.missing)
            markets[index].counts.restartedSeries += 1
            markets[index].trades = TradeSequence()
        }
        let last = markets[index].trades.last
        if message.hasPastTrades, last < 0 { return nil }
        markets[index].noteArrival(
            .trades, at: trade.times.receive, after: last < 0 || trade.id - 1 <= last ? .own : .failure)
        let arrival = markets[index].take(trade, limit: Int64(options.backfillLimit))
        switch arrival {
        case .duplicate: return nil
        case .late:
            markets[index].counts.lateTrades += 1
            return .proceed
        case .newest(let missed) where missed > 0:
            markets[index].counts.missedTrades &+= UInt64(missed)
            // Nobody can bring them back: each is counted as lost now.
            guard servesTrades(of: index) else {
                giveUpTrades(of: trade.instrument)
                return .proceed
            }
            return markets[index].trades.holes.isEmpty ? .proceed : .fetchTrades(trade.instrument)
        case .newest: return .proceed
        }
    }

    /// The venue has issued trades up to `id`: those not received are missing. Before the first trade it only says where
    /// the ids begin.
    mutating func expectTrades(through id: Int64, of index: Int, at time: Timestamp) -> VenueAction {
        guard reader.rules.tradeIDs == .contiguous, markets.indices.contains(index), id > 0 else { return .proceed }
        let last = markets[index].trades.last
        guard last >= 0 else {
            markets[index].beginTrades(after: id, at: time)
            return .proceed
        }
        guard id > last, !markets[index].trades.isOutOfReach(id) else { return .proceed }
        markets[index].counts.missedTrades &+= UInt64(id - last)
        markets[index].expect(through: id, at: time, limit: Int64(options.backfillLimit))
        markets[index].watches[FeedChannel.trades.rawValue].proveFailure()
        guard servesTrades(of: index) else {
            giveUpTrades(of: InstrumentID(index))
            return .proceed
        }
        return markets[index].trades.holes.isEmpty ? .proceed : .fetchTrades(InstrumentID(index))
    }

    public var tradesAreContiguous: Bool { reader.rules.tradeIDs == .contiguous }

    public func lastTradeID(of id: InstrumentID) -> Int64? {
        markets[id.index].trades.last < 0 ? nil : markets[id.index].trades.last
    }
    public func firstMissingTrade(of id: InstrumentID) -> Int64? {
        guard let gap = markets[id.index].tradeGap else { return markets[id.index].firstMissingTrade }
        return gap.next == nil || !servesTrades(of: id.index) ? nil : gap.wanted.first
    }
    public func missingTrades(of id: InstrumentID) -> Int64 { markets[id.index].trades.missing }

    public mutating func giveUpTrades(of id: InstrumentID) {
        markets[id.index].counts.unfilledTrades += markets[id.index].trades.giveUp(through: .max)
        if markets[id.index].tradeGap != nil { giveUpGap(of: id.index) }
    }

    public func tradesRequest(
        for id: InstrumentID, from first: Int64, limit: Int, source: TradeSource = .single
    ) -> VenueRequest? {
        guard source == .single else { return nil }
        let market = markets[id.index]
        let missing =
            market.tradeGap?.wanted
            ?? MissingTrades(first: first, since: market.trades.earliest(of: first), until: market.trades.lastTime)
        return reader.tradesRequest(for: id.index, missing, limit: limit)
    }

    /// Whether the venue has a request for trades.
    func servesTrades(of index: Int) -> Bool {
        let start = Timestamp(nanoseconds: 0)
        return reader.tradesRequest(for: index, MissingTrades(first: 1, since: start, until: start), limit: 1) != nil
    }

    public mutating func receiveTrades(
        _ body: Span<UInt8>, from first: Int64, limit: Int, source: TradeSource, for id: InstrumentID, isFinal: Bool,
        at time: Timestamp, into events: inout EventBatch
    ) throws(VenueError) {
        let index = id.index
        guard markets.indices.contains(index) else { throw .unknownInstrument(id) }
        message.clear()
        do throws(ScanError) {
            try body.withUnsafeBufferPointer { (bytes) throws(ScanError) in
                var scanner = JSONScanner(bytes)
                try reader.readTrades(&scanner, of: index, at: time, into: &message)
            }
        } catch {
            throw .rejected(Rejection(RejectionKind(error.kind), in: .trades, of: id, at: error.offset))
        }
        if case .refused(let code, let text) = message.note { throw .refused(code: code, message: text) }
        guard reader.rules.tradeIDs == .contiguous else { return takeList(of: index, isFinal: isFinal, into: &events) }
        message.trades.sort { $0.id < $1.id }
        let last = markets[index].trades.last
        // Asked for because the stream was silent: if the stream delivers these trades later, they are duplicates.
        let isBeyond = last >= 0 && first > last
        for place in message.trades.indices {
            let trade = message.trades[place]
            guard trade.id <= last || isBeyond else { continue }
            takeMissing(trade, into: &events)
        }
        if isBeyond, markets[index].trades.last > last {
            markets[index].watches[FeedChannel.trades.rawValue].proveFailure()
        }
        // What the venue passed over in its answer it does not have.
        let reached = message.trades.last?.id ?? -1
        if isFinal {
            markets[index].counts.unfilledTrades += markets[index].trades.giveUp(
                through: message.trades.count < limit ? last : reached)
        }
    }

    /// A trade fetched: passed on if it is missing, or newer than all. One too far ahead to be of this series is left out:
    /// it would make trades look lost that never were.
    private mutating func takeMissing(_ trade: Trade, into events: inout EventBatch) {
        let index = trade.instrument.index
        guard !markets[index].trades.isOutOfReach(trade.id) else { return }
        if trade.id > markets[index].trades.last {
            markets[index].counts.missedTrades &+= UInt64(trade.id - markets[index].trades.last)
            markets[index].expect(trade, limit: Int64(options.backfillLimit))
        }
        guard markets[index].trades.fill(trade.id, at: trade.times.venue) else { return }
        markets[index].counts.backfilledTrades += 1
        var trade = trade
        trade.isBackfilled = true
        events.append(.trade(trade))
    }
}
