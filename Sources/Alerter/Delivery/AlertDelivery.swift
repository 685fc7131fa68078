import Runtime
import Wire
import Foundation
import Logging
import Metrics
import Synchronization

/// Takes one channel's messages from the outbox and delivers them one at a time, in order. Each channel has its own
/// delivery, so a slow channel delays no other. At most one message is in flight, so a kill duplicates at most one.
final class AlertDelivery: Sendable {
    struct Settings: Sendable {
        /// A message not accepted for this long is dead.
        var giveUpSeconds = 86_400.0
        /// Time to send due messages when the process stops; the rest stays in the outbox.
        var drainSeconds = 2.0
    }

    /// Longest time between two looks at the outbox: another process may have changed it (`alerter retry`).
    private static let lookNanoseconds: Int64 = 1_000_000_000
    /// Bounds of the pause after a failed attempt, with full jitter.
    private static let firstPauseSeconds = 0.1
    private static let longestPauseSeconds = 60.0

    let sink: any AlertSink
    private let outbox: Outbox
    private let settings: Settings
    private let logger: Logger
    private let health: Health?
    private let bell = Doorbell()
    private let stopAt = Mutex<Int64?>(nil)
    private let delivered, messages, retried, waited: Counter
    private let duration: Timer
    private let circuit: Gauge

    init(
        _ sink: any AlertSink, outbox: Outbox, settings: Settings = Settings(), logger: Logger, health: Health? = nil
    ) {
        self.sink = sink
        self.outbox = outbox
        self.settings = settings
        self.logger = logger
        self.health = health
        let labels = [("sink", sink.name)]
        delivered = Counter(label: MetricName.alertsDelivered, dimensions: labels)
        messages = Counter(label: MetricName.alertMessages, dimensions: labels)
        retried = Counter(label: MetricName.alertRetries, dimensions: labels)
        waited = Counter(label: MetricName.alertRateLimited, dimensions: labels)
        duration = Timer(label: MetricName.alertSeconds, dimensions: labels)
        circuit = Gauge(label: MetricName.alertCircuitOpen, dimensions: labels)
        for reason in [Self.refusedReason, Self.tooOldReason] { Self.failed(sink.name, reason).increment(by: 0) }
        circuit.record(0)
    }

    /// Announces new rows in the outbox. Callable from any thread.
    func ring() { bell.ring() }

    /// Ends `run` once nothing more is due, or when the drain time is over.
    func finish() {
        stopAt.withLock { $0 = $0 ?? HostClock.monotonicNanoseconds + Int64(settings.drainSeconds * 1e9) }
        bell.ring()
    }

    /// Delivers until `finish()`.
    func run() async {
        var state = ChannelState(sink.rateLimits)
        while !Task.isCancelled {
            let now = HostClock.monotonicNanoseconds
            let end = stopAt.withLock { $0 }
            if let end, now >= end { return }
            beat(state)
            let pause = state.delay(at: now)
            if pause > 0 {
                if end != nil { return }
                await bell.wait(upTo: min(pause, Self.lookNanoseconds))
                continue
            }
            do {
                let next = try outbox.next(
                    on: sink.name, at: HostClock.now.nanoseconds, count: sink.groupLimit, details: sink.detailLimit)
                switch next {
                case .parcel(let parcel):
                    state.takeTokens(at: HostClock.monotonicNanoseconds)
                    await deliver(parcel, &state)
                case .nothing(let due):
                    if end != nil { return }
                    let wait = due.map { $0 - HostClock.now.nanoseconds } ?? Self.lookNanoseconds
                    await bell.wait(upTo: min(max(wait, 1_000_000), Self.lookNanoseconds))
                }
            } catch {
                health?.beat("channel \(sink.name)", isReady: false, detail: "\(error)")
                logger.error("outbox not read", metadata: ["channel": "\(sink.name)", "error": "\(error)"])
                await bell.wait(upTo: Self.lookNanoseconds)
            }
        }
    }

    /// Sends a heartbeat: the channel is alive, even while it waits.
    private func beat(_ state: ChannelState) {
        health?.beat("channel \(sink.name)", isReady: !state.breaker.isOpen, detail: state.detail)
    }

    private func deliver(_ parcel: Parcel, _ state: inout ChannelState) async {
        do {
            let answer = try await withDeadline(state) { [sink] in
                do throws(DeliveryFailure) { return .success(try await sink.deliver(parcel.notification)) } catch {
                    return .failure(error)
                }
            }
            state.succeed()
            circuit.record(0)
            logger.debug("delivered", metadata: ["channel": "\(sink.name)", "answer": "\(answer)"])
            let message = "\(sink.name)-\(parcel.sequences[0])-\(parcel.attempts)"
            await settle(parcel) { try self.outbox.markSent(parcel, message: message, at: HostClock.now.nanoseconds) }
            messages.increment()
            delivered.increment(by: Int64(parcel.sequences.count))
            duration.recordNanoseconds(HostClock.now.nanoseconds - parcel.receivedAt)
        } catch let failure as DeliveryFailure {
            await handle(failure, of: parcel, &state)
        } catch {
            // Cancelled because the process stops: the outbox keeps the message.
        }
    }

