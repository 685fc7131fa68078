import Microstructure

/// A `SyntheticBook` as an exchange publishes it: trades, best prices, and the changed levels every 100 ms, or as often as
/// the venue does.
///
/// The same parameters, rules, seed and start time give the same events. Each order change has one update id; the book
/// at id `u` has the best prices of the quote with that id.
public struct SyntheticMarket: Sendable {
    /// Nanoseconds between two depth updates, unless the venue has another interval.
    static let depthInterval: Int64 = 100_000_000

    public let listing: Listing
    /// The venue's time at offset 0.
    public let startTime: Timestamp

    /// The seed of the delays with which a venue sends this market.
    let arrivalSeed: UInt64

    private var market: SyntheticBook
    /// Events of one step not yet returned, in time order.
    private var queue: [SimulatedEvent] = []
    private var depthInterval = SyntheticMarket.depthInterval
    private var nextDepth = SyntheticMarket.depthInterval
    private var nextTradeID: Int64
    /// The last update id in a depth update.
    private var publishedID: Int64
    private let tick, step: Int64

    public init(
        _ parameters: SyntheticParameters, events: [PlantingRule] = [], seed: UInt64, startTime: Timestamp
    ) {
        self.startTime = startTime
        listing = parameters.listing
        (tick, step) = (listing.priceUnit.step, listing.quantityUnit.step)
        market = SyntheticBook(parameters, events: events, seed: seed)
        arrivalSeed = market.arrivalSeed
        publishedID = market.updateID
        nextTradeID = market.updateID / 10
        advance()
    }

    /// The same market with its depth updates at another interval; the depth updates begin after its first event.
    public func withDepth(everyNanoseconds interval: Int64) -> SyntheticMarket {
        precondition(interval > 0)
        var copy = self
        copy.depthInterval = interval
        copy.nextDepth = (market.nextStep / interval + 1) * interval
        return copy
    }

    /// The planted events: those begun so far, and each rule's next event.
    public var events: [PlantedEvent] { market.events }

    /// The planted events that have begun, oldest first.
    public var planted: [PlantedEvent] { market.begunEvents }

    /// Offset of the next event, in ns.
    public var nextDue: Int64? { queue.first?.due }

    /// The next event if it is due by `offset` (ns), else `nil`. Call it until it returns `nil`.
    public mutating func nextEvent(dueBy offset: Int64) -> SimulatedEvent? {
        guard let due = nextDue, due <= offset else { return nil }
        let event = queue.removeFirst()
        if queue.isEmpty { advance() }
        return event
    }

    /// The best `limit` levels a side. The book may be ahead of the depth stream by the updates since its last event.
    public func book(limit: Int) -> SimulatedBook {
        func levels(_ side: BookSide.Kind) -> [PriceLevel] {
            (0..<min(limit, market.book.levelCount(side))).map { level(market.book.level(side, rank: $0)) }
        }
        return SimulatedBook(updateID: market.updateID, bids: levels(.bid), asks: levels(.ask))
    }

    /// Runs the market until there is an event to return. Depth updates are due at each interval if anything changed.
    private mutating func advance() {
        while queue.isEmpty {
            guard market.nextStep < nextDepth else {
                appendDepth(due: nextDepth)
                market.clearChanges()
                nextDepth += depthInterval
                continue
            }
            let now = market.nextStep
            market.step()
            for happening in market.happenings {
                switch happening {
                case .trade(let ticks, let steps, let aggressor):
                    append(
                        .trade(
                            id: nextTradeID, price: price(ticks), quantity: quantity(steps), aggressor: aggressor),
                        due: now)
                    nextTradeID += 1
                case .best(let id, let bid, let ask):
                    append(.quote(updateID: id, bid: level(bid), ask: level(ask)), due: now)
                }
            }
            market.clearHappenings()
        }
    }

    /// Appends all changes since the last call; nothing if there are none, as on an exchange.
    private mutating func appendDepth(due: Int64) {
        guard market.updateID > publishedID else { return }
        let bids = Set(market.changedBids).sorted(by: >)
            .map { level(PriceLevel(price: $0, quantity: market.book.bids.quantity(at: $0))) }
        let asks = Set(market.changedAsks).sorted()
            .map { level(PriceLevel(price: $0, quantity: market.book.asks.quantity(at: $0))) }
        append(
            .depth(DepthChange(firstID: publishedID + 1, lastID: market.updateID, bids: bids, asks: asks)), due: due)
        publishedID = market.updateID
    }

    private mutating func append(_ content: SimulatedEvent.Content, due: Int64) {
        queue.append(
            SimulatedEvent(
                due: due, time: startTime.advanced(byNanoseconds: due), content: content,
                priceUnit: listing.priceUnit.hundredMillionths, quantityUnit: listing.quantityUnit.hundredMillionths))
    }

    // Convert ticks and steps to the units of the listing.

    private func level(_ level: PriceLevel) -> PriceLevel {
        PriceLevel(price: price(level.price), quantity: quantity(level.quantity))
    }

    private func price(_ ticks: Price) -> Price { Price(ticks.mantissa * tick) }
    private func quantity(_ steps: Quantity) -> Quantity { Quantity(steps.mantissa * step) }
}
