import Evaluation
import Microstructure
import TestSupport
import Testing

/// What orders get: recorded levels to the last unit, and never a place in the queue that was not earned.
@Suite struct FillTests {
    private func level(_ price: Int64, _ quantity: Int64) -> PriceLevel {
        PriceLevel(price: Price(price), quantity: Quantity(quantity))
    }

    private func trade(_ price: Int64, _ quantity: Int64, _ aggressor: AggressorSide) -> Trade {
        let time = Timestamp(nanoseconds: 1)
        return Trade(
            instrument: InstrumentID(0), times: EventTimes(venue: time, receive: time), id: 1, price: Price(price),
            quantity: Quantity(quantity), aggressor: aggressor)
    }

    @Test func aMarketOrderPaysTheRecordedLevels() {
        let asks = [level(100, 5), level(101, 7), level(105, 10)]
        let fill = MarketOrder.execute(15, against: asks)
        #expect(fill.quantity == 15 && fill.levels == 3)
        #expect(fill.notional == 5 * 100 + 7 * 101 + 3 * 105)
        let exact = MarketOrder.execute(5, against: asks)
        #expect(exact.notional == 500 && exact.levels == 1)
        let tooMuch = MarketOrder.execute(100, against: asks)
        #expect(tooMuch.quantity == 22 && tooMuch.notional == 500 + 707 + 1_050)
        #expect(MarketOrder.execute(5, against: []).quantity == 0)
    }

    @Test(arguments: testSeeds) func aMarketOrderPaysLikeTheUnitsOneByOne(seed: UInt64) {
        print("seed \(seed)")
        var random = SplitMix64(testSeed: seed)
        for _ in 0..<200 {
            var price: Int64 = 1_000
            let levels = (0..<(1 + random.index(below: 8))).map { _ in
                price += 1 + Int64(random.index(below: 9))
                return level(price, 1 + Int64(random.index(below: 30)))
            }
            let units = levels.flatMap { [Int64](repeating: $0.price.mantissa, count: Int($0.quantity.mantissa)) }
            let wanted = 1 + random.index(below: 200)
            let fill = MarketOrder.execute(Int64(wanted), against: levels)
            #expect(fill.quantity == Int64(min(wanted, units.count)), "seed \(seed)")
            #expect(fill.notional == Int128(units.prefix(wanted).reduce(0, +)), "seed \(seed)")
        }
    }

    @Test func aLimitOrderWaitsForItsQueue() {
        var order = RestingOrder(side: .long, price: Price(100), quantity: 10, ahead: 7, model: .conservative)
        #expect(order.process(trade(100, 5, .sell)) == 0)
        #expect(order.process(trade(100, 5, .buy)) == 0)
        #expect(order.process(trade(101, 50, .sell)) == 0)
        #expect(order.ahead == 2)
        #expect(order.process(trade(100, 5, .sell)) == 3)
        #expect(order.remaining == 7)
        #expect(order.process(trade(99, 1, .sell)) == 7)
        #expect(order.process(trade(99, 1, .sell)) == 0)
    }

    @Test func theModelsDifferInWhatLeaves() {
        var careful = RestingOrder(side: .short, price: Price(100), quantity: 1, ahead: 80, model: .conservative)
        var hopeful = RestingOrder(side: .short, price: Price(100), quantity: 1, ahead: 80, model: .probabilistic)
        for shown in [Int64(120), 60] {
            #expect(careful.process(shown: shown, other: Price(99)) == 0)
            #expect(hopeful.process(shown: shown, other: Price(99)) == 0)
        }
        // Of 120, 60 left: no more than 60 can stand before the careful one; of the hopeful one's 80, 80·60/120 = 40 left.
        #expect(careful.ahead == 60 && hopeful.ahead == 40)
        #expect(careful.process(shown: nil, other: Price(100)) == 1)
    }

