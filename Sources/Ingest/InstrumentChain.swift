import Runtime

/// One instrument's requests: one snapshot and one backfill at a time, with growing waits while they do not help.
struct InstrumentChain {
    /// Seconds that a book must stay VALID to reset its back-off.
    static let settledSeconds = 3
    /// A book is requested at least this often, whatever earlier attempts gave: the weight budget still applies.
    static let longestSeconds = 10.0
    /// Attempts to fetch trades that the venue's REST service does not have yet.
    static let backfillAttempts = 5

    var isFetchingSnapshot = false
    var backoff: Backoff
    var isFetchingTrades = false
    var tradeBackoff: Backoff
    private(set) var tradeAttempts = 0
    private var validSeconds = 0

    init(longestSeconds: Double) {
        backoff = Backoff(
            firstSeconds: 0.5, longestSeconds: min(longestSeconds, Self.longestSeconds), startsAtOnce: true)
        tradeBackoff = Backoff(firstSeconds: 0.5, longestSeconds: longestSeconds)
    }

    /// Call once a second.
    mutating func settle(isValid: Bool) {
        validSeconds = isValid ? validSeconds + 1 : 0
        if validSeconds == Self.settledSeconds { backoff.reset() }
    }

    /// Trades were requested and some are still missing; returns whether this was the last attempt.
    mutating func tradesAsked() -> Bool {
        tradeAttempts += 1
        return tradeAttempts >= Self.backfillAttempts
    }

    mutating func tradesComplete() {
        tradeAttempts = 0
        tradeBackoff.reset()
    }
}
