import Runtime

/// Spares a service that keeps failing: after `failureLimit` failures in a row it pauses all sending, then tries one
/// message, and repeats with growing pauses until a message succeeds.
///
/// Deterministic except for the jitter of the pauses; times are nanoseconds of a monotonic clock.
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

    /// - Parameter isFatal: opens the breaker at once, as for a revoked token.
    mutating func fail(isFatal: Bool, at now: Int64) {
        failures = isFatal ? max(failures + 1, Self.failureLimit) : failures + 1
        // The fixed second ensures that jitter never removes the whole pause.
        if isOpen { openUntil = now + Int64((1 + pauses.next()) * 1e9) }
    }
}
