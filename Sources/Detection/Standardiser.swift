import Microstructure
import RealModule

/// Online location and scale with exponential forgetting: an observation is judged by the moments of those before
/// it, itself excluded, and then joins them.
///
/// With weights `w = 2^(−age/halfLife)`: mean `Σwx/Σw`, variance `Σw(x−mean)²/(Σw − Σw²/Σw)` (unbiased for
/// independent observations; an infinite half-life gives the ordinary sample variance). O(1), no allocation.
/// Source of the recursion: West (1979), Communications of the ACM 22.
public struct Standardiser: Sendable {
    /// After this many observations the weight of one has halved; at least 1.
    public let halfLifeObservations: Double
    /// Observations taken before the first value is given; at least 2.
    public let warmUpObservations: Int
    private let decay: Double
    private var observations = 0
    private var weight = 0.0
    private var squaredWeight = 0.0
    private var variance = 0.0
    /// Weighted mean of the observations so far; 0 before the first.
    public private(set) var mean = 0.0

    /// Largest magnitude that is accepted. Beyond it squares overflow, and one such value would stay for ever.
    public static let magnitudeLimit = 1e150

    public init(halfLifeObservations: Double, warmUpObservations: Int) {
        precondition(halfLifeObservations >= 1 && warmUpObservations >= 2)
        self.halfLifeObservations = halfLifeObservations
        self.warmUpObservations = warmUpObservations
        decay = Double.exp2(-1 / halfLifeObservations)
    }

    /// Enough observations to judge the next one.
    public var isWarm: Bool { observations >= warmUpObservations }

    /// Weighted standard deviation of the observations so far; NaN before the second.
    public var standardDeviation: Double {
        guard observations > 1 else { return .nan }
        return (variance / (1 - squaredWeight / (weight * weight))).squareRoot()
    }

    /// `x` in standard deviations from the mean of the observations before it. NaN during the warm-up, where all of
    /// them are equal, and where `x` is NaN or beyond `magnitudeLimit`: such an `x` is not an observation.
    public mutating func process(_ x: Double) -> Double {
        guard x.magnitude <= Self.magnitudeLimit else { return .nan }
        defer { observe(x) }
        guard isWarm else { return .nan }
        let z = (x - mean) / standardDeviation
        return z.isFinite ? z : .nan
    }

    /// Forgets all observations.
    public mutating func reset() {
        self = Standardiser(halfLifeObservations: halfLifeObservations, warmUpObservations: warmUpObservations)
    }

    private mutating func observe(_ x: Double) {
        if !isWarm { observations += 1 }
        weight = 1 + decay * weight
        squaredWeight = 1 + decay * decay * squaredWeight
        let share = 1 / weight
        let difference = x - mean
        mean += share * difference
        variance = (1 - share) * (variance + share * difference * difference)
    }
}
