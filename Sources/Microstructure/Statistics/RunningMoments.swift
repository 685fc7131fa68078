/// Mean and variance of observations taken one at a time. O(1), no allocation.
/// Source: Welford (1962), Technometrics 4.
struct RunningMoments: Sendable {
    private(set) var count = 0
    private(set) var mean = 0.0
    private var squares = 0.0

    mutating func add(_ value: Double) {
        count += 1
        let deviation = value - mean
        mean += deviation / Double(count)
        squares += deviation * (value - mean)
    }

    /// The sample variance; NaN before the second observation.
    var variance: Double { count > 1 ? squares / Double(count - 1) : .nan }
}
