/// The requests for one symbol's snapshot: one at a time, and further apart the less the book holds.
struct SnapshotChain {
    /// Seconds that a book stays VALID before its troubles are forgotten.
    private static let settledSeconds = 5

    var isUnderWay = false
    var backoff: Backoff
    private var validSeconds = 0

    init(longestSeconds: Double) {
        backoff = Backoff(firstSeconds: 0.5, longestSeconds: longestSeconds, startsAtOnce: true)
    }

    /// Once a second.
    mutating func settle(isValid: Bool) {
        validSeconds = isValid ? validSeconds + 1 : 0
        if validSeconds == Self.settledSeconds { backoff.reset() }
    }
}
