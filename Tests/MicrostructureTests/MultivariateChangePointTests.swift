import Foundation
import TestSupport
import Testing

@testable import Microstructure

@Suite struct MultivariateChangePointTests {
    private static let priors = [
        NormalInverseGamma(mean: 0.3, kappa: 0.5, alpha: 1.5, beta: 2), NormalInverseGamma(),
        NormalInverseGamma(mean: -1, kappa: 2, alpha: 0.7, beta: 0.4),
    ]

    /// Inputs that change together; each value is missing with the probability `missing`.
    private static func steps(_ random: inout SplitMix64, count: Int, inputs: Int, missing: Double) -> [[Double]] {
        var levels = Array(repeating: 0.0, count: inputs)
        return (0..<count).map { _ in
            if random.chance(0.03) { levels = levels.map { _ in Double.random(in: -5...5, using: &random) } }
            return levels.map { level in
                let noise = Double.random(in: -1...1, using: &random) + Double.random(in: -1...1, using: &random)
                return random.chance(missing) ? .nan : level + noise
            }
        }
    }

    /// Every segment's evidence in closed form, without any recursion over its observations: the log of the marginal
    /// likelihood of the values that are there.
    private static func logEvidence(_ values: [Double], _ prior: NormalInverseGamma) -> Double {
        let present = values.filter { !$0.isNaN }
        guard !present.isEmpty else { return 0 }
        let count = Double(present.count)
        let mean = present.reduce(0, +) / count
        let squares = present.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        let (kappa, alpha) = (prior.kappa + count, prior.alpha + count / 2)
        let beta =
            prior.beta + squares / 2 + prior.kappa * count * (mean - prior.mean) * (mean - prior.mean) / (2 * kappa)
        return lgamma(alpha) - lgamma(prior.alpha) + prior.alpha * log(prior.beta) - alpha * log(beta)
            + log(prior.kappa / kappa) / 2 - count / 2 * log(2 * Double.pi)
    }

    /// P(r) after all steps is that of the last segment's evidence times the best of everything before it, summed over
    /// all segmentations: forward sums over segments, O(n²) evidences.
    @Test(arguments: testSeeds) func posteriorEqualsTheSumOverSegmentations(seed: UInt64) {
        var random = SplitMix64(testSeed: seed)
        let steps = Self.steps(&random, count: 80, inputs: 3, missing: 0.3).filter { !$0.allSatisfy(\.isNaN) }
        var posterior = BayesianChangePoint(priors: Self.priors, meanRunLength: 40, stateLimit: 1_000, pruning: 0)
        for step in steps { posterior.process(step.span) }
        let (logHazard, logSurvival) = (log(1.0 / 40), log(1 - 1.0 / 40))
        func weight(_ start: Int, _ end: Int) -> Double {
            Self.priors.indices.reduce(Double(end - start) * logSurvival) { sum, input in
                sum + Self.logEvidence(steps[start..<end].map { $0[input] }, Self.priors[input])
            }
        }
        func logSum(_ values: [Double]) -> Double {
            let top = values.max() ?? 0
            return top + log(values.reduce(0) { $0 + exp($1 - top) })
        }
        // began[t]: a segment begins at t. The step before it was its predecessor's last, followed by the change.
        var began = [0.0]
        for end in 1...steps.count {
            began.append(logSum((0..<end).map { began[$0] + weight($0, end) }) - logSurvival + logHazard)
        }
        let whole = logSum((0..<steps.count).map { began[$0] + weight($0, steps.count) } + [began[steps.count]])
        for (runLength, logProbability) in posterior.posterior {
            let start = steps.count - runLength
            let expected = began[start] + (runLength > 0 ? weight(start, steps.count) : 0) - whole
            #expect(isClose(exp(logProbability), exp(expected), scale: 1e-12, tolerance: 1e-8))
        }
    }

    /// One input among several that never come, and one input alone: the same bits.
    @Test(arguments: testSeeds) func oneInputOfThreeEqualsOneAlone(seed: UInt64) {
        var random = SplitMix64(testSeed: seed)
        let steps = Self.steps(&random, count: 400, inputs: 1, missing: 0.1)
        for place in 0..<3 {
            var alone = BayesianChangePoint(prior: Self.priors[place], meanRunLength: 50, stateLimit: 64)
            var among = BayesianChangePoint(priors: Self.priors, meanRunLength: 50, stateLimit: 64)
            for step in steps {
                var row = [Double.nan, .infinity, 1e101]
                row[place] = step[0]
                alone.process(step[0])
                among.process(row.span)
                #expect(alone.logPredictive.bitPattern == among.logPredictive.bitPattern)
                #expect(alone.segmentStart == among.segmentStart && alone.count == among.count)
            }
            #expect(alone.posterior.map(\.runLength) == among.posterior.map(\.runLength))
            #expect(alone.posterior.map(\.logProbability) == among.posterior.map(\.logProbability))
            #expect(alone.discarded == among.discarded)
        }
    }

