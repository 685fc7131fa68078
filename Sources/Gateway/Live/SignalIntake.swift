import Logging
import Metrics
import Pipeline
import Wire
import ZeroMQ

/// The one writer of signals. Its thread stores each signal, hands it to the live streams and, where it was posted,
/// to the alerter; so all see the signals in one order, and the alerter's socket stays on one thread.
final class SignalIntake<Repository: SignalRepository>: Sendable {
    enum Outcome: Sendable {
        case stored(StoredSignal)
        /// The queue is full: try again.
        case busy
        /// The process is stopping.
        case stopping
        /// The repository refused it.
        case failed
    }

    /// Signals waiting to be stored. At the limit a posted signal is refused, and the bus reader waits: what it does
    /// not take meanwhile, the bus queues, and what the bus drops, the sequences count.
    static var queueLimit: Int { 10_000 }

    private enum Item: Sendable {
        case received(SignalDocument)
        case posted(PostedSignal, CheckedContinuation<Outcome, Never>)
    }

    private let repository: Repository
    private let hub: SignalHub
    private let logger: Logger
    private let mailbox = Mailbox<Item>(limit: SignalIntake.queueLimit)
    private let held = Gauge(label: MetricName.signalsStored)

    init(repository: Repository, hub: SignalHub, logger: Logger) {
        self.repository = repository
        self.hub = hub
        self.logger = logger
    }

    /// Takes a signal from the bus, waiting while the queue is full. Call it on the reader's thread. A signal that
    /// could not be shown is refused and counted.
    func receive(_ signal: ProtoSignal) {
        guard Self.isUsable(id: signal.id) else {
            Counter(label: MetricName.busRejected, dimensions: [("reason", "signal_id")]).increment()
            return logger.warning("signal refused: its id is unusable", metadata: ["symbol": "\(signal.symbol)"])
        }
        if !mailbox.put(.received(SignalDocument(signal))) {
            logger.warning("signal came after the store had closed", metadata: ["id": "\(signal.id)"])
        }
    }

    /// Takes a posted signal and returns once it is stored, or will not be.
    func submit(_ signal: PostedSignal) async -> Outcome {
        await withCheckedContinuation { continuation in
            if !mailbox.offer(.posted(signal, continuation)) { continuation.resume(returning: .busy) }
        }
    }

    /// The thread's body. Ends when the stop is requested and the queue is empty.
    func run(
        alerts: [Endpoint], in context: Context, epoch: UInt64, health: Health, until stop: StopSignal
    ) throws {
        defer {
            for case .posted(_, let continuation) in mailbox.close() { continuation.resume(returning: .stopping) }
        }
        var pusher = try AlertPusher(alerts, in: context, producer: "api-gateway", epoch: epoch, logger: logger)
        stop.onRequest { [mailbox] in mailbox.wake() }
        var isDraining = false
        var problem: String?
        while true {
            let items = mailbox.take(waitingUpTo: isDraining ? 0 : 1)
            for item in items {
                do {
                    try process(item, &pusher)
                    problem = nil
                } catch {
                    problem = "\(error)"
                    logger.error("signal not stored", metadata: ["error": "\(error)"])
                }
            }
            if !items.isEmpty { held.record(repository.count) }
            health.beat("store", isReady: problem == nil, detail: problem ?? "\(repository.count) signals held")
            if isDraining, items.isEmpty { return }
            // What was put in before the stop is still taken: hence one more round.
            isDraining = stop.isRequested
        }
    }

    private func process(_ item: Item, _ pusher: inout AlertPusher?) throws {
        switch item {
        case .received(let document):
            if let stored = try repository.insert(document) { hub.broadcast(stored) }
        case .posted(let posted, let continuation):
            // However this ends, the request gets its answer.
            var outcome = Outcome.failed
            defer { continuation.resume(returning: outcome) }
            guard let stored = try repository.insert(posted.document) else { return }
            outcome = .stored(stored)
            hub.broadcast(stored)
            try pusher?.push(posted.message, topic: posted.topic)
        }
    }

    /// An id goes into a line of the live stream and into addresses: printable ASCII without spaces, 1 to 160 bytes.
    static func isUsable(id: String) -> Bool {
        (1...160).contains(id.utf8.count) && id.utf8.allSatisfy { (0x21...0x7E).contains($0) }
    }
}
