import Microstructure

/// Latency of orders. See `BacktestConfiguration.LatencyModel`.
struct LatencySampler: Sendable {
    private static let window = 256

    private let base: Int64
    private let isSampled: Bool
    private let seed: UInt64
    private var delays: [Int64] = []
    private var next = 0
    private var fastest = Int64.max

    init(_ configuration: BacktestConfiguration) {
        base = Int64((configuration.latencyMilliseconds * 1e6).rounded())
        isSampled = configuration.latencyModel == .sampled
        seed = configuration.seed
        if isSampled { delays.reserveCapacity(Self.window) }
    }

    /// Call for book updates only: other streams may have no venue time, or one from a different clock.
    mutating func note(_ times: EventTimes) {
        guard isSampled, times.venue.nanoseconds > 0 else { return }
        let delay = times.receive.nanoseconds(since: times.venue)
        fastest = min(fastest, delay)
        if delays.count < Self.window { delays.append(delay) } else { delays[next] = delay }
        next = (next + 1) % Self.window
    }

    /// The latency of an order sent at `time`; deterministic for the same seed and past.
    func delayNanoseconds(at time: Timestamp) -> Int64 {
        guard isSampled, !delays.isEmpty else { return base }
        var random = SplitMix64(seed: seed ^ UInt64(bitPattern: time.nanoseconds))
        return base + (delays[random.index(below: delays.count)] - fastest)
    }
}
