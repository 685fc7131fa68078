import Runtime

/// What delays a channel (the service's rate limits, its requested pauses, its failures), and how much one message may
/// hold.
struct ChannelState: Sendable {
    /// Single messages refused in a row that are each their own fault; further ones are the channel's.
    static let refusalLimit = 3
    /// Begins the reason of an alert that waits for a person.
    static let heldPrefix = "held until mended: "

    private(set) var breaker = CircuitBreaker()
    private(set) var problem = ""
    /// Nothing is accepted until a person mends the channel.
    private(set) var isHeld = false
    /// Single messages refused since one was accepted.
    var refusals = 0
    /// Most signals in the next message: fewer after a refusal, and again more with each message settled.
    var mostSignals = Int.max
    /// What was last said of the channel's settings.
    var notice = ""
    private var buckets: [TokenBucket]
    private var pausedUntil: Int64 = 0

    init(_ limits: [RateLimit]) { buckets = limits.map(TokenBucket.init) }

    mutating func delay(at now: Int64) -> Int64 {
        var longest = max(breaker.delay(at: now), pausedUntil - now)
        for index in buckets.indices { longest = max(longest, buckets[index].delay(at: now)) }
        return longest
    }

    /// Messages that the rate limits let out within `nanoseconds`; at least 1.
    mutating func allowance(within nanoseconds: Int64, at now: Int64) -> Int {
        var least = Int.max
        for index in buckets.indices { least = min(least, buckets[index].count(within: nanoseconds, at: now)) }
        return max(1, least)
    }

    mutating func takeTokens(at now: Int64) {
        for index in buckets.indices { buckets[index].take(at: now) }
    }

    mutating func pause(_ seconds: Double, at now: Int64) {
        pausedUntil = max(pausedUntil, now + Int64(seconds * 1e9))
    }

    /// The service took a message.
    mutating func succeed() {
        refusals = 0
        accept()
    }

    /// The service judged a message, whatever it said of it: the channel works.
    mutating func accept() {
        breaker.succeed()
        (problem, isHeld) = ("", false)
        mostSignals = mostSignals > Int.max / 2 ? .max : mostSignals * 2
    }

    mutating func fail(_ failure: DeliveryFailure, at now: Int64) {
        isHeld = failure.cause == .held
        breaker.fail(isFatal: isHeld, at: now)
        problem = failure.reason
    }

    var detail: String {
        if isHeld { return Self.heldPrefix + problem }
        return breaker.isOpen ? "failing: \(problem)" : ""
    }
}
