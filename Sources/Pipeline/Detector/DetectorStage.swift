import Detection
import Logging
import Metrics
import Microstructure
import Wire
import ZeroMQ

/// One detector bank a symbol between the feature topics and the signal log, which publishes.
struct DetectorStage: ~Copyable {
    /// A symbol's bank.
    private struct Line {
        let symbol: String
        let stateTopic: Topic
        var bank: DetectorBank
        /// Of the last vector; `nil` before the first.
        var header: FeatureHeader?
        let score: Recorder
        var meters: DetectorMeters
        /// When the last checkpoint was made, on the monotonic clock, and whether a signal has come since.
        var saved: Int64
        var isUnsaved = false
        /// When its state was last published.
        var reported: Int64 = 0
    }

    /// Between two checkpoints of a bank that has nothing to report; one with a signal is saved at once.
    private static let checkpointNanoseconds: Int64 = 30_000_000_000
    private static let secondNanoseconds: Int64 = 1_000_000_000

    private let log: Mailbox<UnloggedSignal>
    private let reports: Mailbox<DetectorReport>
    private let profile: Profile
    private let store: BankStore
    private let logger: Logger
    private var storeProblem: String?
    private let schema = FeatureSchema()
    private var lines: [Line] = []
    private var indices: [String: Int] = [:]
    private var signals: [Signal] = []
    private let processing = Timer(label: MetricName.detectorSeconds)

    static func run(
        _ configuration: DetectorConfiguration, _ shard: Shard, _ runtime: ServiceRuntime,
        into log: Mailbox<UnloggedSignal>,
        reports: Mailbox<DetectorReport>, until stop: StopSignal
    ) throws {
        let context = try Context(security: runtime.security)
        let directory = EndpointDirectory(configuration.connect, logger: runtime.logger)
        let subscriber = try Subscriber(
            directory, topics: [Topic.prefix(.feature)], in: context, logger: runtime.logger)
        var stage = DetectorStage(
            log: log, reports: reports, profile: configuration.profile,
            store: try BankStore(folder: configuration.bankFolder), logger: runtime.logger)
        try StageLoop.run(
            subscriber, health: runtime.health, part: "detector", until: stop,
            reading: {
                event, reader throws(ZMQError) in
                switch event {
                case .message(.read(let topic, let arrival)):
                    if shard.owns(topic.market) { stage.process(topic, reader, arrival) }
                case .message(.decoded(let delivery)):
                    if shard.owns(delivery.topic.market) { stage.process(delivery) }
                case .second: stage.everySecond()
                }
            })
        for index in stage.lines.indices { stage.save(index) }
    }

    private init(
        log: Mailbox<UnloggedSignal>, reports: Mailbox<DetectorReport>, profile: Profile, store: BankStore,
        logger: Logger
    ) {
        self.log = log
        self.reports = reports
        self.profile = profile
        self.store = store
        self.logger = logger
    }

    private mutating func process(
        _ topic: Topic, _ reader: borrowing EnvelopeReader, _ arrival: SequenceTracker.Arrival
    ) {
        guard case .vector(let header) = reader.content else { return refuse(topic, "payload is no feature vector") }
        let values = reader.values
        process(topic, arrival, header, values.span, schema: reader.schemaID, clockError: reader.clockErrorNanoseconds)
    }

    /// What the reader leaves to the generated code.
    private mutating func process(_ delivery: Delivery) {
        guard case .featureVector(let vector) = delivery.envelope.payload else {
            return refuse(delivery.topic, "payload is no feature vector")
        }
        do {
            process(
                delivery.topic, delivery.arrival, try FeatureHeader(vector, instrument: InstrumentID(0)),
                vector.values.span, schema: vector.schemaID,
                clockError: vector.hasClockErrorNs ? vector.clockErrorNs : nil)
        } catch {
            refuse(delivery.topic, "\(error)")
        }
    }

    private mutating func process(
        _ topic: Topic, _ arrival: SequenceTracker.Arrival, _ header: FeatureHeader, _ values: Span<Double>,
        schema vectorSchema: UInt64, clockError: Int64?
    ) {
        let start = Clock.monotonicNanoseconds
        guard vectorSchema == schema.id else {
            return refuse(topic, "feature schema \(vectorSchema) is not this version's \(schema.id)")
        }
        guard let index = lineIndex(for: topic) else { return }
        var header = header
        header.instrument = InstrumentID(index)
        // What looks back at the book must not bridge vectors that never came.
        switch arrival {
        case .lost, .restarted: lines[index].bank.resetBookDetectors()
        case .next, .first, .duplicate: break
        }
        signals.removeAll(keepingCapacity: true)
        lines[index].bank.process(values, header: header, clockErrorNanoseconds: clockError, into: &signals)
        lines[index].header = header
        for signal in signals { publish(signal, of: index) }
        if !signals.isEmpty { lines[index].isUnsaved = true }
        processing.recordNanoseconds(Clock.monotonicNanoseconds - start)
        keepHouse(index, at: start)
    }

