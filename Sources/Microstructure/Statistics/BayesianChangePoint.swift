import RealModule

/// Prior of a segment's mean and variance before its first observation: a normal-inverse-gamma distribution. The
/// predictive distribution of one observation is Student's t with 2α degrees of freedom, location `mean` and squared
/// scale β(κ+1)/(ακ).
public struct NormalInverseGamma: Sendable, Hashable, Codable {
    /// Location of the segment's mean.
    public let mean: Double
    /// Prior weight of the mean, in observations; above 0.
    public let kappa: Double
    /// Half the prior weight of the variance, in observations; above 0.
    public let alpha: Double
    /// Scale of the variance, in squared units of the observations; above 0.
    public let beta: Double

    /// The default suits observations of mean 0 and deviation 1. Requires the ranges given at the properties.
    public init(mean: Double = 0, kappa: Double = 1, alpha: Double = 1, beta: Double = 1) {
        self.mean = mean
        self.kappa = kappa
        self.alpha = alpha
        self.beta = beta
        precondition(isValid)
    }

    /// Whether the properties are in their ranges: decoded values may not be.
    var isValid: Bool {
        mean.isFinite && [kappa, alpha, beta].allSatisfy { $0 > 0 && $0.isFinite }
    }
}

/// Bayesian online change-point detection: the probability of each run length r (steps since the last change) given all
/// observations so far, for one input or several inputs that change together.
///
/// `P(r+1) ∝ P(r)·π_r(x)·(1−H)`, `P(0) ∝ Σ P(r)·π_r(x)·H`, with a constant hazard H = 1/λ and π_r the predictive
/// density of a segment of r observations (`NormalInverseGamma`). In log space, so no outlier underflows. `P(0)` is
/// therefore always H: alarm on `probability(runLengthAtMost:)` or on `mostProbableRunLength`, never on P(0).
///
/// Several inputs are independent given the segment: π_r is the product of their densities. A missing input contributes
/// no factor and is not learnt; a step without any input is ignored.
///
/// At most `stateLimit` run lengths are kept; at the limit the least probable is removed. Run lengths less probable
/// than `pruning` are dropped. A step drops at most `stateLimit · pruning` this way; `discarded` sums the removals at
/// the limit. The kept ones are normalised at the next observation. O(states · inputs) a step, no allocation. A decoded
/// value is validated and continues bit for bit where the encoded one stopped.
/// Source: Adams, MacKay (2007), arXiv 0710.3742; conjugate updates: Murphy (2007), section 3.
public struct BayesianChangePoint: Sendable {
    /// Larger magnitudes are not accepted as observations: their squares would not be finite.
    public static let valueLimit = 1e100
    /// Most inputs.
    public static let inputLimit = 64

    /// One prior for each input.
    public let priors: [NormalInverseGamma]
    /// λ, the mean number of steps between changes; above 1.
    public let meanRunLength: Double
    public let stateLimit: Int
    public let pruning: Double
    /// Steps taken.
    public private(set) var count = 0
    /// ln of the predictive density of the last step's observations; NaN before the first step.
    public private(set) var logPredictive = Double.nan
    /// Number, from 0, of the step that begins the last segment of the most probable segmentation of all observations
    /// so far. To get the whole segmentation, take this value after the step before that one, and so on back to 0.
    /// Source: Fearnhead, Liu (2007), Journal of the Royal Statistical Society B 69, section 3.
    public private(set) var segmentStart = 0
    /// Σ of the probabilities of the run lengths removed at the limit: bounds the missing probability.
    public private(set) var discarded = 0.0

    private let logHazard: Double
    private let logSurvival: Double
    private let logPruning: Double
    /// One for each input.
    private let densities: [SegmentDensity]
    private var table: RunLengthTable

    /// The encoded form of a run length.
    private struct State: Sendable, Codable {
        /// `count` when the segment began: its run length is `count − start`.
        var start: Int
        var logProbability: Double
        /// ln of the probability of the best segmentation that ends with this segment, up to a constant of the step.
        var logBest: Double
    }

    /// For one input. Requires `meanRunLength > 1`, `stateLimit ≥ 2` and `0 ≤ pruning < 1e-3`.
    public init(
        prior: NormalInverseGamma = NormalInverseGamma(), meanRunLength: Double, stateLimit: Int = 512,
        pruning: Double = 1e-12
    ) {
        self.init(priors: [prior], meanRunLength: meanRunLength, stateLimit: stateLimit, pruning: pruning)
    }

    /// For 1 to `inputLimit` inputs, with one prior each. Same requirements as the initialiser for one input.
    public init(
        priors: [NormalInverseGamma], meanRunLength: Double, stateLimit: Int = 512, pruning: Double = 1e-12
    ) {
        precondition(Self.isUsable(priors, meanRunLength, stateLimit, pruning))
        self.priors = priors
        self.meanRunLength = meanRunLength
        self.stateLimit = stateLimit
        self.pruning = pruning
        logHazard = -Double.log(meanRunLength)
        logSurvival = Double.log(onePlus: -1 / meanRunLength)
        logPruning = pruning > 0 ? Double.log(pruning) : -.infinity
        densities = priors.map(SegmentDensity.init)
        table = RunLengthTable(limit: stateLimit + 1, inputs: priors.count)
        removeAll()
    }

    /// Forgets all observations.
    public mutating func removeAll() {
        count = 0
        logPredictive = .nan
        discarded = 0
        segmentStart = 0
        table.removeAll()
        begin(logProbability: 0, logBest: 0)
    }

    /// Takes one observation of the only input; NaN and magnitudes beyond `valueLimit` are ignored.
    public mutating func process(_ x: Double) {
        let values: InlineArray<1, Double> = [x]
        process(values.span)
    }

