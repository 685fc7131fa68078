import Microstructure

/// The markets of a specification as ingest would publish them, in time order: trades, best prices, the top of each
/// changed book every 100 ms, and a heartbeat a second for each market.
///
/// An event is received when it happens; its venue time is that moment in whole milliseconds, as exchanges write it.
public struct SyntheticFeed: Sendable {
    private struct Line: Sendable {
        var market: SyntheticBook
        let instrument: Instrument
        var nextTradeID: Int64 = 1
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
    /// Reused buffer: the events of a slice in creation order, with their times.
    private var made: [(time: Int64, event: MarketEvent)] = []

    /// - Parameter depth: levels a side in each book.
    public init(_ specification: SyntheticSpecification, depth: Int = 20) {
        precondition(depth > 0)
        start = specification.startTime
        end = Int64(specification.durationSeconds * 1e9)
        self.depth = depth
        lines = specification.markets.map {
            Line(
                market: SyntheticBook($0, events: specification.events, seed: specification.seed),
                instrument: Instrument(listing: $0.listing))
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
        made.removeAll(keepingCapacity: true)
        if !isOpen {
            isOpen = true
            for index in lines.indices { appendBook(index, at: 0, into: &batch) }
        }
        for index in lines.indices { run(index, until: until, into: &batch) }
        if lines.count > 1 {
            // Events at equal times keep their creation order.
            let order = made.indices.sorted { (made[$0].time, $0) < (made[$1].time, $1) }
            for index in order { batch.append(made[index].event) }
        } else {
            for item in made { batch.append(item.event) }
        }
        reached = until
        return true
    }

    private mutating func run(_ index: Int, until: Int64, into batch: inout EventBatch) {
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
            let times = times(now)
            for place in lines[index].market.happenings.indices {
                switch lines[index].market.happenings[place] {
                case .trade(let price, let quantity, let aggressor):
                    let trade = Trade(
                        instrument: id, times: times, id: lines[index].nextTradeID,
                        price: Price(price.mantissa * tick), quantity: Quantity(quantity.mantissa * lot),
                        aggressor: aggressor)
                    lines[index].nextTradeID += 1
                    made.append((now, .trade(trade)))
                case .best(let updateID, let bid, let ask):
                    let quote = Quote(
                        instrument: id, times: times, updateID: updateID, bid: level(bid), ask: level(ask))
                    made.append((now, .quote(quote)))
                }
            }
            lines[index].market.clearHappenings()
        }
        if !(lines[index].market.changedBids.isEmpty && lines[index].market.changedAsks.isEmpty) {
            lines[index].market.clearChanges()
            appendBook(index, at: until, into: &batch)
        }
        if until % 1_000_000_000 == 0 {
            made.append((until, .heartbeat(Heartbeat(instrument: id, times: times(until), validity: .valid, epoch: 1))))
        }
    }

    private mutating func appendBook(_ index: Int, at time: Int64, into batch: inout EventBatch) {
        let tick = lines[index].instrument.tickSize
        let lot = lines[index].instrument.lotSize
        func append(_ side: BookSide.Kind) -> Range<Int> {
            let first = batch.levels.count
            for rank in 0..<min(depth, lines[index].market.book.levelCount(side)) {
                let level = lines[index].market.book.level(side, rank: rank)
                batch.append(
                    level: PriceLevel(
                        price: Price(level.price.mantissa * tick), quantity: Quantity(level.quantity.mantissa * lot)))
            }
            return first..<batch.levels.count
        }
        let bids = append(.bid)
        let asks = append(.ask)
        made.append(
            (
                time,
                .book(
                    BookSnapshot(
                        instrument: InstrumentID(index), times: times(time), epoch: 1,
                        updateID: lines[index].market.updateID, validity: .valid, tickSize: tick, bids: bids, asks: asks
                    ))
            ))
    }

    private func times(_ offset: Int64) -> EventTimes {
        let time = start.advanced(byNanoseconds: offset)
        return EventTimes(
            venue: Timestamp(nanoseconds: time.bucket(width: 1_000_000) * 1_000_000), receive: time)
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
