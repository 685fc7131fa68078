import Microstructure
import Testing

@testable import Simulation

/// Events injected into a recorded market. The recording is a synthetic one without events: its quotes, books and trades
/// arrive apart, as the venue's do.
@Suite struct InjectedMarketTests {
    private static let seed: UInt64 = 11
    private static let begin = 90.0
    private static let length = 20.0

    /// An event with its own levels.
    private struct Event: Equatable {
        let event: MarketEvent
        var bids: [PriceLevel] = []
        var asks: [PriceLevel] = []

        init(_ event: MarketEvent, _ batch: borrowing EventBatch) {
            guard case .book(var book) = event else {
                self.event = event
                return
            }
            bids = book.bids.map { batch.levels[$0] }
            asks = book.asks.map { batch.levels[$0] }
            (book.bids, book.asks) = (0..<0, 0..<0)
            self.event = .book(book)
        }

        var time: Int64 { event.times.receive.nanoseconds(since: SyntheticSpecification.usualStart) }
    }

    private struct Run {
        var recorded: [Event] = []
        /// What was injected before each recorded event, and the event as changed.
        var injected: [[Event]] = []
        var changed: [Event] = []
        var planted: [PlantedEvent] = []
        var premature: PlantedEvent?

        var all: [Event] { zip(injected, changed).flatMap { $0 + [$1] } }
        func trades(_ side: AggressorSide) -> [Trade] {
            all.compactMap { if case .trade(let trade) = $0.event, trade.aggressor == side { trade } else { nil } }
        }
        func volume(_ side: AggressorSide) -> Int64 { trades(side).reduce(0) { $0 + $1.quantity.mantissa } }
    }

    private static func run(
        _ type: PlantedEventType, size: Double, direction: AggressorSide? = nil, at begin: Double = begin,
        seed: UInt64 = seed
    ) -> Run {
        print("\(type): seed \(seed)")
        var feed = SyntheticFeed(
            SyntheticSpecification(
                markets: [SyntheticParameters(symbol: "BTCUSDT")], seed: seed, durationSeconds: 190))
        let rule = PlantingRule(
            type, timing: .atSeconds([begin]), lengthSeconds: length...length, sizes: [size], direction: direction)
        var market = InjectedMarket(
            [rule], symbol: "BTCUSDT", seed: seed, start: SyntheticSpecification.usualStart)
        var run = Run()
        var (batch, output) = (EventBatch(), EventBatch())
        while feed.next(into: &batch) {
            for event in batch.events {
                run.recorded.append(Event(event, batch))
                market.process(event, levels: batch.levels.span, into: &output)
                var events = output.events.map { Event($0, output) }
                run.changed.append(events.removeLast())
                run.injected.append(events)
                output.removeAll()
            }
            batch.removeAll()
        }
        run.planted = market.planted
        run.premature = market.premature
        return run
    }

    private static let plantings: [(PlantedEventType, Double)] = [
        (.imbalanceDrift, 0.9), (.metaorder, 10), (.sweep, 30), (.volumeBurst, 10), (.volatilityRegime, 10),
        (.spreadRegime, 40), (.pumpAndDump, 100), (.spoofing, 20), (.iceberg, 40), (.quoteStuffing, 3),
        (.flashCrash, 100),
    ]

    @Test func everyTypeIsTested() {
        #expect(Set(Self.plantings.map(\.0)) == Set(PlantedEventType.allCases))
    }

