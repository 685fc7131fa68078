import Detection
import Metrics

/// Hands what a detector bank has done, and where its detectors stand, to the metrics.
struct DetectorMeters {
    private let symbol: String
    private let score, threshold: Gauge
    private let budgetUse: Gauge?
    private var reported = DetectorCounts()

    /// All counters of the bank stand at zero from now on, so that the first event is a rise; what a bank did before this
    /// process, whose checkpoint it is from, is not counted again.
    init(_ bank: DetectorBank) {
        reported = bank.counts
        symbol = bank.symbol
        let labels = [("symbol", bank.symbol)]
        score = Gauge(label: MetricName.detectorEnsembleScore, dimensions: labels)
        threshold = Gauge(label: MetricName.detectorThreshold, dimensions: labels)
        budgetUse = bank.profile.budget.map { budget in
            Gauge(label: MetricName.detectorBudget, dimensions: labels).record(budget.signalsPerDay)
            return Gauge(label: MetricName.detectorBudgetUse, dimensions: labels)
        }
        for type in reported.byType {
            Counter(label: MetricName.detections, dimensions: labels + [("type", type.type.rawValue)]).increment(by: 0)
        }
        count(reported, since: reported)
    }

    mutating func report(_ bank: DetectorBank) {
        threshold.record(bank.dynamicThreshold)
        score.record(bank.score)
        if let use = bank.budgetUse { budgetUse?.record(use) }
        for statistic in bank.statistics {
            let labels = [("symbol", symbol), ("detector", statistic.detector), ("metric", statistic.metric)]
            Gauge(label: MetricName.detectorStatistic, dimensions: labels).record(statistic.statistic)
            Gauge(label: MetricName.detectorStatisticThreshold, dimensions: labels).record(statistic.threshold)
        }
        let counts = bank.counts
        count(counts, since: reported)
        reported = counts
    }

    private func count(_ now: DetectorCounts, since before: DetectorCounts) {
        add(MetricName.detectorVectors, now.vectors, before.vectors)
        add(MetricName.detectorIgnored, now.ignoredInvalid, before.ignoredInvalid, ("reason", "invalid"))
        add(MetricName.detectorIgnored, now.ignoredMalformed, before.ignoredMalformed, ("reason", "malformed"))
        add(MetricName.detectorIgnored, now.ignoredUnsureClock, before.ignoredUnsureClock, ("reason", "unsure_clock"))
        add(MetricName.detectorUnusableValues, now.infiniteValues, before.infiniteValues)
        add(MetricName.detectorBookResets, now.bookResets, before.bookResets)
        add(MetricName.detectorAlarms, now.alarms, before.alarms)
        for (now, before) in zip(now.byType, before.byType) {
            let held = [
                ("cooldown", now.counts.suppressedByCooldown, before.counts.suppressedByCooldown),
                ("threshold", now.counts.suppressedByThreshold, before.counts.suppressedByThreshold),
            ]
            for (reason, now, then) in held {
                add(
                    MetricName.detectionsSuppressed, now, then, ("type", before.type.rawValue), ("reason", reason))
            }
        }
    }

    private func add(_ name: String, _ now: UInt64, _ before: UInt64, _ labels: (String, String)...) {
        Counter(label: name, dimensions: [("symbol", symbol)] + labels).increment(by: Int64(clamping: now &- before))
    }
}
