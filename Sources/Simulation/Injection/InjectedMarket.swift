import Microstructure
import RealModule

/// A recorded market with events injected: recorded events in, the changed market's events out.
///
/// The recording goes on underneath as it was; events change how it appears, with the rates, phases and directions of the
/// synthetic market (`MarketConditions`), in units of what this market did in the minutes before (`UsualFlow`):
///
/// - *Takers* (sweep, metaorder, volume burst, and those of pumps, crashes, spoofers and icebergs) execute against the
///   levels as they appear. What they take is missing from the book, and half of it is back after a second. Their sizes are
///   those of recorded taker orders.
/// - *Prices* (pump, crash, volatility) move all levels, quotes and trades together by a displacement; after the event half
///   of what is left is gone every three seconds. *Spreads* move the sides apart.
/// - *Sizes* (imbalance drift, crash) are multiplied, in whole lots.
/// - A *spoofer* shows four orders behind the best price, moves them when it comes near or far, and takes from the other side at
///   the end. An *iceberg* rests at the best price and is refilled; while it lasts, the market does not pass its price,
///   and the recorded takers meet it too.
/// - *Quote stuffing* raises the update ids by an addition and a removal an order; one order in ten is at the best price
///   and shows in two quotes. The books do not show orders that live shorter than the interval between them.
///
/// Not modelled: recorded traders do not react. Nobody follows a pump, fills the book after a sweep faster than the half-life
/// above, or is driven off by a spread; a factor below 1 removes no recorded trades; levels beyond the recorded ones stay
/// unknown.
///
/// Books stay uncrossed, sizes positive, ids of trades unique and of updates ascending. Events before the first injected
/// one pass unchanged. The same recording, rules and seed give the same events. O(levels) an event.
public struct InjectedMarket: Sendable {
    static let stepNanoseconds: Int64 = 100_000_000
    private static let relaxationHalfLifeSeconds = 3.0
    /// A displacement below this many basis points is none.
    private static let leastDisplacement = 0.01
    /// Share of stuffed orders that are at the best price.
    private static let stuffedAtBest = 0.1

    /// The moment from which the events' offsets count.
    public let start: Timestamp
    /// An event that began before the market had books and takers to measure its size by.
    public private(set) var premature: PlantedEvent?

    var schedule: EventSchedule
    var random: SplitMix64
    var flow = UsualFlow()
    var bids = InjectedSide(.bid)
    var asks = InjectedSide(.ask)
    var conditions = MarketConditions.quiet
    var spoofs: [InjectedSpoof] = []
    var iceberg: InjectedIceberg?
    private var instrument = InstrumentID(0)
    private(set) var tick: Int64 = 1
    /// In basis points.
    private var displacement = 0.0
    private var nextStep: Int64 = .max
    private var nextTaker: Int64 = .max
    private var nextOrder: Int64 = .max
    private var now: Int64 = 0
    /// The levels of the last book, and the last quote where it is newer.
    private var book: (bids: [PriceLevel], asks: [PriceLevel], id: Int64)?
    private var quote: Quote?
    private var epoch: UInt64 = 0
    private var lastUpdateID: Int64 = 0
    private var updateShift: Int64 = 0
    private var tradeIDs = InjectedTradeIDs()
    /// By how much events are received after the venue's time.
    private var lag: Int64 = 0
    private var shown: (bid: PriceLevel, ask: PriceLevel)?

    public init(_ rules: [PlantingRule], symbol: String, seed: UInt64, start: Timestamp) {
        var hash = StableHash()
        hash.combine(symbol)
        hash.combine(seed)
        schedule = EventSchedule(rules, symbol: symbol, seed: hash.mixed ^ 0x5851_F42D_4C95_7F2D)
        random = SplitMix64(seed: hash.mixed)
        self.start = start
    }

    /// Events begun so far, oldest first.
    public var planted: [PlantedEvent] { schedule.history }

    /// Appends the events injected since the last recorded event, and then `event` as it appears.
    public mutating func process(_ event: MarketEvent, levels: Span<PriceLevel>, into batch: inout EventBatch) {
        instrument = event.instrument
        advance(to: event.times.receive.nanoseconds(since: start), into: &batch)
        flow.advance(to: event.times.receive)
        switch event {
        case .book(let update): process(update, levels, into: &batch)
        case .quote(let quote): process(quote, into: &batch)
        case .trade(let trade): process(trade, into: &batch)
        case .heartbeat: batch.append(event)
        }
    }

    // MARK: - Recorded events

    private mutating func process(_ update: BookSnapshot, _ levels: Span<PriceLevel>, into batch: inout EventBatch) {
        var update = update
        if update.epoch != epoch {
            flow.startEpoch()
            (epoch, quote) = (update.epoch, nil)
        }
        tick = max(1, update.tickSize)
        let sides = (update.bids.map { levels[$0] }, update.asks.map { levels[$0] })
        if let bid = sides.0.first, let ask = sides.1.first {
            flow.process(bid: bid, ask: ask, updateID: update.updateID)
            lastUpdateID = max(lastUpdateID, update.updateID)
            book = (sides.0, sides.1, update.updateID)
        }
        (bids.recorded, asks.recorded) = sides
        look()
        update.updateID += updateShift
        update.bids = append(bids.appearance(of: sides.0, at: now, flow), to: &batch)
        update.asks = append(asks.appearance(of: sides.1, at: now, flow), to: &batch)
        batch.append(.book(update))
        merge()
    }

