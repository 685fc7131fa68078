/// How well decisions agree with outcomes. A rate whose denominator is zero is `nil`.
public struct ConfusionMatrix: Sendable, Equatable, Codable {
    public private(set) var truePositives = 0
    public private(set) var falsePositives = 0
    public private(set) var trueNegatives = 0
    public private(set) var falseNegatives = 0

    public init() {}

    /// A case is predicted positive if its score is at least `threshold`. `scores` and `hits` have equal length.
    public init(scores: [Double], hits: [Bool], threshold: Double) {
        precondition(scores.count == hits.count)
        for (score, hit) in zip(scores, hits) { add(predicted: score >= threshold, actual: hit) }
    }

    public mutating func add(predicted: Bool, actual: Bool) {
        switch (predicted, actual) {
        case (true, true): truePositives += 1
        case (true, false): falsePositives += 1
        case (false, false): trueNegatives += 1
        case (false, true): falseNegatives += 1
        }
    }

    public var count: Int { truePositives + falsePositives + trueNegatives + falseNegatives }
    public var precision: Double? { Self.share(truePositives, truePositives + falsePositives) }
    /// True positives among actual positives: sensitivity.
    public var recall: Double? { Self.share(truePositives, truePositives + falseNegatives) }
    /// False positives among actual negatives.
    public var falsePositiveRate: Double? { Self.share(falsePositives, falsePositives + trueNegatives) }
    public var accuracy: Double? { Self.share(truePositives + trueNegatives, count) }
    public var f1: Double? { Self.share(2 * truePositives, 2 * truePositives + falsePositives + falseNegatives) }

    /// Matthews' correlation, in [−1, 1]. Source: Matthews (1975), Biochimica et Biophysica Acta 405.
    public var matthewsCorrelation: Double? {
        let (tp, fp) = (Double(truePositives), Double(falsePositives))
        let (tn, fn) = (Double(trueNegatives), Double(falseNegatives))
        let product = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
        return product > 0 ? (tp * tn - fp * fn) / product.squareRoot() : nil
    }

    private static func share(_ part: Int, _ whole: Int) -> Double? {
        whole > 0 ? Double(part) / Double(whole) : nil
    }
}
