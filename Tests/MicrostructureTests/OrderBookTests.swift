import TestSupport
import Testing

@testable import Microstructure

/// What a book is, without any cleverness: sizes by price.
private struct DictionaryBook {
    var bids: [Int64: Int64] = [:]
    var asks: [Int64: Int64] = [:]

    static func set(_ side: inout [Int64: Int64], _ price: Int64, _ quantity: Int64) {
        side[price] = quantity == 0 ? nil : quantity
    }

    static func levels(_ side: [Int64: Int64], bestIsHighest: Bool) -> [PriceLevel] {
        side.sorted { bestIsHighest ? $0.key > $1.key : $0.key < $1.key }
            .map { PriceLevel(price: Price($0.key), quantity: Quantity($0.value)) }
    }
}

private func levels(_ side: BookSide) -> [PriceLevel] { (0..<side.count).map { side[$0] } }

@Suite struct OrderBookTests {
    @Test(arguments: testSeeds)
    func equalsADictionaryOfPrices(seed: UInt64) {
        var random = SplitMix64(testSeed: seed)
        var book = OrderBook()
        var model = DictionaryBook()
        for step in 1...2_000 {
            // Mostly near the touch, sometimes far away, so that both ways of searching are used.
            let reach: Int64 = random.chance(0.2) ? 400 : 12
            let quantity = random.chance(0.4) ? 0 : Int64.random(in: 1...9, using: &random)
            if random.chance(0.5) {
                let price = 1_000 - Int64.random(in: 0...reach, using: &random)
                book.setBid(Price(price), to: Quantity(quantity))
                DictionaryBook.set(&model.bids, price, quantity)
                #expect(book.bids.quantity(at: Price(price)) == Quantity(quantity))
            } else {
                let price = 1_001 + Int64.random(in: 0...reach, using: &random)
                book.setAsk(Price(price), to: Quantity(quantity))
                DictionaryBook.set(&model.asks, price, quantity)
                #expect(book.asks.quantity(at: Price(price)) == Quantity(quantity))
            }
            if step.isMultiple(of: 20) {
                #expect(levels(book.bids) == DictionaryBook.levels(model.bids, bestIsHighest: true))
                #expect(levels(book.asks) == DictionaryBook.levels(model.asks, bestIsHighest: false))
            }
            #expect(!book.isCrossed)
        }
        #expect(book.trimmedLevels == 0)
    }

    /// Best first, as venues send them, in another order, and with a price that comes twice.
    @Test(arguments: testSeeds)
    func manyChangesAtOnceEqualOneAfterAnother(seed: UInt64) {
        var random = SplitMix64(testSeed: seed)
        var book = OrderBook()
        var model = DictionaryBook()
        for _ in 0..<400 {
            let reach: Int64 = random.chance(0.5) ? 200 : 20
            let removals: Double = [0, 0.2, 0.5, 1][random.index(below: 4)]
            var changes = (0..<Int.random(in: 0...30, using: &random)).map { _ in
                let quantity = random.chance(removals) ? 0 : Int64.random(in: 1...9, using: &random)
                return PriceLevel(
                    price: Price(Int64.random(in: 0...reach, using: &random)), quantity: Quantity(quantity))
            }
            if random.chance(0.8) {
                var seen: Set<Int64> = []
                changes = changes.filter { seen.insert($0.price.mantissa).inserted }.sorted { $0.price < $1.price }
            }
            book.setAsks(changes)
            // The bids are the mirror image.
            book.setBids(changes.map { PriceLevel(price: Price(1_000 - $0.price.mantissa), quantity: $0.quantity) })
            for change in changes {
                DictionaryBook.set(&model.asks, change.price.mantissa, change.quantity.mantissa)
                DictionaryBook.set(&model.bids, 1_000 - change.price.mantissa, change.quantity.mantissa)
            }
            #expect(levels(book.asks) == DictionaryBook.levels(model.asks, bestIsHighest: false))
            #expect(levels(book.bids) == DictionaryBook.levels(model.bids, bestIsHighest: true))
        }
    }