    private func append(_ levels: [PriceLevel], to batch: inout EventBatch) -> Range<Int> {
        let first = batch.levels.count
        for level in levels { batch.append(level: level) }
        return first..<batch.levels.count
    }

    private mutating func process(_ quote: Quote, into batch: inout EventBatch) {
        var changed = quote
        flow.process(bid: quote.bid, ask: quote.ask, updateID: quote.updateID)
        lastUpdateID = max(lastUpdateID, quote.updateID)
        self.quote = quote
        show(quote)
        look()
        changed.updateID += updateShift
        if let best { (changed.bid, changed.ask) = best }
        batch.append(.quote(changed))
        merge()
        shown = best
    }

    /// A recorded trade keeps its distance from the best price of the side that it takes from.
    private mutating func process(_ trade: Trade, into batch: inout EventBatch) {
        var changed = trade
        flow.process(trade)
        lag = trade.times.receive.nanoseconds(since: trade.times.venue)
        tradeIDs.note(trade.id)
        changed.id = tradeIDs.id(of: trade.id)
        changed.firstID = tradeIDs.id(of: trade.firstID)
        let side = trade.aggressor == .sell ? bids : asks
        if side.view != InjectedSide.View() || !side.isRecorded, let recorded = side.recorded.first,
            let best = side.best(at: now, flow)
        {
            changed.price.mantissa += best.price.mantissa - recorded.price.mantissa
            meetIceberg(changed)
        }
        batch.append(.trade(changed))
    }

    /// Recorded sides: the last book, with the last quote before it where that is newer.
    private mutating func merge() {
        guard let book else { return }
        if let quote, quote.updateID > book.id {
            show(quote)
        } else {
            (bids.recorded, asks.recorded) = (book.bids, book.asks)
        }
        look()
    }

    /// The sides with `quote` at their best, and of the last book what lies behind it.
    private mutating func show(_ quote: Quote) {
        bids.recorded = [quote.bid] + (book?.bids.filter { $0.price < quote.bid.price } ?? [])
        asks.recorded = [quote.ask] + (book?.asks.filter { $0.price > quote.ask.price } ?? [])
    }

    // MARK: - Appearance

    /// How the sides appear under the conditions of this moment.
    private mutating func look() {
        guard !schedule.history.isEmpty, let bid = bids.recorded.first?.price.mantissa,
            let ask = asks.recorded.first?.price.mantissa
        else { return }
        let middle = 0.5 * (Double(bid) + Double(ask))
        var shift = Int64((middle * displacement * 1e-4 / Double(tick)).rounded()) * tick
        // No price reaches zero.
        if let lowest = bids.recorded.last?.price.mantissa { shift = max(shift, tick - lowest) }
        let apart = Int64((0.5 * max(0, conditions.spread - 1) * flow.spread / Double(tick)).rounded()) * tick
        bids.view.shift = max(shift - apart, tick - (bids.recorded.last?.price.mantissa ?? tick))
        asks.view.shift = shift + apart
        bids.view.factor = max(0, conditions.liquidity * (1 + conditions.orderBias))
        asks.view.factor = max(0, conditions.liquidity * (1 - conditions.orderBias))
        let held = holdForIceberg(bid: bid + bids.view.shift, ask: ask + asks.view.shift)
        bids.view.shift += held
        asks.view.shift += held
        attendSpoofs()
    }

    /// The best prices as they appear.
    var best: (bid: PriceLevel, ask: PriceLevel)? {
        guard let bid = bids.best(at: now, flow), let ask = asks.best(at: now, flow) else { return nil }
        return (bid, ask)
    }

    // MARK: - Injected events

    private mutating func advance(to time: Int64, into batch: inout EventBatch) {
        while true {
            let next = min(min(schedule.nextChange, nextStep), min(nextTaker, nextOrder))
            guard next <= time else { break }
            now = max(now, next)
            if next == nextTaker {
                takeSomething(into: &batch)
            } else if next == nextOrder {
                stuff(into: &batch)
            } else {
                step(into: &batch)
            }
        }
        now = max(now, time)
    }

