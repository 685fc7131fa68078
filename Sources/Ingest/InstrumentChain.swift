import Runtime

/// One instrument's requests: one snapshot and one backfill at a time, and further apart the less they help.
struct InstrumentChain {
    /// Seconds that a book stays VALID before its troubles are forgotten.
    static let settledSeconds = 3
    /// A book is asked for at least so often, whatever became of the attempts before: the weight budget holds anyway.
    static let longestSeconds = 10.0
    /// Times that trades are asked for which the venue's REST service does not have yet.
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

    /// Once a second.
    mutating func settle(isValid: Bool) {
        validSeconds = isValid ? validSeconds + 1 : 0
        if validSeconds == Self.settledSeconds { backoff.reset() }
    }

    /// Trades were asked for and some are still missing; whether this was the last attempt.
    mutating func tradesAsked() -> Bool {
        tradeAttempts += 1
        return tradeAttempts >= Self.backfillAttempts
    }

    mutating func tradesComplete() {
        tradeAttempts = 0
        tradeBackoff.reset()
    }
}
