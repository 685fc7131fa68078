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
        /// An alert that was tried and not accepted for this long after it was due is dead.
        var giveUpSeconds = 86_400.0
        /// Time to send due messages when the process stops; the rest stays in the outbox.
        var drainSeconds = 2.0
    }

    /// Longest time between two looks at the outbox: another process may have changed it (`alerter retry`).
    private static let lookNanoseconds: Int64 = 1_000_000_000
    /// Bounds of the pause after a failed attempt, with full jitter.
    private static let firstPauseSeconds = 0.1
    private static let longestPauseSeconds = 60.0
    /// Lanes that the rate lets out within this time are sent one by one; more of them share a digest.
    private static let digestNanoseconds: Int64 = 3_000_000_000

    let sink: any AlertSink
    private let outbox: Outbox
    private let settings: Settings
    private let logger: Logger
    private let health: Health?
    private let bell = Doorbell()
    private let stopAt = Mutex<Int64?>(nil)
    private let delivered, messages, retried, waited: Counter
    private let duration: Timer
    private let circuit, held: Gauge

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
        held = Gauge(label: MetricName.alertChannelHeld, dimensions: labels)
        for reason in [Self.refusedReason, Self.tooOldReason] { Self.failed(sink.name, reason).increment(by: 0) }
        circuit.record(0)
        held.record(0)
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
            tellNotice(&state)
            let pause = state.delay(at: now)
            if pause > 0 {
                if end != nil { return }
                await bell.wait(upTo: min(pause, Self.lookNanoseconds))
                continue
            }
            do {
                let next = try outbox.next(
                    on: sink.name, at: HostClock.now.nanoseconds, limits: limits(&state, at: now))
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
        let detail = state.detail
        health?.beat(
            "channel \(sink.name)", isReady: !state.breaker.isOpen, detail: detail.isEmpty ? sink.notice : detail)
    }

    /// Logs what a person should change although the channel works: at the start, and when it is learnt.
    private func tellNotice(_ state: inout ChannelState) {
        let notice = sink.notice
        guard notice != state.notice else { return }
        state.notice = notice
        logger.warning(
            "channel works, but its settings should be changed",
            metadata: ["channel": "\(sink.name)", "notice": "\(notice)"])
    }

    private func limits(_ state: inout ChannelState, at now: Int64) -> ParcelLimits {
        // A channel that takes signals one by one makes no digests.
        let lanes = sink.groupLimit > 1 ? state.allowance(within: Self.digestNanoseconds, at: now) : .max
        return ParcelLimits(
            signals: min(sink.groupLimit, state.mostSignals), details: sink.detailLimit, lanes: lanes,
            room: { [sink] in sink.room(for: $0) })
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
            held.record(0)
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
        guard failure.cause == .refused else { return await postpone(parcel, after: failure, &state) }
        if parcel.sequences.count > 1 {
            // One signal may be to blame for all: smaller messages find it.
            state.mostSignals = parcel.sequences.count / 2
            logger.warning(
                "message of several alerts refused, sending them in smaller ones",
                metadata: ["channel": "\(sink.name)", "alerts": "\(parcel.sequences.count)", "reason": "\(failure)"])
            return
        }
        state.refusals += 1
        if state.refusals > ChannelState.refusalLimit {
            // Not one message is to blame, but what it is sent to.
            let reason =
                "\(failure.reason); more than \(ChannelState.refusalLimit) messages in a row were refused: check the "
                + "channel's address"
            return await postpone(parcel, after: DeliveryFailure(reason: reason, cause: .held), &state)
        }
        state.accept()
        circuit.record(0)
        held.record(0)
        await settle(parcel) { try self.outbox.markDead(parcel, reason: failure.reason, at: HostClock.now.nanoseconds) }
        giveUp(1, of: parcel, failure.reason, Self.refusedReason)
    }

    private func giveUp(_ count: Int, of parcel: Parcel, _ reason: String, _ kind: String) {
        guard count > 0 else { return }
        let id = parcel.notification.signals.first?.id ?? ""
        logger.error(
            "alerts given up; `alerter retry` tries them again",
            metadata: ["channel": "\(sink.name)", "count": "\(count)", "first": "\(id)", "reason": "\(reason)"])
        Self.failed(sink.name, kind).increment(by: Int64(count))
    }

    /// Keeps a parcel for a later try.
    private func postpone(_ parcel: Parcel, after failure: DeliveryFailure, _ state: inout ChannelState) async {
        let now = HostClock.now.nanoseconds
        let monotonic = HostClock.monotonicNanoseconds
        if let seconds = failure.retryAfterSeconds, failure.cause == .temporary {
            // A healthy service that names a retry time: the whole channel waits, and the breaker is not needed.
            waited.increment()
            state.pause(seconds, at: monotonic)
        } else {
            if failure.cause == .held, state.problem != failure.reason {
                logger.error(
                    "channel accepts nothing until a person mends it; its alerts are held and tried now and then",
                    metadata: ["channel": "\(sink.name)", "reason": "\(failure)"])
            }
            state.fail(failure, at: monotonic)
        }
        circuit.record(state.breaker.isOpen ? 1 : 0)
        held.record(state.isHeld ? 1 : 0)
        retried.increment()
        var backoff = Backoff(
            firstSeconds: Self.firstPauseSeconds, longestSeconds: Self.longestPauseSeconds, attempt: parcel.attempts)
        let pause = failure.retryAfterSeconds ?? backoff.next()
        logger.warning(
            "alert not delivered, will retry",
            metadata: [
                "channel": "\(sink.name)", "id": "\(parcel.notification.signals.first?.id ?? "")",
                "alerts": "\(parcel.sequences.count)", "error": "\(failure)", "wait_seconds": "\(pause)",
                "attempt": "\(parcel.attempts + 1)",
            ])
        let reason = (failure.cause == .held ? ChannelState.heldPrefix : "") + failure.reason
        let dead = await settle(parcel) {
            try self.outbox.postpone(
                parcel, until: now + Int64(pause * 1e9), reason: reason, isHeld: failure.cause == .held,
                givingUpBefore: now - Int64(settings.giveUpSeconds * 1e9), at: now)
        }
        giveUp(dead ?? 0, of: parcel, failure.reason, Self.tooOldReason)
    }

    private static let refusedReason = "refused"
    private static let tooOldReason = "too_old"

    private static func failed(_ sink: String, _ reason: String) -> Counter {
        Counter(label: MetricName.alertsFailed, dimensions: [("sink", sink), ("reason", reason)])
    }

    /// Records the outcome of a message. While that fails, the channel sends nothing else: a sent but unmarked message
    /// would be sent again.
    @discardableResult
    private func settle<Value: Sendable>(_ parcel: Parcel, _ write: () throws -> Value) async -> Value? {
        var isSaid = false
        while true {
            do {
                let value = try write()
                if isSaid { logger.notice("outbox writes again", metadata: ["channel": "\(sink.name)"]) }
                return value
            } catch {
                health?.beat("channel \(sink.name)", isReady: false, detail: "\(error)")
                if !isSaid {
                    logger.error("outbox not written", metadata: ["channel": "\(sink.name)", "error": "\(error)"])
                }
                isSaid = true
                if Task.isCancelled || stopAt.withLock({ $0.map { HostClock.monotonicNanoseconds >= $0 } ?? false }) {
                    return nil
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
