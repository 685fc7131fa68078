import Foundation
import TestSupport
import Testing

@testable import Microstructure

@Suite struct BayesianChangePointTests {
    /// The posterior by the whole matrix of run lengths, with nothing dropped.
    private static func naive(
        _ values: [Double], _ prior: NormalInverseGamma, meanRunLength: Double
    ) -> [[Double]] {
        let hazard = 1 / meanRunLength
        var rows: [[Double]] = [[1]]
        for (time, x) in values.enumerated() {
            var row = Array(repeating: 0.0, count: time + 2)
            for run in 0...time {
                let segment = values[(time - run)..<time]
                var (mean, kappa, alpha, beta) = (prior.mean, prior.kappa, prior.alpha, prior.beta)
                for value in segment {
                    beta += kappa * (value - mean) * (value - mean) / (2 * (kappa + 1))
                    mean = (kappa * mean + value) / (kappa + 1)
                    kappa += 1
                    alpha += 0.5
                }
                let (degrees, scale) = (2 * alpha, beta * (kappa + 1) / (alpha * kappa))
                let deviation = x - mean
                let gammas = exp(lgamma((degrees + 1) / 2) - lgamma(degrees / 2))
                let tail = pow(1 + deviation * deviation / (degrees * scale), -(degrees + 1) / 2)
                let density: Double = gammas / (degrees * Double.pi * scale).squareRoot() * tail
                row[run + 1] = rows[time][run] * density * (1 - hazard)
                row[0] += rows[time][run] * density * hazard
            }
            let total = row.reduce(0, +)
            rows.append(row.map { $0 / total })
        }
        return rows
    }

    private static func series(_ random: inout SplitMix64, count: Int) -> [Double] {
        var (mean, scale) = (0.0, 1.0)
        return (0..<count).map { _ in
            if random.chance(0.03) {
                mean = Double.random(in: -5...5, using: &random)
                scale = Double.random(in: 0.1...3, using: &random)
            }
            let radius = (-2 * log(Double.random(in: 1e-12..<1, using: &random))).squareRoot()
            let angle = 2 * Double.pi * Double.random(in: 0..<1, using: &random)
            return mean + scale * radius * cos(angle)
        }
    }

    @Test(arguments: testSeeds)
    func posteriorEqualsTheWholeMatrix(seed: UInt64) {
        var random = SplitMix64(testSeed: seed)
        let values = Self.series(&random, count: 200)
        let prior = NormalInverseGamma(mean: 0.3, kappa: 0.5, alpha: 1.5, beta: 2)
        let expected = Self.naive(values, prior, meanRunLength: 40)
        var posterior = BayesianChangePoint(prior: prior, meanRunLength: 40, stateLimit: 1_000, pruning: 0)
        var pruned = BayesianChangePoint(prior: prior, meanRunLength: 40, stateLimit: 1_000, pruning: 1e-12)
        for (time, value) in values.enumerated() {
            posterior.process(value)
            pruned.process(value)
            let row = expected[time + 1]
            for (run, logProbability) in posterior.posterior {
                #expect(isClose(exp(logProbability), row[run], scale: 1e-12, tolerance: 1e-9))
            }
            #expect(isClose(posterior.probability(runLengthAtMost: 5), row.prefix(6).reduce(0, +), tolerance: 1e-9))
            #expect(abs(pruned.probability(runLengthAtMost: 5) - row.prefix(6).reduce(0, +)) < 1e-9)
            #expect(row[posterior.mostProbableRunLength] > row.max()! * (1 - 1e-9))
            // The change of regime of probability 1/λ a step is never news.
            #expect(isClose(posterior.probability(runLengthAtMost: 0), 1.0 / 40))
        }
    }

    @Test func aChangeIsFound() {
        var random = SplitMix64(testSeed: 5)
        var posterior = BayesianChangePoint(meanRunLength: 300)
        for _ in 0..<400 { posterior.process(Double.random(in: -1...1, using: &random)) }
        #expect(posterior.mostProbableRunLength > 390 && posterior.probability(runLengthAtMost: 5) < 0.1)
        for _ in 0..<4 { posterior.process(12 + Double.random(in: -1...1, using: &random)) }
        #expect(posterior.mostProbableRunLength <= 4 && posterior.probability(runLengthAtMost: 5) > 0.9)
    }

    @Test func statesAreBounded() {
        var random = SplitMix64(testSeed: 6)
        var exact = BayesianChangePoint(meanRunLength: 100, stateLimit: 10_000, pruning: 0)
        var capped = BayesianChangePoint(meanRunLength: 100, stateLimit: 64)
        for value in Self.series(&random, count: 3_000) {
            exact.process(value)
            capped.process(value)
            #expect(capped.posterior.count <= 64)
            let error = abs(exact.probability(runLengthAtMost: 5) - capped.probability(runLengthAtMost: 5))
            #expect(error < 0.05)
        }
        #expect(capped.discarded > 0 && exact.discarded == 0)
    }

    @Test func absurdValuesAreNotObservations() {
        var posterior = BayesianChangePoint(meanRunLength: 100)
        for value in [Double.nan, .infinity, -.infinity, 1e101, -.greatestFiniteMagnitude] { posterior.process(value) }
        #expect(posterior.count == 0 && posterior.mostProbableRunLength == 0)
        for value in [1e100, 0, -1e100, 0, 0] { posterior.process(value) }
        #expect(posterior.count == 5 && posterior.probability(runLengthAtMost: 5) > 0.999)
        #expect(posterior.posterior.allSatisfy { !$0.logProbability.isNaN })
        posterior.removeAll()
        #expect(posterior.count == 0 && posterior.logPredictive.isNaN)
    }
}
