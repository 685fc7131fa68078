import Microstructure

/// Keeps the requests of a host within the venue's weight a minute. The venue states after each answer how much all
/// processes of this address have used; between two answers we add what we have sent ourselves.
public struct WeightBudget: Sendable {
    /// Weight a minute that the venue allows.
    public private(set) var limit: Int
    /// The share of it that is used: the rest is for what others on this address ask meanwhile.
    public static let share = 0.8

    private var minute: Int64 = .min
    /// Used in the present minute, as far as known.
    public private(set) var used = 0

    public init(limit: Int) { self.limit = max(1, limit) }

    /// The limit that the venue's list of rules states.
    public mutating func setLimit(_ limit: Int) { self.limit = max(1, limit) }

    /// Takes `weight` if the minute has room for it; else how long to wait, in ns. A weight above the whole budget is
    /// let through in a fresh minute.
    public mutating func take(_ weight: Int, at time: Timestamp) -> Int64? {
        turn(to: time)
        let room = Int(Double(limit) * Self.share)
        guard used == 0 || used + weight <= room else {
            return (minute + 1) * 60_000_000_000 - time.nanoseconds
        }
        used += weight
        return nil
    }

    /// The weight used in this minute, as an answer of the venue states it.
    public mutating func note(used: Int, at time: Timestamp) {
        turn(to: time)
        // An answer may be older than what we have sent since; the larger is nearer to the truth.
        self.used = max(self.used, used)
    }

    private mutating func turn(to time: Timestamp) {
        let now = time.bucket(width: 60_000_000_000)
        guard now != minute else { return }
        minute = now
        used = 0
    }
}
