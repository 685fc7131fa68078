import Bus
import Runtime
import Wire
import ZeroMQ

/// Passes the detectors' signals to the intake on its own thread: live, and by replay after a gap.
struct SignalReader<Repository: SignalRepository>: Sendable {
    static var part: String { "signals" }
    /// Longest time spent on queued signals once the stop is requested; the rest is replayed at the next start.
    static var drainLimitSeconds: Double { 0.5 }

    let signals: [Endpoint]
    let replay: [Endpoint]
    let repository: Repository
    let intake: SignalIntake<Repository>

    func run(in context: Context, _ runtime: ServiceRuntime, until stop: StopSignal) throws {
        var feed = try SignalFeed(
            .subscribe(signals), replay: replay, positions: try repository.positions, in: context,
            logger: runtime.logger)
        var nextBeat: Int64 = 0
        while !stop.isRequested {
            let batch = try feed.next(timeoutMilliseconds: 100)
            if !batch.isEmpty { intake.receive(batch, positions: feed.positions) }
            let now = HostClock.monotonicNanoseconds
            guard now >= nextBeat else { continue }
            nextBeat = now + 1_000_000_000
            // Hours may pass without a signal: silence is not a fault.
            runtime.health.beat(Self.part, isReady: true, detail: feed.detail)
        }
        let end = HostClock.monotonicNanoseconds + Int64(Self.drainLimitSeconds * 1e9)
        while HostClock.monotonicNanoseconds < end {
            let batch = try feed.next(timeoutMilliseconds: 0)
            guard !batch.isEmpty else { return }
            intake.receive(batch, positions: feed.positions)
        }
    }
}

/// Forwards posted signals to a detector's log, which publishes them like its own: so they reach every subscriber and
/// the alerter. Unconfirmed signals are sent again; the log recognizes duplicates by id.
struct PostForwarder<Repository: SignalRepository>: Sendable {
    /// A log that has not answered for this long is asked again.
    private static var patienceMilliseconds: Int { 2_000 }
    private static var batchLimit: Int { 200 }

    let replay: [Endpoint]
    let repository: Repository
    /// Rung when there are new posted signals.
    let wake: WakeSignal

    func run(in context: Context, _ runtime: ServiceRuntime, until stop: StopSignal) throws {
        var client = try LogAppender(replay, in: context, logger: runtime.logger)
        stop.onRequest { [wake] in wake.wake() }
        var problem: String?
        while !stop.isRequested {
            do {
                let waiting = try repository.unlogged(limit: Self.batchLimit)
                if !waiting.isEmpty {
                    try client.append(waiting.map(\.signal), timeoutMilliseconds: Self.patienceMilliseconds)
                    try repository.markLogged(waiting.map(\.position))
                    problem = nil
                    continue
                }
                problem = nil
            } catch {
                if problem != "\(error)" {
                    runtime.logger.warning("posted signals wait for a signal log", metadata: ["reason": "\(error)"])
                }
                problem = "\(error)"
            }
            runtime.health.beat("posted", isReady: problem == nil, detail: problem ?? "")
            var poller = Poller(capacity: 1)
            _ = try poller.add(fileDescriptor: wake.fileDescriptor)
            if case .ready = try poller.wait(timeoutMilliseconds: problem == nil ? 1_000 : 200) { wake.clear() }
        }
    }
}
