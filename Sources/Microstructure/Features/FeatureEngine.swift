/// Turns one instrument's events into feature vectors. Deterministic: the same events give the same bits.
///
/// A vector is written at each valid book update, and at each heartbeat if no book update wrote one since the last
/// heartbeat; there the book columns are NaN unless the heartbeat is valid and a book of its epoch is known. Undefined
/// values are NaN. An invalid book update writes nothing, and the book is unknown until the next valid one. A new epoch
/// resets all measures with book history; trade history continues.
///
/// The clock is the latest receive time seen. An earlier event is processed at the clock's time and counted. Backfilled
/// trades are counted and otherwise ignored: at their receive time they would look like a false burst.
///
/// O(levels + windows) an event, amortised over the trades that leave a window; no allocation once the windows' rings
/// have grown to the market's busiest moment, except one sort before the first micro-price of an epoch.
public struct FeatureEngine: Sendable {
    public let schema: FeatureSchema
    /// The last vector, one value a column of the schema; all NaN before the first. Keeping a copy during the next
    /// `process` makes that call allocate.
    public private(set) var values: [Double]
    public let instrument: Instrument
    private let id: InstrumentID
    private var market: MarketState
    private var measures: MeasureSet
    private var counts = FeatureCounters()
    /// `nil` before the first event that has an epoch.
    private var epoch: UInt64?
    private var wroteSinceHeartbeat = false

    public init(instrument: Instrument, id: InstrumentID, parameters: FeatureParameters = FeatureParameters()) {
        self.instrument = instrument
        self.id = id
        market = MarketState(
            parameters, priceExponent: instrument.priceExponent, quantityExponent: instrument.quantityExponent)
        measures = MeasureSet(parameters)
        schema = FeatureSchema(columns: measures.columns, parameters: parameters)
        values = schema.columns.map { _ in .nan }
    }

    public var counters: FeatureCounters {
        var counters = counts
        counters.ignoredPrices = measures.realizedVolatility.ignoredPrices
        counters.earlyExpiries = market.trades.earlyExpiries + measures.earlyExpiries
        return counters
    }

    /// Takes one event; returns the header of the vector now in `values`, or `nil` if the event writes none.
    ///
    /// - Parameter levels: the levels of the event's batch. The ranges of a book update must lie inside it.
    public mutating func process(_ event: MarketEvent, levels: Span<PriceLevel>) -> FeatureHeader? {
        switch event {
        case .book(let update):
            guard accept(update.instrument, update.times) else { return nil }
            return process(update, levels: levels)
        case .quote(let quote):
            if accept(quote.instrument, quote.times) { process(quote) }
            return nil
        case .trade(let trade):
            if accept(trade.instrument, trade.times) { process(trade) }
            return nil
        case .heartbeat(let heartbeat):
            guard accept(heartbeat.instrument, heartbeat.times) else { return nil }
            return process(heartbeat)
        }
    }

    /// Returns whether the event belongs to this instrument; if so, moves the clock.
    private mutating func accept(_ instrument: InstrumentID, _ times: EventTimes) -> Bool {
        guard instrument == id else {
            counts.foreignEvents += 1
            return false
        }
        switch market.advance(to: times.receive) {
        case .late: counts.lateEvents += 1
        case .moved: measures.run(.advance, market: market)
        case .completedBar:
            measures.run(.advance, market: market)
            measures.run(.bar, market: market)
        }
        return true
    }

    private mutating func process(_ update: BookSnapshot, levels: Span<PriceLevel>) -> FeatureHeader? {
        enter(update.epoch)
        guard update.validity == .valid else {
            market.forgetBook()
            measures.run(.forgetBook, market: market)
            return nil
        }
        market.process(update, levels: levels)
        measures.run(.book, market: market)
        measures.process(
            bids: levels.extracting(update.bids.prefix(MeasureSet.levelLimit)),
            asks: levels.extracting(update.asks.prefix(MeasureSet.levelLimit)), market: market)
        wroteSinceHeartbeat = true
        return write(times: update.times, epoch: update.epoch, validity: update.validity)
    }

    private mutating func process(_ quote: Quote) {
        market.process(quote)
        measures.run(.quote(quote), market: market)
    }

    private mutating func process(_ heartbeat: Heartbeat) -> FeatureHeader? {
        enter(heartbeat.epoch)
        market.process(heartbeat.validity)
        if heartbeat.validity != .valid { measures.run(.forgetBook, market: market) }
        defer { wroteSinceHeartbeat = false }
        guard !wroteSinceHeartbeat else { return nil }
        return write(times: heartbeat.times, epoch: heartbeat.epoch, validity: heartbeat.validity)
    }

    private mutating func process(_ trade: Trade) {
        guard trade.quantity >= .zero else { return counts.invalidTrades += 1 }
        guard !trade.isBackfilled else { return counts.backfilledTrades += 1 }
        market.process(trade)
        measures.run(.trade(trade), market: market)
    }

    private mutating func enter(_ epoch: UInt64) {
        guard epoch != self.epoch else { return }
        self.epoch = epoch
        market.startEpoch()
        measures.run(.startEpoch, market: market)
    }

    private mutating func write(times: EventTimes, epoch: UInt64, validity: Validity) -> FeatureHeader {
        Self.fill(&values, from: &measures, market)
        return FeatureHeader(instrument: id, times: times, epoch: epoch, validity: validity)
    }

    private static func fill(
        _ values: inout [Double], from measures: inout MeasureSet, _ market: borrowing MarketState
    ) {
        values.withUnsafeMutableBufferPointer { values in
            var row = FeatureRow(values, isBookBelieved: market.isBookBelieved)
            measures.run(.write, market: market, row: &row)
            row.end()
        }
    }
}
