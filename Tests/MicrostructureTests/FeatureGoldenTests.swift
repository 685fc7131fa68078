import Foundation
import Testing

@testable import Microstructure

/// Small cases whose numbers were worked out by hand from the definitions.
@Suite struct FeatureGoldenTests {
    @Test func bookColumns() {
        var script = MarketScript()
        // Bid 99.9 × 3.00, 99.8 × 1.00; ask 100.1 × 1.00. Then the ask grows to 3.00.
        script.book(0, bids: [(999, 300), (998, 100)], asks: [(1_001, 100)])
        script.book(1, bids: [(999, 300), (998, 100)], asks: [(1_001, 300)])
        var engine = FeatureEngine.forTests(priceExponent: -1, quantityExponent: -2)
        let vectors = engine.run(script)
        #expect(vectors.count == 2)
        let (first, next) = (vectors[0], vectors[1])
        #expect(first["mid"] == 100)
        #expect(first["spread"] == 0.2)
        #expect(isClose(first["spread_bps"], 20))
        #expect(first["imbalance_5"] == 0.6 && first["imbalance_10"] == 0.6)
        #expect(isClose(first["microprice"], 100.05))
        #expect(first["microprice_drift"].isNaN)
        #expect(first["spread_compression"].isNaN)
        #expect(first["bid_depth_10"] == 4 && first["ask_depth_10"] == 1 && first["depth_ratio"] == 4)
        #expect(isClose(next["microprice"], 100))
        #expect(isClose(next["microprice_drift"], -0.05, scale: 100))
        #expect(isClose(next["imbalance_5"], 1.0 / 7))
    }

    @Test func depthCountsTenLevelsAndImbalanceFive() {
        var script = MarketScript()
        let bids = (0..<12).map { (Int64(100 - $0), Int64(1) << $0) }
        let asks = (0..<12).map { (Int64(101 + $0), Int64(10)) }
        script.book(0, bids: bids, asks: asks)
        script.book(1, bids: Array(bids.prefix(3)), asks: Array(asks.prefix(2)))
        var engine = FeatureEngine.forTests()
        let vectors = engine.run(script)
        #expect(vectors[0]["bid_depth_10"] == 1_023 && vectors[0]["ask_depth_10"] == 100)
        #expect(vectors[0]["imbalance_5"] == (31.0 - 50) / 81)
        #expect(vectors[0]["imbalance_10"] == 923.0 / 1_123)
        // Fewer levels than asked for: those there are.
        #expect(vectors[1]["imbalance_5"] == (7.0 - 20) / 27 && vectors[1]["imbalance_10"] == (7.0 - 20) / 27)
        #expect(vectors[1]["bid_depth_10"] == 7 && vectors[1]["ask_depth_10"] == 20)
    }

    @Test func spreadCompressionBeginsAtTwentyAndRemembersAHundred() {
        var script = MarketScript()
        // 100 spreads of 4, then spreads of 2.
        for step in 0..<102 as Range<Int64> {
            script.book(step, bids: [(100, 1)], asks: [(step < 100 ? 104 : 102, 1)])
        }
        var engine = FeatureEngine.forTests()
        let values = engine.run(script).map { $0["spread_compression"] }
        #expect(values[0..<19].allSatisfy { $0.isNaN })
        #expect(values[19..<100].allSatisfy { $0 == 1 })
        #expect(isClose(values[100], 2 / (398.0 / 100)))
        #expect(isClose(values[101], 2 / (396.0 / 100)))
    }

    @Test func tradeColumns() {
        var script = MarketScript()
        let noon = 12 * 3_600 * second + 34 * 60 * second
        script.trade(noon, price: 100, size: 5, .buy)
        script.trade(noon + second, price: 102, size: 3, .sell)
        script.trade(noon + 6 * second, price: 102, size: 7, .buy)
        script.heartbeat(noon + 6 * second)
        var engine = FeatureEngine.forTests(quantityExponent: -1)
        let vector = engine.run(script)[0]
        #expect(vector["trade_imbalance_1s"] == 0.7 && vector["trade_volume_1s"] == 0.7)
        #expect(vector["trade_count_1s"] == 1)
        // The trade at +1 s is exactly 5 s old, hence out of (t−5 s, t].
        #expect(vector["trade_imbalance_5s"] == 0.7 && vector["trade_count_5s"] == 1)
        #expect(vector["trade_imbalance_30s"] == 0.9 && vector["trade_volume_30s"] == 1.5)
        #expect(vector["trade_count_30s"] == 3)
        #expect(vector["realized_vol_5s"] == 0)
        #expect(isClose(vector["realized_vol_30s"], log(1.02)))
        #expect(vector["hour"] == 12 && vector["minute"] == 754)
        #expect(vector["mid"].isNaN && vector["bid_depth_10"].isNaN)
    }

    /// Units so large that squares of volumes do not fit must give the same.
    @Test(arguments: [1, Int64.max / 10])
    func volumeScore(unit: Int64) {
        var script = MarketScript()
        script.heartbeat(0)
        // Bucket 0 holds the first event and is partial. Buckets 1…20 trade 1, 2, 1, 2, …; bucket 21 trades 9.
        for bucket in 1...20 as ClosedRange<Int64> {
            script.trade(bucket * second + 1, size: bucket % 2 == 1 ? unit : 2 * unit)
            script.heartbeat(bucket * second + 2)
        }
        script.trade(21 * second + 1, size: 9 * unit)
        script.heartbeat(21 * second + 2)
        var engine = FeatureEngine.forTests()
        let values = engine.run(script).map { $0["volume_z_1s"] }
        #expect(values.dropLast().allSatisfy { $0.isNaN })
        // Mean 1.5, sum of squared deviations 20·0.25 = 5, sd = sqrt(5/19).
        #expect(isClose(values[21], (9 - 1.5) / (5.0 / 19).squareRoot()))
    }

    @Test func anAbsurdVolumeIsForgottenWithItsBucket() {
        var script = MarketScript()
        script.heartbeat(0)
        for bucket in 1...130 as ClosedRange<Int64> {
            script.trade(bucket * second + 1, size: bucket == 5 ? .max : bucket % 2 == 1 ? 1 : 2)
        }
        script.trade(131 * second + 1, size: 9)
        script.heartbeat(131 * second + 2)
        var engine = FeatureEngine.forTests()
        // The last 120 buckets, 11 to 130: mean 1.5, sum of squared deviations 120·0.25 = 30, sd = sqrt(30/119).
        #expect(isClose(engine.run(script)[1]["volume_z_1s"], (9 - 1.5) / (30.0 / 119).squareRoot()))
    }

    @Test func equalVolumesHaveNoScore() {
        var script = MarketScript()
        for bucket in 0...40 as ClosedRange<Int64> { script.trade(bucket * second, size: .max / 3) }
        script.heartbeat(40 * second)
        var engine = FeatureEngine.forTests()
        #expect(engine.run(script)[0]["volume_z_1s"].isNaN)
    }

    @Test func smallReturnsKeepTheirDigits() {
        var script = MarketScript()
        // One tick on 6·10¹²: ln(1 + 1/6e12), of which a quotient of doubles keeps three digits.
        script.trade(0, price: 6_000_000_000_000)
        script.trade(1, price: 6_000_000_000_001)
        script.heartbeat(2)
        var engine = FeatureEngine.forTests(priceExponent: -8)
        #expect(isClose(engine.run(script)[0]["realized_vol_1s"], 1 / 6e12))
    }
}
