/// Exponential back-off with full jitter: each wait is drawn uniformly from 0 to a bound that doubles, so that many
/// processes cut off together do not come back together. It never gives up.
struct Backoff {
    private let firstSeconds: Double
    private let longestSeconds: Double
    private var attempts = 0

    init(firstSeconds: Double, longestSeconds: Double) {
        self.firstSeconds = firstSeconds
        self.longestSeconds = longestSeconds
    }

    /// Seconds to wait before the next attempt.
    mutating func next() -> Double {
        // 2^30 first waits are beyond any longest wait.
        let bound = min(longestSeconds, firstSeconds * Double(1 << min(attempts, 30)))
        attempts += 1
        return Double.random(in: 0...bound)
    }

    /// After a success.
    mutating func reset() { attempts = 0 }
}
