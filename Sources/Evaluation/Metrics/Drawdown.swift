/// The deepest and the longest fall of equity below its peak. Takes one value at a time; O(1).
public struct Drawdown: Sendable, Equatable, Codable {
    /// The deepest fall as a share of the peak before it: 0 without a fall, above 1 if equity went below zero.
    public private(set) var maximum = 0.0
    /// The longest time in seconds from a peak until equity recovered, or until the last value.
    public private(set) var longestSeconds = 0.0
    /// The fall at the last value.
    public private(set) var current = 0.0

    private var peak: Double?
    private var peakSeconds = 0.0

    public init() {}

    /// Values come in time order. The peak must be positive.
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
