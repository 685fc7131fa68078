/// At most `count` messages or requests in any `seconds`, `burst` of them at once.
package struct RateLimit: Sendable, Equatable {
    package let count: Int
    package let seconds: Double
    package let burst: Int

    /// - Precondition: 1 ≤ burst ≤ count; burst < count unless it is 1.
    package init(count: Int, seconds: Double, burst: Int) {
        precondition(1 <= burst && (burst < count || burst == 1) && seconds > 0, "a rate limit lets something pass")
        self.count = count
        self.seconds = seconds
        self.burst = burst
    }
}

/// A token bucket that keeps a rate limit exactly: a full bucket's burst plus the refill within the window equal
/// `count`, so that no window of `seconds` exceeds it.
///
/// Pure: times are nanoseconds of a monotonic clock.
package struct TokenBucket: Sendable {
    private let capacity: Double
    private let tokensPerNanosecond: Double
    private var tokens: Double
    private var filledAt: Int64?

    package init(_ limit: RateLimit) {
        let flow = limit.burst == 1 ? Double(limit.count) : Double(limit.count - limit.burst)
        capacity = Double(limit.burst)
        tokensPerNanosecond = flow / (limit.seconds * 1e9)
        tokens = capacity
    }

    /// Nanoseconds until a token is there; 0 now.
    package mutating func delay(at now: Int64) -> Int64 {
        fill(at: now)
        // A token short by less than one nanosecond's refill counts as available.
        let missing = 1 - tokens
        return missing < tokensPerNanosecond ? 0 : Int64((missing / tokensPerNanosecond).rounded(.up))
    }

    /// Tokens that can be taken one after the other within `nanoseconds` from now.
    package mutating func count(within nanoseconds: Int64, at now: Int64) -> Int {
        fill(at: now)
        return Int(tokens + Double(nanoseconds) * tokensPerNanosecond)
    }

    /// Takes a token; call it when `delay` is 0.
    package mutating func take(at now: Int64) {
        fill(at: now)
        tokens = max(0, tokens - 1)
    }

    /// Whether the limit is entirely unused.
    package func isFull(at now: Int64) -> Bool {
        var copy = self
        copy.fill(at: now)
        return copy.tokens >= capacity
    }

    private mutating func fill(at now: Int64) {
        tokens = min(capacity, tokens + Double(max(0, now - (filledAt ?? now))) * tokensPerNanosecond)
        filledAt = now
    }
}
