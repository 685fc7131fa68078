import Runtime
import Metrics

/// Reports how much of the venue's limits this host's address has used.
struct BudgetMeters {
    private let weightUsed = Gauge(label: MetricName.requestWeightUsed)
    private let weightLimit = Gauge(label: MetricName.requestWeightLimit)
    private let attemptsUsed = Gauge(label: MetricName.connectionAttemptsUsed)
    private let attemptsLimit = Gauge(label: MetricName.connectionAttemptsLimit)

    func report(_ requests: RequestQueue, _ connections: ConnectBudget) {
        weightUsed.record(requests.budget.used)
        weightLimit.record(requests.budget.limit)
        attemptsUsed.record(connections.used)
        attemptsLimit.record(connections.limit)
    }
}
