import Bus
import Runtime
import Detection
import Logging
import Metrics
import Microstructure
import Wire
import ZeroMQ

/// One detector bank a market between the feature topics and the signal log, which publishes.
struct DetectorStage: ~Copyable {
    /// A market's bank.
    private struct Market {
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
    private var schemas = SchemaCatalog()
    private var refused: RefusedMessages
    private var markets: [Market] = []
    private var indices: [String: Int] = [:]
    private var signals: [Signal] = []
    private let processing = Timer(label: MetricName.detectorSeconds)

    static func run(
        _ configuration: DetectorConfiguration, _ shard: Shard, _ runtime: ServiceRuntime,
        into log: Mailbox<UnloggedSignal>,
        reports: Mailbox<DetectorReport>, until stop: StopSignal
    ) throws {
        let context = try Context(security: configuration.security)
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
        for index in stage.markets.indices { stage.save(index) }
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
        refused = RefusedMessages(logger: logger)
    }

    private mutating func process(
        _ topic: Topic, _ reader: borrowing EnvelopeReader, _ arrival: SequenceTracker.Arrival
    ) {
        guard case .vector(let header) = reader.content else { return refuseOther(topic) }
        let values = reader.values
        process(topic, arrival, header, values.span, schema: reader.schemaID, clockError: reader.clockErrorNanoseconds)
    }

    /// What the reader leaves to the generated code.
    private mutating func process(_ delivery: Delivery) {
        do throws(WireError) {
            switch delivery.envelope.payload {
            case .featureVector(let vector):
                process(
                    delivery.topic, delivery.arrival, try FeatureHeader(vector, instrument: InstrumentID(0)),
                    vector.values.span, schema: vector.schemaID,
                    clockError: vector.hasClockErrorNs ? vector.clockErrorNs : nil)
            case .featureSchema(let schema):
                guard try schemas.learn(schema) else { return }
                logger.info(
                    "feature schema learnt",
                    metadata: ["schema": "\(schema.schemaID)", "columns": "\(schema.columns.count)"])
            default: refuseOther(delivery.topic)
            }
        } catch {
            refused.add(delivery.topic, reason: "feature_vector", "\(error)")
        }
    }

    private mutating func refuseOther(_ topic: Topic) {
        refused.add(topic, reason: "feature_vector", "payload is neither a feature vector nor a schema")
    }

    private mutating func process(
        _ topic: Topic, _ arrival: SequenceTracker.Arrival, _ header: FeatureHeader, _ values: Span<Double>,
        schema vectorSchema: UInt64, clockError: Int64?
    ) {
        let start = HostClock.monotonicNanoseconds
        guard let index = marketIndex(for: topic, vectorSchema) else { return }
        var header = header
        header.instrument = InstrumentID(index)
        // What looks back at the book must not bridge vectors that never came.
        switch arrival {
        case .lost, .restarted: markets[index].bank.resetBookDetectors()
        case .next, .first, .duplicate: break
        }
        signals.removeAll(keepingCapacity: true)
        markets[index].bank.process(values, header: header, clockErrorNanoseconds: clockError, into: &signals)
        markets[index].header = header
        for signal in signals { publish(signal, of: index) }
        if !signals.isEmpty { markets[index].isUnsaved = true }
        processing.recordNanoseconds(HostClock.monotonicNanoseconds - start)
        checkpointAndReport(index, at: start)
    }

    /// Saves and reports a market where that is due, mostly beside its own vectors: many markets all at once would hold up
    /// whatever comes meanwhile.
    private mutating func checkpointAndReport(_ index: Int, at now: Int64) {
        // What the log has taken must not be found again after a crash. With a cooldown of less than a second, the next
        // second is soon enough.
        let age = now - markets[index].saved
        if markets[index].isUnsaved ? age >= Self.secondNanoseconds : age >= Self.checkpointNanoseconds { save(index) }
        if now - markets[index].reported >= Self.secondNanoseconds { report(index, at: now) }
    }

    /// Hands a signal to the log, waiting while its queue is full.
    private mutating func publish(_ signal: Signal, of index: Int) {
        let topic = Topic.signal(venue: signal.venue.rawValue, symbol: signal.symbol, type: signal.type.rawValue)
        guard log.put(UnloggedSignal(signal: ProtoSignal(signal), topic: topic)) else {
            return logger.error("signal lost: the log has closed", metadata: ["id": "\(signal.id)"])
        }
        markets[index].score.record(signal.score)
        Counter(
            label: MetricName.detections, dimensions: [("symbol", signal.symbol), ("type", signal.type.rawValue)]
        ).increment()
        logger.info(
            "signal",
            metadata: [
                "id": "\(signal.id)", "metric": "\(signal.feature)", "direction": "\(signal.direction.rawValue)",
                "score": "\(signal.score)",
            ])
    }

