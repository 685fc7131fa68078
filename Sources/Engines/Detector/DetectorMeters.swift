import Runtime
import Detection
import Metrics

/// Exports a detector bank's counts and detector states as metrics. All meters are created at the start: looking one up
/// by its labels costs as much as processing a vector.
struct DetectorMeters {
    private let score, threshold: Gauge
    private let budgetUse: Gauge?
    /// In the order of the bank's statistics.
    private let standings: [(statistic: Gauge, threshold: Gauge)]
    private let totals: [(counter: Counter, count: KeyPath<DetectorCounts, UInt64> & Sendable)]
    /// In the order of `DetectorCounts.byType`.
    private let suppressed: [(cooldown: Counter, threshold: Counter)]
    private var reported: DetectorCounts

    /// All counters start at zero, so the first event shows as a rise. Events that the bank's checkpoint brings from an
    /// earlier process are not counted again.
    init(_ bank: DetectorBank) {
        reported = bank.counts
        let labels = MetricLabels.market(venue: bank.venue.rawValue, symbol: bank.symbol)
        func counter(_ name: String, _ more: (String, String)...) -> Counter {
            let counter = Counter(label: name, dimensions: labels + more)
            counter.increment(by: 0)
            return counter
        }
        score = Gauge(label: MetricName.detectorEnsembleScore, dimensions: labels)
        threshold = Gauge(label: MetricName.detectorThreshold, dimensions: labels)
        budgetUse = bank.profile.budget.map { budget in
            Gauge(label: MetricName.detectorBudget, dimensions: labels).record(budget.signalsPerDay)
            return Gauge(label: MetricName.detectorBudgetUse, dimensions: labels)
        }
        standings = bank.statistics.map { statistic in
            let labels = labels + [("detector", statistic.detector), ("metric", statistic.feature)]
            return (
                Gauge(label: MetricName.detectorStatistic, dimensions: labels),
                Gauge(label: MetricName.detectorStatisticThreshold, dimensions: labels)
            )
        }
        totals = [
            (counter(MetricName.detectorVectors), \.vectors),
            (counter(MetricName.detectorIgnored, ("reason", "invalid")), \.ignoredInvalid),
            (counter(MetricName.detectorIgnored, ("reason", "malformed")), \.ignoredMalformed),
            (counter(MetricName.detectorIgnored, ("reason", "unsure_clock")), \.ignoredUnsureClock),
            (counter(MetricName.detectorUnusableValues), \.infiniteValues),
            (counter(MetricName.detectorBookResets), \.bookResets),
            (counter(MetricName.detectorAlarms), \.alarms),
        ]
        suppressed = reported.byType.map { entry in
            let type = ("type", entry.type.rawValue)
            _ = counter(MetricName.detections, type)
            return (
                counter(MetricName.detectionsSuppressed, type, ("reason", "cooldown")),
                counter(MetricName.detectionsSuppressed, type, ("reason", "threshold"))
            )
        }
    }

    mutating func report(_ bank: DetectorBank) {
        threshold.record(bank.dynamicThreshold)
        score.record(bank.score)
        if let use = bank.budgetUse { budgetUse?.record(use) }
        for (gauges, statistic) in zip(standings, bank.statistics) {
            gauges.statistic.record(statistic.statistic)
            gauges.threshold.record(statistic.threshold)
        }
        let counts = bank.counts
        for (counter, count) in totals { add(counts[keyPath: count], reported[keyPath: count], to: counter) }
        for (index, (now, before)) in zip(counts.byType, reported.byType).enumerated() {
            add(now.counts.suppressedByCooldown, before.counts.suppressedByCooldown, to: suppressed[index].cooldown)
            add(now.counts.suppressedByThreshold, before.counts.suppressedByThreshold, to: suppressed[index].threshold)
        }
        reported = counts
    }

    private func add(_ now: UInt64, _ before: UInt64, to counter: Counter) {
        counter.increment(by: Int64(clamping: now &- before))
    }
}
