import Bus
import Runtime
import Storage
import Foundation
import Logging
import Metrics
import Wire
import ZeroMQ

/// Receives signals from the detectors, live and by replay, applies the policy and puts the decisions into the outbox.
struct AlerterStage: ~Copyable {
    private static let secondNanoseconds: Int64 = 1_000_000_000
    private static let pruneSeconds: Int64 = 60

    private let outbox: Outbox
    private let deliveries: [AlertDelivery]
    private let silences: SilenceBoard
    private let configuration: AlerterConfiguration
    private let runtime: ServiceRuntime
    private var engine: PolicyEngine
    private var silenceVersion = -1
    private var problem: StorageError?
    private let duplicates = Counter(label: MetricName.signalsFollowedTwice)

    static func run(
        _ configuration: AlerterConfiguration, _ runtime: ServiceRuntime, _ outbox: Outbox, _ silences: SilenceBoard,
        _ deliveries: [AlertDelivery], until stop: StopSignal
    ) throws {
        // Tell the channels on every exit that no more signals will come.
        defer { deliveries.forEach { $0.finish() } }
        let context = try Context(security: configuration.security)
        var stage = try AlerterStage(configuration, runtime, outbox, silences, deliveries)
        var feed = try SignalFeed(
            .pull(configuration.bind), replay: configuration.replay, positions: try outbox.positions, in: context,
            logger: runtime.logger)
        var nextSecond: Int64 = 0
        var seconds: Int64 = 0
        while !stop.isRequested {
            let signals = try feed.next(timeoutMilliseconds: 100)
            // Retry until stored: upstream queues buffer meanwhile, and the logs replay what the queues drop.
            while !stage.take(signals, feed.positions), !stop.isRequested { stage.waitForDisk(stop) }
            let now = HostClock.monotonicNanoseconds
            guard now >= nextSecond else { continue }
            nextSecond = now + secondNanoseconds
            seconds += 1
            stage.everySecond(detail: feed.detail, isPruning: seconds % pruneSeconds == 0)
        }
        while case let signals = try feed.next(timeoutMilliseconds: 0), !signals.isEmpty {
            guard stage.take(signals, feed.positions) else { break }
        }
    }

    private init(
        _ configuration: AlerterConfiguration, _ runtime: ServiceRuntime, _ outbox: Outbox, _ silences: SilenceBoard,
        _ deliveries: [AlertDelivery]
    ) throws {
        var engine = PolicyEngine(configuration.policy, channels: deliveries.map(\.sink.name))
        let horizon = HostClock.now.nanoseconds - Int64(engine.horizonSeconds * 1e9)
        if engine.horizonSeconds > 0 {
            try outbox.decisions(since: horizon) { engine.remember($0, on: $1, route: $2, at: $3) }
        }
        self.engine = engine
        self.configuration = configuration
        self.runtime = runtime
        self.outbox = outbox
        self.silences = silences
        self.deliveries = deliveries
        for sink in engine.channels {
            for reason in AlertDecision.Suppression.allCases {
                Counter(
                    label: MetricName.alertsSuppressed, dimensions: [("sink", sink), ("reason", reason.rawValue)]
                ).increment(by: 0)
            }
        }
    }

    /// Stores a batch in the outbox, with each log's position after the batch. `false` if that failed: nothing was
    /// stored, and the batch must be taken again.
    private mutating func take(_ signals: [ProtoSignal], _ positions: [UInt64: UInt64]) -> Bool {
        guard !signals.isEmpty else { return true }
        if let current = silences.changed(since: &silenceVersion) { engine.silences = current }
        // Use a copy: the policy must not remember a batch that the disk then refuses.
        var trial = engine
        do {
            let now = HostClock.now.nanoseconds
            let known = try outbox.known(signals.map(\.id))
            var entries: [Outbox.Entry] = []
            var seen = known
            for signal in signals where isWanted(signal) {
                guard seen.insert(signal.id).inserted else { continue }
                let document = SignalDocument(signal)
                entries.append(
                    .init(
                        signal: document, severity: configuration.policy.severity(of: document.score),
                        decisions: trial.process(document, at: now)))
            }
            try outbox.insert(entries, positions: positions, at: now)
            if problem != nil { runtime.logger.notice("outbox writes again") }
            problem = nil
            engine = trial
            duplicates.increment(by: Int64(signals.count - entries.count))
            count(entries)
            if !entries.isEmpty { deliveries.forEach { $0.ring() } }
            return true
        } catch {
            if problem?.description != error.description {
                runtime.logger.error("signals not taken into the outbox; trying again", metadata: ["error": "\(error)"])
            }
            problem = error
            return false
        }
    }

    /// `false` for signals logged long before this outbox was created.
    private func isWanted(_ signal: ProtoSignal) -> Bool {
        signal.logID == 0 || signal.loggedTimeNs >= outbox.createdAt - Int64(configuration.catchUpSeconds * 1e9)
    }

    private func count(_ entries: [Outbox.Entry]) {
        for decision in entries.flatMap(\.decisions) {
            guard case .suppress(let reason) = decision.outcome else { continue }
            Counter(
                label: MetricName.alertsSuppressed,
                dimensions: [("sink", decision.channel), ("reason", reason.rawValue)]
            ).increment()
        }
    }

    private func waitForDisk(_ stop: StopSignal) {
        runtime.health.beat("alerter", isReady: false, detail: problem.map(\.description) ?? "")
        Thread.sleep(forTimeInterval: 0.2)
    }

    private mutating func everySecond(detail: String, isPruning: Bool) {
        runtime.health.beat("alerter", isReady: problem == nil, detail: problem.map(\.description) ?? detail)
        do {
            let pending = try outbox.counts(.pending)
            let dead = try outbox.counts(.dead)
            for delivery in deliveries {
                let labels = [("sink", delivery.sink.name)]
                Gauge(label: MetricName.alertsPending, dimensions: labels).record(pending[delivery.sink.name] ?? 0)
                Gauge(label: MetricName.alertsDead, dimensions: labels).record(dead[delivery.sink.name] ?? 0)
            }
            if isPruning { _ = try outbox.prune(days: configuration.historyDays, at: HostClock.now.nanoseconds) }
        } catch {
            runtime.logger.error("outbox not read", metadata: ["error": "\(error)"])
        }
    }
}