    @Test(arguments: plantings.indices)
    func theMarketStaysPossible(index: Int) throws {
        let (type, size) = Self.plantings[index]
        let run = Self.run(type, size: size)
        #expect(run.premature == nil && run.planted.map(\.type) == [type] && run.planted.first?.size == size)
        #expect(run.planted.first?.start == 90_000_000_000 && run.planted.first?.end == 110_000_000_000)
        #expect((run.planted.first?.direction == nil) == !type.hasDirection)
        var ids: [Int64] = []
        var lastUpdate: Int64 = 0
        var last: Int64 = 0
        var quotes = 0
        for event in run.all {
            #expect(event.time >= last)
            last = event.time
            switch event.event {
            case .book(let book):
                #expect(
                    zip(event.bids, event.bids.dropFirst()).allSatisfy { $0.price > $1.price }
                        && zip(event.asks, event.asks.dropFirst()).allSatisfy { $0.price < $1.price })
                #expect((event.bids + event.asks).allSatisfy { $0.quantity.mantissa > 0 && $0.price.mantissa > 0 })
                #expect((event.bids + event.asks).allSatisfy { $0.price.mantissa % book.tickSize == 0 })
                let (bid, ask) = (try #require(event.bids.first), try #require(event.asks.first))
                #expect(bid.price < ask.price, "crossed at \(event.time)")
            case .quote(let quote):
                quotes += 1
                #expect(quote.bid.price < quote.ask.price, "crossed at \(event.time)")
                #expect(quote.bid.quantity.mantissa > 0 && quote.ask.quantity.mantissa > 0)
                #expect(quote.updateID > lastUpdate)
                lastUpdate = quote.updateID
            case .trade(let trade):
                #expect(trade.quantity.mantissa > 0)
                ids.append(trade.id)
            case .heartbeat: break
            }
        }
        #expect(Set(ids).count == ids.count && ids.max().map { Int($0 - ids[0]) + 1 } == ids.count)
        #expect(quotes > 1_000)
    }

    @Test(arguments: plantings.indices)
    func itBeginsAndEnds(index: Int) throws {
        let (type, size) = Self.plantings[index]
        let run = Self.run(type, size: size)
        #expect(run.changed == Self.run(type, size: size).changed, "not deterministic")
        let before = try #require(run.recorded.firstIndex { $0.time >= 90_000_000_000 })
        #expect(run.changed[..<before] == run.recorded[..<before])
        #expect(run.injected[..<before].allSatisfy { $0.isEmpty } && before > 1_000)
        // A minute later the market is the recorded one again, but for the ids.
        var compared = 0
        for (recorded, changed) in zip(run.recorded, run.changed) where recorded.time >= 175_000_000_000 {
            #expect(recorded.bids == changed.bids && recorded.asks == changed.asks)
            switch (recorded.event, changed.event) {
            case (.quote(let recorded), .quote(let changed)):
                #expect(recorded.bid == changed.bid && recorded.ask == changed.ask)
            case (.trade(let recorded), .trade(let changed)):
                #expect(recorded.price == changed.price && recorded.quantity == changed.quantity)
            default: break
            }
            compared += 1
        }
        #expect(compared > 1_000)
        let after = try #require(run.recorded.firstIndex { $0.time >= 175_000_000_000 })
        #expect(run.injected[after...].allSatisfy { $0.isEmpty })
        #expect(run.changed[before..<after] != run.recorded[before..<after])
    }

    @Test func anEventNeedsAMarketBeforeIt() {
        #expect(Self.run(.sweep, size: 5, at: 0).premature?.type == .sweep)
    }

    @Test func aSweepTakesLevelAfterLevel() throws {
        let run = Self.run(.sweep, size: 30, direction: .buy)
        let place = try #require(run.injected.firstIndex { !$0.isEmpty })
        let trades = run.injected[place].compactMap { if case .trade(let trade) = $0.event { trade } else { nil } }
        let ask = run.changed[..<place].compactMap {
            if case .quote(let quote) = $0.event { quote.ask.price } else { nil }
        }
        #expect(trades.count > 3 && trades.first.map(\.price) == ask.last)
        #expect(zip(trades, trades.dropFirst()).allSatisfy { $0.price < $1.price })
        #expect(Set(trades.map(\.times.venue)).count == 1 && trades.allSatisfy { $0.aggressor == .buy })
        // What it took is missing.
        let left = run.injected[place].compactMap { if case .quote(let quote) = $0.event { quote.ask } else { nil } }
            .last
        let asked = try #require(left)
        #expect(asked.price >= trades[trades.count - 1].price)
    }

