/// Spares a service that keeps failing: after `failureLimit` failures in a row nothing is tried for a while, then one
/// message, and so on with growing pauses until one succeeds.
///
/// Pure but for the jitter of the pauses; times are nanoseconds of a clock that never jumps.
struct CircuitBreaker: Sendable {
    static let failureLimit = 5

    private var failures = 0
    private var openUntil: Int64 = 0
    private var pauses = Backoff(firstSeconds: 2, longestSeconds: 60)

    var isOpen: Bool { failures >= Self.failureLimit }

    /// Nanoseconds until the next try is allowed; 0 now.
    func delay(at now: Int64) -> Int64 { isOpen ? max(0, openUntil - now) : 0 }

    mutating func succeed() {
        failures = 0
        pauses.reset()
    }

    /// - Parameter isFatal: one is enough, as of a revoked token.
    mutating func fail(isFatal: Bool, at now: Int64) {
        failures = isFatal ? max(failures + 1, Self.failureLimit) : failures + 1
        // Half the pause is certain, so that jitter never makes it none.
        if isOpen { openUntil = now + Int64((1 + pauses.next()) * 1e9) }
    }
}