    /// Takes one step: one value for each input; NaN and magnitudes beyond `valueLimit` count as missing.
    public mutating func process(_ values: Span<Double>) {
        precondition(values.count == priors.count)
        var greatest: (logProbability: Double, logBest: Double)?
        for input in values.indices where values[input].magnitude <= Self.valueLimit {
            greatest = table.observe(values[input], of: input, densities[input])
        }
        guard let greatest else { return }
        if let best = table.row(logBest: greatest.logBest) { segmentStart = table.start(best) }
        let logEvidence =
            greatest.logProbability + Double.log(table.sum(relativeTo: greatest.logProbability))
        let least = table.shift(
            logProbability: logSurvival - logEvidence, logBest: logSurvival - greatest.logBest)
        count += 1
        logPredictive = logEvidence
        begin(logProbability: logHazard, logBest: logHazard)
        prune(min(least, logHazard))
    }

    /// `P(r ≤ length)`, in [0, 1].
    public func probability(runLengthAtMost length: Int) -> Double {
        var sum = 0.0
        for row in (0..<table.count).reversed() {
            guard count - table.start(row) <= length else { break }
            sum += Double.exp(table.logProbability(row))
        }
        return min(1, sum)
    }

    /// The most probable r; the shortest if several are equally probable. 0 before the first observation.
    public var mostProbableRunLength: Int { count - table.start(table.mostProbableRow) }

    /// The run lengths kept, the longest first, with the ln of their probabilities. Allocates.
    public var posterior: [(runLength: Int, logProbability: Double)] {
        (0..<table.count).map { (count - table.start($0), table.logProbability($0)) }
    }

    private mutating func begin(logProbability: Double, logBest: Double) {
        table.append(start: count, logProbability: logProbability, logBest: logBest)
        for input in densities.indices { table.set(densities[input].empty, table.count - 1, of: input) }
    }

    /// - Parameter least: the smallest log probability.
    private mutating func prune(_ least: Double) {
        guard least >= logPruning else { return table.removeRows(lessProbableThan: logPruning) }
        // Each step adds one row, so at most one is too many, and none if another was dropped.
        guard table.count > stateLimit else { return }
        discarded += Double.exp(least)
        if let row = table.row(logProbability: least) { table.remove(row) }
    }

    private static func isUsable(
        _ priors: [NormalInverseGamma], _ meanRunLength: Double, _ stateLimit: Int, _ pruning: Double
    ) -> Bool {
        (1...inputLimit).contains(priors.count) && priors.allSatisfy(\.isValid) && meanRunLength > 1
            && meanRunLength.isFinite && stateLimit >= 2 && pruning >= 0 && pruning < 1e-3
    }
}

extension BayesianChangePoint: Codable {
    private enum CodingKeys: String, CodingKey {
        case priors, meanRunLength, stateLimit, pruning, count, logPredictive, segmentStart, discarded, states, segments
    }

    /// Also throws `DecodingError` if a value is out of its range (a `stateLimit` above 2²⁰ is) or is inconsistent with
    /// the others.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let priors = try container.decode([NormalInverseGamma].self, forKey: .priors)
        let meanRunLength = try container.decode(Double.self, forKey: .meanRunLength)
        let stateLimit = try container.decode(Int.self, forKey: .stateLimit)
        let pruning = try container.decode(Double.self, forKey: .pruning)
        guard Self.isUsable(priors, meanRunLength, stateLimit, pruning), stateLimit <= 1 << 20 else {
            throw DecodingError.dataCorruptedError(
                forKey: .priors, in: container, debugDescription: "a parameter is out of its range")
        }
        self.init(priors: priors, meanRunLength: meanRunLength, stateLimit: stateLimit, pruning: pruning)
        count = try container.decode(Int.self, forKey: .count)
        logPredictive = try container.decodeIfPresent(Double.self, forKey: .logPredictive) ?? .nan
        segmentStart = try container.decode(Int.self, forKey: .segmentStart)
        discarded = try container.decode(Double.self, forKey: .discarded)
        let states = try container.decode([State].self, forKey: .states)
        let segments = try container.decode([SegmentMoments].self, forKey: .segments)
        let isAscending = zip(states, states.dropFirst()).allSatisfy { $0.start < $1.start }
        guard isAscending, let first = states.first, let last = states.last, first.start >= 0, last.start == count,
            states.count <= stateLimit, segments.count == states.count * priors.count,
            segments.allSatisfy({ $0.count >= 0 && $0.count <= count && $0.beta > 0 })
        else {
            throw DecodingError.dataCorruptedError(
                forKey: .states, in: container, debugDescription: "the run lengths do not fit the parameters")
        }
        table.removeAll()
        for (row, state) in states.enumerated() {
            table.append(start: state.start, logProbability: state.logProbability, logBest: state.logBest)
            for input in priors.indices { table.set(segments[row * priors.count + input], row, of: input) }
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(priors, forKey: .priors)
        try container.encode(meanRunLength, forKey: .meanRunLength)
        try container.encode(stateLimit, forKey: .stateLimit)
        try container.encode(pruning, forKey: .pruning)
        try container.encode(count, forKey: .count)
        // JSON has no NaN.
        if !logPredictive.isNaN { try container.encode(logPredictive, forKey: .logPredictive) }
        try container.encode(segmentStart, forKey: .segmentStart)
        try container.encode(discarded, forKey: .discarded)
        let rows = 0..<table.count
        let states = rows.map {
            State(start: table.start($0), logProbability: table.logProbability($0), logBest: table.logBest($0))
        }
        try container.encode(states, forKey: .states)
        let segments = rows.flatMap { row in priors.indices.map { table.segment(row, of: $0) } }
        try container.encode(segments, forKey: .segments)
    }
}
