import Evaluation
import Microstructure
import Testing

@Suite struct TripleBarrierTests {
    private static let limits = BarrierLimits(
        profitTarget: Rate(0.005), stopLoss: Rate(0.003), maximumHoldingNanoseconds: 300_000_000_000)

    private func barrier(_ side: Side, _ entry: Int64 = 10_000) -> TripleBarrier {
        TripleBarrier(
            side: side, entryPrice: Price(entry), entryTime: Timestamp(nanoseconds: 0), limits: Self.limits)
    }

    private func at(_ seconds: Double) -> Timestamp { Timestamp(nanoseconds: Int64(seconds * 1e9)) }

    @Test func aTouchIsExact() {
        let long = barrier(.long)
        #expect(long.targetPrice == Price(10_050) && long.stopPrice == Price(9_970))
        #expect(long.process(bid: Price(10_049), ask: Price(10_060), at: at(1)) == nil)
        #expect(long.process(bid: Price(10_050), ask: Price(10_060), at: at(1)) == .profitTarget)
        #expect(long.process(bid: Price(9_971), ask: Price(9_972), at: at(1)) == nil)
        #expect(long.process(bid: Price(9_970), ask: Price(9_999), at: at(1)) == .stopLoss)
        let short = barrier(.short)
        #expect(short.targetPrice == Price(9_950) && short.stopPrice == Price(10_030))
        #expect(short.process(bid: Price(9_900), ask: Price(9_951), at: at(1)) == nil)
        #expect(short.process(bid: Price(9_900), ask: Price(9_950), at: at(1)) == .profitTarget)
        #expect(short.process(bid: Price(9_990), ask: Price(10_030), at: at(1)) == .stopLoss)
    }

    @Test func timeEndsWhatPricesDoNot() {
        let long = barrier(.long)
        #expect(long.process(bid: Price(10_000), ask: Price(10_001), at: at(299.999)) == nil)
        #expect(long.process(bid: Price(10_000), ask: Price(10_001), at: at(300)) == .timeLimit)
        #expect(long.process(bid: Price(10_100), ask: Price(10_101), at: at(300)) == .profitTarget)
    }

    /// A barrier between two prices is reached by the one beyond it.
    @Test func barriersBetweenTicksAreRoundedAway() {
        let long = barrier(.long, 101)
        // 101.505 and 100.697.
        #expect(long.targetPrice == Price(102) && long.stopPrice == Price(100))
        let short = barrier(.short, 101)
        // 100.495 and 101.303.
        #expect(short.targetPrice == Price(100) && short.stopPrice == Price(102))
    }

    /// A price turned by its size is a move from the extreme on; less is none.
    @Test func movesBeginAtTheirExtreme() {
        var change = DirectionalChange(size: 0.01)
        let prices: [(Double, Double)] = [
            (0, 100), (1, 99.5), (2, 100.4), (3, 100.6), (4, 103), (5, 102.5), (6, 101.9), (7, 101), (8, 100),
            (9, 101.1),
        ]
        let moves = prices.compactMap { change.process($0.1, at: at($0.0)) }
        #expect(moves.map(\.side) == [.long, .short, .long])
        #expect(moves.map(\.start) == [at(1), at(4), at(8)])
        #expect(moves.map(\.confirmed) == [at(3), at(6), at(9)])
    }
}
