import Microstructure

/// Recovers missing trades.
extension BinanceSession {
    public var servesSingleTrades: Bool { configuration.market.servesSingleTrades }

    public func firstMissingTrade(of id: InstrumentID) -> Int64? {
        tradeSequences[id.index].holes.first?.ids.lowerBound
    }

    public func missingTrades(of id: InstrumentID) -> Int64 { tradeSequences[id.index].missing }

    public mutating func giveUpTrades(of id: InstrumentID) {
        books[id.index].counts.unfilledTrades += tradeSequences[id.index].giveUp(through: .max)
    }

    /// Builds a `historicalTrades` or `aggTrades` request; always the latter for a market that serves single trades
    /// only with a key. Requires an instrument with at least one trade seen.
    public func tradesRequest(
        for id: InstrumentID, from first: Int64, limit: Int, source: TradeSource = .single
    ) -> VenueRequest? {
        let symbol = instruments[id.index].venueSymbol
        switch usable(source) {
        case .single: return BinanceREST.historicalTrades(symbol: symbol, fromID: first, limit: limit)
        case .aggregates:
            // No request finds an aggregate by a trade's id: start at the time of an earlier trade, then continue by
            // aggregate ids.
            let trades = tradeSequences[id.index]
            let earliest = trades.earliest(of: first)
            let start: BinanceREST.AggregateStart
            if let known = lastAggregates[id.index], known.trades.upperBound < first, known.time >= earliest {
                start = .id(known.id + 1)
            } else {
                start = .time(earliest)
            }
            return BinanceREST.aggregateTrades(symbol: symbol, from: start, limit: limit, of: configuration.market)
        }
    }

    private func usable(_ source: TradeSource) -> TradeSource {
        configuration.market.servesSingleTrades ? source : .aggregates
    }

    public mutating func receiveTrades(
        _ body: Span<UInt8>, from first: Int64, limit: Int, source: TradeSource = .single, for id: InstrumentID,
        isFinal: Bool, at time: Timestamp, into events: inout EventBatch
    ) throws(VenueError) {
        guard books.indices.contains(id.index) else { throw .unknownInstrument(id) }
        let last = tradeSequences[id.index].last
        // Requested because the stream was silent: if the stream delivers these trades later, they are duplicates.
        let isBeyond = last >= 0 && first > last
        let count: Int
        var reached: Int64 = -1
        switch usable(source) {
        case .single:
            let trades = try BinanceREST.decodeTrades(
                body, instrument: instruments[id.index], id: id, unit: configuration.timeUnit, receivedAt: time)
            for trade in trades where trade.id <= last || isBeyond { take(trade, id.index, into: &events) }
            (count, reached) = (trades.count, trades.last?.id ?? -1)
        case .aggregates:
            let aggregates = try BinanceREST.decodeAggregates(
                body, instrument: instruments[id.index], id: id, unit: configuration.timeUnit)
            for aggregate in aggregates {
                // Trades beyond the newest one are still on their way over the stream.
                guard aggregate.trades.upperBound <= last || isBeyond else { break }
                take(aggregate, id, at: time, into: &events)
                reached = aggregate.trades.upperBound
                lastAggregates[id.index] = aggregate
            }
            count = aggregates.count
        }
        // Trades fetched while the stream was silent prove that the stream has failed.
        if isBeyond, tradeSequences[id.index].last > last { watches[watchIndex(id.index, .trades)].proveFailure() }
        // Missing trades before the last one received are unavailable; later ones may still arrive.
        let end = isFinal && count < limit ? .max : reached
        books[id.index].counts.unfilledTrades += tradeSequences[id.index].giveUp(through: end)
    }

    /// Passes on a fetched trade if it is missing, or newer than all trades of the silent stream.
    private mutating func take(_ trade: Trade, _ index: Int, into events: inout EventBatch) {
        expect(through: trade.id, at: trade.times.venue, index)
        guard tradeSequences[index].fill(trade.id) else { return }
        handOn(trade, index, into: &events)
    }

    /// Passes on the missing trades of a fetched aggregate as one event, since their single sizes are lost; its size is
    /// the aggregate's minus the trades received. If one of those is not remembered, or received trades lie between
    /// missing ones, the missing trades cannot be determined.
    private mutating func take(
        _ aggregate: AggregateTrade, _ id: InstrumentID, at time: Timestamp, into events: inout EventBatch
    ) {
        let index = id.index
        expect(through: aggregate.trades.upperBound, at: aggregate.time, index)
        let missing = tradeSequences[index].missing(in: aggregate.trades)
        guard missing.count == 1, let ids = missing.first,
            let known = quantities[index].sum(of: aggregate.trades, except: ids),
            known < aggregate.quantity.mantissa, tradeSequences[index].fill(ids)
        else { return }
        if ids.count > 1 { books[index].counts.aggregatedTrades += UInt64(ids.count) }
        handOn(
            Trade(
                instrument: id, times: EventTimes(venue: aggregate.time, receive: time), id: ids.upperBound,
                price: aggregate.price, quantity: Quantity(aggregate.quantity.mantissa - known),
                aggressor: aggregate.aggressor, isBackfilled: true, firstID: ids.lowerBound),
            index, into: &events)
    }

    private mutating func expect(through id: Int64, at time: Timestamp, _ index: Int) {
        let last = tradeSequences[index].last
        guard id > last, id - max(last, 0) <= TradeSequence.greatestGap else { return }
        books[index].counts.missedTrades += UInt64(id - last)
        tradeSequences[index].expect(
            through: id, at: time, limit: Int64(configuration.backfillLimit),
            givenUp: &books[index].counts.unfilledTrades)
    }

    private mutating func handOn(_ trade: Trade, _ index: Int, into events: inout EventBatch) {
        books[index].counts.backfilledTrades += UInt64(trade.id - trade.firstID + 1)
        if trade.firstID == trade.id { quantities[index].note(trade.id, trade.quantity) }
        events.append(.trade(trade))
    }
}
