/// How well forecast probabilities match observed frequencies.
public struct Calibration: Sendable, Equatable, Codable {
    /// Forecasts of similar size.
    public struct Bin: Sendable, Equatable, Codable {
        public var count: Int
        public var meanForecast: Double
        /// Hits over `count`.
        public var frequency: Double
    }

    /// Sorted by forecast, of about equal count; equal forecasts share a bin.
    public private(set) var bins: [Bin] = []
    /// Mean squared error, in [0, 1]. Source: Brier (1950), Monthly Weather Review 78.
    public private(set) var brierScore = 0.0
    /// Mean squared distance of the bins from the diagonal.
    public private(set) var reliability = 0.0
    /// Mean squared distance of the bins' frequencies from the overall frequency.
    public private(set) var resolution = 0.0
    /// Variance of the outcome.
    public private(set) var uncertainty = 0.0
    /// Remainder due to different forecasts within a bin: variance less twice the covariance with the outcome.
    /// `brierScore = reliability − resolution + uncertainty + withinBins`, exactly.
    /// Source: Stephenson, Coelho, Jolliffe (2008), Weather and Forecasting 23; Murphy (1973), Journal of Applied
    /// Meteorology 12.
    public private(set) var withinBins = 0.0
    /// Mean distance of the bins from the diagonal, weighted by count. Source: Naeini, Cooper, Hauskrecht (2015), AAAI.
    public private(set) var expectedCalibrationError = 0.0

    /// `nil` for empty input. Requires forecasts in [0, 1], as many hits, and at least one bin. O(n log n).
    public init?(forecasts: [Double], hits: [Bool], bins binCount: Int = 10) {
        precondition(forecasts.count == hits.count && binCount > 0)
        precondition(forecasts.allSatisfy { (0...1).contains($0) })
        guard !forecasts.isEmpty else { return nil }
        let n = Double(forecasts.count)
        let order = forecasts.indices.sorted { (forecasts[$0], $0) < (forecasts[$1], $1) }
        let base = Double(hits.count { $0 }) / n
        uncertainty = base * (1 - base)
        var start = 0
        for bin in 1...binCount {
            var end = bin * order.count / binCount
            while end > 0, end < order.count, forecasts[order[end]] == forecasts[order[end - 1]] { end += 1 }
            guard end > start else { continue }
            let part = order[start..<end]
            let count = Double(part.count)
            let mean = part.reduce(0.0) { $0 + forecasts[$1] } / count
            let frequency = Double(part.count { hits[$0] }) / count
            bins.append(Bin(count: part.count, meanForecast: mean, frequency: frequency))
            reliability += count * (mean - frequency) * (mean - frequency) / n
            resolution += count * (frequency - base) * (frequency - base) / n
            expectedCalibrationError += count * abs(mean - frequency) / n
            for place in part {
                let deviation = forecasts[place] - mean
                let outcome = (hits[place] ? 1 : 0) - frequency
                withinBins += (deviation * deviation - 2 * deviation * outcome) / n
            }
            start = end
        }
        for (forecast, hit) in zip(forecasts, hits) {
            let error = forecast - (hit ? 1 : 0)
            brierScore += error * error / n
        }
    }
}
