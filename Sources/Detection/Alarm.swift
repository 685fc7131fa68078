import Microstructure

/// A detector's report at the observation that takes its statistic over its threshold.
public struct Alarm: Sendable, Hashable, Codable {
    /// Which way the input moved.
    public var direction: Direction
    /// The statistic that crossed the threshold, positive, in standard deviations, before any reset.
    public var statistic: Double
    /// When the change is estimated to have begun.
    public var onset: Timestamp

    public init(direction: Direction, statistic: Double, onset: Timestamp) {
        self.direction = direction
        self.statistic = statistic
        self.onset = onset
    }
}
