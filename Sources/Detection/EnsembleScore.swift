/// How detectors add up to one score.
///
/// A detector that stands at `r` times its threshold weighs `r²`, and the score of a total weight `q = Σr²` is
/// `q/(1+q)`. So the score lies in [0, 1), is 0.5 for one detector exactly at its threshold and nothing else,
/// rises with every `r`, and is above 0.5 wherever the ratios' Euclidean length is above 1. A detector's share is
/// `r²/(1+q)`; the shares sum to the score. This is a convention, not a probability.
///
/// A measure with a side (imbalance, say) weighs on the side that it moved to, and only detectors of the same side
/// agree; a measure without one (spread, volume, volatility) weighs on both.
public struct EnsembleScore: Sendable, Hashable {
    /// Weight of the detectors that moved up, that moved down, and that have no side.
    private var upper = 0.0
    private var lower = 0.0
    private var sideless = 0.0

    /// Larger ratios count as this one: the score is then within 1e-6 of 1, and no square overflows.
    public static let ratioLimit = 1000.0

    public init() {}

    /// Weight of a `statistic` (negative and NaN: none) against its `threshold`, 0 to `ratioLimit²`.
    public static func weight(of statistic: Double, threshold: Double) -> Double {
        guard statistic > 0 else { return 0 }
        let ratio = min(statistic / threshold, ratioLimit)
        return ratio * ratio
    }

    public mutating func add(weight: Double, side: Direction) {
        switch side {
        case .up: upper += weight
        case .down: lower += weight
        case .none: sideless += weight
        }
    }

    /// The side that weighs more; up where they weigh the same.
    public var heavierSide: Direction { upper >= lower ? .up : .down }

    /// Score of what speaks for `side`; for `none`, of the heavier side.
    public func score(side: Direction) -> Double {
        let weight = weight(side: side)
        return weight / (1 + weight)
    }

    /// The part of `score(side:)` that a detector of this `weight` holds, if it is among those that speak for `side`.
    public func share(of weight: Double, side: Direction) -> Double { weight / (1 + self.weight(side: side)) }

    private func weight(side: Direction) -> Double {
        switch side {
        case .up: upper + sideless
        case .down: lower + sideless
        case .none: max(upper, lower) + sideless
        }
    }
}
