import Runtime
import Wire

/// Prometheus's Alertmanager, through its API v2. Alertmanager groups, silences and notifies by its own rules.
///
/// A signal is an alert with the labels `alertname`, `symbol`, `signal_type`, `severity`, `direction`, `venue` and
/// `signal_id`, firing from its detection for `activeSeconds`. Source: prometheus.io, "Alerts API".
struct AlertmanagerSink: AlertSink {
    /// How long an alert fires: a signal is an event, but Alertmanager notifies of states.
    static let activeSeconds = 300.0
    static let batchLimit = 100

    let name = "alertmanager"
    let rateLimits: [RateLimit] = []
    let groupLimit = AlertmanagerSink.batchLimit
    let detailLimit = AlertmanagerSink.batchLimit
    let base: String
    let policy: AlertPolicy
    let links: SignalLinks
    let post: HTTPPost

    struct Alert: Encodable {
        let labels: [String: String]
        let annotations: [String: String]
        let startsAt: String
        let endsAt: String
        var generatorURL: String?
    }

    func deliver(_ notification: AlertMessage) async throws(DeliveryFailure) -> String {
        let now = Double(HostClock.now.nanoseconds) / 1e9
        let alerts = notification.signals.map { alert($0, at: now) }
        return try await post.send(messageJSON(alerts, isSnakeCase: false), to: base + "/api/v2/alerts")
    }

    /// - Parameter now: seconds since 1970; the alert of an old signal starts firing now.
    func alert(_ signal: SignalDocument, at now: Double) -> Alert {
        var labels = [
            "alertname": "MicrostructureSignal", "symbol": signal.symbol, "signal_type": signal.signalType,
            "severity": policy.severity(of: signal.score).rawValue, "signal_id": signal.id,
        ]
        labels["direction"] = signal.direction
        labels["venue"] = signal.venue
        // Alertmanager treats an empty label as absent and refuses text that is not UTF-8; a String always is UTF-8.
        labels = labels.mapValues { MessageText.fit($0, 1_024) }.filter { !$0.value.isEmpty }
        let facts = AlertMessage.facts(of: signal).map { "\($0.name): \($0.value)" }.joined(separator: ", ")
        return Alert(
            labels: labels,
            annotations: [
                "summary": MessageText.fit(AlertMessage.line(of: signal), 1_024),
                "description": MessageText.fit(facts, 4_096),
            ], startsAt: AlertMessage.time(signal.timestamp),
            endsAt: AlertMessage.time(max(signal.timestamp, now) + Self.activeSeconds),
            generatorURL: links.link(to: signal))
    }
}
