import Runtime
import Metrics

/// What this host's address has used of what the venue allows it, for the metrics.
struct BudgetMeters {
    private let weightUsed = Gauge(label: MetricName.requestWeightUsed)
    private let weightLimit = Gauge(label: MetricName.requestWeightLimit)
    private let attemptsUsed = Gauge(label: MetricName.connectionAttemptsUsed)
    private let attemptsLimit = Gauge(label: MetricName.connectionAttemptsLimit)

    /// - Parameter attempts: attempts to connect in the last five minutes.
    func report(_ requests: RequestQueue, attempts: Int) {
        weightUsed.record(requests.budget.used)
        weightLimit.record(requests.budget.limit)
        attemptsUsed.record(attempts)
        attemptsLimit.record(ConnectBudget.limit)
    }
}
