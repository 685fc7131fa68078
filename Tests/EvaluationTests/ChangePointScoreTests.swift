import Testing

@testable import Evaluation

/// Small cases worked out by hand.
@Suite struct ChangePointScoreTests {
    @Test func aPerfectAnswerScoresOne() {
        #expect(ChangePointScore.fMeasure(of: [10, 50], annotations: [[10, 50], [10, 50]]) == 1)
        #expect(ChangePointScore.cover(of: [10, 50], annotations: [[10, 50]], count: 100) == 1)
        #expect(ChangePointScore.fMeasure(of: [], annotations: [[], []]) == 1)
    }

    @Test func precisionIsOfAllAnnotatorsAndRecallTheirMean() {
        // Found 0, 12, 90. Marked together 0, 10, 50: hits 0 and 12, precision 2/3. Recall 2/2 and 2/3.
        let score = ChangePointScore.fMeasure(of: [12, 90], annotations: [[10], [10, 50]])
        let (precision, recall) = (2.0 / 3, (1 + 2.0 / 3) / 2)
        #expect(abs(score - 2 * precision * recall / (precision + recall)) < 1e-15)
    }

    @Test func aFoundPointCountsOnce() {
        // Marked 10 and 12, one found at 11: one hit of three marked (0, 10, 12) beside 0.
        let score = ChangePointScore.fMeasure(of: [11], annotations: [[10, 12]])
        #expect(abs(score - 2 * 1 * (2.0 / 3) / (1 + 2.0 / 3)) < 1e-15)
    }

    @Test func theMarginIsInclusive() {
        #expect(ChangePointScore.fMeasure(of: [15], annotations: [[10]]) == 1)
        #expect(ChangePointScore.fMeasure(of: [16], annotations: [[10]]) == 0.5)
    }

    @Test func coverWeighsByLength() {
        // Marked [0,50) [50,100); found [0,40) [40,100). Best overlaps 40/50 and 50/60, each of length 50.
        let cover = ChangePointScore.cover(of: [40], annotations: [[50]], count: 100)
        #expect(abs(cover - (50 * 0.8 + 50 * (50.0 / 60)) / 100) < 1e-15)
    }
}