    @Test func takersAreOfTheirSide() {
        let quiet = Self.run(.sweep, size: 1, at: 1_000)
        #expect(quiet.planted.isEmpty && quiet.changed == quiet.recorded)
        let sells = Self.run(.metaorder, size: 20, direction: .sell)
        #expect(sells.trades(.sell).count > quiet.trades(.sell).count + 500)
        #expect(sells.trades(.buy).count == quiet.trades(.buy).count)
        let burst = Self.run(.volumeBurst, size: 20)
        #expect(burst.trades(.sell).count > quiet.trades(.sell).count + 200)
        #expect(burst.trades(.buy).count > quiet.trades(.buy).count + 200)
    }

    @Test func pricesFollowTheirPath() throws {
        let run = Self.run(.flashCrash, size: 100)
        let ratios = zip(run.recorded, run.changed).compactMap { recorded, changed -> Double? in
            guard let old = recorded.bids.first, let new = changed.bids.first else { return nil }
            return Double(new.price.mantissa) / Double(old.price.mantissa) - 1
        }
        // Down by 100 basis points within a seventh of the time.
        let lowest = try #require(ratios.min())
        #expect(lowest < -0.008 && lowest > -0.0115)
        let wide = Self.run(.spreadRegime, size: 40)
        let spreads = wide.changed.filter { (91_000_000_000..<109_000_000_000).contains($0.time) }.compactMap {
            event -> Int64? in
            guard let bid = event.bids.first, let ask = event.asks.first else { return nil }
            return ask.price.mantissa - bid.price.mantissa
        }
        let usual = wide.recorded.compactMap { event -> Int64? in
            guard let bid = event.bids.first, let ask = event.asks.first else { return nil }
            return ask.price.mantissa - bid.price.mantissa
        }
        #expect(spreads.sorted()[spreads.count / 2] > 20 * usual.sorted()[usual.count / 2])
    }

    @Test func ordersShowInTheBook() throws {
        func depth(_ event: Event, _ side: KeyPath<Event, [PriceLevel]>) -> Int64 {
            event[keyPath: side].reduce(0) { $0 + $1.quantity.mantissa }
        }
        let run = Self.run(.spoofing, size: 20, direction: .buy)
        var (shown, books) = (0, 0)
        for (recorded, changed) in zip(run.recorded, run.changed)
        where (91_000_000_000..<109_000_000_000).contains(recorded.time) && !recorded.bids.isEmpty {
            books += 1
            // Behind the best price, never at it.
            #expect(recorded.bids.first?.price == changed.bids.first?.price)
            if depth(changed, \.bids) > depth(recorded, \.bids) { shown += 1 }
        }
        #expect(books > 100 && shown > books * 9 / 10, "\(shown) of \(books)")
        let drift = Self.run(.imbalanceDrift, size: 0.9, direction: .sell)
        let late = zip(drift.recorded, drift.changed).filter {
            (105_000_000_000..<109_000_000_000).contains($0.0.time) && !$0.0.bids.isEmpty
        }
        #expect(late.allSatisfy { depth($1, \.bids) < depth($0, \.bids) && depth($1, \.asks) > depth($0, \.asks) })
    }

    @Test func anIcebergHoldsItsPrice() throws {
        let run = Self.run(.iceberg, size: 1_000, direction: .buy)
        let before = try #require(run.changed.firstIndex { $0.time >= 90_000_000_000 })
        let quotes = run.changed[..<before].compactMap { if case .quote(let quote) = $0.event { quote } else { nil } }
        let price = try #require(quotes.last).bid.price
        let books = run.changed.filter { (90_200_000_000..<109_900_000_000).contains($0.time) && !$0.bids.isEmpty }
        #expect(books.count > 100 && books.allSatisfy { $0.bids[0].price >= price })
        // Without it the market would have passed.
        let recorded = run.recorded.filter { (90_200_000_000..<109_900_000_000).contains($0.time) && !$0.bids.isEmpty }
        #expect(recorded.contains { $0.asks[0].price <= price })
    }
}
