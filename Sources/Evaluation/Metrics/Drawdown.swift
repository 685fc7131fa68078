/// The deepest and the longest fall of an equity below its peak. Fed one value at a time; O(1).
public struct Drawdown: Sendable, Equatable, Codable {
    /// The deepest fall as a share of the peak before it: 0 of none, above 1 where the equity went below zero.
    public private(set) var maximum = 0.0
    /// Seconds from a peak until the equity was there again, or until the last value: the longest.
    public private(set) var longestSeconds = 0.0
    /// The fall at the last value.
    public private(set) var current = 0.0

    private var peak: Double?
    private var peakSeconds = 0.0

    public init() {}

    /// Values come in order of time. The peak must be positive.
    public mutating func add(_ equity: Double, atSeconds seconds: Double) {
        guard let peak, equity < peak else {
            if let peak, equity >= peak, current > 0 { longestSeconds = max(longestSeconds, seconds - peakSeconds) }
            (self.peak, peakSeconds, current) = (equity, seconds, 0)
            return
        }
        current = 1 - equity / peak
        maximum = max(maximum, current)
        longestSeconds = max(longestSeconds, seconds - peakSeconds)
    }
}
