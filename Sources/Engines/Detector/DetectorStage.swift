import Bus
import Runtime
import Detection
import Logging
import Metrics
import Microstructure
import Wire
import ZeroMQ

/// Runs one detector bank per market: feature vectors in, signals out to the signal log, which publishes them.
struct DetectorStage: ~Copyable {
    /// One market with its detector bank.
    private struct Market {
        let symbol: String
        let stateTopic: Topic
        var bank: DetectorBank
        /// Header of the last vector; `nil` before the first vector.
        var header: FeatureHeader?
        let score: Recorder
        var meters: DetectorMeters
        /// Time of the last checkpoint on the monotonic clock, and whether a signal was found since.
        var saved: Int64
        var isUnsaved = false
        /// When the detector state was last published.
        var reported: Int64 = 0
    }

    /// Time between two checkpoints of a bank without signals; a bank with a signal is saved at once.
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
        try StageLoop.run(subscriber, health: runtime.health, part: "detector", until: stop) {
            event, subscriber throws(ZMQError) in
            switch event {
            case .message(let delivery):
                if shard.owns(delivery.topic.market) { stage.process(delivery, subscriber.reader) }
            case .second: stage.everySecond()
            }
        }
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

    private mutating func process(_ delivery: Delivery, _ reader: borrowing EnvelopeReader) {
        switch reader.content {
        case .vector(let header): process(delivery, header, reader)
        case .other(.featureSchema(let schema)): learn(schema, from: delivery.topic)
        case .event, .other:
            refused.add(delivery.topic, reason: "feature_vector", "payload is neither a feature vector nor a schema")
        case .invalid(let error): refused.add(delivery.topic, reason: "feature_vector", "\(error)")
        }
    }

    private mutating func learn(_ schema: ProtoFeatureSchema, from topic: Topic) {
        do throws(WireError) {
            guard try schemas.learn(schema) else { return }
            logger.info(
                "feature schema learnt",
                metadata: ["schema": "\(schema.schemaID)", "columns": "\(schema.columns.count)"])
        } catch {
            refused.add(topic, reason: "feature_vector", "\(error)")
        }
    }

    private mutating func process(
        _ delivery: Delivery, _ header: FeatureHeader, _ reader: borrowing EnvelopeReader
    ) {
        let start = HostClock.monotonicNanoseconds
        guard let index = marketIndex(for: delivery.topic, reader.schemaID) else { return }
        var header = header
        header.instrument = InstrumentID(index)
        // Detectors that compare with earlier books must not bridge a gap of lost vectors.
        switch delivery.arrival {
        case .lost, .restarted: markets[index].bank.resetBookDetectors()
        case .next, .first, .duplicate: break
        }
        signals.removeAll(keepingCapacity: true)
        let values = reader.values
        markets[index].bank.process(
            values.span, header: header, clockErrorNanoseconds: reader.clockErrorNanoseconds, into: &signals)
        markets[index].header = header
        for signal in signals { publish(signal, of: index) }
        if !signals.isEmpty { markets[index].isUnsaved = true }
        processing.recordNanoseconds(HostClock.monotonicNanoseconds - start)
        checkpointAndReport(index, at: start)
    }

    /// Saves and reports a market when due, mostly right after one of its vectors: doing many markets at once would
    /// delay the vectors that arrive meanwhile.
    private mutating func checkpointAndReport(_ index: Int, at now: Int64) {
        // A logged signal must not be detected again after a crash. If the cooldown is below a second, the next second
        // is soon enough.
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
            label: MetricName.detections,
            dimensions: MetricLabels.market(venue: signal.venue.rawValue, symbol: signal.symbol)
                + [("type", signal.type.rawValue)]
        ).increment()
        logger.info(
            "signal",
            metadata: [
                "id": "\(signal.id)", "metric": "\(signal.feature)", "direction": "\(signal.direction.rawValue)",
                "score": "\(signal.score)",
            ])
    }

    /// Index of the topic's market, with its bank bound to that schema; `nil` if the vectors must be refused.
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
                    score: Recorder(
                        label: MetricName.detectorScore,
                        dimensions: MetricLabels.market(venue: venue.rawValue, symbol: symbol)),
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

    /// Binds a running bank to another schema, sent by another version of `features`.
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

    /// A disk failure does no harm until the next start, which then has no checkpoint. It is logged once and retried.
    private mutating func save(_ index: Int) {
        markets[index].saved = HostClock.monotonicNanoseconds
        markets[index].isUnsaved = false
        do {
            try store.save(markets[index].bank)
            storeProblem = nil
        } catch {
            Counter(label: MetricName.checkpointFailures).increment()
            let problem = FileProblem.describe(error)
            guard storeProblem != problem else { return }
            storeProblem = problem
            logger.error("detectors not saved", metadata: ["error": "\(problem)"])
        }
    }

    /// Pretended time of a new market's last save: spreads the checkpoints of markets that start together.
    private func firstCheckpoint(of index: Int) -> Int64 {
        HostClock.monotonicNanoseconds - Int64(1 + index % 29) * Self.secondNanoseconds
    }

    /// Also serves the markets that receive no vectors.
    private mutating func everySecond() {
        let now = HostClock.monotonicNanoseconds
        for index in markets.indices { checkpointAndReport(index, at: now) }
    }

    /// Queues the symbol's detector state for publication. If the queue is still full, the state is skipped.
    private mutating func report(_ index: Int, at now: Int64) {
        markets[index].reported = now
        markets[index].meters.report(markets[index].bank)
        guard let header = markets[index].header else { return }
        let state = ProtoDetectorState(markets[index].bank, header: header)
        _ = reports.offer(DetectorReport(topic: markets[index].stateTopic, state: state))
    }
}