    private func handle(_ failure: DeliveryFailure, of parcel: Parcel, _ state: inout ChannelState) async {
        let now = HostClock.now.nanoseconds
        let id = parcel.notification.signals.first?.id ?? ""
        let isOld = Double(now - parcel.receivedAt) / 1e9 > settings.giveUpSeconds
        if failure.cause == .refused || isOld {
            if failure.cause == .refused { state.succeed() }
            logger.error(
                "alert given up; `alerter retry` tries it again",
                metadata: ["channel": "\(sink.name)", "id": "\(id)", "reason": "\(failure)"])
            await settle(parcel) { try self.outbox.markDead(parcel, reason: failure.reason, at: now) }
            Self.failed(sink.name, failure.cause == .refused ? Self.refusedReason : Self.tooOldReason)
                .increment(by: Int64(parcel.sequences.count))
            return
        }
        let monotonic = HostClock.monotonicNanoseconds
        if let seconds = failure.retryAfterSeconds {
            // A healthy service that names a retry time: the whole channel waits, and the breaker is not needed.
            waited.increment()
            state.pause(seconds, at: monotonic)
        } else {
            state.breaker.fail(isFatal: failure.cause == .channel, at: monotonic)
            state.problem = failure.reason
        }
        circuit.record(state.breaker.isOpen ? 1 : 0)
        retried.increment()
        var backoff = Backoff(
            firstSeconds: Self.firstPauseSeconds, longestSeconds: Self.longestPauseSeconds, attempt: parcel.attempts)
        let pause = failure.retryAfterSeconds ?? backoff.next()
        logger.warning(
            "alert not delivered, will retry",
            metadata: [
                "channel": "\(sink.name)", "id": "\(id)", "error": "\(failure)", "wait_seconds": "\(pause)",
                "attempt": "\(parcel.attempts + 1)",
            ])
        await settle(parcel) {
            try self.outbox.postpone(parcel, until: now + Int64(pause * 1e9), reason: failure.reason, at: now)
        }
    }

    private static let refusedReason = "refused"
    private static let tooOldReason = "too_old"

    private static func failed(_ sink: String, _ reason: String) -> Counter {
        Counter(label: MetricName.alertsFailed, dimensions: [("sink", sink), ("reason", reason)])
    }

    /// Records the outcome of a message. While that fails, the channel sends nothing else: a sent but unmarked message
    /// would be sent again.
    private func settle(_ parcel: Parcel, _ write: () throws -> Void) async {
        var isSaid = false
        while true {
            do {
                try write()
                if isSaid { logger.notice("outbox writes again", metadata: ["channel": "\(sink.name)"]) }
                return
            } catch {
                health?.beat("channel \(sink.name)", isReady: false, detail: "\(error)")
                if !isSaid {
                    logger.error("outbox not written", metadata: ["channel": "\(sink.name)", "error": "\(error)"])
                }
                isSaid = true
                if Task.isCancelled || stopAt.withLock({ $0.map { HostClock.monotonicNanoseconds >= $0 } ?? false }) {
                    return
                }
                await bell.wait(upTo: 200_000_000)
            }
        }
    }

    /// Runs a delivery; a stopping process cancels it when the drain time is over. A slow receiver may exceed the
    /// health timeout, so the wait sends heartbeats too.
    private func withDeadline(
        _ state: ChannelState, _ body: @escaping @Sendable () async -> Result<String, DeliveryFailure>
    ) async throws -> String {
        let delivery = Task { await body() }
        let watch = Task { [self] in
            while !Task.isCancelled {
                if let end = stopAt.withLock({ $0 }), HostClock.monotonicNanoseconds >= end { return delivery.cancel() }
                try? await Task.sleep(for: .milliseconds(100))
                if !Task.isCancelled { beat(state) }
            }
        }
        defer { watch.cancel() }
        let result = await withTaskCancellationHandler {
            await delivery.value
        } onCancel: {
            delivery.cancel()
        }
        if delivery.isCancelled, case .failure = result { throw CancellationError() }
        return try result.get()
    }
}

/// What delays a channel: the service's rate limits, its requested pauses, and its failures.
private struct ChannelState: Sendable {
    var breaker = CircuitBreaker()
    var problem = ""
    private var buckets: [TokenBucket]
    private var pausedUntil: Int64 = 0

    init(_ limits: [RateLimit]) { buckets = limits.map(TokenBucket.init) }

    mutating func delay(at now: Int64) -> Int64 {
        var longest = max(breaker.delay(at: now), pausedUntil - now)
        for index in buckets.indices { longest = max(longest, buckets[index].delay(at: now)) }
        return longest
    }

    mutating func takeTokens(at now: Int64) {
        for index in buckets.indices { buckets[index].take(at: now) }
    }

    mutating func pause(_ seconds: Double, at now: Int64) {
        pausedUntil = max(pausedUntil, now + Int64(seconds * 1e9))
    }

    mutating func succeed() {
        breaker.succeed()
        problem = ""
    }

    var detail: String { breaker.isOpen ? "failing: \(problem)" : "" }
}
