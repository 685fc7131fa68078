import Runtime
import Foundation
import Logging
import Metrics
import Microstructure
import Synchronization
import Wire

/// The only writer of signals. Its thread stores all queued signals in one commit and passes them to the live streams,
/// so that every client sees the same order.
final class SignalIntake<Repository: SignalRepository>: Sendable {
    enum Outcome: Sendable {
        case stored(StoredSignal)
        /// Already stored by an earlier request with the same idempotency key.
        case known(StoredSignal)
        /// The idempotency key was used before with another body.
        case conflict
        /// The queue is full: try again.
        case busy
        /// The process is stopping.
        case stopping
        /// The repository refused it.
        case failed
    }

    /// Most batches and posted signals waiting to be stored. At the limit, posted signals are refused and the bus
    /// reader waits; the logs replay the messages that the bus drops meanwhile.
    static var queueLimit: Int { 10_000 }
    /// How often retention is applied.
    private static var pruneNanoseconds: Int64 { 60_000_000_000 }

    /// The pause before the disk is tried again.
    private static var retrySeconds: Double { 0.2 }

    private enum Item: Sendable {
        case received([ProtoSignal], positions: [UInt64: UInt64])
        case posted(PostedSignal, IdempotencyKey?, @Sendable (Outcome) -> Void)
    }

    private let repository: Repository
    private let hub: SignalHub
    private let latest: LatestSignals
    private let logger: Logger
    private let refusals: Mutex<RepeatedLog>
    /// Cached pages, cleared whenever the store changes.
    let pages = SignalPageCache()
    private let onPosted: @Sendable () -> Void
    private let mailbox = Mailbox<Item>(limit: SignalIntake.queueLimit)
    private let held = Gauge(label: MetricName.signalsStored)
    private let failures = Counter(label: MetricName.storeFailures)

    /// - Parameter onPosted: called when a posted signal is stored that no log has yet.
    init(
        repository: Repository, hub: SignalHub, latest: LatestSignals = LatestSignals(), logger: Logger,
        onPosted: @escaping @Sendable () -> Void = {}
    ) {
        self.repository = repository
        self.hub = hub
        self.latest = latest
        self.logger = logger
        refusals = Mutex(RepeatedLog(logger))
        self.onPosted = onPosted
        failures.increment(by: 0)
    }

    /// Takes signals from the bus, with each log's position after them; waits while the queue is full. Call it on the
    /// reader's thread. A signal that cannot be displayed is refused and counted.
    func receive(_ signals: [ProtoSignal], positions: [UInt64: UInt64]) {
        let usable = signals.filter { Self.isUsable(id: $0.id) }
        if usable.count < signals.count {
            let count = signals.count - usable.count
            Counter(label: MetricName.busRejected, dimensions: [("reason", "signal_id")]).increment(by: Int64(count))
            refusals.withLock {
                $0.write("signals refused: their ids are unusable", kind: "ids", metadata: ["count": "\(count)"])
            }
        }
        if !mailbox.put(.received(usable, positions: positions)) {
            logger.warning("signals came after the store had closed; their logs replay them at the next start")
        }
    }

    /// Takes a posted signal and returns once it is on disk or has failed.
    func submit(_ signal: PostedSignal, key: IdempotencyKey? = nil) async -> Outcome {
        await withCheckedContinuation { continuation in
            submit(signal, key: key) { continuation.resume(returning: $0) }
        }
    }

    /// Takes a posted signal; calls `onOutcome` on the store's thread once the signal is on disk or has failed.
    func submit(
        _ signal: PostedSignal, key: IdempotencyKey? = nil, onOutcome: @escaping @Sendable (Outcome) -> Void
    ) {
        if !mailbox.offer(.posted(signal, key, onOutcome)) { onOutcome(.busy) }
    }