    /// Against a queue of single orders, first in, first out, of which any may leave: the conservative model never fills
    /// more than the order would truly have got by then.
    @Test(arguments: testSeeds) func noFillBeforeTheTrueQueueIsGone(seed: UInt64) {
        print("seed \(seed)")
        var random = SplitMix64(testSeed: seed)
        var (early, late) = (0, 0)
        for _ in 0..<300 {
            // Sizes of the orders before ours and behind it; the recorded market does not know ours.
            var ahead = (0..<random.index(below: 12)).map { _ in 1 + Int64(random.index(below: 20)) }
            var behind: [Int64] = []
            var (filled, truth, isLate) = (Int64(0), Int64(0), false)
            var order = RestingOrder(
                side: .long, price: Price(100), quantity: 10, ahead: ahead.reduce(0, +), model: .conservative)
            for _ in 0..<60 {
                switch random.index(below: 3) {
                case 0: behind.append(1 + Int64(random.index(below: 20)))
                case 1:
                    let leaving = random.index(below: max(1, ahead.count + behind.count))
                    if leaving < ahead.count {
                        ahead.remove(at: leaving)
                    } else if leaving - ahead.count < behind.count {
                        behind.remove(at: leaving - ahead.count)
                    }
                default:
                    // No trade is larger than what rests: it would have gone to the next price.
                    let resting = (ahead + behind).reduce(0, +)
                    guard resting > 0 else { continue }
                    let size = 1 + Int64(random.index(below: Int(min(resting, 25))))
                    let left = take(size, from: &ahead)
                    truth = min(10, truth + left)
                    _ = take(left, from: &behind)
                    filled += order.process(trade(100, size, .sell))
                }
                filled += order.process(shown: (ahead + behind).reduce(0, +), other: Price(101))
                #expect(filled <= truth, "seed \(seed): \(filled) filled, truly \(truth)")
                #expect(order.ahead >= ahead.reduce(0, +), "seed \(seed)")
                #expect(filled + order.remaining == 10)
                isLate = isLate || filled < truth
            }
            if filled > 0 { early += 1 }
            if isLate { late += 1 }
        }
        // The careful model fills, and often later than the truth.
        #expect(early > 20 && late > 20, "seed \(seed): \(early) filled, \(late) late")
    }

    private func take(_ size: Int64, from queue: inout [Int64]) -> Int64 {
        var left = size
        while left > 0, let first = queue.first {
            let used = min(left, first)
            left -= used
            if used == first { queue.removeFirst() } else { queue[0] = first - used }
        }
        return left
    }

    /// The example of the article `Backtesting`, by hand: exponents −2 and −5, 0.1 % and 5 bps a side.
    @Test func theArticlesExampleToTheLastDigit() {
        let instrument = Instrument(venue: .binance, symbol: "BTCUSDT", priceExponent: -2, quantityExponent: -5)
        var account = Account(capital: 10_000, instrument: instrument)
        // Asks: 0.01 at 61,000.10 and 0.05 at 61,000.50; bought: 0.0163.
        let bought = MarketOrder.execute(1_630, against: [level(6_100_010, 1_000), level(6_100_050, 5_000)])
        #expect(bought.notional == 6_100_010 * 1_000 + 6_100_050 * 630)
        let entry = account.settle(bought, side: .long, fee: Rate(0.001), slippage: Rate(0.0005))
        // Money counts 1e-16 of a dollar here.
        #expect(entry.value == 9_943_041_500_000_000_000)
        #expect(entry.fee == 9_943_041_500_000_000)
        #expect(entry.slippage == 4_971_520_750_000_000)
        #expect(account.value(entry.value) == 994.30415 && account.value(entry.fee) == 0.99430415)
        // Sold at 61,310.00.
        let sold = MarketOrder.execute(1_630, against: [level(6_131_000, 10_000)])
        let exit = account.settle(sold, side: .short, fee: Rate(0.001), slippage: Rate(0.0005))
        #expect(account.value(exit.value) == 999.353 && account.value(exit.fee) == 0.999353)
        #expect(account.inventory == 0)
        // 5.04885 gained; 1.99365715 of fees and 0.996828575 of slippage paid.
        #expect(account.cash - account.initial == 20_583_642_750_000_000)
        #expect(account.value(account.cash - account.initial) == 2.058364275)
    }

    @Test func fundingIsRoundedUp() {
        let instrument = Instrument(venue: .binance, symbol: "X", priceExponent: 0, quantityExponent: 0)
        var account = Account(capital: 1_000, instrument: instrument)
        let cost = account.charge(100 * 1_000_000_000, ratePerDay: Rate(0.01), nanoseconds: 43_200_000_000_000)
        #expect(cost == 500_000_000)
        #expect(account.charge(1, ratePerDay: Rate(0.01), nanoseconds: 1) == 1)
        #expect(account.charge(1, ratePerDay: Rate(0), nanoseconds: 1) == 0)
    }
}
