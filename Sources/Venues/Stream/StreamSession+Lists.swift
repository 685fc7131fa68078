import Microstructure

/// Missing trades of a venue whose ids are only distinct: no id shows that one is missing, so they are looked for in the
/// venue's list of trades wherever some may have been lost, after a connection has ended or a message could not be read.
extension StreamSession {
    /// Least time between two losses of unreadable messages that name no instrument: each asks for lists of all.
    private static var unknownLossNanoseconds: Int64 { 60_000_000_000 }

    /// A message that may have held trades could not be read.
    mutating func loseTrades(at time: Timestamp) {
        guard reader.rules.tradeIDs == .distinct else { return }
        if markets.indices.contains(message.index) {
            if message.payload == .trade || message.payload == .frame { markets[message.index].mayLoseTrades() }
        } else if message.payload == .trade || message.payload == .frame {
            guard time.nanoseconds(since: lastUnknownLoss) > Self.unknownLossNanoseconds else { return }
            lastUnknownLoss = time
            for index in markets.indices { markets[index].mayLoseTrades() }
        }
    }

    /// Notes where the stream is. The first trade after a loss has the venue asked for its list.
    mutating func noteDistinct(_ trade: Trade) -> VenueAction {
        let index = trade.instrument.index
        if trade.times.venue >= markets[index].newestTrade.time {
            markets[index].newestTrade = (trade.id, trade.times.venue)
        }
        guard markets[index].tradeGap?.next == nil, markets[index].tradeGap != nil else { return .proceed }
        markets[index].tradeGap?.end(at: trade.id, trade.times.venue)
        guard servesTrades(of: index) else {
            giveUpGap(of: index)
            return .proceed
        }
        return .fetchTrades(trade.instrument)
    }

    /// Passes on those trades of the venue's list that were missed. The list must contain the first trade after the loss:
    /// else the venue has not stored it yet, or names its trades otherwise, and nothing would keep one from being passed
    /// on twice.
    mutating func takeList(of index: Int, isFinal: Bool, into events: inout EventBatch) {
        guard let gap = markets[index].tradeGap, let next = gap.next else { return }
        guard gap.page != nil || message.trades.contains(where: { $0.id == next || $0.firstID...$0.id ~= next }) else {
            if isFinal { giveUpGap(of: index) }
            return
        }
        // Some lists tell times in whole seconds.
        let since = gap.since.nanoseconds - gap.since.nanoseconds % 1_000_000_000
        var reachesBack = reader.rules.tradeLists == .wholeTime
        for place in message.trades.indices {
            let trade = message.trades[place]
            if trade.id == gap.last || trade.times.venue.nanoseconds < since { reachesBack = true }
            guard trade.times.venue.nanoseconds >= since else { continue }
            takeListed(trade, into: &events)
        }
        markets[index].tradeGap?.listed += message.trades.count
        let oldest = message.trades.first?.id
        if reachesBack {
            markets[index].tradeGap = nil
        } else if reader.rules.tradeLists == .pages, let oldest, oldest != gap.page,
            gap.listed + message.trades.count < options.backfillLimit
        {
            markets[index].tradeGap?.page = oldest
        } else {
            giveUpGap(of: index)
        }
    }

    private mutating func takeListed(_ trade: Trade, into events: inout EventBatch) {
        let index = trade.instrument.index
        guard markets[index].recentTrades.insert(trade) else { return }
        markets[index].counts.missedTrades += 1
        markets[index].counts.backfilledTrades += 1
        var trade = trade
        trade.isBackfilled = true
        events.append(.trade(trade))
    }

    /// The venue cannot say which trades were missed; at least one counts as lost.
    mutating func giveUpGap(of index: Int) {
        markets[index].tradeGap = nil
        markets[index].counts.missedTrades += 1
        markets[index].counts.unfilledTrades += 1
    }
}
