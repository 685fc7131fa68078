import Microstructure

/// Keeps a host's requests within the venue's weight per minute. Each answer states the weight used by all processes of
/// this address; between answers we add the weight we have sent.
public struct WeightBudget: Sendable {
    /// Weight a minute that the venue allows.
    public let limit: Int
    /// The share of the limit that we use; the rest is for others on this address.
    public static let share = 0.8

    private var minute: Int64 = .min
    /// Weight used in the present minute, as far as known.
    public private(set) var used = 0

    public init(limit: Int) { self.limit = max(1, limit) }

    /// Takes `weight` if the minute has room for it; otherwise returns how long to wait, in ns. A weight above the
    /// whole budget is allowed in a fresh minute.
    public mutating func take(_ weight: Int, at time: Timestamp) -> Int64? {
        turn(to: time)
        let room = Int(Double(limit) * Self.share)
        guard used == 0 || used + weight <= room else {
            return (minute + 1) * 60_000_000_000 - time.nanoseconds
        }
        used += weight
        return nil
    }

    /// Records the weight used in this minute, as stated in an answer.
    public mutating func note(used: Int, at time: Timestamp) {
        turn(to: time)
        // An answer may be older than our last requests; the larger value is more accurate.
        self.used = max(self.used, used)
    }

    private mutating func turn(to time: Timestamp) {
        let now = time.bucket(width: 60_000_000_000)
        guard now != minute else { return }
        minute = now
        used = 0
    }
}
