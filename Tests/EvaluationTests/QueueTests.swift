import Microstructure
import TestSupport
import Testing

@testable import Evaluation

/// A trade and the quote that contains it count once, whichever comes first.
@Suite struct QueueTests {
    private static let price = Price(100)
    private static let begin: Int64 = 1_700_000_000_000_000_000

    private static func trade(_ quantity: Int64, id: Int64 = 1, at time: Int64 = 0, late: Int64 = 0)
        -> Trade
    {
        Trade(
            instrument: InstrumentID(0),
            times: EventTimes(
                venue: Timestamp(nanoseconds: (begin + time) / 1_000_000 * 1_000_000),
                receive: Timestamp(nanoseconds: begin + time + late)), id: id, price: price,
            quantity: Quantity(quantity), aggressor: .sell)
    }

    private func order(ahead: Int64, _ model: QueueModel) -> RestingOrder {
        RestingOrder(side: .long, price: Self.price, quantity: 5, ahead: ahead, model: model)
    }

    @Test(arguments: QueueModel.allCases) func aQuoteBeforeItsTrade(model: QueueModel) {
        var (early, late) = (order(ahead: 10, model), order(ahead: 10, model))
        _ = early.process(shown: 6, other: Price(101))
        #expect(early.ahead == 6)
        _ = early.process(Self.trade(4))
        #expect(early.ahead == 6 && early.remaining == 5)
        _ = late.process(Self.trade(4))
        #expect(late.ahead == 6)
        // A quote from before the trade changes nothing, nor does the one after it.
        _ = late.process(shown: 10, other: Price(101))
        #expect(late.ahead == 6)
        _ = late.process(shown: 6, other: Price(101))
        #expect(late.ahead == 6)
        // The next trade is another one.
        _ = early.process(Self.trade(6))
        #expect(early.ahead == 0 && early.remaining == 5)
        _ = early.process(shown: 0, other: Price(101))
        #expect(early.remaining == 5)
    }

    @Test func oneQuoteOfATradeAndACancellation() {
        // 20 at the price, 10 of them ahead: a trade of 4, then 8 of the 16 are cancelled.
        for isTradeFirst in [true, false] {
            var (careful, hopeful) = (order(ahead: 10, .conservative), order(ahead: 10, .probabilistic))
            for isTrade in [isTradeFirst, !isTradeFirst] {
                for other in [Price(101)] {
                    if isTrade {
                        _ = careful.process(Self.trade(4))
                        _ = hopeful.process(Self.trade(4))
                    } else {
                        for shown: Int64 in [20, 8] {
                            _ = careful.process(shown: shown, other: other)
                            _ = hopeful.process(shown: shown, other: other)
                        }
                    }
                }
            }
            #expect(careful.ahead == 6 && hopeful.ahead == 3)
        }
    }

    @Test(arguments: QueueModel.allCases) func whatExpiredIsNotExplained(model: QueueModel) {
        func ahead(after pause: Int64) -> Int64 {
            var order = order(ahead: 10, model)
            _ = order.process(
                shown: 6, other: Price(101), in: .init(time: Timestamp(nanoseconds: Self.begin)))
            let late = Timestamp(nanoseconds: Self.begin + pause)
            _ = order.process(shown: 6, other: Price(101), in: .init(time: late))
            _ = order.process(Self.trade(4, at: pause))
            return order.ahead
        }
        #expect(ahead(after: QueueAccount.memory) == 6)
        #expect(ahead(after: QueueAccount.memory + 1) == 2)
    }

    /// A trade is only in a decrease that its time allows: it cannot be in a book from before it.
    @Test func theVenuesTimesDecide() {
        var order = order(ahead: 10, .conservative)
        let moment = { Timestamp(nanoseconds: Self.begin + $0) }
        _ = order.process(shown: 6, other: Price(101), in: .init(time: moment(0), book: (moment(0), 1)))
        _ = order.process(Self.trade(4, at: 6_000_000))
        #expect(order.ahead == 2)
    }

    // MARK: Many prices

