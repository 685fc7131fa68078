/// Exponential back-off with full jitter: each wait is drawn uniformly from 0 to a bound that doubles, so that many
/// processes cut off together do not come back together. It never gives up.
package struct Backoff: Sendable {
    private let firstSeconds: Double
    private let longestSeconds: Double
    private let startsAtOnce: Bool
    private var attempts: Int

    /// - Parameters:
    ///   - startsAtOnce: do not wait before the first attempt.
    ///   - attempt: attempts that were made before.
    package init(firstSeconds: Double, longestSeconds: Double, startsAtOnce: Bool = false, attempt: Int = 0) {
        attempts = max(0, attempt)
        self.startsAtOnce = startsAtOnce
        self.firstSeconds = firstSeconds
        self.longestSeconds = longestSeconds
    }

    /// Seconds to wait before the next attempt.
    package mutating func next() -> Double {
        // 2^30 times the first wait exceeds any longest wait.
        let bound = min(longestSeconds, firstSeconds * Double(1 << min(attempts, 30)))
        attempts += 1
        guard attempts > 1 || !startsAtOnce else { return 0 }
        return Double.random(in: 0...bound)
    }

    /// After a success.
    package mutating func reset() { attempts = 0 }
}
