import Runtime
import Histogram
import Metrics
import Microstructure
import Venues
import Wire

/// Latency and metrics of one symbol's feed.
struct FeedMetrics {
    /// Longest recorded latency, in microseconds; longer ones count as this.
    private static let longestMicroseconds: UInt64 = 600_000_000

    private var current = Histogram<UInt32>(
        highestTrackableValue: Self.longestMicroseconds, numberOfSignificantValueDigits: .two)
    private var previous: Histogram<UInt32>
    private var minute: Int64 = 0
    private(set) var negativeLatencies: UInt64 = 0
    private let meters: Meters
    private var session: SessionMeters
    private var reportedReconnects: UInt64 = 0
    private var reportedRotations: UInt64 = 0
    /// Since when the book has not been VALID, on the monotonic clock; `nil` while VALID and before it first was.
    private var lostAt: Int64?
    private var hasBeenValid = false
    private var lastRecovery: Int64?
    private var worstRecovery: Int64?

    private struct Meters {
        let up, valid, silent, missing, clockOffset, clockError, clockDrift, median, p95, p99: Gauge
        let reconnects, rotations, negative: Counter
        let latency, recovery: Timer
    }

    init(venue: Venue, symbol: String) {
        previous = current
        session = SessionMeters(venue: venue, symbol: symbol)
        let labels = MetricLabels.market(venue: venue.rawValue, symbol: symbol)
        func counter(_ name: String) -> Counter { Counter(label: name, dimensions: labels) }
        func gauge(_ name: String, _ extra: [(String, String)] = []) -> Gauge {
            Gauge(label: name, dimensions: labels + extra)
        }
        func percentile(_ text: String) -> Gauge { gauge(MetricName.feedLatencyPercentile, [("percentile", text)]) }
        meters = Meters(
            up: gauge(MetricName.feedUp), valid: gauge(MetricName.bookValid),
            silent: gauge(MetricName.feedSilentChannels), missing: gauge(MetricName.feedMissingTrades),
            clockOffset: gauge(MetricName.clockOffset), clockError: gauge(MetricName.clockError),
            clockDrift: gauge(MetricName.clockDrift), median: percentile("50"), p95: percentile("95"),
            p99: percentile("99"),
            reconnects: counter(MetricName.feedReconnects), rotations: counter(MetricName.feedRotations),
            negative: counter(MetricName.feedNegativeLatency),
            latency: Timer(label: MetricName.feedLatency, dimensions: labels),
            recovery: Timer(label: MetricName.feedRecovery, dimensions: labels))
    }

    /// Records the latency of one event with a real venue time.
    mutating func process(_ times: EventTimes, offset: Int64?) {
        let minute = times.receive.bucket(width: 60_000_000_000)
        if minute != self.minute {
            self.minute = minute
            swap(&previous, &current)
            current.reset()
        }
        let latency = times.receive.nanoseconds(since: times.venue)
        let (corrected, overflow) = latency.addingReportingOverflow(offset ?? 0)
        guard !overflow, corrected >= 0 else {
            negativeLatencies += 1
            meters.negative.increment()
            return
        }
        current.record(min(UInt64(corrected) / 1_000, Self.longestMicroseconds))
        meters.latency.recordNanoseconds(corrected)
    }

    /// Percentile over the current minute, or over the last minute while the current has few samples, in nanoseconds.
    func latencyNanoseconds(percentile: Double) -> Int64? {
        let histogram = current.totalCount >= 100 || previous.totalCount == 0 ? current : previous
        guard histogram.totalCount > 0 else { return nil }
        return Int64(histogram.valueAtPercentile(percentile)) * 1_000
    }

    // MARK: Recovery

    /// Notes that the book is not VALID from `now` on, unless it was already lost.
    mutating func lost(at now: Int64) {
        if hasBeenValid, lostAt == nil { lostAt = now }
    }

    /// A VALID book has been published.
    mutating func recovered(at now: Int64) {
        hasBeenValid = true
        guard let lostAt else { return }
        self.lostAt = nil
        lastRecovery = now - lostAt
        worstRecovery = max(worstRecovery ?? 0, now - lostAt)
        meters.recovery.recordNanoseconds(now - lostAt)
    }

    /// Writes latency and recovery into the status.
    func describe(in status: inout ProtoStatus) {
        status.negativeLatencyCount = negativeLatencies
        if let median = latencyNanoseconds(percentile: 50) { status.latencyP50Ns = median }
        if let tail = latencyNanoseconds(percentile: 95) { status.latencyP95Ns = tail }
        if let tail = latencyNanoseconds(percentile: 99) { status.latencyP99Ns = tail }
        if let lastRecovery { status.lastRecoveryNs = lastRecovery }
        if let worstRecovery { status.worstRecoveryNs = worstRecovery }
    }

    /// Reports the counts since the last call.
    mutating func report(
        _ counts: SessionCounts, isUp: Bool, validity: Validity, reconnects: UInt64, rotations: UInt64,
        silentChannels: Int, missingTrades: Int, clock: VenueClock
    ) {
        session.report(counts)
        meters.reconnects.increment(by: Int64(clamping: reconnects - reportedReconnects))
        meters.rotations.increment(by: Int64(clamping: rotations - reportedRotations))
        meters.up.record(isUp ? 1 : 0)
        meters.valid.record(validity == .valid ? 1 : 0)
        meters.silent.record(silentChannels)
        meters.missing.record(missingTrades)
        if let best = clock.best {
            meters.clockOffset.record(Double(best.offsetNanoseconds) / 1e9)
            meters.clockError.record(Double(best.errorNanoseconds) / 1e9)
        }
        if let drift = clock.driftPPM { meters.clockDrift.record(drift / 1e6) }
        for (gauge, percentile) in [(meters.median, 50.0), (meters.p95, 95), (meters.p99, 99)] {
            if let latency = latencyNanoseconds(percentile: percentile) { gauge.record(Double(latency) / 1e9) }
        }
        reportedReconnects = reconnects
        reportedRotations = rotations
    }
}
