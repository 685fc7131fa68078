public import Microstructure

/// Why a backtest cannot be made.
public struct BacktestError: Error, Equatable, CustomStringConvertible {
    public let description: String
}

/// One symbol's market and the result of trading its signals.
///
/// Events and decisions come in receive order. A decision acts on the first quote later than its time plus its latency,
/// so no result depends on a later event. Every decision with a side gets a label (`TripleBarrier` at the best prices),
/// traded or not; trades walk the recorded levels or wait in a queue, and pay costs. During a gap in the book, orders
/// and barriers wait. O(levels) an event, O(open labels and positions) a quote; no allocation an event once warm.
/// Memory grows with signals and moves, up to `recordLimit`, not with events.
public struct Backtest: Sendable {
    /// Most signals, and most moves, that are kept; later ones are only counted.
    public static let recordLimit = 1_000_000

    public let instrument: Instrument
    public let configuration: BacktestConfiguration
    public private(set) var market = MarketView()
    public private(set) var account: Account
    public private(set) var returns: PeriodReturns
    public private(set) var drawdown = Drawdown()
    public private(set) var moves: [DirectionalChange.Move] = []
    public private(set) var firstTime: Timestamp?
    public private(set) var lastTime: Timestamp?
    private(set) var book: PositionBook
    private var labels: LabelBook
    private var tally = BacktestCounts()
    private var records: [SignalOutcome] = []
    private var latency: LatencySampler
    private var leads: LeadTimes
    private var change: DirectionalChange
    private var period = -1
    private var periodEnd = Timestamp(nanoseconds: .min)
    private var lastEquity = 0.0
    private var periodEquity = 0.0

    /// Throws where a value of the configuration is outside its range, or the capital too large for the symbol's scale.
    public init(
        instrument: Instrument, configuration: BacktestConfiguration, grid: TimeGrid
    ) throws(BacktestError) {
        if let problem = configuration.problem { throw BacktestError(description: problem) }
        let digits = -Double(Int(instrument.priceExponent) + Int(instrument.quantityExponent) - 9)
        guard configuration.initialCapital < 1e36 / Double.exp10Of(digits) else {
            throw BacktestError(
                description: "initial_capital is too large for \(instrument.symbol), which counts in 1e-\(Int(digits))")
        }
        self.instrument = instrument
        self.configuration = configuration
        account = Account(capital: configuration.initialCapital, instrument: instrument)
        returns = PeriodReturns(grid: grid)
        book = PositionBook(configuration, symbol: instrument.symbol)
        labels = LabelBook(configuration, instrument: instrument)
        latency = LatencySampler(configuration)
        leads = LeadTimes(size: configuration.movePct, horizonSeconds: configuration.leadHorizonSeconds)
        change = DirectionalChange(size: configuration.movePct)
        drawdown.add(1, atSeconds: grid.start.seconds)
        lastEquity = 1
        periodEquity = 1
    }

    public var counts: BacktestCounts {
        var counts = tally
        counts.partialEntries = book.partialEntries
        counts.partialExits = book.partialExits
        return counts
    }

    /// Every decision taken, in order. Complete after `finish`.
    public var outcomes: [SignalOutcome] { records }
    /// Every position closed, in order of its exit.
    public var trades: [TradeRecord] { book.trades }

    /// Takes one event of the symbol. The ranges of a book update must lie inside `levels`.
    public mutating func process(_ event: MarketEvent, levels: Span<PriceLevel>) {
        tally.events += 1
        let time: Timestamp
        var isQuote = true
        switch event {
        case .book(let update):
            latency.note(update.times)
            time = advance(to: update.times)
            market.process(update, levels: levels)
            book.note(market, book: update, at: time)
        case .quote(let quote):
            time = advance(to: quote.times)
            market.process(quote)
            book.note(market, quote: quote, at: time)
        case .trade(let trade):
            time = advance(to: trade.times)
            // A backfilled trade was fetched later, so it was not visible at this time.
            guard !trade.isBackfilled else { return }
            market.process(trade)
            isQuote = market.isImplied
            if market.isImplied { book.note(market, at: time) }
            book.process(trade, account: &account, at: time)
        case .heartbeat(let heartbeat):
            time = advance(to: heartbeat.times)
            if heartbeat.validity != .valid {
                market.forget()
                book.note(market, at: time)
            }
            isQuote = !market.isImplied
        }
        guard isQuote else { return }
        guard market.isQuoted else {
            tally.unquotedEvents += 1
            return
        }
        if market.isImplied { tally.hasImpliedQuotes = true }
        act(at: time)
    }

