import RealModule

/// What a segment has learnt of one input.
struct SegmentMoments: Sendable, Codable {
    /// Observations.
    var count: Int
    var mean: Double
    var beta: Double
    var logBeta: Double
}

/// The predictive density of the next observation of a segment: Student's t, by the conjugate updates of
/// `NormalInverseGamma`, in log space. Source: Murphy (2007), section 3.
struct SegmentDensity: Sendable {
    private static let tabulatedCounts = 1_024

    /// Before the first observation.
    let empty: SegmentMoments
    private let prior: NormalInverseGamma
    /// The part of the log density that only the number of observations decides, for the first ones.
    private let constants: [Double]

    init(_ prior: NormalInverseGamma) {
        self.prior = prior
        empty = SegmentMoments(count: 0, mean: prior.mean, beta: prior.beta, logBeta: Double.log(prior.beta))
        constants = (0..<Self.tabulatedCounts).map { Self.constant(Double($0), prior) }
    }

    /// The log densities that x has in four segments, which then take it in.
    @inline(__always)
    func observe(_ x: Double, into segment: inout SegmentVector) -> SIMD4<Double> {
        let kappa = segment.count + prior.kappa
        let inverse = 1 / (kappa + 1)
        let deviation = x - segment.mean
        // β' = β + κ·d²/(2(κ+1)); ln(β'/β) is also what the density of x needs.
        let growth = 0.5 * kappa * inverse * deviation * deviation
        let ratio = growth / (2 * segment.beta + growth)
        var logRatio = ratio.logarithmOfRatio
        if any(ratio .> 0.125) {
            for lane in 0..<4 where ratio[lane] > 0.125 {
                logRatio[lane] = Double.log(onePlus: growth[lane] / segment.beta[lane])
            }
        }
        let logDensity =
            constants(segment.count) - 0.5 * segment.logBeta - (0.5 * segment.count + (prior.alpha + 0.5)) * logRatio
        segment.count += 1
        segment.beta += growth
        segment.logBeta += logRatio
        segment.mean += deviation * inverse
        return logDensity
    }

    @inline(__always)
    private func constants(_ counts: SIMD4<Double>) -> SIMD4<Double> {
        let counts = counts.wholeNumbers
        return SIMD4(constant(counts[0]), constant(counts[1]), constant(counts[2]), constant(counts[3]))
    }

    @inline(__always)
    private func constant(_ count: Int64) -> Double {
        count < Self.tabulatedCounts ? constants[Int(count)] : Self.constant(Double(count), prior)
    }

    /// ln Γ(α+½) − ln Γ(α) − ½·ln(2π(κ+1)/κ) after `run` observations.
    private static func constant(_ run: Double, _ prior: NormalInverseGamma) -> Double {
        let kappa = prior.kappa + run
        let scale = 2 * .pi * (kappa + 1) / kappa
        let x = prior.alpha + run / 2
        // For large x the difference of the two would lose the digits that the asymptotic series keeps (its first missing
        // term is below 1e-16 from x = 50 on). Source: Tricomi, Erdélyi (1951).
        guard x >= 50 else { return Double.logGamma(x + 0.5) - Double.logGamma(x) - Double.log(scale) / 2 }
        let inverse = 1 / x
        let square = inverse * inverse
        return Double.log(x / scale) / 2
            - inverse * (1.0 / 8 - square * (1.0 / 192 - square * (1.0 / 640 - square * 17.0 / 14_336)))
    }
}
