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

    /// The log density that x has in the segment, which then takes it in.
    func observe(_ x: Double, into segment: inout SegmentMoments) -> Double {
        let run = Double(segment.count)
        let kappa = prior.kappa + run
        let deviation = x - segment.mean
        // β' = β + κ·d²/(2(κ+1)); ln(β'/β) is also what the density of x needs.
        let growth = kappa * deviation * deviation / (2 * (kappa + 1))
        let logRatio = Double.log(onePlus: growth / segment.beta)
        let constant =
            segment.count < Self.tabulatedCounts ? constants[segment.count] : Self.constant(run, prior)
        let logDensity = constant - segment.logBeta / 2 - (prior.alpha + (run + 1) / 2) * logRatio
        segment.count += 1
        segment.beta += growth
        segment.logBeta += logRatio
        segment.mean += deviation / (kappa + 1)
        return logDensity
    }

    /// ln Γ(α+½) − ln Γ(α) − ½·ln(2π(κ+1)/κ) after `run` observations.
    private static func constant(_ run: Double, _ prior: NormalInverseGamma) -> Double {
        let kappa = prior.kappa + run
        return logGammaRatio(prior.alpha + run / 2) - Double.log(2 * .pi * (kappa + 1) / kappa) / 2
    }

    /// ln Γ(x+½) − ln Γ(x) for x > 0. For large x the difference of the two would lose the digits that the asymptotic
    /// series keeps (its first missing term is below 1e-16 from x = 50 on). Source: Tricomi, Erdélyi (1951).
    private static func logGammaRatio(_ x: Double) -> Double {
        guard x >= 50 else { return Double.logGamma(x + 0.5) - Double.logGamma(x) }
        let inverse = 1 / x
        let square = inverse * inverse
        return Double.log(x) / 2
            - inverse * (1.0 / 8 - square * (1.0 / 192 - square * (1.0 / 640 - square * 17.0 / 14_336)))
    }
}