    /// Takes a signal; call it after the event that caused the signal.
    public mutating func process(_ decision: Decision) {
        tally.signals += 1
        guard records.count < Self.recordLimit else {
            tally.dropped += 1
            return
        }
        let record = records.count
        records.append(
            SignalOutcome(
                id: decision.id, symbol: instrument.symbol, type: decision.type.rawValue, side: decision.side,
                score: decision.score, timeNanoseconds: decision.time.nanoseconds, label: nil, leadSeconds: nil,
                skipped: nil))
        records[record].leadSeconds = leads.start(record, at: decision.time)
        guard let side = decision.side else {
            records[record].skipped = .noSide
            return
        }
        let due = decision.time.advanced(byNanoseconds: latency.delayNanoseconds(at: decision.time))
        labels.enter(record, side: side, due: due)
        if decision.score < configuration.minScore {
            records[record].skipped = .belowMinScore
        } else if side == .short, !configuration.allowShort {
            records[record].skipped = .shortNotAllowed
        } else {
            records[record].skipped = book.enter(
                record, decision, side: side, due: due,
                hasCapital: lastEquity >= configuration.positionFraction * Double(book.openCount + 1))
        }
    }

    /// Ends the tape: open labels and positions close at the last quote.
    public mutating func finish() {
        let time = lastTime ?? returns.grid.start
        if market.isQuoted {
            labels.finish(market: market, at: time) { records[$0].label = $1 }
        }
        book.finish(market: market, account: &account, at: time) { records[$0].skipped = $1 }
        mark(at: time)
        closePeriod()
    }

    // MARK: One event

    private mutating func advance(to times: EventTimes) -> Timestamp {
        var time = times.receive
        if let lastTime, time < lastTime {
            tally.lateEvents += 1
            time = lastTime
        }
        if firstTime == nil { firstTime = time }
        lastTime = time
        if time >= periodEnd {
            closePeriod()
            period = returns.grid.index(of: time)
            periodEnd =
                period + 1 < returns.grid.count
                ? returns.grid.time(of: period + 1) : Timestamp(nanoseconds: .max)
            returns.cover(period)
        }
        return time
    }

    /// Acts on a usable quote.
    private mutating func act(at time: Timestamp) {
        let mid = market.mid
        leads.note(mid, at: time)
        if !leads.isIdle { leads.process(mid, at: time) { records[$0].leadSeconds = $1 } }
        if let move = change.process(mid, at: time) {
            if moves.count < Self.recordLimit { moves.append(move) } else { tally.dropped += 1 }
        }
        if !labels.isIdle { labels.process(market: market, at: time) { records[$0].label = $1 } }
        if !book.isIdle {
            book.process(
                market: market, account: &account, delay: { latency.delayNanoseconds(at: $0) }, at: time
            ) { records[$0].skipped = $1 }
            mark(at: time)
        }
    }

    private mutating func mark(at time: Timestamp) {
        let money =
            market.isQuoted
            ? account.equity(bid: market.bid, ask: market.ask) : account.inventory == 0 ? account.cash : nil
        guard let money else { return }
        lastEquity = Double(rounding: money) / Double(rounding: account.initial)
        drawdown.add(lastEquity, atSeconds: time.seconds)
    }

    private mutating func closePeriod() {
        guard period >= 0 else { return }
        returns.add(lastEquity - periodEquity, in: period)
        periodEquity = lastEquity
    }
}

extension Double {
    /// 10 to a power that need not be whole; accurate enough to compare magnitudes.
    fileprivate static func exp10Of(_ exponent: Double) -> Double {
        var result = 1.0
        for _ in 0..<Int(exponent.magnitude) { result *= 10 }
        return exponent < 0 ? 1 / result : result
    }
}
