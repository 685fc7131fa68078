/// Combines the evidence of several detectors into one score.
///
/// The score of a total weight q is `q/(s+q)`, where s is the weight that a signal needs: it lies in [0, 1), is 0.5 at
/// q = s and rises with every weight. A detector's share is `w/(s+q)`; the shares sum to the score.
///
/// Without calibration a detector at `r` times its threshold weighs `r²`, and s is 1: a single detector exactly at its
/// threshold. With calibration it weighs `−ln p` nats, where p is the statistic's tail probability under normal
/// behaviour, or nothing below `leastNats`: the truncated product of Zaykin et al. (2002), Genetic Epidemiology 22,
/// which many quiet detectors do not dilute. Detectors depend on each other, so q has no textbook distribution: its
/// threshold and its tail are also learnt from data.
///
/// A measure with a side (such as imbalance) adds weight to the side it moved to, and only detectors of the same side
/// agree; a measure without a side (spread, volume, volatility) adds weight to both.
public struct EnsembleScore: Sendable, Hashable, Codable {
    /// Weight of the detectors that moved up, of those that moved down, and of those without a side.
    private var upper = 0.0
    private var lower = 0.0
    private var sideless = 0.0

    /// Larger ratios are limited to this one: the score is then within 1e-6 of 1, and no square overflows.
    public static let ratioLimit = 1000.0

    /// Less surprise than this (a tail probability of 1 in 20) is no evidence.
    public static let leastNats = 2.995_732_273_553_991

    private let scale: Double

    /// - Parameter scale: the weight at which the score is 0.5, above 0.
    public init(scale: Double = 1) { self.scale = scale }

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
        case .unsided: sideless += weight
        }
    }

    /// The side with more weight; up if equal.
    public var heavierSide: Direction { upper >= lower ? .up : .down }

    /// Score of the evidence for `side`; for `unsided`, of the heavier side.
    public func score(side: Direction) -> Double {
        let weight = weight(side: side)
        return weight / (scale + weight)
    }

    /// The part of `score(side:)` from a detector of this `weight`, if it supports `side`.
    public func share(of weight: Double, side: Direction) -> Double {
        weight / (scale + self.weight(side: side))
    }

    /// Total weight for `side`; for `unsided`, for the heavier side.
    public func weight(side: Direction) -> Double {
        switch side {
        case .up: upper + sideless
        case .down: lower + sideless
        case .unsided: max(upper, lower) + sideless
        }
    }
}
