import RealModule

/// The learnt state of a segment for one input.
struct SegmentMoments: Sendable, Codable {
    /// Number of observations.
    var count: Int
    var mean: Double
    var beta: Double
    var logBeta: Double
}

/// The predictive density of the next observation of a segment: Student's t, by the conjugate updates of
/// `NormalInverseGamma`, in log space. Source: Murphy (2007), section 3.
struct SegmentDensity: Sendable {
    private static let tabulatedCounts = 1_024

    /// State before the first observation.
    let empty: SegmentMoments
    private let prior: NormalInverseGamma
    /// The part of the log density that depends only on the number of observations, tabulated for small numbers.
    private let constants: [Double]

    init(_ prior: NormalInverseGamma) {
        self.prior = prior
        empty = SegmentMoments(count: 0, mean: prior.mean, beta: prior.beta, logBeta: Double.log(prior.beta))
        constants = (0..<Self.tabulatedCounts).map { Self.constant(Double($0), prior) }
    }

    /// Returns the log densities of x in four segments, then adds x to the segments.
    @inline(__always)
    func observe(_ x: Double, into segment: inout SegmentVector) -> SIMD4<Double> {
        let kappa = segment.count + prior.kappa
        let inverse = 1 / (kappa + 1)
        let deviation = x - segment.mean
        // β' = β + κ·d²/(2(κ+1)); the density of x also needs ln(β'/β). Two independent divisions.
        let half = 0.5 * kappa * deviation * deviation
        let growth = half * inverse
        let ratio = half / (2 * segment.beta * (kappa + 1) + half)
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
    private func constants(_ runs: SIMD4<Double>) -> SIMD4<Double> {
        // The last of the four has the shortest run.
        if runs[3] >= Double(Self.tabulatedCounts) { return Self.constants(ofLong: runs, prior) }
        let runs = runs.wholeNumbers
        return SIMD4(constant(runs[0]), constant(runs[1]), constant(runs[2]), constant(runs[3]))
    }

    @inline(__always)
    private func constant(_ run: Int64) -> Double {
        run < Self.tabulatedCounts ? constants[Int(run)] : Self.constant(Double(run), prior)
    }

    /// ln Γ(α+½) − ln Γ(α) − ½·ln(2π(κ+1)/κ) after `run` observations.
    private static func constant(_ run: Double, _ prior: NormalInverseGamma) -> Double {
        let x = prior.alpha + run / 2
        guard x < 50 else { return constants(ofLong: SIMD4(repeating: run), prior)[0] }
        let kappa = prior.kappa + run
        return Double.logGamma(x + 0.5) - Double.logGamma(x) - Double.log(2 * .pi * (kappa + 1) / kappa) / 2
    }

    /// The same if α ≥ 50: subtracting the two would lose digits that the asymptotic series keeps; its first omitted
    /// term is below 1e-16. Source: Tricomi, Erdélyi (1951).
    @inline(__always)
    private static func constants(ofLong runs: SIMD4<Double>, _ prior: NormalInverseGamma) -> SIMD4<Double> {
        let kappa = runs + prior.kappa
        let alpha = 0.5 * runs + prior.alpha
        let inverse = 1 / alpha
        let square = inverse * inverse
        let tail = square * (1.0 / 640 - square * (17.0 / 14_336))
        let series = inverse * (1.0 / 8 - square * (1.0 / 192 - tail))
        let ratio = alpha * kappa / ((kappa + 1) * (2 * Double.pi))
        return ratio.logarithm * 0.5 - series
    }
}
