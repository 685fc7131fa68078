import RealModule

/// Converts a score to a probability: `1/(1 + exp(−(intercept + slope·score)))`.
///
/// Fitted to smoothed targets, so that a sample without hits, or with cleanly separated hits, has a solution too.
/// Source: Platt (1999), Advances in Large Margin Classifiers; Lin, Lin, Weng (2007), Machine Learning 68.
public struct PlattScaling: Sendable, Equatable {
    public private(set) var intercept = 0.0
    public private(set) var slope = 0.0

    /// Newton's method with halved steps. Requires equal-length arrays, finite scores, positive weights. O(n) a step.
    public init(scores: [Double], hits: [Bool], weights: [Double]) {
        precondition(scores.count == hits.count && scores.count == weights.count)
        let positive = zip(hits, weights).reduce(0.0) { $0 + ($1.0 ? $1.1 : 0) }
        let negative = weights.reduce(0, +) - positive
        let (up, down) = ((positive + 1) / (positive + 2), 1 / (negative + 2))
        func loss(_ a: Double, _ b: Double) -> Double {
            var sum = 0.0
            for place in scores.indices {
                let z = a + b * scores[place]
                let target = hits[place] ? up : down
                sum += weights[place] * (Self.softplus(z) - target * z)
            }
            return sum
        }
        var last = loss(0, 0)
        for _ in 0..<100 {
            var (g0, g1, h00, h01, h11) = (0.0, 0.0, 1e-12, 0.0, 1e-12)
            for place in scores.indices {
                let (x, w) = (scores[place], weights[place])
                let p = probability(x)
                let error = w * ((hits[place] ? up : down) - p)
                let v = w * p * (1 - p)
                g0 += error
                g1 += error * x
                h00 += v
                h01 += v * x
                h11 += v * x * x
            }
            let determinant = h00 * h11 - h01 * h01
            guard determinant > 0 else { break }
            let step = (a: (h11 * g0 - h01 * g1) / determinant, b: (h00 * g1 - h01 * g0) / determinant)
            var length = 1.0
            var next = loss(intercept + step.a, slope + step.b)
            while next > last, length > 1e-10 {
                length /= 2
                next = loss(intercept + length * step.a, slope + length * step.b)
            }
            guard next <= last else { break }
            intercept += length * step.a
            slope += length * step.b
            last = next
            if abs(length * step.a) < 1e-13, abs(length * step.b) < 1e-13 { break }
        }
    }

    /// In (0, 1).
    public func probability(_ score: Double) -> Double { 1 / (1 + Double.exp(-(intercept + slope * score))) }

    private static func softplus(_ z: Double) -> Double {
        max(z, 0) + Double.log(onePlus: Double.exp(-abs(z)))
    }
}