    @Test(arguments: testSeeds)
    func keepsTheBestLevelsAtItsLimit(seed: UInt64) {
        var random = SplitMix64(testSeed: seed)
        var book = OrderBook(levelLimit: 8)
        var model = DictionaryBook()
        var dropped: UInt64 = 0
        for step in 1...300 {
            for _ in 0..<Int.random(in: 1...12, using: &random) {
                let (bid, ask) = (Int64.random(in: 1...50, using: &random), Int64.random(in: 51...99, using: &random))
                book.setBid(Price(bid), to: Quantity(1))
                book.setAsk(Price(ask), to: Quantity(1))
                DictionaryBook.set(&model.bids, bid, 1)
                DictionaryBook.set(&model.asks, ask, 1)
            }
            book.commit(updateID: Int64(step))
            let bids = DictionaryBook.levels(model.bids, bestIsHighest: true)
            let asks = DictionaryBook.levels(model.asks, bestIsHighest: false)
            dropped += UInt64(max(0, bids.count - 8) + max(0, asks.count - 8))
            model.bids = [:]
            model.asks = [:]
            for level in bids.prefix(8) { model.bids[level.price.mantissa] = level.quantity.mantissa }
            for level in asks.prefix(8) { model.asks[level.price.mantissa] = level.quantity.mantissa }
            #expect(levels(book.bids) == Array(bids.prefix(8)))
            #expect(levels(book.asks) == Array(asks.prefix(8)))
            #expect(book.updateID == Int64(step))
        }
        #expect(book.trimmedLevels == dropped && dropped > 0)
    }

    @Test func saysWhenItIsCrossedAndForgetsOnReset() {
        var book = OrderBook()
        #expect(!book.isCrossed)
        book.setBid(Price(10), to: Quantity(1))
        #expect(!book.isCrossed)
        book.setAsk(Price(11), to: Quantity(1))
        #expect(!book.isCrossed)
        book.setAsk(Price(10), to: Quantity(1))
        #expect(book.isCrossed)
        book.setAsk(Price(9), to: Quantity(1))
        #expect(book.isCrossed)
        book.reset(updateID: 77)
        #expect(book.bids.isEmpty && book.asks.isEmpty && book.updateID == 77 && !book.isCrossed)
    }

    @Test func removingAnUnknownLevelIsNormal() {
        var side = BookSide(.ask)
        side.set(Price(5), to: .zero)
        #expect(side.isEmpty)
        side.set(Price(5), to: Quantity(2))
        side.set(Price(6), to: .zero)
        side.set(Price(5), to: Quantity(3))
        #expect(side.count == 1)
        #expect(side.best == PriceLevel(price: Price(5), quantity: Quantity(3)))
        #expect(side.quantity(at: Price(4)) == .zero)
    }

    @Test func batchHoldsTheBestLevelsOfEachSide() throws {
        var book = OrderBook()
        for price in 1...5 as ClosedRange<Int64> { book.setBid(Price(price), to: Quantity(price)) }
        book.setAsk(Price(6), to: Quantity(60))
        book.commit(updateID: 9)
        var batch = EventBatch()
        let times = EventTimes(venue: Timestamp(nanoseconds: 1), receive: Timestamp(nanoseconds: 2))
        for _ in 0..<2 {
            batch.append(
                book: book, depth: 3, instrument: InstrumentID(4), tickSize: 1, times: times, epoch: 2, validity: .valid
            )
        }
        guard case .book(let update) = try #require(batch.events.last) else {
            Issue.record("not a book")
            return
        }
        #expect(update.instrument == InstrumentID(4) && update.times == times && update.epoch == 2)
        #expect(update.updateID == 9)
        #expect(batch.levels[update.bids].map(\.price.mantissa) == [5, 4, 3])
        #expect(batch.levels[update.asks].map(\.quantity.mantissa) == [60])
        batch.removeAll()
        #expect(batch.isEmpty && batch.levels.isEmpty)
    }
}