    private mutating func step(into batch: inout EventBatch) {
        let (begun, ended) = schedule.advance(to: now)
        bids.refill(at: now)
        asks.refill(at: now)
        for event in begun { begin(event, into: &batch) }
        for event in ended { end(event, into: &batch) }
        let seconds = Double(Self.stepNanoseconds) / 1e9
        conditions = schedule.active.isEmpty ? .quiet : MarketConditions(schedule.active, at: now)
        if conditions.drift != 0 || conditions.volatility > 1 {
            let extra = (max(1, conditions.volatility * conditions.volatility) - 1).squareRoot() * flow.volatility
            displacement += conditions.drift * seconds + extra * seconds.squareRoot() * random.normal()
        } else {
            displacement *= Double.exp2(-seconds / Self.relaxationHalfLifeSeconds)
            if displacement.magnitude < Self.leastDisplacement { displacement = 0 }
        }
        look()
        refillIceberg()
        publishBest(into: &batch)
        let isBusy = !schedule.active.isEmpty || displacement != 0 || !bids.isRecorded || !asks.isRecorded
        nextStep = isBusy ? now + Self.stepNanoseconds : .max
        // Waits are memoryless: drawing them anew at every step follows the changing rates.
        nextTaker = arrival(takerRates.buy + takerRates.sell)
        nextOrder = arrival(conditions.stuffing * flow.updateRate)
    }

    private mutating func begin(_ event: PlantedEvent, into batch: inout EventBatch) {
        guard let size = flow.bestSize, flow.takerRate > 0 || event.type == .quoteStuffing, best != nil else {
            premature = premature ?? event
            return
        }
        switch event.type {
        case .sweep: take(event.direction ?? .buy, flow.inLots(event.size * size), into: &batch)
        case .spoofing: spoofs.append(InjectedSpoof(event: event, size: flow.inLots(event.size * size / 4)))
        case .iceberg: showIceberg(event, size)
        case .flashCrash, .imbalanceDrift, .metaorder, .pumpAndDump, .quoteStuffing, .spreadRegime, .volatilityRegime,
            .volumeBurst:
            break
        }
    }

    private mutating func end(_ event: PlantedEvent, into batch: inout EventBatch) {
        if let index = spoofs.firstIndex(where: { $0.event == event }) {
            withdraw(index)
            spoofs.remove(at: index)
            take(event.direction == .buy ? .sell : .buy, flow.inLots(flow.bestSize ?? 0), into: &batch)
        }
        if iceberg?.event == event { withdrawIceberg() }
    }

    /// Takers a second beyond the recorded ones.
    private var takerRates: (buy: Double, sell: Double) {
        let (rate, bias) = (conditions.marketRate, conditions.marketBias)
        return (
            flow.takerRate * (max(0, 0.5 * rate * (1 + bias) - 0.5) + conditions.buyParts),
            flow.takerRate * (max(0, 0.5 * rate * (1 - bias) - 0.5) + conditions.sellParts)
        )
    }

    private mutating func arrival(_ rate: Double) -> Int64 {
        guard rate > 0, nextStep != .max else { return .max }
        let next = now + max(1, Int64(min(1e9, 1e9 * random.exponential() / rate)))
        return next < nextStep ? next : .max
    }

    private mutating func takeSomething(into batch: inout EventBatch) {
        let rates = takerRates
        nextTaker = arrival(rates.buy + rates.sell)
        guard let size = flow.orderSize(using: &random) else { return }
        take(random.chance(rates.buy / (rates.buy + rates.sell)) ? .buy : .sell, size, into: &batch)
    }

    /// Executes a taker's order; its trades have one venue time, as those of one order on the real venue.
    private mutating func take(_ aggressor: AggressorSide, _ quantity: Int64, into batch: inout EventBatch) {
        let fills =
            aggressor == .buy
            ? asks.take(quantity, at: now, flow) : bids.take(quantity, at: now, flow)
        for fill in fills {
            guard let id = tradeIDs.next() else { break }
            let trade = Trade(
                instrument: instrument, times: times, id: id, price: fill.price, quantity: fill.quantity,
                aggressor: aggressor)
            batch.append(.trade(trade))
            updateShift += 1
        }
        refillIceberg()
        publishBest(into: &batch)
    }

    private mutating func stuff(into batch: inout EventBatch) {
        nextOrder = arrival(conditions.stuffing * flow.updateRate)
        updateShift += 2
        guard random.chance(Self.stuffedAtBest), let best else { return }
        let isBid = random.chance(0.5)
        let price = (isBid ? best.bid : best.ask).price.mantissa
        let size = flow.inLots(flow.bestSize ?? 1)
        if isBid { bids.add(size, at: price) } else { asks.add(size, at: price) }
        publishBest(into: &batch)
        if isBid { bids.remove(size, at: price) } else { asks.remove(size, at: price) }
        publishBest(into: &batch)
    }

    /// A quote where the best prices or their sizes have changed, in markets that have quotes.
    private mutating func publishBest(into batch: inout EventBatch) {
        guard quote != nil, let best, let shown, shown.bid != best.bid || shown.ask != best.ask else { return }
        self.shown = best
        updateShift += 1
        batch.append(
            .quote(
                Quote(
                    instrument: instrument, times: times, updateID: lastUpdateID + updateShift, bid: best.bid,
                    ask: best.ask)))
    }

    /// The venue tells times in milliseconds.
    private var times: EventTimes {
        let receive = start.advanced(byNanoseconds: now)
        let venue = receive.advanced(byNanoseconds: -lag)
        return EventTimes(
            venue: Timestamp(nanoseconds: venue.bucket(width: 1_000_000) * 1_000_000), receive: receive)
    }
}
