import Microstructure
import Testing

@testable import Evaluation

struct StylizedFactsTests {
    private func fact(_ facts: StylizedFacts, _ name: String) -> Double {
        guard let fact = facts.facts.first(where: { $0.name == name }) else {
            Issue.record("no fact \(name)")
            return .nan
        }
        return fact.value
    }

    @Test func quotesAreWeighedByTheirTime() {
        var facts = StylizedFacts()
        facts.tick = 1
        // 3 s at a spread of 1, 1 s at 4.
        facts.processQuote(time: 0, bid: 99.5, bidSize: 1, ask: 100.5, askSize: 3)
        facts.processQuote(time: 3_000_000_000, bid: 98, bidSize: 5, ask: 102, askSize: 7)
        facts.processQuote(time: 4_000_000_000, bid: 100, bidSize: 9, ask: 101, askSize: 9)
        #expect(abs(fact(facts, "spread, mean, in basis points") - (3 * 100 + 1 * 400) / 4) < 1e-9)
        #expect(fact(facts, "time at a spread of one tick, share") == 0.75)
        #expect(fact(facts, "size at the best price, median") == 6)
        #expect(facts.midPrices(1, from: 0, to: 4_000_000_000) == [100, 100, 100, 100, 100.5])
        #expect(fact(facts, "1 s without a move, share") == 0.75)
    }

    @Test func tradesOfAMillisecondAndSideAreOneOrder() {
        var facts = StylizedFacts()
        for (millisecond, size, isBuy) in [
            (0, 1.0, true), (0, 2, true), (0, 4, false), (7, 8, false), (1_999, 16, true),
        ] {
            facts.processTrade(time: Int64(millisecond) * 1_000_000 + 500, size: size, isBuy: isBuy)
        }
        #expect(fact(facts, "trades a second") * facts.seconds == 5)
        #expect(abs(fact(facts, "market orders a second") * facts.seconds - 4) < 1e-9)
        #expect(fact(facts, "market order size, median") == 6)
        #expect(fact(facts, "market order size, mean") == 7.75)
        // Counts a second are 3 and 1: mean 2, variance 1.
        #expect(fact(facts, "market orders in 1 s, variance over mean") == 0.5)
    }

    @Test func depthIsWhatRestsNearTheMiddle() {
        var facts = StylizedFacts()
        // The middle is 10,000: a basis point is 1.
        facts.processBook(time: 0, bids: [(9_999.5, 1), (9_996, 2), (9_980, 4)], asks: [(10_000.5, 3), (10_009, 5)])
        #expect(fact(facts, "depth within 1 bp, a side") == 2)
        #expect(fact(facts, "depth within 5 bp, a side") == 3)
        #expect(fact(facts, "depth within 10 bp, a side") == 5.5)
        #expect(fact(facts, "levels within 10 bp, a side") == 2)
    }

    @Test func aQuoteBeforeItsTradeIsCounted() {
        var facts = ArrivalFacts()
        func times(_ venue: Int64, _ receive: Int64) -> EventTimes {
            EventTimes(
                venue: Timestamp(nanoseconds: venue * 1_000_000), receive: Timestamp(nanoseconds: receive * 1_000_000))
        }
        func quote(_ time: Int64, _ bid: Int64, _ bidSize: Int64, _ ask: Int64, _ askSize: Int64) {
            facts.process(
                Quote(
                    instrument: InstrumentID(0), times: times(time, time), updateID: time,
                    bid: PriceLevel(price: Price(bid), quantity: Quantity(bidSize)),
                    ask: PriceLevel(price: Price(ask), quantity: Quantity(askSize))))
        }
        func trade(_ venue: Int64, _ receive: Int64, _ price: Int64, _ size: Int64, _ aggressor: AggressorSide) {
            facts.process(
                Trade(
                    instrument: InstrumentID(0), times: times(venue, receive), id: receive, price: Price(price),
                    quantity: Quantity(size), aggressor: aggressor))
        }
        quote(1, 100, 10, 101, 10)
        // The quote of a sale of 4 comes first, that of a sale of 3 comes second.
        quote(10, 100, 6, 101, 10)
        trade(9, 12, 100, 4, .sell)
        trade(29, 30, 100, 3, .sell)
        quote(31, 100, 3, 101, 10)
        // Two prices at once; the buyers' next price is already there.
        quote(1_000, 102, 1, 103, 5)
        trade(998, 1_100, 101, 10, .buy)
        trade(998, 1_100, 102, 2, .buy)
        // Nothing shows this one.
        trade(2_000, 2_001, 103, 9, .buy)
        func fact(_ name: String) -> Double { facts.facts.first { $0.name.hasPrefix(name) }?.value ?? .nan }
        #expect(fact("trades that came after") == 0.75)
        #expect(fact("trades at the touch") == 0.6)
        #expect(fact("trades at or through") == 0.4)
        // Delays of 3, 1, 102, 102 and 1 ms; the fastest took 1.
        #expect(fact("receipt of a trade") == 2)
        #expect(fact("the same, 75 %") == 101)
        #expect(ArrivalFacts().facts.allSatisfy { $0.value.isNaN })
    }

