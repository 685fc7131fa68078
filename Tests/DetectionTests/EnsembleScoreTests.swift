import Detection
import Microstructure
import TestSupport
import Testing

@Suite struct EnsembleScoreTests {
    @Test func byHand() {
        var score = EnsembleScore()
        #expect(score.score(side: .unsided) == 0)
        score.add(weight: EnsembleScore.weight(of: 3, threshold: 3), side: .up)
        #expect(score.score(side: .up) == 0.5)
        #expect(score.score(side: .down) == 0)
        #expect(score.score(side: .unsided) == 0.5)
        score.add(weight: EnsembleScore.weight(of: 5, threshold: 2.5), side: .unsided)
        score.add(weight: EnsembleScore.weight(of: 6, threshold: 2), side: .down)
        // Up 1 + 4, down 9 + 4.
        #expect(score.score(side: .up) == 5.0 / 6)
        #expect(score.score(side: .down) == 13.0 / 14)
        #expect(score.score(side: .unsided) == 13.0 / 14)
        #expect(score.heavierSide == .down)
        #expect(score.share(of: 4, side: .up) == 4.0 / 6)
    }

    @Test func whatIsBelowZeroOrUndefinedWeighsNothing() {
        #expect(EnsembleScore.weight(of: -4, threshold: 2) == 0)
        #expect(EnsembleScore.weight(of: .nan, threshold: 2) == 0)
    }

    @Test func staysInRangeAtTheLimit() {
        var score = EnsembleScore()
        for _ in 0..<100 { score.add(weight: EnsembleScore.weight(of: .infinity, threshold: 3), side: .up) }
        #expect(score.score(side: .up) < 1)
        #expect(score.score(side: .up) > 0.999_999)
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func risesWithEveryDetectorAndSplitsIntoShares(seed: UInt64) {
        var random = SplitMix64(testSeed: seed)
        for _ in 0..<1_000 {
            var score = EnsembleScore()
            var weights: [Double] = []
            var last = 0.0
            for _ in 0..<8 {
                let weight = EnsembleScore.weight(of: 4 * random.uniform() + 1e-3, threshold: 3)
                weights.append(weight)
                score.add(weight: weight, side: random.uniform() < 0.5 ? .up : .unsided)
                #expect(score.score(side: .up) > last)
                last = score.score(side: .up)
            }
            let shares = weights.map { score.share(of: $0, side: .up) }
            #expect(abs(shares.reduce(0, +) - last) < 1e-14)
        }
    }
}
