import Microstructure

/// Accepts what only recordings hold: depth as rows instead of the venue's text, times of either unit, and aggregate
/// trades without single ones. Same rules, same counts.
extension BinanceSession {
    /// The unit of the times in the frames that follow. A live connection has one; recordings may hold both.
    public mutating func setTimeUnit(_ unit: VenueTimeUnit) { configuration.timeUnit = unit }

    /// Takes an `aggTrade` frame as one trade that stands for those it combines. Only for a recording without single
    /// trades: ids are those of the trades.
    public mutating func receive(
        aggregate frame: Span<UInt8>, of id: InstrumentID, at time: Timestamp, into events: inout EventBatch
    ) throws(VenueError) {
        guard books.indices.contains(id.index) else { throw .unknownInstrument(id) }
        books[id.index].counts.messages += 1
        let aggregate: AggregateTrade
        do throws(VenueError) {
            aggregate = try decode(aggregate: frame, of: id)
        } catch {
            if case .rejected(let rejection) = error { books[id.index].counts.rejections[rejection.kind] += 1 }
            throw error
        }
        guard take(aggregate.trades, at: aggregate.time, id.index) else {
            books[id.index].counts.duplicateTrades += 1
            return
        }
        books[id.index].counts.trades += 1
        events.append(
            .trade(
                Trade(
                    instrument: id, times: EventTimes(venue: aggregate.time, receive: time),
                    id: aggregate.trades.upperBound, price: aggregate.price, quantity: aggregate.quantity,
                    aggressor: aggregate.aggressor, firstID: aggregate.trades.lowerBound)))
    }

    /// Notes the trades as received; `false` if one of them was before.
    private mutating func take(_ trades: ClosedRange<Int64>, at time: Timestamp, _ index: Int) -> Bool {
        let last = tradeSequences[index].last
        if last >= 0, trades.upperBound - last > TradeSequence.greatestGap { restartTrades(index) }
        guard trades.lowerBound > tradeSequences[index].last else {
            guard tradeSequences[index].fill(trades) else { return false }
            books[index].counts.lateTrades += 1
            return true
        }
        let arrival = tradeSequences[index].process(
            trades.lowerBound, at: time, limit: .max, givenUp: &books[index].counts.unfilledTrades)
        if case .newest(let missed) = arrival { books[index].counts.missedTrades += UInt64(missed) }
        if trades.count > 1 {
            tradeSequences[index].expect(
                through: trades.upperBound, at: time, limit: .max, givenUp: &books[index].counts.unfilledTrades)
            _ = tradeSequences[index].fill(trades.lowerBound + 1...trades.upperBound)
        }
        return true
    }

    private func decode(aggregate frame: Span<UInt8>, of id: InstrumentID) throws(VenueError) -> AggregateTrade {
        let row: AggregateRow
        do throws(ScanError) {
            row = try frame.withUnsafeBufferPointer { (bytes) throws(ScanError) in
                try Self.aggregateRow(bytes, scales[id.index])
            }
        } catch {
            throw .rejected(Rejection(RejectionKind(error.kind), in: .trades, of: id, at: error.offset))
        }
        return try row.aggregate(of: id, unit: configuration.timeUnit)
    }

    /// The payload of a combined stream's frame, or the frame itself.
    private static func aggregateRow(
        _ bytes: UnsafeBufferPointer<UInt8>, _ scale: PriceScale
    ) throws(ScanError) -> AggregateRow {
        var scanner = JSONScanner(bytes)
        var row: AggregateRow?
        try scanner.beginObject()
        while let key = try scanner.nextKey() {
            if scanner.equals(key, "data") {
                row = try AggregateRow(&scanner, scale)
            } else {
                try scanner.skipValue()
            }
        }
        try scanner.finish()
        if let row { return row }
        scanner = JSONScanner(bytes)
        return try AggregateRow(&scanner, scale)
    }

    /// Applies a depth update with the changes `first` to `last`; a size of 0 removes a level.
    ///
    /// Throws `.rejected` if the ids descend, a price is not positive or a size is negative; then only the counts have
    /// changed.
    public mutating func receive(
        depthFrom first: Int64, to last: Int64, bids: [PriceLevel], asks: [PriceLevel], of id: InstrumentID,
        times: EventTimes, into events: inout EventBatch
    ) throws(VenueError) -> VenueAction {
        guard books.indices.contains(id.index) else { throw .unknownInstrument(id) }
        books[id.index].counts.messages += 1
        guard 0 <= first, first <= last, last < .max, Self.areUsable(bids), Self.areUsable(asks) else {
            books[id.index].counts.rejections[.outOfRange] += 1
            throw .rejected(Rejection(.outOfRange, in: .depthUpdate, of: id, at: 0))
        }
        (self.bids, self.asks) = (bids, asks)
        return process(
            DepthHeader(first: first, last: last, times: times), id.index, from: .main, into: &events)
    }

    /// Applies the snapshot of the book up to the change `lastUpdateID`, like `receiveSnapshot(_:for:at:into:)`.
    public mutating func receiveSnapshot(
        upTo lastUpdateID: Int64, bids: [PriceLevel], asks: [PriceLevel], for id: InstrumentID,
        into events: inout EventBatch
    ) throws(VenueError) -> VenueAction {
        guard books.indices.contains(id.index) else { throw .unknownInstrument(id) }
        guard 0 <= lastUpdateID, lastUpdateID < .max, Self.areUsable(bids), Self.areUsable(asks) else {
            books[id.index].counts.snapshotRejections[.outOfRange] += 1
            throw .rejected(Rejection(.outOfRange, in: .snapshot, of: id, at: 0))
        }
        return books[id.index].receiveSnapshot(
            lastUpdateID: lastUpdateID, bids: bids, asks: asks, validity: bookValidity(id.index), into: &events)
    }

    private static func areUsable(_ levels: [PriceLevel]) -> Bool {
        levels.allSatisfy { $0.price.mantissa > 0 && $0.quantity.mantissa >= 0 }
    }
}
