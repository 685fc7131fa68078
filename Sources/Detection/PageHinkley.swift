public import Microstructure

/// The Page–Hinkley test, two-sided: a cumulative sum of the deviations from the *running* mean, so the level before
/// the change need not be known.
///
/// With `m` the mean of the observations since the last alarm, including the newest: `U = Σ(z − m − δ)`, alarm on a
/// rise when `U − min U > λ`; likewise on a fall. `U − min U` is kept as `max(0, · + z − m − δ)`, which is the same
/// number and does not grow. With `forgetting` below 1 an observation of age a has weight `forgettingᵃ` in the mean,
/// which then follows slow changes of level. It restarts after an alarm. O(1), no allocation. Source: Page (1954),
/// Biometrika 41; Hinkley (1971), Biometrika 58.
public struct PageHinkley: ChangeDetector {
    /// δ, the tolerated deviation from the mean, in standard deviations; at least 0.
    public let delta: Double
    /// λ, in standard deviations, above 0.
    public let threshold: Double
    /// Weight of an observation relative to the next one, in (0, 1].
    public let forgetting: Double
    /// Observations since the start or the last alarm before another alarm is possible; at least 1.
    public let warmUpObservations: Int
    public private(set) var upper = 0.0
    public private(set) var lower = 0.0
    /// The weighted mean of the observations since the last alarm; 0 before the first.
    public private(set) var mean = 0.0
    private var weight = 0.0
    private var observations = 0
    private var lastUpperZero: Timestamp?
    private var lastLowerZero: Timestamp?

    /// Requires the ranges given at the properties.
    public init(delta: Double, threshold: Double, forgetting: Double = 1, warmUpObservations: Int = 30) {
        precondition(delta >= 0 && delta.isFinite && threshold > 0 && threshold.isFinite)
        precondition(forgetting > 0 && forgetting <= 1 && warmUpObservations >= 1)
        self.delta = delta
        self.threshold = threshold
        self.forgetting = forgetting
        self.warmUpObservations = warmUpObservations
    }

    /// The onset of an alarm is the time of the last observation at which its side was 0.
    public mutating func process(_ z: Double, at time: Timestamp) -> Alarm? {
        guard z.magnitude <= Standardiser.magnitudeLimit else { return nil }
        observations = min(observations + 1, warmUpObservations)
        weight = 1 + forgetting * weight
        mean += (z - mean) / weight
        let deviation = z - mean
        upper = max(0, upper + deviation - delta)
        lower = max(0, lower - deviation - delta)
        if upper == 0 { lastUpperZero = time }
        if lower == 0 { lastLowerZero = time }
        guard observations == warmUpObservations, larger > threshold else { return nil }
        let isRise = upper > threshold
        let alarm = Alarm(
            direction: isRise ? .up : .down, statistic: isRise ? upper : lower,
            onset: (isRise ? lastUpperZero : lastLowerZero) ?? time)
        reset()
        return alarm
    }

    public mutating func reset() {
        (upper, lower, mean, weight, observations) = (0, 0, 0, 0, 0)
        (lastUpperZero, lastLowerZero) = (nil, nil)
    }
}