    /// Saves and reports a line where that is due, mostly beside its own vectors: the lines of many symbols all at once would
    /// hold up whatever comes meanwhile.
    private mutating func keepHouse(_ index: Int, at now: Int64) {
        // What the log has taken must not be found again after a crash. With a cooldown of less than a second, the next
        // second is soon enough.
        let age = now - lines[index].saved
        if lines[index].isUnsaved ? age >= Self.secondNanoseconds : age >= Self.checkpointNanoseconds { save(index) }
        if now - lines[index].reported >= Self.secondNanoseconds { report(index, at: now) }
    }

    /// Hands a signal to the log, waiting while its queue is full.
    private mutating func publish(_ signal: Signal, of index: Int) {
        let topic = Topic.signal(venue: signal.venue.rawValue, symbol: signal.symbol, type: signal.type.rawValue)
        guard log.put(UnloggedSignal(signal: ProtoSignal(signal), topic: topic)) else {
            return logger.error("signal lost: the log has closed", metadata: ["id": "\(signal.id)"])
        }
        lines[index].score.record(signal.score)
        Counter(
            label: MetricName.detections, dimensions: [("symbol", signal.symbol), ("type", signal.type.rawValue)]
        ).increment()
        logger.info(
            "signal",
            metadata: [
                "id": "\(signal.id)", "metric": "\(signal.metric)", "direction": "\(signal.direction)",
                "score": "\(signal.score)",
            ])
    }

    private mutating func lineIndex(for topic: Topic) -> Int? {
        let symbol = topic.symbol
        if let index = indices[topic.market] { return index }
        guard let venue = Venue(rawValue: topic.venue) else {
            let error = WireError.unknownVenue(topic.venue)
            refuse(topic, "\(error)", label: error.kind)
            return nil
        }
        guard lines.count < FeatureLines.symbolLimit else {
            refuse(topic, "more than \(FeatureLines.symbolLimit) symbols")
            return nil
        }
        do {
            let bank =
                try savedBank(venue, symbol)
                ?? DetectorBank(venue: venue, symbol: symbol, schema: schema, profile: profile)
            lines.append(
                Line(
                    symbol: symbol, stateTopic: .detector(venue: venue.rawValue, symbol: symbol), bank: bank,
                    score: Recorder(label: MetricName.detectorScore, dimensions: [("symbol", symbol)]),
                    meters: DetectorMeters(bank), saved: firstCheckpoint(of: lines.count)))
        } catch {
            refuse(topic, "\(error)")
            return nil
        }
        indices[topic.market] = lines.count - 1
        return lines.count - 1
    }

    private func savedBank(_ venue: Venue, _ symbol: String) -> DetectorBank? {
        do {
            let bank = try store.load(venue, symbol, profile, schema)
            if bank != nil { logger.info("detectors go on from their checkpoint", metadata: ["symbol": "\(symbol)"]) }
            return bank
        } catch {
            logger.notice("detectors start anew", metadata: ["symbol": "\(symbol)", "reason": "\(error)"])
            return nil
        }
    }

    /// A disk that fails costs the next start its memory, and nothing now: it is said once, and tried again.
    private mutating func save(_ index: Int) {
        lines[index].saved = Clock.monotonicNanoseconds
        lines[index].isUnsaved = false
        do {
            try store.save(lines[index].bank)
            storeProblem = nil
        } catch {
            Counter(label: MetricName.checkpointFailures).increment()
            guard storeProblem != "\(error)" else { return }
            storeProblem = "\(error)"
            logger.error("detectors not saved", metadata: ["error": "\(error)"])
        }
    }

    /// When a new line is taken to have been saved: lines that begin together shall not be due together.
    private func firstCheckpoint(of index: Int) -> Int64 {
        Clock.monotonicNanoseconds - Int64(1 + index % 29) * Self.secondNanoseconds
    }

    /// For the lines whose vectors do not come.
    private mutating func everySecond() {
        let now = Clock.monotonicNanoseconds
        for index in lines.indices { keepHouse(index, at: now) }
    }

    /// Hands the symbol's state on to be published. A queue that is still full of the last second's is let be.
    private mutating func report(_ index: Int, at now: Int64) {
        lines[index].reported = now
        lines[index].meters.report(lines[index].bank)
        guard let header = lines[index].header else { return }
        let state = ProtoDetectorState(lines[index].bank, header: header)
        _ = reports.offer(DetectorReport(topic: lines[index].stateTopic, state: state))
    }

    private func refuse(_ topic: Topic, _ reason: String, label: String = "feature_vector") {
        Counter(label: MetricName.busRejected, dimensions: [("reason", label)]).increment()
        logger.warning("message refused", metadata: ["topic": "\(topic)", "reason": "\(reason)"])
    }
}
