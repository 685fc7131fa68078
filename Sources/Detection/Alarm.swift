import Microstructure

/// What a detector says at the observation that carries its statistic over its threshold.
public struct Alarm: Sendable, Hashable, Codable {
    /// Which way the input moved.
    public var direction: Direction
    /// The statistic that crossed, positive, in standard deviations, before any reset.
    public var statistic: Double
    /// When the change is estimated to have begun.
    public var onset: Timestamp

    public init(direction: Direction, statistic: Double, onset: Timestamp) {
        self.direction = direction
        self.statistic = statistic
        self.onset = onset
    }
}
