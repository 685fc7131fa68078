import TestSupport
import Testing

@testable import Microstructure

/// Prices, sizes and times are an attacker's: whatever they are, the engine neither traps nor loops, and writes no
/// infinity.
@Suite struct FeatureHostileTests {
    private static let extremes: [Int64] = [
        .min, .min + 1, -(1 << 53), -1, 0, 1, 2, 1 << 53, .max / 2, .max - 1, .max,
    ]

    @Test func theLargestSizesSumExactly() {
        var script = MarketScript()
        for _ in 0..<1_000 { script.trade(0, size: .max, .buy) }
        for _ in 0..<999 { script.trade(0, size: .max, .sell) }
        let level = (Int64(1), Int64.max)
        script.book(
            1, bids: Array(repeating: level, count: 10), asks: Array(repeating: (.max, .max), count: 10))
        var engine = FeatureEngine.forTests()
        let vector = engine.run(script)[0]
        #expect(vector["trade_volume_1s"] == 1_999 * 0x1p63)
        #expect(vector["trade_imbalance_1s"] == 0x1p63)
        #expect(vector["bid_depth_10"] == 10 * 0x1p63)
        #expect(vector["imbalance_10"] == 0 && vector["depth_ratio"] == 1)
        #expect(vector["mid"] == 0x1p62 && vector["microprice"] == 0x1p62)
    }

    /// The sums behind Roll's covariance hold whatever fits in them, at the longest memory allowed.
    @Test(arguments: [60, 4_096]) func theLargestPriceChangesNeitherTrapNorLie(bars: Int) {
        for limit in [Int64.max / Int64(bars - 1), .max - 1] as [Int64] {
            var script = MarketScript()
            for step in 0...Int64(bars) + 1 as ClosedRange<Int64> {
                script.trade(step * second, price: 1 + step % 2 * limit, size: .max)
            }
            var engine = FeatureEngine.forTests(FeatureParameters(impactBars: bars, impactBarMinimum: bars))
            script.heartbeat(Int64(bars + 2) * second)
            let spread = engine.run(script)[0]["roll_spread"]
            if limit == .max - 1 {
                #expect(spread.isNaN)
            } else {
                // Alternating changes of ±L: the covariance is −L², but for the odd one of an even number of bars.
                #expect(isClose(spread, 2 * Double(limit), tolerance: 2 / Double(bars)))
            }
        }
    }

    @Test(arguments: testSeeds)
    func nothingTraps(seed: UInt64) throws {
        var random = SplitMix64(testSeed: seed)
        func pick(_ random: inout SplitMix64) -> Int64 {
            random.chance(0.5)
                ? Self.extremes[Int.random(in: 0..<Self.extremes.count, using: &random)]
                : Int64.random(in: .min ... .max, using: &random)
        }
        for _ in 0..<40 {
            var script = MarketScript()
            var time: Int64 = .min
            for _ in 0..<120 {
                // Mostly upwards, so that the clock does not sit at the end of time from the start.
                let step = random.chance(0.1) ? Int64(1) << 58 : Int64.random(in: 0...(1 << 33), using: &random)
                time =
                    random.chance(0.03)
                    ? pick(&random)
                    : Timestamp(nanoseconds: time).advanced(byNanoseconds: step)
                        .nanoseconds
                switch Int.random(in: 0..<4, using: &random) {
                case 0:
                    let count = Int.random(in: 0...14, using: &random)
                    script.book(
                        time, bids: (0..<count).map { _ in (pick(&random), pick(&random)) },
                        asks: (0..<max(0, 12 - count)).map { _ in (pick(&random), pick(&random)) },
                        epoch: UInt64.random(in: 1...2, using: &random), updateID: pick(&random))
                case 1: script.heartbeat(time, epoch: UInt64.random(in: 0...2, using: &random))
                case 2:
                    let (price, other) = (pick(&random), pick(&random))
                    script.quote(
                        time, bid: (min(price, other), pick(&random)), ask: (max(price, other), pick(&random)),
                        updateID: pick(&random))
                default:
                    script.trade(
                        time, price: pick(&random), size: pick(&random), random.chance(0.5) ? .buy : .sell,
                        venue: random.chance(0.5) ? 0 : nil)
                }
            }
            let exponent = try #require(Instrument.exponentRange.randomElement(using: &random))
            var engine = FeatureEngine.forTests(
                FeatureParameters(spreadCompressionMinimum: 1, volumeBucketMinimum: 2, tradeLimit: 16),
                priceExponent: exponent, quantityExponent: exponent)
            for vector in engine.run(script) {
                for (name, value) in zip(vector.schema.names, vector.values) {
                    #expect(!value.isInfinite, "\(name)")
                }
            }
        }
    }
}
