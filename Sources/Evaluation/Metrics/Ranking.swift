/// How well scores rank hits above misses. Cases of equal score form one step, since their order is unknown.
public struct Ranking: Sendable {
    /// A point of a curve: the result of taking every case with a score of at least `threshold`.
    public struct Step: Sendable, Equatable, Codable {
        public var threshold: Double
        public var truePositives: Int
        public var falsePositives: Int
    }

    /// One for each distinct score, descending.
    public private(set) var steps: [Step] = []
    public private(set) var positives = 0
    public private(set) var negatives = 0

    /// Requires equally long arrays and no NaN. O(n log n).
    public init(scores: [Double], hits: [Bool]) {
        precondition(scores.count == hits.count && !scores.contains(where: \.isNaN))
        for place in scores.indices.sorted(by: { (scores[$0], $1) > (scores[$1], $0) }) {
            if hits[place] { positives += 1 } else { negatives += 1 }
            if steps.last?.threshold != scores[place] {
                steps.append(Step(threshold: scores[place], truePositives: 0, falsePositives: 0))
            }
            steps[steps.count - 1].truePositives = positives
            steps[steps.count - 1].falsePositives = negatives
        }
    }

    /// Points (false positive rate, true positive rate), from (0, 0) to (1, 1); empty without both hits and misses.
    public var rocCurve: [(falsePositiveRate: Double, truePositiveRate: Double)] {
        guard positives > 0, negatives > 0 else { return [] }
        return [(0, 0)]
            + steps.map {
                (Double($0.falsePositives) / Double(negatives), Double($0.truePositives) / Double(positives))
            }
    }

    /// Area under the ROC curve: the probability that a hit scores above a miss, ties one half. `nil` without both.
    /// Source: Hanley, McNeil (1982), Radiology 143.
    public var areaUnderROC: Double? {
        guard positives > 0, negatives > 0 else { return nil }
        var (area, lastTrue, lastFalse) = (0.0, 0, 0)
        for step in steps {
            area += Double(step.falsePositives - lastFalse) * Double(step.truePositives + lastTrue) / 2
            (lastTrue, lastFalse) = (step.truePositives, step.falsePositives)
        }
        return area / (Double(positives) * Double(negatives))
    }

    /// Standard error of the area under the null hypothesis of no skill: Mann–Whitney statistic without ties.
    public var areaErrorWithoutSkill: Double? {
        guard positives > 0, negatives > 0 else { return nil }
        let (p, n) = (Double(positives), Double(negatives))
        return ((p + n + 1) / (12 * p * n)).squareRoot()
    }

    /// Points (recall, precision), recall ascending; empty without a hit.
    public var precisionRecallCurve: [(recall: Double, precision: Double)] {
        guard positives > 0 else { return [] }
        return steps.map {
            (
                Double($0.truePositives) / Double(positives),
                Double($0.truePositives) / Double($0.truePositives + $0.falsePositives)
            )
        }
    }

    /// Σ (recall step) · precision, not interpolated; `nil` without a hit.
    public var averagePrecision: Double? {
        guard positives > 0 else { return nil }
        var (sum, last) = (0.0, 0.0)
        for point in precisionRecallCurve {
            sum += (point.recall - last) * point.precision
            last = point.recall
        }
        return sum
    }

    /// Hits among the `k` highest scores, over `k`; a tie across the border contributes the share expected from a
    /// random order. `nil` if there are fewer than `k` cases.
    public func precision(atTop k: Int) -> Double? {
        guard k > 0, k <= positives + negatives else { return nil }
        var last = (taken: 0, hits: 0)
        for step in steps {
            let taken = step.truePositives + step.falsePositives
            if taken >= k {
                let share = Double(step.truePositives - last.hits) / Double(taken - last.taken)
                return (Double(last.hits) + share * Double(k - last.taken)) / Double(k)
            }
            last = (taken, step.truePositives)
        }
        return nil
    }
}
