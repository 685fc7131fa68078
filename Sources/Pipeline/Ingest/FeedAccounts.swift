import Histogram
import Metrics
import Microstructure
import Venues
import Wire

/// The venue's clock against ours, from round trips: the shortest one of the last few bounds the error.
struct ClockOffset {
    /// Round trips remembered.
    static let sampleLimit = 8

    private var samples: [ClockSample] = []

    mutating func process(_ sample: ClockSample) {
        if samples.count == Self.sampleLimit { samples.removeFirst() }
        samples.append(sample)
    }

    /// Venue clock minus local clock in nanoseconds, and half its round trip as the error bound.
    var best: (offsetNanoseconds: Int64, errorNanoseconds: Int64)? {
        samples.min { $0.roundTripNanoseconds < $1.roundTripNanoseconds }
            .map { ($0.offsetNanoseconds, $0.roundTripNanoseconds / 2) }
    }
}

/// Latency and metrics of one symbol's feed.
struct FeedAccounts {
    /// Longest latency told apart, in microseconds; longer ones count as this.
    private static let longestMicroseconds: UInt64 = 600_000_000

    private var current = Histogram<UInt32>(
        highestTrackableValue: Self.longestMicroseconds, numberOfSignificantValueDigits: .two)
    private var previous: Histogram<UInt32>
    private var minute: Int64 = 0
    private(set) var negativeLatencies: UInt64 = 0
    private let meters: Meters
    private var reported = SessionCounts()
    private var reportedReconnects: UInt64 = 0
    private var rejections: RejectionReport
    private var snapshotRejections: RejectionReport

    private struct Meters {
        let up, valid, clockOffset, clockError: Gauge
        let messages, books, trades, quotes, gaps, resyncs, reconnects, missed, duplicates, negative: Counter
        let latency: Timer
    }

    init(symbol: String) {
        previous = current
        rejections = RejectionReport(symbol: symbol)
        snapshotRejections = RejectionReport(symbol: symbol)
        let labels = [("symbol", symbol)]
        func counter(_ name: String) -> Counter { Counter(label: name, dimensions: labels) }
        func gauge(_ name: String) -> Gauge { Gauge(label: name, dimensions: labels) }
        meters = Meters(
            up: gauge(MetricName.feedUp), valid: gauge(MetricName.bookValid),
            clockOffset: gauge(MetricName.clockOffset), clockError: gauge(MetricName.clockError),
            messages: counter(MetricName.feedMessages), books: counter(MetricName.feedBookUpdates),
            trades: counter(MetricName.feedTrades), quotes: counter(MetricName.feedQuotes),
            gaps: counter(MetricName.feedGaps), resyncs: counter(MetricName.feedResyncs),
            reconnects: counter(MetricName.feedReconnects), missed: counter(MetricName.feedMissedTrades),
            duplicates: counter(MetricName.feedDuplicateTrades), negative: counter(MetricName.feedNegativeLatency),
            latency: Timer(label: MetricName.feedLatency, dimensions: labels))
    }

    /// Takes the latency of one event whose venue time is real.
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

    /// Percentile over the current minute, or the last one while the current is thin, in nanoseconds.
    func latencyNanoseconds(percentile: Double) -> Int64? {
        let histogram = current.totalCount >= 100 || previous.totalCount == 0 ? current : previous
        guard histogram.totalCount > 0 else { return nil }
        return Int64(histogram.valueAtPercentile(percentile)) * 1_000
    }

    /// Hands over what was counted since the last call.
    mutating func report(
        _ counts: SessionCounts, isUp: Bool, validity: Validity, reconnects: UInt64, clock: ClockOffset
    ) {
        func add(_ counter: Counter, _ path: KeyPath<SessionCounts, UInt64>) {
            let delta = counts[keyPath: path] &- reported[keyPath: path]
            if delta > 0 { counter.increment(by: Int64(clamping: delta)) }
        }
        add(meters.messages, \.messages)
        add(meters.books, \.depthApplied)
        add(meters.trades, \.trades)
        add(meters.quotes, \.quotes)
        add(meters.gaps, \.gaps)
        add(meters.resyncs, \.resyncs)
        add(meters.missed, \.missedTrades)
        add(meters.duplicates, \.duplicateTrades)
        rejections.report(counts.rejections)
        snapshotRejections.report(counts.snapshotRejections)
        meters.reconnects.increment(by: Int64(clamping: reconnects - reportedReconnects))
        meters.up.record(isUp ? 1 : 0)
        meters.valid.record(validity == .valid ? 1 : 0)
        if let best = clock.best {
            meters.clockOffset.record(Double(best.offsetNanoseconds) / 1e9)
            meters.clockError.record(Double(best.errorNanoseconds) / 1e9)
        }
        reported = counts
        reportedReconnects = reconnects
    }
}

/// Hands refused frames over to the metrics, by kind.
struct RejectionReport {
    private let symbol: String
    private var reported = RejectionCounts()

    init(symbol: String) { self.symbol = symbol }

    mutating func report(_ counts: RejectionCounts) {
        for kind in RejectionKind.allCases where counts[kind] > reported[kind] {
            Counter(label: MetricName.feedRejected, dimensions: [("symbol", symbol), ("reason", "\(kind)")])
                .increment(by: Int64(clamping: counts[kind] - reported[kind]))
        }
        reported = counts
    }
}
