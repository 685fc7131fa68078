import Microstructure

/// The markets of a specification as ingest would publish them, in time order: trades, best prices, the top of each
/// changed book every 100 ms, and a heartbeat a second for each market.
///
/// Venue times are in whole milliseconds, as exchanges write them; quotes have none of their own. Events are received in
/// the order and with the delays of the specification (`ArrivalDelays`); what would come after the end does not.
public struct SyntheticFeed: Sendable {
    private struct Line: Sendable {
        var market: SyntheticBook
        let instrument: Instrument
        var nextTradeID: Int64 = 1
        var clock: ArrivalClock
    }

    /// An event that has happened.
    private struct Arrival: Sendable {
        /// Offset at which it is received.
        let received: Int64
        var event: MarketEvent
        /// Of a book: its levels, to which the event's ranges refer.
        var levels: [PriceLevel] = []
    }

    static let slice = SyntheticMarket.depthInterval

    /// In the order of the specification; an event's `InstrumentID` is the index here.
    public var instruments: [Instrument] { lines.map(\.instrument) }
    /// Orders added, removed or matched so far, in all markets.
    public var orderEvents: UInt64 { lines.reduce(0) { $0 + $1.market.orderEvents } }

    private var lines: [Line]
    private let start: Timestamp
    private let end: Int64
    private let depth: Int
    private var reached: Int64 = 0
    private var isOpen = false
    /// Events not yet returned, in creation order.
    private var made: [Arrival] = []

    /// - Parameter depth: levels a side in each book.
    public init(_ specification: SyntheticSpecification, depth: Int = 20) {
        precondition(depth > 0)
        start = specification.startTime
        end = Int64(specification.durationSeconds * 1e9)
        self.depth = depth
        lines = specification.markets.map {
            let market = SyntheticBook($0, events: specification.events, seed: specification.seed)
            return Line(
                market: market, instrument: Instrument(listing: $0.listing),
                clock: ArrivalClock(BinanceDialect.delays(specification.delays), seed: market.arrivalSeed))
        }
    }

    /// Events planted into a market so far, oldest first.
    public func planted(in id: InstrumentID) -> [PlantedEvent] {
        lines[id.index].market.events.filter { $0.start < reached }
    }

    /// The time up to which events have been returned.
    public var time: Timestamp { start.advanced(byNanoseconds: reached) }

    /// Appends the events of the next 100 ms; `false` after the end.
    public mutating func next(into batch: inout EventBatch) -> Bool {
        guard reached < end else { return false }
        let until = min(end, reached + Self.slice)
        if !isOpen {
            isOpen = true
            for index in lines.indices { appendBook(index, at: 0, received: 0) }
        }
        for index in lines.indices { run(index, until: until) }
        // Events received at the same time keep their creation order.
        let order = made.indices.filter { made[$0].received <= until }
            .sorted { (made[$0].received, $0) < (made[$1].received, $1) }
        for index in order { append(made[index], to: &batch) }
        made.removeAll { $0.received <= until }
        reached = until
        return true
    }

    private func append(_ arrival: Arrival, to batch: inout EventBatch) {
        guard case .book(var book) = arrival.event else { return batch.append(arrival.event) }
        let first = batch.levels.count
        for level in arrival.levels { batch.append(level: level) }
        book.bids = first + book.bids.lowerBound..<first + book.bids.upperBound
        book.asks = first + book.asks.lowerBound..<first + book.asks.upperBound
        batch.append(.book(book))
    }

    private mutating func run(_ index: Int, until: Int64) {
        let id = InstrumentID(index)
        let tick = lines[index].instrument.tickSize
        let lot = lines[index].instrument.lotSize
        func level(_ level: PriceLevel) -> PriceLevel {
            PriceLevel(
                price: Price(level.price.mantissa * tick), quantity: Quantity(level.quantity.mantissa * lot))
        }
        while lines[index].market.nextStep < until {
            let now = lines[index].market.nextStep
            lines[index].market.step()
            for place in lines[index].market.happenings.indices {
                switch lines[index].market.happenings[place] {
                case .trade(let price, let quantity, let aggressor):
                    let received = lines[index].clock.trade(at: now).sent
                    let trade = Trade(
                        instrument: id, times: times(now, received: received), id: lines[index].nextTradeID,
                        price: Price(price.mantissa * tick), quantity: Quantity(quantity.mantissa * lot),
                        aggressor: aggressor)
                    lines[index].nextTradeID += 1
                    made.append(Arrival(received: received, event: .trade(trade)))
                case .best(let updateID, let bid, let ask):
                    let received = lines[index].clock.quote(at: now)
                    let moment = start.advanced(byNanoseconds: received)
                    let quote = Quote(
                        instrument: id, times: EventTimes(venue: moment, receive: moment), updateID: updateID,
                        bid: level(bid), ask: level(ask))
                    made.append(Arrival(received: received, event: .quote(quote)))
                }
            }
            lines[index].market.clearHappenings()
        }
        if !(lines[index].market.changedBids.isEmpty && lines[index].market.changedAsks.isEmpty) {
            lines[index].market.clearChanges()
            appendBook(index, at: until, received: lines[index].clock.depth(at: until))
        }
        if until % 1_000_000_000 == 0 {
            let heartbeat = Heartbeat(
                instrument: id, times: times(until, received: until), validity: .valid, epoch: 1)
            made.append(Arrival(received: until, event: .heartbeat(heartbeat)))
        }
    }

    private mutating func appendBook(_ index: Int, at time: Int64, received: Int64) {
        let tick = lines[index].instrument.tickSize
        let lot = lines[index].instrument.lotSize
        let bids = min(depth, lines[index].market.book.levelCount(.bid))
        let asks = min(depth, lines[index].market.book.levelCount(.ask))
        var levels: [PriceLevel] = []
        levels.reserveCapacity(bids + asks)
        for (side, count) in [(BookSide.Kind.bid, bids), (.ask, asks)] {
            for rank in 0..<count {
                let level = lines[index].market.book.level(side, rank: rank)
                levels.append(
                    PriceLevel(
                        price: Price(level.price.mantissa * tick), quantity: Quantity(level.quantity.mantissa * lot)))
            }
        }
        let book = BookSnapshot(
            instrument: InstrumentID(index), times: times(time, received: received), epoch: 1,
            updateID: lines[index].market.updateID, validity: .valid, tickSize: tick, bids: 0..<bids,
            asks: bids..<bids + asks)
        made.append(Arrival(received: received, event: .book(book), levels: levels))
    }

    private func times(_ offset: Int64, received: Int64) -> EventTimes {
        EventTimes(
            venue: Timestamp(
                nanoseconds: start.advanced(byNanoseconds: offset).bucket(width: 1_000_000) * 1_000_000),
            receive: start.advanced(byNanoseconds: received))
    }
}

extension Instrument {
    /// The market of a listing, in the units of the market's events.
    init(listing: Listing) {
        let (price, quantity) = (listing.priceUnit, listing.quantityUnit)
        self.init(
            venue: .binance, symbol: listing.symbol, priceExponent: price.exponent,
            quantityExponent: quantity.exponent, tickSize: price.step, lotSize: quantity.step)
    }
}