    /// The thread's body. Ends when the stop is requested and the queue is empty.
    func run(health: Health, until stop: StopSignal) throws {
        defer {
            for case .posted(_, _, let answer) in mailbox.close() { answer(.stopping) }
        }
        stop.onRequest { [mailbox] in mailbox.wake() }
        // Items that the disk refused, to be retried: meanwhile the queue fills and the reader waits.
        var kept: [Item] = []
        var problem: String?
        var isDraining = false
        var nextPrune = HostClock.monotonicNanoseconds + Self.pruneNanoseconds
        while true {
            let items = kept.isEmpty ? mailbox.take(waitingUpTo: isDraining ? 0 : 1) : kept
            do {
                kept = []
                try process(items)
                if problem != nil, !items.isEmpty {
                    logger.notice("the store writes again")
                    problem = nil
                }
            } catch {
                failures.increment()
                if problem != "\(error)" { logger.error("signals not stored", metadata: ["error": "\(error)"]) }
                problem = "\(error)"
                kept = refuse(items)
                // The kept signals are in their logs and will be replayed.
                if stop.isRequested { return }
                let size = kept.reduce(0) { if case .received(let batch, _) = $1 { $0 + batch.count } else { $0 } }
                if !kept.isEmpty {
                    Thread.sleep(forTimeInterval: Self.retrySeconds)
                    if size < Self.queueLimit { kept += mailbox.take(waitingUpTo: 0) }
                }
            }
            held.record(repository.count)
            health.beat("store", isReady: problem == nil, detail: problem ?? "\(repository.count) signals held")
            if HostClock.monotonicNanoseconds >= nextPrune {
                nextPrune = HostClock.monotonicNanoseconds + Self.pruneNanoseconds
                do {
                    if try repository.prune() > 0 { pages.invalidate() }
                } catch {
                    failures.increment()
                    logger.error("old signals not deleted", metadata: ["error": "\(error)"])
                }
            }
            if isDraining, items.isEmpty { return }
            // Items queued before the stop are still stored, so run one more round.
            isDraining = stop.isRequested
        }
    }

    /// Stores all items in one commit, then sends the answers.
    private func process(_ items: [Item]) throws {
        guard !items.isEmpty else { return }
        var signals: [NewSignal] = []
        var positions: [UInt64: UInt64] = [:]
        for item in items {
            switch item {
            case .received(let batch, let reached):
                signals += batch.map { NewSignal(document: SignalDocument($0)) }
                positions.merge(reached) { $1 }
            case .posted(let posted, let key, _):
                signals.append(
                    NewSignal(
                        document: posted.document, post: .init(message: posted.message, key: key, json: posted.json)))
            }
        }
        let insertions = try repository.insert(signals, positions: positions)
        pages.invalidate()
        for (signal, insertion) in zip(signals, insertions) {
            guard case .stored(let stored) = insertion else { continue }
            latest.receive(signal.document)
            hub.broadcast(stored, of: signal.document)
        }
        var index = 0
        var hasPosted = false
        for item in items {
            switch item {
            case .received(let batch, _): index += batch.count
            case .posted(_, _, let answer):
                hasPosted = true
                let outcome: Outcome =
                    switch insertions[index] {
                    case .stored(let signal): .stored(signal)
                    case .known(let signal): .known(signal)
                    case .conflict: .conflict
                    }
                answer(outcome)
                index += 1
            }
        }
        if hasPosted { onPosted() }
    }

    /// Fails the posted signals, whose clients can retry, and returns the rest.
    private func refuse(_ items: [Item]) -> [Item] {
        items.filter { item in
            guard case .posted(_, _, let answer) = item else { return true }
            answer(.failed)
            return false
        }
    }

    /// An id goes into a line of the live stream and into addresses: 1 to 160 characters, printable ASCII without spaces
    /// and the letters of symbols.
    static func isUsable(id: String) -> Bool {
        let scalars = id.unicodeScalars
        return (1...160).contains(scalars.count)
            && scalars.allSatisfy { $0.isASCII ? (0x21...0x7E).contains($0.value) : SymbolName.allows($0) }
    }
}
