import Microstructure

/// One-sided burst detector with hysteresis: it alarms when its input rises above `threshold`. It re-arms only after
/// the input has fallen below `rearmThreshold`, so one burst gives one alarm.
///
/// The input is a standardised excess, in standard deviations. O(1), no allocation.
public struct Burst: ChangeDetector {
    /// Above 0.
    public let threshold: Double
    /// `threshold` times the re-arm fraction.
    public let rearmThreshold: Double
    /// Start of the current burst; `nil` without one.
    public private(set) var onset: Timestamp?
    /// The last observation; NaN before the first.
    public private(set) var upper = Double.nan
    /// Always 0: a shortfall is no burst.
    public var lower: Double { 0 }

    /// - Parameter rearmFraction: in (0, 1]; 1 is no hysteresis.
    public init(threshold: Double, rearmFraction: Double) {
        precondition(threshold > 0 && threshold.isFinite && rearmFraction > 0 && rearmFraction <= 1)
        self.threshold = threshold
        self.rearmThreshold = threshold * rearmFraction
    }

    /// Takes one observation, `z` in standard deviations; ignores NaN and infinities: they neither start nor end a
    /// burst.
    public mutating func process(_ z: Double, at time: Timestamp) -> Alarm? {
        upper = z
        guard z.isFinite else { return nil }
        guard onset == nil else {
            if z < rearmThreshold { onset = nil }
            return nil
        }
        guard z > threshold else { return nil }
        onset = time
        return Alarm(direction: .up, statistic: z, onset: time)
    }
    public mutating func reset() { (onset, upper) = (nil, .nan) }
}