    /// The product is what makes several weak witnesses one strong one.
    @Test func severalInputsFindWhatOneCannot() {
        var random = SplitMix64(testSeed: 8)
        var together = BayesianChangePoint(priors: Array(repeating: .init(), count: 8), meanRunLength: 300)
        var alone = BayesianChangePoint(meanRunLength: 300)
        for step in 0..<206 {
            let row = (0..<8).map { _ in Double.random(in: -1.7...1.7, using: &random) + (step < 200 ? 0 : 1.2) }
            together.process(row.span)
            alone.process(row[0])
        }
        #expect(together.mostProbableRunLength <= 8 && together.probability(runLengthAtMost: 8) > 0.99)
        #expect(alone.probability(runLengthAtMost: 8) < 0.9)
    }

    @Test(arguments: testSeeds) func whatIsDecodedGoesOnBitForBit(seed: UInt64) throws {
        var random = SplitMix64(testSeed: seed)
        var straight = BayesianChangePoint(priors: Self.priors, meanRunLength: 60, stateLimit: 40)
        var broken = straight
        for step in Self.steps(&random, count: 300, inputs: 3, missing: 0.2) {
            if random.chance(0.05) {
                broken = try JSONDecoder().decode(BayesianChangePoint.self, from: JSONEncoder().encode(broken))
            }
            straight.process(step.span)
            broken.process(step.span)
            #expect(straight.logPredictive.bitPattern == broken.logPredictive.bitPattern)
        }
        #expect(straight.posterior.map(\.logProbability) == broken.posterior.map(\.logProbability))
        #expect(straight.discarded > 0 && straight.discarded == broken.discarded)
        #expect(straight.segmentStart == broken.segmentStart && straight.count == broken.count)
    }

    /// A damaged checkpoint is refused, never believed.
    @Test(arguments: [
        ("\"stateLimit\":40", "\"stateLimit\":1"), ("\"stateLimit\":40", "\"stateLimit\":2"),
        ("\"stateLimit\":40", "\"stateLimit\":9000000000"), ("\"meanRunLength\":60", "\"meanRunLength\":0.5"),
        ("\"count\":30,\"discarded\"", "\"count\":29,\"discarded\""), ("\"kappa\":0.5", "\"kappa\":-0.5"),
        ("\"segments\":[", "\"segments\":[{\"beta\":1,\"count\":0,\"logBeta\":0,\"mean\":0},"),
        ("\"states\":[", "\"states\":[{\"logBest\":0,\"logProbability\":0,\"start\":30},"),
    ])
    func damagedStateIsRefused(from: String, to: String) throws {
        var random = SplitMix64(testSeed: 4)
        var posterior = BayesianChangePoint(priors: Self.priors, meanRunLength: 60, stateLimit: 40)
        for step in Self.steps(&random, count: 30, inputs: 3, missing: 0) { posterior.process(step.span) }
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        let text = String(decoding: try encoder.encode(posterior), as: UTF8.self)
        let damaged = text.replacing(from, with: to, maxReplacements: 1)
        #expect(damaged != text, "\(text.prefix(300))")
        #expect(throws: DecodingError.self) {
            try JSONDecoder().decode(BayesianChangePoint.self, from: Data(damaged.utf8))
        }
    }

    /// Time a step with runs of 1,000, 10,000 and 100,000 steps behind it: `BOCPD_BENCH=1`. The states kept, and with
    /// them the time, are bounded by the limit however long the run.
    @Test func statesDoNotGrowWithTheRun() {
        let isBench = ProcessInfo.processInfo.environment["BOCPD_BENCH"] != nil
        for inputs in [1, 4] {
            var random = SplitMix64(testSeed: 12)
            var posterior = BayesianChangePoint(
                priors: Array(repeating: NormalInverseGamma(), count: inputs), meanRunLength: 1e6, stateLimit: 128)
            var row = Array(repeating: 0.0, count: inputs)
            for length in isBench ? [1_000, 10_000, 100_000] : [1_000, 3_000] {
                while posterior.count < length {
                    for input in 0..<inputs { row[input] = Double.random(in: -1...1, using: &random) }
                    posterior.process(row.span)
                }
                #expect(posterior.posterior.count <= 128)
                guard isBench else { continue }
                let duration = ContinuousClock().measure {
                    for step in 0..<1_000 {
                        for input in 0..<inputs { row[input] = Double(step % 7) / 3 - 1 }
                        posterior.process(row.span)
                    }
                }
                print(
                    "\(inputs) inputs, run \(length): \(duration / 1_000) a step, \(posterior.posterior.count) states")
            }
        }
    }
}
