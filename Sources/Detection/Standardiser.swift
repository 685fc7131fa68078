import Microstructure
import RealModule

/// Online location and scale with exponential forgetting: an observation is standardised by the moments of the earlier
/// observations, then joins them.
///
/// With weights `w = 2^(−age/halfLife)`: mean `Σwx/Σw`, variance `Σw(x−mean)²/(Σw − Σw²/Σw)` (unbiased for
/// independent observations; an infinite half-life gives the ordinary sample variance). O(1), no allocation.
/// Source of the recursion: West (1979), Communications of the ACM 22.
public struct Standardiser: Sendable, Codable {
    /// Number of observations after which a weight has halved; at least 1.
    public let halfLifeObservations: Double
    /// Observations needed before the first value is returned; at least 2.
    public let warmUpObservations: Int
    /// Once warm, an observation enters the moments at most this many *ordinary* standard deviations from the ordinary
    /// mean, so an outburst hardly raises its own threshold; above 1, infinite for ordinary moments. The moments of
    /// heavy-tailed observations are then smaller than the ordinary ones. Limits come from the ordinary moments, since
    /// limits from winsorised moments feed on themselves: if fewer than one observation in `winsorLimit²` differs from
    /// the rest, as trades do on a thin market, the deviation would shrink to nothing.
    /// Source: Huber (1981), Robust Statistics, section 1.
    public let winsorLimit: Double
    private let decay: Double
    private var observations = 0
    private var weight = 0.0
    private var squaredWeight = 0.0
    private var ordinary = Moments()
    private var winsorised = Moments()

    private struct Moments: Sendable, Codable {
        var mean = 0.0
        var variance = 0.0

        mutating func observe(_ x: Double, share: Double) {
            let difference = x - mean
            mean += share * difference
            variance = (1 - share) * (variance + share * difference * difference)
        }
    }

    /// Largest accepted magnitude. Beyond it squares overflow, and one such value would stay forever.
    public static let magnitudeLimit = 1e150

    public init(halfLifeObservations: Double, warmUpObservations: Int, winsorLimit: Double = .infinity) {
        precondition(halfLifeObservations >= 1 && warmUpObservations >= 2 && winsorLimit > 1)
        self.winsorLimit = winsorLimit
        self.halfLifeObservations = halfLifeObservations
        self.warmUpObservations = warmUpObservations
        decay = Double.exp2(-1 / halfLifeObservations)
    }

    /// Enough observations to judge the next one.
    public var isWarm: Bool { observations >= warmUpObservations }

    /// Weighted mean of the winsorised observations so far; 0 before the first.
    public var mean: Double { winsorised.mean }

    /// Weighted standard deviation of the winsorised observations so far; NaN before the second.
    public var standardDeviation: Double { deviation(winsorised) }

    private func deviation(_ moments: Moments) -> Double {
        guard observations > 1 else { return .nan }
        return (moments.variance / (1 - squaredWeight / (weight * weight))).squareRoot()
    }

    /// `x` in standard deviations from the mean of the earlier observations. NaN during the warm-up, if all of them are
    /// equal, and if `x` is NaN or beyond `magnitudeLimit`: such an `x` is not counted as an observation.
    public mutating func process(_ x: Double) -> Double {
        guard x.magnitude <= Self.magnitudeLimit else { return .nan }
        guard isWarm else {
            observe(x)
            return .nan
        }
        let z = (x - winsorised.mean) / standardDeviation
        observe(x)
        return z.isFinite ? z : .nan
    }

    /// Forgets all observations.
    public mutating func reset() {
        self = Standardiser(
            halfLifeObservations: halfLifeObservations, warmUpObservations: warmUpObservations,
            winsorLimit: winsorLimit)
    }

    private mutating func observe(_ x: Double) {
        var drawnIn = x
        if !isWarm {
            observations += 1
        } else if winsorLimit < .infinity {
            let reach = winsorLimit * deviation(ordinary)
            // If all values were equal so far, do not limit the first different one: there is no scale for it yet.
            if reach > 0 { drawnIn = min(max(x, ordinary.mean - reach), ordinary.mean + reach) }
        }
        weight = 1 + decay * weight
        squaredWeight = 1 + decay * decay * squaredWeight
        ordinary.observe(x, share: 1 / weight)
        winsorised.observe(drawnIn, share: 1 / weight)
    }
}
