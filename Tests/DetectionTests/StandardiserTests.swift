import Detection
import Foundation
import Microstructure
import TestSupport
import Testing

@Suite struct StandardiserTests {
    /// Half-life 1: weights ½ and 1 on the observations 0 and 1. Mean 2/3, Σw = 3/2, Σw² = 5/4,
    /// variance Σw(x−mean)²/(Σw − Σw²/Σw) = (1/3)/(3/2 − 5/6) = 1/2.
    @Test func judgesByThePastByHand() {
        var standardiser = Standardiser(halfLifeObservations: 1, warmUpObservations: 2)
        #expect(standardiser.process(0).isNaN)
        #expect(standardiser.standardDeviation.isNaN)
        #expect(standardiser.process(1).isNaN)
        #expect(abs(standardiser.mean - 2.0 / 3) < 1e-15)
        #expect(abs(standardiser.standardDeviation - 0.5.squareRoot()) < 1e-15)
        #expect(abs(standardiser.process(2.0 / 3 + 4 * 0.5.squareRoot()) - 4) < 1e-14)
    }

    @Test(arguments: [1.0, 7.5, 100, .infinity])
    func agreesWithTheDefinition(halfLife: Double) {
        var random = SplitMix64(testSeed: 7)
        var standardiser = Standardiser(halfLifeObservations: halfLife, warmUpObservations: 5)
        var past: [Double] = []
        for _ in 0..<400 {
            let x = 1e4 + 3 * random.normal()
            let z = standardiser.process(x)
            if past.count < 5 {
                #expect(z.isNaN)
            } else {
                let weights = past.indices.map { exp2(-Double(past.count - 1 - $0) / halfLife) }
                let total = weights.reduce(0, +)
                let squares = weights.reduce(0) { $0 + $1 * $1 }
                let mean = zip(weights, past).reduce(0) { $0 + $1.0 * $1.1 } / total
                let spread = zip(weights, past).reduce(0) { $0 + $1.0 * ($1.1 - mean) * ($1.1 - mean) }
                let expected = (x - mean) / (spread / (total - squares / total)).squareRoot()
                #expect(abs(z - expected) <= 1e-7 * max(1, abs(expected)))
            }
            past.append(x)
        }
    }

    @Test func anObservationDoesNotJudgeItself() {
        var left = Standardiser(halfLifeObservations: 50, warmUpObservations: 3)
        for x in [1.0, 2, 3, 2, 1] { _ = left.process(x) }
        var right = left
        let (mean, deviation) = (left.mean, left.standardDeviation)
        #expect(left.process(5) == (5 - mean) / deviation)
        #expect(right.process(1e9) == (1e9 - mean) / deviation)
    }

    @Test func isUndefinedWithoutScale() {
        var standardiser = Standardiser(halfLifeObservations: 10, warmUpObservations: 2)
        for _ in 0..<100 { #expect(standardiser.process(0.1).isNaN) }
        #expect(standardiser.process(0.2).isNaN)
        #expect(standardiser.process(0.2).isFinite)
    }

    @Test func whatIsNoNumberIsNoObservation() {
        var standardiser = Standardiser(halfLifeObservations: 10, warmUpObservations: 2)
        for x in [1.0, 2, 3] { _ = standardiser.process(x) }
        let (mean, deviation) = (standardiser.mean, standardiser.standardDeviation)
        for x in [Double.nan, .infinity, -.infinity, 1e151, -.greatestFiniteMagnitude] {
            #expect(standardiser.process(x).isNaN)
            #expect((standardiser.mean, standardiser.standardDeviation) == (mean, deviation))
        }
        _ = standardiser.process(Standardiser.magnitudeLimit)
        _ = standardiser.process(-Standardiser.magnitudeLimit)
        #expect(standardiser.standardDeviation.isFinite)
    }

    /// One observation in n is 1, the others are 0. Ordinary moments: mean 1/n, deviation √(1/n) nearly, so that a 1 is drawn
    /// in to c = 1/n + 4√(1/n), the deviation is c√(1/n), and a 1 lies n/(4 + √(1/n)) deviations out: for ever.
    @Test(arguments: [32, 100, 400])
    func raritiesDoNotShrinkTheScale(n: Int) {
        var standardiser = Standardiser(halfLifeObservations: 6_000, warmUpObservations: 600, winsorLimit: 4)
        let expected = Double(n) / (4 + (1 / Double(n)).squareRoot())
        for step in 1...200_000 {
            let z = standardiser.process(step.isMultiple(of: n) ? 1 : 0)
            if step > 100_000, step.isMultiple(of: n) { #expect(z > 0.9 * expected && z < 1.2 * expected) }
        }
    }

    @Test func anOutburstHardlyRaisesTheBar() {
        var random = SplitMix64(testSeed: 3)
        var standardiser = Standardiser(halfLifeObservations: 6_000, warmUpObservations: 600, winsorLimit: 4)
        for _ in 0..<20_000 { _ = standardiser.process(random.normal()) }
        let before = standardiser.standardDeviation
        for _ in 0..<10 { _ = standardiser.process(1_000) }
        #expect(standardiser.standardDeviation < 4 * before)
        for _ in 0..<60_000 { _ = standardiser.process(random.normal()) }
        #expect(abs(standardiser.standardDeviation - before) < 0.1 * before)
    }

    @Test func resetMakesItNew() {
        var standardiser = Standardiser(halfLifeObservations: 10, warmUpObservations: 2)
        for x in [1.0, 2, 3] { _ = standardiser.process(x) }
        standardiser.reset()
        #expect(!standardiser.isWarm && standardiser.mean == 0 && standardiser.standardDeviation.isNaN)
        #expect(standardiser.warmUpObservations == 2 && standardiser.halfLifeObservations == 10)
    }
}
