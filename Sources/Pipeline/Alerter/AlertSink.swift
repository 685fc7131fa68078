/// Where alerts go.
protocol AlertSink: Sendable {
    /// Short name for logs and metrics.
    var name: String { get }
    /// Delivers one alert.
    func deliver(_ signal: SignalDocument) async throws(DeliveryFailure)
}

/// Why an alert was not accepted.
struct DeliveryFailure: Error, CustomStringConvertible {
    let reason: String
    /// A repetition may succeed: time-outs, refused connections, 429 and 5xx.
    let isTemporary: Bool
    /// What the receiver asked to wait.
    var retryAfterSeconds: Double?

    var description: String { reason }
}
