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
        events.append(.trade(trade))
        return action
    }

    /// `nil` for a trade that was passed on before.
    private mutating func processDistinct(_ trade: Trade) -> VenueAction? {
        let index = trade.instrument.index
        // What was before our first trade is not new.
        let isKnown = message.hasPastTrades && !markets[index].knowsTrades
        guard markets[index].recentTrades.insert(trade.id), !isKnown else { return nil }
        markets[index].noteArrival(.trades, at: trade.times.receive, after: .own)
        return .proceed
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
            guard reader.tradesRequest(for: index, from: trade.id, limit: 1) != nil else {
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
        guard reader.tradesRequest(for: index, from: id, limit: 1) != nil else {
            giveUpTrades(of: InstrumentID(index))
            return .proceed
        }
        return markets[index].trades.holes.isEmpty ? .proceed : .fetchTrades(InstrumentID(index))
    }

    public func lastTradeID(of id: InstrumentID) -> Int64? {
        markets[id.index].trades.last < 0 ? nil : markets[id.index].trades.last
    }
    public func firstMissingTrade(of id: InstrumentID) -> Int64? { markets[id.index].firstMissingTrade }
    public func missingTrades(of id: InstrumentID) -> Int64 { markets[id.index].trades.missing }

    public mutating func giveUpTrades(of id: InstrumentID) {
        markets[id.index].counts.unfilledTrades += markets[id.index].trades.giveUp(through: .max)
    }

    public func tradesRequest(
        for id: InstrumentID, from first: Int64, limit: Int, source: TradeSource = .single
    ) -> VenueRequest? {
        source == .single ? reader.tradesRequest(for: id.index, from: first, limit: limit) : nil
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
        guard markets[index].trades.fill(trade.id) else { return }
        markets[index].counts.backfilledTrades += 1
        var trade = trade
        trade.isBackfilled = true
        events.append(.trade(trade))
    }
}