    /// Times and sizes at the ends of their ranges are facts like others.
    @Test func absurdTimesAndSizesAreSurvived() {
        var facts = ArrivalFacts()
        for (venue, receive) in [(Int64.min, Int64.max), (.max, .min), (.min, .min), (.max, .max), (0, 0)] {
            let times = EventTimes(venue: Timestamp(nanoseconds: venue), receive: Timestamp(nanoseconds: receive))
            for size in [Int64.max, 1] {
                facts.process(
                    Quote(
                        instrument: InstrumentID(0), times: times, updateID: 1,
                        bid: PriceLevel(price: Price(100), quantity: Quantity(size)),
                        ask: PriceLevel(price: Price(101), quantity: Quantity(size))))
                facts.process(
                    Trade(
                        instrument: InstrumentID(0), times: times, id: 1, price: Price(100), quantity: Quantity(.max),
                        aggressor: .sell))
            }
        }
        #expect(facts.facts.count == 7)
    }

    /// Against numpy: `x = [1, 2, 4, 8, 16]`, `((x[1:] - m) * (x[:-1] - m)).mean() / x.var()`, `((x - m)**4).mean() / x.var()**2 - 3`.
    @Test func momentsAreNumpys() {
        let values = [1.0, 2, 4, 8, 16]
        #expect(abs(Sample.deviation(values) - 5.455272678794342) < 1e-12)
        #expect(abs(Sample.excessKurtosis(values) - -0.6740591397849474) < 1e-9)
        #expect(abs(Sample.autocorrelation(values, 1) - 0.37600806451612895) < 1e-9)
        #expect(abs(Sample.correlation(values, [2, 1, 4, 3, 9]) - 0.9238889731558597) < 1e-9)
        #expect(Quantile.linear(values, 0.5) == 4 && Quantile.linear(values, 0.875) == 12)
        #expect(Sample.autocorrelation([1], 1).isNaN && Quantile.linear([], 0.5) == nil)
    }

    @Test func twoMarketsThatMoveTogetherAreCorrelated() {
        var (one, two, three) = (StylizedFacts(), StylizedFacts(), StylizedFacts())
        var price = 100.0
        for step in 0..<50 {
            price *= step % 3 == 0 ? 1.001 : 0.9996
            let time = Int64(step) * 1_000_000_000
            one.processQuote(time: time, bid: price - 0.01, bidSize: 1, ask: price + 0.01, askSize: 1)
            two.processQuote(time: time + 5, bid: price - 0.01, bidSize: 1, ask: price + 0.01, askSize: 1)
            three.processQuote(time: time, bid: 1 / price - 1e-5, bidSize: 1, ask: 1 / price + 1e-5, askSize: 1)
        }
        #expect(abs(one.correlation(with: three, step: 1) + 1) < 1e-6)
        #expect(one.correlation(with: two, step: 1) > 0.99)
        #expect(one.correlation(with: StylizedFacts(), step: 1).isNaN)
    }
}
