import TestSupport
import Testing

@testable import Microstructure

@Suite struct MicropriceModelTests {
    /// A chain whose moves follow the imbalance, with everything possible from everywhere.
    private static func fitted(_ random: inout SplitMix64, transitions: Int) -> (MicropriceModel, [(Int, Int, Int)]) {
        var model = MicropriceModel(weightLimit: 1e9)
        var log: [(Int, Int, Int)] = []
        var state = 4
        for _ in 0..<transitions {
            let bucket = state % 10
            var moves = 0
            if random.chance(0.3) {
                moves = (random.chance((Double(bucket) + 0.5) / 10) ? 1 : -1) * (random.chance(0.8) ? 1 : 2)
            }
            let next = Int.random(in: 0..<20, using: &random)
            model.add(from: state, to: next, halfTicks: moves)
            log.append((state, next, moves))
            state = next
        }
        model.fit()
        return (model, log)
    }

    @Test(arguments: testSeeds)
    func isAntisymmetricAndMonotone(seed: UInt64) {
        var random = SplitMix64(testSeed: seed)
        let (model, _) = Self.fitted(&random, transitions: 200_000)
        for spreadClass in 0...1 {
            let values = (0..<10).map { model.adjustment(10 * spreadClass + $0) }
            for bucket in 0..<10 { #expect(abs(values[bucket] + values[9 - bucket]) < 1e-12) }
            for (lower, higher) in zip(values, values.dropFirst()) { #expect(lower < higher) }
        }
    }

    /// G = QG + R¹k + R²G, with Q, R¹ and R² counted anew from the transitions.
    @Test(arguments: testSeeds)
    func isAMartingale(seed: UInt64) {
        var random = SplitMix64(testSeed: seed)
        let (model, log) = Self.fitted(&random, transitions: 50_000)
        func mirror(_ state: Int) -> Int { state / 10 * 10 + 9 - state % 10 }
        let all = log + log.map { (mirror($0.0), mirror($0.1), -$0.2) }
        for state in 0..<20 {
            let from = all.filter { $0.0 == state }
            let expected = from.reduce(0.0) { $0 + Double($1.2) / 2 + model.adjustment($1.1) } / Double(from.count)
            // Six terms leave what the seventh would add.
            #expect(abs(model.adjustment(state) - expected) < 1e-8)
        }
    }

    @Test func knowsNothingOfWhatItHasNotSeen() {
        var model = MicropriceModel(weightLimit: 100)
        #expect(model.adjustment(0).isNaN)
        model.fit()
        #expect(model.adjustment(0).isNaN)
        model.add(from: 3, to: 3, halfTicks: 1)
        model.fit()
        #expect(model.adjustment(3).isFinite && model.adjustment(6).isFinite)
        #expect(model.adjustment(4).isNaN && model.adjustment(13).isNaN)
    }

    @Test func aMarketThatNeverMovesHasNoAnswer() {
        var model = MicropriceModel(weightLimit: 100)
        model.add(from: 3, to: 4, halfTicks: 0)
        model.add(from: 4, to: 3, halfTicks: 0)
        model.fit()
        #expect((0..<20).allSatisfy { model.adjustment($0).isNaN })
    }

    /// A rare state whose moves nobody has seen costs no other state its answer.
    @Test func aStateThatNeverMovesIsLeftOutAlone() {
        var model = MicropriceModel(weightLimit: 1e9)
        for _ in 0..<50 {
            model.add(from: 8, to: 7, halfTicks: 1)
            model.add(from: 8, to: 8, halfTicks: 0)
            model.add(from: 7, to: 8, halfTicks: 0)
        }
        model.fit()
        let (before, leading) = (model.adjustment(8), model.adjustment(7))
        #expect(before > 0 && leading > 0)
        // 12 rests for ever; 7 has led there once, and rests there with that probability.
        model.add(from: 12, to: 12, halfTicks: 0)
        model.fit()
        #expect(model.adjustment(8) == before && model.adjustment(7) == leading)
        #expect(model.adjustment(12).isNaN && model.adjustment(17).isNaN)
        model.add(from: 7, to: 12, halfTicks: 0)
        model.fit()
        #expect(model.adjustment(7) > 0 && model.adjustment(7) < leading)
        // G = QG + R¹k + R²G with G = 0 at the end, but for the seventh term.
        #expect(abs(model.adjustment(7) - 50 * model.adjustment(8) / 51) < 1e-9)
        #expect(model.adjustment(12).isNaN && model.adjustment(0).isNaN)
    }

    /// What has faded to nothing is no path to a move.
    @Test func aMoveOfLongAgoIsForgotten() {
        var model = MicropriceModel(weightLimit: 64)
        model.add(from: 12, to: 12, halfTicks: 1)
        for _ in 0..<4_000 {
            model.add(from: 12, to: 12, halfTicks: 0)
            model.add(from: 8, to: 8, halfTicks: 1)
        }
        model.fit()
        #expect(model.adjustment(8) > 0 && model.adjustment(12).isNaN)
    }

    @Test func thePastFades() {
        var model = MicropriceModel(weightLimit: 64)
        for _ in 0..<1_000 { model.add(from: 9, to: 9, halfTicks: -1) }
        for _ in 0..<1_000 { model.add(from: 9, to: 9, halfTicks: 1) }
        model.fit()
        #expect(model.adjustment(9) > 0)
    }

    @Test func bucketsHoldEquallyManyAndMirror() {
        var random = SplitMix64(testSeed: 11)
        let sample = (0..<1_000).map { _ in
            (bid: Int64.random(in: 1...1_000, using: &random), ask: Int64.random(in: 1...1_000, using: &random))
        }
        let buckets = ImbalanceBuckets(sample)
        var counts = Array(repeating: 0, count: 10)
        for (bid, ask) in sample {
            let bucket = buckets.bucket(bid: bid, ask: ask)
            counts[bucket] += 1
            if bid != ask { #expect(buckets.bucket(bid: ask, ask: bid) == 9 - bucket) }
        }
        for bucket in 0..<5 { #expect(abs(counts[bucket] + counts[9 - bucket] - 200) <= 3) }
    }

    /// The whole measure: in a market whose mid follows the imbalance it leans to the heavier side, by less than the
    /// spread.
    @Test func leansToTheHeavierSide() {
        var random = SplitMix64(testSeed: 3)
        var script = MarketScript()
        var bid: Int64 = 10_000
        for step in 0..<1_200 as Range<Int64> {
            let (bidSize, askSize) = (
                Int64.random(in: 1...100, using: &random), Int64.random(in: 1...100, using: &random)
            )
            script.book(step, bids: [(bid, bidSize)], asks: [(bid + 10, askSize)], tickSize: 10)
            if random.chance(0.5) {
                bid += random.chance(Double(bidSize) / Double(bidSize + askSize)) ? 10 : -10
            }
        }
        var engine = FeatureEngine.forTests()
        let vectors = engine.run(script)
        #expect(vectors[...500].allSatisfy { $0["microprice_stoikov"].isNaN })
        for vector in vectors[501...] {
            let lean = vector["microprice_stoikov"] - vector["mid"]
            #expect(abs(lean) < 10)
            if abs(vector["imbalance_5"]) > 0.7 { #expect(lean * vector["imbalance_5"] > 0) }
        }
    }
}