    /// Each price's account is as if it were kept alone, while the ledger sets idle ones aside and uses them again.
    @Test(arguments: testSeeds) func eachPriceKeepsItsOwnAccount(seed: UInt64) {
        print("seed \(seed)")
        var random = SplitMix64(testSeed: seed)
        var (market, ledger) = (MarketView(), LevelLedger())
        // The last size never changes, so that the levels always reach that far.
        var sizes = [Int64](repeating: 50, count: 12)
        var alone = [QueueAccount](repeating: QueueAccount(), count: sizes.count)
        let price = { (place: Int) in Price(100 - Int64(place)) }
        var (time, book, idle): (Int64, (time: Timestamp, updateID: Int64)?, Int) = (0, nil, 0)
        for id in 1...Int64(600) {
            time += Int64(random.exponential() * 150e6)
            let moment = Timestamp(nanoseconds: Self.begin + time)
            let place = random.index(below: sizes.count - 1)
            if id > 1, random.uniform() < 0.3 {
                let trade = Trade(
                    instrument: InstrumentID(0), times: EventTimes(venue: moment, receive: moment), id: id,
                    price: price(place), quantity: Quantity(1 + Int64(random.index(below: 9))),
                    aggressor: .sell)
                _ = ledger.process(trade, at: moment)
                alone[place].trade(trade.quantity.mantissa, venueTime: moment, at: moment)
            } else {
                let (before, number) = (sizes[place], ledger.nextNumber)
                sizes[place] = 1 + Int64(random.index(below: 60))
                var levels = sizes.enumerated().map {
                    PriceLevel(price: price($0.offset), quantity: Quantity($0.element))
                }
                levels.append(PriceLevel(price: Price(101), quantity: Quantity(1)))
                let update = BookSnapshot(
                    instrument: InstrumentID(0), times: EventTimes(venue: moment, receive: moment), epoch: 1,
                    updateID: id, validity: .valid, bids: 0..<sizes.count, asks: sizes.count..<sizes.count + 1
                )
                market.process(update, levels: levels.span)
                ledger.process(market, book: update, quote: nil, at: moment)
                if book != nil, sizes[place] < before {
                    alone[place].decrease(
                        from: before, to: sizes[place], in: .init(time: moment, updateID: id, book: book),
                        number: number)
                }
                book = (moment, id)
                for place in alone.indices {
                    alone[place].close(with: (moment, id))
                    while alone[place].popExpired(at: moment) != nil {}
                    if alone[place].steps.isEmpty { idle += 1 }
                }
            }
            for place in alone.indices {
                #expect(
                    ledger.account(.long, price(place)) == alone[place].asFound,
                    "seed \(seed), \(id), \(place)")
            }
        }
        #expect(idle > 100, "seed \(seed)")
    }

    /// Prices that trades imply have a time too; without one, nothing that an order has seen would ever expire.
    @Test func impliedPricesHaveATime() {
        var (market, ledger) = (MarketView(), LevelLedger())
        let trade = Self.trade(4)
        market.process(trade)
        ledger.process(market, book: nil, quote: nil, at: trade.times.receive)
        #expect(market.isImplied && ledger.sight.time == trade.times.receive)
    }

    // MARK: Any order of arrival

    private enum Event {
        case quote(size: Int64, id: Int64)
        case book(size: Int64, id: Int64, time: Int64)
        case trade(Int64, id: Int64, time: Int64)
    }

    /// What truly happened at one price: its sizes, its trades, and the queue ahead of an order that comes at `arrival`.
    private struct History {
        var quotes: [(time: Int64, size: Int64)] = []
        var trades: [(time: Int64, quantity: Int64, step: Int)] = []
        var arrival = 0
        var ahead: Int64 = 0
        var filled: Int64 = 0

        init(using random: inout SplitMix64, arrival: Int) {
            self.arrival = arrival
            var queue = (0..<8).map { _ in 1 + Int64(random.index(below: 20)) }
            var mine: Int?
            var time: Int64 = 0
            // The market is seen before anything happens.
            quotes.append((time, queue.reduce(0, +)))
            while quotes.count < 150 {
                time += Int64(random.exponential() * 6e6)
                let size = queue.reduce(0, +)
                switch random.index(below: size > 150 ? 2 : 3) {
                case 2: queue.append(1 + Int64(random.index(below: 20)))
                case 1 where queue.count > 3:
                    let place = random.index(below: queue.count)
                    queue.remove(at: place)
                    if let before = mine, place < before { mine = before - 1 }
                default:
                    var left = 1 + Int64(random.index(below: Int(min(25, size))))
                    guard left < size else { continue }
                    trades.append((time, left, quotes.count))
                    while left > 0 {
                        let used = min(left, queue[0])
                        // What trades behind the order would have been the order's.
                        if mine == 0 { filled += used }
                        left -= used
                        queue[0] -= used
                        guard queue[0] == 0 else { continue }
                        queue.removeFirst()
                        if let before = mine, before > 0 { mine = before - 1 }
                    }
                }
                if quotes.count == arrival { mine = queue.count }
                quotes.append((time, queue.reduce(0, +)))
                ahead = queue.prefix(mine ?? 0).reduce(0, +)
            }
        }

        /// As it is received: each stream in its own order, with the venue's delays up to `worst` of the measured ones.
        func received(_ worst: Double, hasBooks: Bool, using random: inout SplitMix64) -> [(
            time: Int64, event: Event
        )] {
            var events: [(time: Int64, event: Event)] = []
            var (quoteTime, bookTime, tradeTime, nextBook) = (
                Int64(0), Int64(0), Int64(0), Int64(100_000_000)
            )
            var size: Int64 = 0
            for (place, quote) in quotes.enumerated() {
                while hasBooks, place > 0, nextBook < quote.time {
                    bookTime = max(bookTime + 1, quoteTime, nextBook + Int64(3e6 * worst * random.uniform()))
                    events.append((bookTime, .book(size: size, id: Int64(place), time: nextBook)))
                    nextBook += 100_000_000
                }
                size = quote.size
                quoteTime = max(quoteTime + 1, quote.time + Int64(2e6 * worst * random.uniform()))
                events.append((quoteTime, .quote(size: size, id: Int64(place + 1))))
            }
            for (number, trade) in trades.enumerated() {
                let delay = random.uniform() < 0.1 ? 214e6 : 2e6
                tradeTime = max(tradeTime + 1, trade.time + Int64(delay * worst * random.uniform()))
                events.append(
                    (tradeTime, .trade(trade.quantity, id: Int64(number + 1), time: trade.time)))
            }
            // Long after the last event, everything has been received.
            return events.sorted { $0.time < $1.time }
        }
    }

    /// The order's place after everything was received; it comes with the quote `arrival`.
    private func place(
        _ events: [(time: Int64, event: Event)], arrival: Int, _ model: QueueModel
    ) -> (ahead: Int64, filled: Int64) {
        var (market, ledger) = (MarketView(), LevelLedger())
        var order: RestingOrder?
        let ask = PriceLevel(price: Price(101), quantity: Quantity(1))
        for (time, event) in events {
            let moment = Timestamp(nanoseconds: Self.begin + time)
            switch event {
            case .quote(let size, let id):
                let quote = Quote(
                    instrument: InstrumentID(0), times: EventTimes(venue: moment, receive: moment),
                    updateID: id,
                    bid: PriceLevel(price: Self.price, quantity: Quantity(size)), ask: ask)
                market.process(quote)
                ledger.process(market, book: nil, quote: quote, at: moment)
                _ = order?.process(
                    shown: ledger.shown(Self.price, .long), other: ask.price, in: ledger.sight)
                guard order == nil, id == Int64(arrival + 1) else { continue }
                order = RestingOrder(
                    side: .long, price: Self.price, quantity: 1_000_000, ahead: size, model: model,
                    account: ledger.account(.long, Self.price), number: ledger.nextNumber)
            case .book(let size, let id, let venueTime):
                let book = BookSnapshot(
                    instrument: InstrumentID(0),
                    times: EventTimes(venue: Timestamp(nanoseconds: Self.begin + venueTime), receive: moment),
                    epoch: 1,
                    updateID: id, validity: .valid, bids: 0..<1, asks: 1..<2)
                let levels = [PriceLevel(price: Self.price, quantity: Quantity(size)), ask]
                market.process(book, levels: levels.span)
                ledger.process(market, book: book, quote: nil, at: moment)
                _ = order?.process(
                    shown: ledger.shown(Self.price, .long), other: ask.price, in: ledger.sight)
            case .trade(let quantity, let id, let venueTime):
                let trade = Self.trade(quantity, id: id, at: venueTime, late: time - venueTime)
                market.process(trade)
                let number = ledger.process(trade, at: moment)
                _ = order?.process(trade, containedIn: number)
            }
        }
        return (order?.ahead ?? -1, 1_000_000 - (order?.remaining ?? -1))
    }

    @Test(arguments: testSeeds) func anyOrderOfArrivalGivesTheSamePlace(seed: UInt64) {
        print("seed \(seed)")
        var random = SplitMix64(testSeed: seed)
        var (overtaken, tradesOfAll, filledOnce) = (0, 0, 0)
        for round in 0..<8 {
            let arrival = 5 + random.index(below: 20)
            let history = History(using: &random, arrival: arrival)
            for model in QueueModel.allCases {
                for hasBooks in [true, false] {
                    let exact = place(
                        history.received(0, hasBooks: hasBooks, using: &random), arrival: arrival, model)
                    for _ in 0..<6 {
                        let events = history.received(1, hasBooks: hasBooks, using: &random)
                        let found = place(events, arrival: arrival, model)
                        #expect(
                            found.ahead == exact.ahead,
                            "seed \(seed), round \(round), \(model), books \(hasBooks): \(found), exactly \(exact)"
                        )
                        guard model == .conservative else { continue }
                        #expect(found.ahead >= history.ahead && found.filled <= history.filled, "seed \(seed)")
                        if found.filled > 0 { filledOnce += 1 }
                        var newest: Int64 = 0
                        for (_, event) in events {
                            if case .quote(_, let id) = event { newest = id }
                            guard case .trade(_, let id, _) = event else { continue }
                            tradesOfAll += 1
                            if newest > Int64(history.trades[Int(id) - 1].step) { overtaken += 1 }
                        }
                    }
                }
            }
        }
        print(
            "\(overtaken) of \(tradesOfAll) trades came after their quote, \(filledOnce) times the order filled"
        )
        #expect(
            overtaken > tradesOfAll / 4 && overtaken < tradesOfAll && filledOnce > 0, "seed \(seed)")
    }
}
