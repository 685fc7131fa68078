import Foundation
import Logging
import Metrics
import Synchronization

/// One sink's queue and its worker: a slow sink holds up nobody else.
final class AlertDelivery: Sendable {
    /// Alerts waiting for one sink. Beyond it the newest is refused, logged and counted.
    static let queueLimit = 10_000
    /// Tries for one alert before it is given up.
    static let attemptLimit = 6
    private let sink: any AlertSink
    private let logger: Logger
    private let stream: AsyncStream<(SignalDocument, receivedNanoseconds: Int64)>
    private let continuation: AsyncStream<(SignalDocument, receivedNanoseconds: Int64)>.Continuation
    private let waiting = Atomic<Int>(0)
    private let pending: Gauge
    private let delivered: Counter
    private let duration: Timer

    init(_ sink: any AlertSink, logger: Logger) {
        self.sink = sink
        self.logger = logger
        (stream, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(Self.queueLimit))
        let labels = [("sink", sink.name)]
        pending = Gauge(label: MetricName.alertsPending, dimensions: labels)
        delivered = Counter(label: MetricName.alertsDelivered, dimensions: labels)
        duration = Timer(label: MetricName.alertSeconds, dimensions: labels)
    }

    /// Queues an alert; any thread.
    func enqueue(_ signal: SignalDocument) {
        switch continuation.yield((signal, receivedNanoseconds: Clock.monotonicNanoseconds)) {
        case .enqueued: pending.record(waiting.wrappingAdd(1, ordering: .relaxed).newValue)
        case .dropped, .terminated: giveUp(signal, "queue_full", "the queue holds \(Self.queueLimit)")
        @unknown default: giveUp(signal, "queue_full", "the queue holds \(Self.queueLimit)")
        }
    }

    /// No further alerts will come: `run` ends once the queue is empty.
    func finish() { continuation.finish() }

    /// Delivers, one alert after another, until `finish()`.
    func run() async {
        for await (signal, received) in stream {
            await deliver(signal, received)
            pending.record(waiting.wrappingSubtract(1, ordering: .relaxed).newValue)
        }
    }

    private func deliver(_ signal: SignalDocument, _ received: Int64) async {
        for attempt in 1...Self.attemptLimit {
            do {
                try await sink.deliver(signal)
                delivered.increment()
                duration.recordNanoseconds(Clock.monotonicNanoseconds - received)
                return
            } catch {
                guard error.isTemporary, attempt < Self.attemptLimit, !Task.isCancelled else {
                    return giveUp(signal, error.isTemporary ? "attempts" : "refused", "\(error)")
                }
                let wait = error.retryAfterSeconds ?? Double.random(in: 0.5...1) * Double(1 << attempt) * 0.25
                logger.warning(
                    "alert not delivered, will retry",
                    metadata: [
                        "sink": "\(sink.name)", "id": "\(signal.id)", "error": "\(error)", "wait_seconds": "\(wait)",
                    ])
                try? await Task.sleep(for: .seconds(min(wait, 60)))
            }
        }
    }

    private func giveUp(_ signal: SignalDocument, _ reason: String, _ detail: String) {
        logger.error(
            "alert given up", metadata: ["sink": "\(sink.name)", "id": "\(signal.id)", "reason": "\(detail)"])
        Counter(label: MetricName.alertsFailed, dimensions: [("sink", sink.name), ("reason", reason)]).increment()
    }
}