    /// The market's place, its bank taking vectors of that schema; `nil` where they have to be refused.
    private mutating func marketIndex(for topic: Topic, _ schemaID: UInt64) -> Int? {
        if let index = indices[topic.market] {
            guard markets[index].bank.schemaID != schemaID else { return index }
            guard let schema = schema(schemaID, topic), bind(index, to: schema, topic) else { return nil }
            return index
        }
        guard let venue = Venue(rawValue: topic.venue) else {
            refused.add(topic, reason: "unknown_venue", "the venue \(topic.venue) is not known")
            return nil
        }
        guard markets.count < FeatureMarkets.symbolLimit else {
            refused.add(topic, reason: "market_limit", "more than \(FeatureMarkets.symbolLimit) markets")
            return nil
        }
        guard let schema = schema(schemaID, topic) else { return nil }
        let symbol = topic.symbol
        do {
            let bank =
                try savedBank(venue, symbol, schema)
                ?? DetectorBank(venue: venue, symbol: symbol, schema: schema, profile: profile)
            markets.append(
                Market(
                    symbol: symbol, stateTopic: .detector(venue: venue.rawValue, symbol: symbol), bank: bank,
                    score: Recorder(label: MetricName.detectorScore, dimensions: [("symbol", symbol)]),
                    meters: DetectorMeters(bank), saved: firstCheckpoint(of: markets.count)))
        } catch {
            refused.add(topic, reason: "schema", "\(error)")
            return nil
        }
        indices[topic.market] = markets.count - 1
        return markets.count - 1
    }

    private mutating func schema(_ id: UInt64, _ topic: Topic) -> FeatureSchema? {
        if let schema = schemas[id] { return schema }
        refused.add(
            topic, reason: "schema",
            "the columns of feature schema \(id) are not known: no schema message of it has come")
        return nil
    }

    /// Has a running bank take vectors of another schema, those of another version of `features`.
    private mutating func bind(_ index: Int, to schema: FeatureSchema, _ topic: Topic) -> Bool {
        do throws(ProfileError) {
            do throws(ProfileError) {
                try markets[index].bank.bind(to: schema)
            } catch {
                guard case .changedColumn = error else { throw error }
                logStartAnew(markets[index].symbol, "\(error)")
                let bank = markets[index].bank
                markets[index].bank = try DetectorBank(
                    venue: bank.venue, symbol: bank.symbol, schema: schema, profile: profile)
                markets[index].meters = DetectorMeters(markets[index].bank)
            }
            return true
        } catch {
            refused.add(topic, reason: "schema", "\(error)")
            return false
        }
    }

    private func savedBank(_ venue: Venue, _ symbol: String, _ schema: FeatureSchema) -> DetectorBank? {
        do {
            let bank = try store.load(venue, symbol, profile, schema)
            if bank != nil { logger.info("detectors go on from their checkpoint", metadata: ["symbol": "\(symbol)"]) }
            return bank
        } catch {
            logStartAnew(symbol, "\(error)")
            return nil
        }
    }

    private func logStartAnew(_ symbol: String, _ reason: String) {
        logger.notice("detectors start anew", metadata: ["symbol": "\(symbol)", "reason": "\(reason)"])
    }

    /// A disk that fails costs the next start its memory, and nothing now: it is said once, and tried again.
    private mutating func save(_ index: Int) {
        markets[index].saved = HostClock.monotonicNanoseconds
        markets[index].isUnsaved = false
        do {
            try store.save(markets[index].bank)
            storeProblem = nil
        } catch {
            Counter(label: MetricName.checkpointFailures).increment()
            guard storeProblem != "\(error)" else { return }
            storeProblem = "\(error)"
            logger.error("detectors not saved", metadata: ["error": "\(error)"])
        }
    }

    /// When a new market is taken to have been saved: those that begin together shall not be due together.
    private func firstCheckpoint(of index: Int) -> Int64 {
        HostClock.monotonicNanoseconds - Int64(1 + index % 29) * Self.secondNanoseconds
    }

    /// For the markets whose vectors do not come.
    private mutating func everySecond() {
        let now = HostClock.monotonicNanoseconds
        for index in markets.indices { checkpointAndReport(index, at: now) }
    }

    /// Hands the symbol's state on to be published. A queue that is still full of the last second's is let be.
    private mutating func report(_ index: Int, at now: Int64) {
        markets[index].reported = now
        markets[index].meters.report(markets[index].bank)
        guard let header = markets[index].header else { return }
        let state = ProtoDetectorState(markets[index].bank, header: header)
        _ = reports.offer(DetectorReport(topic: markets[index].stateTopic, state: state))
    }
}
