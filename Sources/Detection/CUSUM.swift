public import Microstructure

/// Two-sided CUSUM on a standardised input; `drift` (k) and `threshold` (h) in standard deviations.
///
/// `S⁺ = max(0, S⁺ + z − k)`, `S⁻ = max(0, S⁻ − z − k)`, alarm when one is `> h`; the side that alarms restarts at 0.
/// It is tuned to a shift of the mean by `2k`. On independent standard normal input with k = 0.5 the mean number of
/// observations between false alarms is 58.8 at h = 3, 167.7 at 4, 465.4 at 5; correlated input causes far more alarms.
/// O(1), no allocation. Source: Page (1954), Continuous inspection schemes, Biometrika 41.
public struct CUSUM: ChangeDetector {
    /// k, the deviation from the mean that is tolerated; at least 0.
    public let drift: Double
    /// h, above 0.
    public let threshold: Double
    /// S⁺, evidence for a rise, in [0, h].
    public private(set) var upper = 0.0
    /// S⁻, evidence for a fall, in [0, h].
    public private(set) var lower = 0.0
    private var lastUpperZero: Timestamp?
    private var lastLowerZero: Timestamp?

    public init(drift: Double, threshold: Double) {
        precondition(drift >= 0 && drift.isFinite && threshold > 0 && threshold.isFinite)
        self.drift = drift
        self.threshold = threshold
    }

    /// Takes one observation, `z` in standard deviations; NaN and infinities are ignored.
    ///
    /// The onset of an alarm is the time of the last observation at which its side was 0, or of the first observation
    /// if it never was. Both sides cannot alarm at once: an observation raises at most one.
    public mutating func process(_ z: Double, at time: Timestamp) -> Alarm? {
        guard z.isFinite else { return nil }
        let upperOnset = Self.accumulate(z - drift, into: &upper, lastZero: &lastUpperZero, at: time)
        let lowerOnset = Self.accumulate(-z - drift, into: &lower, lastZero: &lastLowerZero, at: time)
        if upper > threshold {
            defer { (upper, lastUpperZero) = (0, time) }
            return Alarm(direction: .up, statistic: upper, onset: upperOnset)
        }
        if lower > threshold {
            defer { (lower, lastLowerZero) = (0, time) }
            return Alarm(direction: .down, statistic: lower, onset: lowerOnset)
        }
        return nil
    }

    /// Forgets all evidence.
    public mutating func reset() {
        (upper, lower) = (0, 0)
        (lastUpperZero, lastLowerZero) = (nil, nil)
    }

    private static func accumulate(
        _ excess: Double, into sum: inout Double, lastZero: inout Timestamp?, at time: Timestamp
    ) -> Timestamp {
        sum = max(0, sum + excess)
        let onset = sum == 0 ? time : lastZero ?? time
        lastZero = onset
        return onset
    }
}
