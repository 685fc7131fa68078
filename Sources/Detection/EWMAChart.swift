public import Microstructure
import RealModule

/// A control chart of the exponentially weighted moving average, with exact limits from the first observation on.
///
/// `E = w·z + (1−w)·E`, from 0; on independent input of mean 0 and deviation 1 its deviation after t observations is
/// `σ(t) = √(w/(2−w)·(1−(1−w)²ᵗ))`. Alarm when `|E|/σ(t) > L`. A small weight finds small lasting shifts, weight 1
/// gives Shewhart's chart. It restarts after an alarm. O(1), no allocation.
/// Source: Roberts (1959), Technometrics 1; limits: Lucas, Saccucci (1990), Technometrics 32.
public struct EWMAChart: ChangeDetector {
    /// w, the weight of the newest observation, in (0, 1]; in the literature λ.
    public let weight: Double
    /// L, in deviations of the average, above 0.
    public let threshold: Double
    /// E, in standard deviations of the observations.
    public private(set) var average = 0.0
    /// (1−w)²ᵗ.
    private var memory = 1.0
    private var lastCrossing: Timestamp?

    /// Requires the ranges given at the properties.
    public init(weight: Double, threshold: Double) {
        precondition(weight > 0 && weight <= 1 && threshold > 0 && threshold.isFinite)
        self.weight = weight
        self.threshold = threshold
    }

    public var upper: Double { max(0, standardised) }
    public var lower: Double { max(0, -standardised) }

    /// The onset of an alarm is the time of the first observation after the average was last 0 or on the other side.
    public mutating func process(_ z: Double, at time: Timestamp) -> Alarm? {
        guard z.isFinite else { return nil }
        let before = average
        average += weight * (z - average)
        memory *= (1 - weight) * (1 - weight)
        if before * average <= 0 { lastCrossing = time }
        let statistic = standardised
        guard statistic.magnitude > threshold else { return nil }
        let alarm = Alarm(
            direction: statistic > 0 ? .up : .down, statistic: statistic.magnitude, onset: lastCrossing ?? time)
        reset()
        return alarm
    }

    public mutating func reset() {
        (average, memory, lastCrossing) = (0, 1, nil)
    }

    private var standardised: Double {
        memory < 1 ? average / (weight / (2 - weight) * (1 - memory)).squareRoot() : 0
    }
}
