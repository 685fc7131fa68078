/// Confidence intervals by resampling.
///
/// Blocks of random length preserve the dependence of neighbours; a mean length of 1 is the ordinary bootstrap. The
/// same seed gives the same interval. Source: Politis, Romano (1994), Journal of the American Statistical Association
/// 89; percentiles: Efron (1981), Canadian Journal of Statistics 9.
public struct Bootstrap: Sendable {
    public var resamples: Int
    public var confidence: Double
    /// Mean length of a block, at least 1.
    public var meanBlockLength: Double
    public var seed: UInt64

    public init(resamples: Int = 1_000, confidence: Double = 0.95, meanBlockLength: Double = 1, seed: UInt64 = 1) {
        precondition(resamples > 0 && (0..<1).contains(confidence) && meanBlockLength >= 1)
        self.resamples = resamples
        self.confidence = confidence
        self.meanBlockLength = meanBlockLength
        self.seed = seed
    }

    /// The interval of a statistic of `count` cases, which receives the indices of each resample; `nil` without cases,
    /// or if the statistic is undefined for more than half of the resamples.
    ///
    /// A statistic of two series over the same indices gives a paired interval.
    public func interval(count: Int, of statistic: ([Int]) -> Double?) -> ClosedRange<Double>? {
        guard count > 0 else { return nil }
        var random = SplitMix64(seed: seed)
        var places = [Int](repeating: 0, count: count)
        var values: [Double] = []
        values.reserveCapacity(resamples)
        let restart = 1 / meanBlockLength
        for _ in 0..<resamples {
            for place in 0..<count {
                if place == 0 || restart >= 1 || random.uniform() < restart {
                    places[place] = random.index(below: count)
                } else {
                    places[place] = (places[place - 1] + 1) % count
                }
            }
            if let value = statistic(places), value.isFinite { values.append(value) }
        }
        guard 2 * values.count > resamples else { return nil }
        values.sort()
        let tail = (1 - confidence) / 2
        guard let low = Quantile.linear(values, tail), let high = Quantile.linear(values, 1 - tail) else { return nil }
        return low...high
    }

    /// The interval of a mean.
    public func meanInterval(_ values: [Double]) -> ClosedRange<Double>? {
        interval(count: values.count) { places in
            places.reduce(0) { $0 + values[$1] } / Double(places.count)
        }
    }
}
