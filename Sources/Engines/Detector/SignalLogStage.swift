import Bus
import Runtime
import Storage
import Logging
import Metrics
import Microstructure
import Wire
import ZeroMQ

/// A signal on its way into the log, with the topic under which it is published.
package struct UnloggedSignal: Sendable {
    package let signal: ProtoSignal
    package let topic: Topic

    package init(signal: ProtoSignal, topic: Topic) {
        self.signal = signal
        self.topic = topic
    }
}

/// Settings of the signal log's thread.
package struct SignalLogConfiguration: Sendable {
    package var path: String
    package var publish: [Endpoint]
    /// Endpoints to which signals are pushed for alerting; empty pushes none.
    package var alerts: [Endpoint]
    /// Endpoints where clients request replays and other programs append signals; empty serves none.
    package var replay: [Endpoint]
    /// Keys that encrypt the bus; `nil` means plain text.
    package var security: CurveSecurity?
    package var retentionDays = 30.0
    package var retentionBytes = 1 << 30

    package init(path: String, publish: [Endpoint], alerts: [Endpoint], replay: [Endpoint]) {
        self.path = path
        self.publish = publish
        self.alerts = alerts
        self.replay = replay
    }
}

/// The thread that owns the signal log: commits signals, and only then publishes them and pushes them to the alerters.
/// Signals that arrive during a commit share the next one. A slow disk therefore does not block the detector until the
/// queue is full.
package struct SignalLogStage: ~Copyable {
    /// Most signals waiting for the log. At the limit the detector waits; drops from its own queue are counted.
    package static let queueLimit = 10_000
    /// Most signals in one commit.
    static let batchLimit = 1_000
    /// Longest wait for the disk once the stop is requested.
    static let drainLimitNanoseconds: Int64 = 2_000_000_000
    private static let pruneIntervalNanoseconds: Int64 = 60_000_000_000

    private let log: SignalLog
    private let retention: SignalLog.Retention
    private let logger: Logger
    private var publisher: Publisher
    private var alerts: AlertPusher?
    private var service: ReplayService
    private var topics: [Topic: PublishedTopic] = [:]
    private var waiting: [UnloggedSignal] = []
    private var problem: StorageError?
    private var backoff = Backoff(firstSeconds: 0.1, longestSeconds: 1)
    private var nextAttempt: Int64 = 0
    private let logged = Counter(label: MetricName.signalsLogged)
    private let duplicates = Counter(label: MetricName.signalsLoggedTwice)
    private let failures = Counter(label: MetricName.signalLogFailures)
    private let pruned = Counter(label: MetricName.signalsPruned)
    private let head = Gauge(label: MetricName.signalLogHead)
    private let commitTime = Timer(label: MetricName.signalLogSeconds)
    private let delay = Timer(label: MetricName.signalDelay)

    /// Runs until the stop is requested and `queue` is empty. Each put into the queue rings `wake`.
    /// - Parameter reports: detector states, published on the same socket on arrival and not logged.
    package static func run(
        _ configuration: SignalLogConfiguration, _ runtime: ServiceRuntime, from queue: Mailbox<UnloggedSignal>,
        reports: Mailbox<DetectorReport>? = nil, wokenBy wake: WakeSignal,
        onBound: ((_ signals: String, _ replay: String) -> Void)? = nil,
        until stop: StopSignal
    ) throws {
        // Close the queue on every exit, so that no producer waits for room forever.
        defer { _ = queue.close() }
        let context = try Context(security: configuration.security)
        let log = try SignalLog(path: configuration.path)
        let extent = try log.extent
        runtime.logger.info(
            "signal log",
            metadata: ["path": "\(log.path)", "log_id": "\(extent.id)", "last_sequence": "\(extent.last)"])
        // Both services are bound before either is announced, so a client that finds one finds the other.
        let service = try ReplayService(configuration.replay, in: context)
        let publisher = try Publisher(
            configuration.publish, in: context, producer: runtime.name, epoch: runtime.epoch, kind: .signal)
        try onBound?(publisher.endpoint, service.endpoint)
        let alerts = try AlertPusher(
            configuration.alerts, in: context, producer: runtime.name, epoch: runtime.epoch, logger: runtime.logger)
        var poller = Poller(capacity: 2)
        _ = try poller.add(fileDescriptor: wake.fileDescriptor)
        try service.register(in: &poller)
        var stage = SignalLogStage(
            log: log,
            retention: .init(days: configuration.retentionDays, bytes: configuration.retentionBytes),
            logger: runtime.logger, publisher: publisher, alerts: alerts, service: service)
        stage.failures.increment(by: 0)
        stage.head.record(extent.last)
        stop.onRequest { wake.wake() }
        try stage.loop(queue, reports, wake, &poller, runtime.health, until: stop)
    }

    private init(
        log: SignalLog, retention: SignalLog.Retention, logger: Logger, publisher: consuming Publisher,
        alerts: consuming AlertPusher?, service: consuming ReplayService
    ) {
        self.log = log
        self.retention = retention
        self.logger = logger
        self.publisher = publisher
        self.alerts = alerts
        self.service = service
    }

    private mutating func loop(
        _ queue: Mailbox<UnloggedSignal>, _ reports: Mailbox<DetectorReport>?, _ wake: WakeSignal,
        _ poller: inout Poller, _ health: Health, until stop: StopSignal
    ) throws {
        var nextSecond: Int64 = 0
        var nextPrune = HostClock.monotonicNanoseconds + Self.pruneIntervalNanoseconds
        var end: Int64?
        while true {
            let isStopping = stop.isRequested
            let isIdle = waiting.isEmpty || problem != nil
            if case .ready = try poller.wait(timeoutMilliseconds: isIdle ? 100 : 0) { wake.clear() }
            if waiting.count < Self.batchLimit { waiting += queue.take(waitingUpTo: 0) }
            try answerRequests()
            for report in reports?.take(waitingUpTo: 0) ?? [] {
                try publish(.detectorState(report.state), on: report.topic)
            }
            if !waiting.isEmpty, HostClock.monotonicNanoseconds >= nextAttempt { try commit() }
            let now = HostClock.monotonicNanoseconds
            if now >= nextSecond {
                nextSecond = now + 1_000_000_000
                try publisher.countSubscriptions()
                health.beat("log", isReady: problem == nil, detail: problem.map(\.description) ?? "")
            }
            if now >= nextPrune {
                nextPrune = now + Self.pruneIntervalNanoseconds
                prune()
            }
            guard isStopping else { continue }
            if waiting.isEmpty { return }
            end = end ?? now + Self.drainLimitNanoseconds
            if let end, now > end {
                logger.error("signals not logged at the end", metadata: ["count": "\(waiting.count)"])
                throw problem ?? StorageError(path: log.path, problem: "is too slow")
            }
        }
    }

    /// Commits the waiting signals, then publishes them. Signals whose commit fails are kept and retried.
    private mutating func commit() throws(ZMQError) {
        let batch = Array(waiting.prefix(Self.batchLimit))
        guard let receipt = append(batch.map(\.signal)) else {
            nextAttempt = HostClock.monotonicNanoseconds + Int64(max(0.05, backoff.next()) * 1e9)
            return
        }
        backoff.reset()
        waiting.removeFirst(batch.count)
        let topicOf = Dictionary(batch.map { ($0.signal.id, $0.topic) }, uniquingKeysWith: { first, _ in first })
        for signal in receipt.logged {
            guard let topic = topicOf[signal.id] else { continue }
            try publish(signal, on: topic)
        }
    }

    private mutating func append(_ signals: [ProtoSignal]) -> SignalLog.Receipt? {
        let start = HostClock.monotonicNanoseconds
        do {
            let receipt = try log.append(signals, at: HostClock.now.nanoseconds)
            commitTime.recordNanoseconds(HostClock.monotonicNanoseconds - start)
            logged.increment(by: Int64(receipt.logged.count))
            if receipt.duplicates > 0 { duplicates.increment(by: Int64(receipt.duplicates)) }
            if let last = receipt.logged.last { head.record(last.logSequence) }
            if problem != nil { logger.notice("signal log writes again") }
            problem = nil
            return receipt
        } catch {
            failures.increment()
            // Log once per cause, not once per attempt.
            if problem?.description != error.description {
                logger.error(
                    "signals not logged and therefore not published; trying again",
                    metadata: ["error": "\(error)", "waiting": "\(waiting.count)"])
            }
            problem = error
            return nil
        }
    }

    private mutating func publish(_ payload: ProtoEnvelope.OneOf_Payload, on topic: Topic) throws(ZMQError) {
        var published = topics[topic] ?? PublishedTopic(topic)
        try publisher.publish(payload, on: &published)
        // Clients choose the topics of posted signals, so this table is bounded like every consumer's table.
        if topics.count < SequenceTracker.topicLimit || topics[topic] != nil { topics[topic] = published }
    }

    private mutating func publish(_ signal: ProtoSignal, on topic: Topic) throws(ZMQError) {
        try publish(.signal(signal), on: topic)
        try alerts?.push(signal, topic: topic)
        delay.recordNanoseconds(HostClock.now.nanoseconds(since: Timestamp(nanoseconds: signal.detectedTimeNs)))
    }

    private mutating func answerRequests() throws(ZMQError) {
        for _ in 0..<ReplayService.requestLimit {
            guard let request = try service.next() else { return }
            var response = ProtoLogResponse()
            response.requestID = request.message.requestID
            switch request.message.ask {
            case .replay(let replay): read(replay, into: &response)
            case .append(let append): try add(append.signals, to: &response)
            case nil: response.error = "the request asks nothing that this version knows"
            }
            try service.answer(response, to: request)
        }
    }

    private func read(_ replay: ProtoReplay, into response: inout ProtoLogResponse) {
        do {
            let extent = try log.extent
            response.logID = extent.id
            response.firstSequence = extent.first
            response.lastSequence = extent.last
            guard replay.logID == extent.id, replay.since < extent.last else { return }
            let limit = replay.limit == 0 ? SignalLog.replayLimit : Int(replay.limit)
            response.signals = try log.signals(after: replay.since, limit: limit)
        } catch {
            response.error = "\(error)"
        }
    }

    /// Appends signals from another program: committed to disk before the answer, published like the detector's own.
    private mutating func add(_ signals: [ProtoSignal], to response: inout ProtoLogResponse) throws(ZMQError) {
        guard signals.count <= SignalLog.replayLimit else {
            response.error = "\(signals.count) signals are too many; send at most \(SignalLog.replayLimit) at once"
            return
        }
        do throws(WireError) {
            for signal in signals { try signal.validate() }
        } catch {
            response.error = "\(error); nothing was appended"
            return
        }
        guard problem == nil || HostClock.monotonicNanoseconds >= nextAttempt, let receipt = append(signals)
        else {
            response.error = problem?.description ?? "the log cannot be written"
            return
        }
        response.appended = UInt32(signals.count)
        for signal in receipt.logged {
            try publish(signal, on: .signal(venue: signal.venue, symbol: signal.symbol, type: signal.type))
        }
    }

    private func prune() {
        do {
            let count = try log.prune(retention, at: HostClock.now.nanoseconds)
            guard count > 0 else { return }
            pruned.increment(by: Int64(count))
            logger.info("old signals deleted", metadata: ["count": "\(count)"])
        } catch {
            logger.error("old signals not deleted", metadata: ["error": "\(error)"])
        }
    }
}
