import Detection
import Logging
import Metrics
import Microstructure
import Wire
import ZeroMQ

/// One detector bank a symbol between the feature topics and the signal topics.
struct DetectorStage: ~Copyable {
    /// A symbol's bank and its topics, one a signal type.
    private struct Line {
        let symbol: String
        var bank: DetectorBank
        var topics: [SignalType: PublishedTopic] = [:]
        var reported = DetectorCounts()
        let score: Recorder
        let threshold: Gauge
    }

    private var publisher: Publisher
    private var alerts: AlertPusher?
    private let profile: Profile
    private let logger: Logger
    private let schema = FeatureSchema()
    private var lines: [Line] = []
    private var indices: [String: Int] = [:]
    private var signals: [Signal] = []
    private let processing = Timer(label: MetricName.detectorSeconds)
    private let delay = Timer(label: MetricName.signalDelay)

    static func run(
        _ configuration: DetectorConfiguration, _ runtime: ServiceRuntime, until stop: StopSignal
    ) throws {
        let context = try Context()
        let directory = EndpointDirectory(configuration.connect, logger: runtime.logger)
        let publisher = try Publisher(
            configuration.publish, in: context, producer: "detector", epoch: runtime.epoch, kind: .signal)
        let subscriber = try Subscriber(
            directory, topics: [Topic.prefix(.feature)], in: context, logger: runtime.logger)
        var stage = DetectorStage(
            publisher: publisher,
            alerts: try AlertPusher(
                configuration.alerts, in: context, producer: "detector", epoch: runtime.epoch, logger: runtime.logger),
            profile: configuration.profile, logger: runtime.logger)
        try StageLoop.run(subscriber, health: runtime.health, part: "detector", until: stop) { event throws(ZMQError) in
            switch event {
            case .delivery(let delivery): try stage.process(delivery)
            case .second: try stage.everySecond()
            }
        }
    }

    private init(publisher: consuming Publisher, alerts: consuming AlertPusher?, profile: Profile, logger: Logger) {
        self.publisher = publisher
        self.alerts = alerts
        self.profile = profile
        self.logger = logger
    }

    private mutating func process(_ delivery: Delivery) throws(ZMQError) {
        let start = Clock.monotonicNanoseconds
        guard case .featureVector(let vector) = delivery.envelope.payload else {
            return refuse(delivery, "payload is no feature vector")
        }
        guard vector.schemaID == schema.id else {
            return refuse(delivery, "feature schema \(vector.schemaID) is not this version's \(schema.id)")
        }
        guard let index = lineIndex(for: delivery) else { return }
        let header: FeatureHeader
        do {
            header = try FeatureHeader(vector, instrument: InstrumentID(index))
        } catch {
            return refuse(delivery, "\(error)")
        }
        // What looks back at the book must not bridge vectors that never came.
        switch delivery.arrival {
        case .lost, .restarted: lines[index].bank.resetBookDetectors()
        case .next, .first, .duplicate: break
        }
        signals.removeAll(keepingCapacity: true)
        lines[index].bank.process(
            vector.values.span, header: header,
            clockErrorNanoseconds: vector.hasClockErrorNs ? vector.clockErrorNs : nil, into: &signals)
        for signal in signals { try publish(signal, of: index) }
        processing.recordNanoseconds(Clock.monotonicNanoseconds - start)
    }

    private mutating func publish(_ signal: Signal, of index: Int) throws(ZMQError) {
        let message = ProtoSignal(signal)
        var topic =
            lines[index].topics[signal.type]
            ?? PublishedTopic(
                .signal(venue: signal.venue.rawValue, symbol: signal.symbol, type: signal.type.rawValue))
        try publisher.publish(.signal(message), on: &topic)
        lines[index].topics[signal.type] = topic
        try alerts?.push(message, topic: topic.topic)
        delay.recordNanoseconds(Clock.now.nanoseconds(since: signal.detected))
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

    private mutating func lineIndex(for delivery: Delivery) -> Int? {
        let symbol = delivery.topic.symbol
        if let index = indices[delivery.topic.market] { return index }
        guard lines.count < FeaturesStage.symbolLimit, let venue = Venue(rawValue: delivery.topic.venue) else {
            refuse(delivery, "unknown venue, or more than \(FeaturesStage.symbolLimit) symbols")
            return nil
        }
        do {
            let bank = try DetectorBank(venue: venue, symbol: symbol, schema: schema, profile: profile)
            let labels = [("symbol", symbol)]
            lines.append(
                Line(
                    symbol: symbol, bank: bank, score: Recorder(label: MetricName.detectorScore, dimensions: labels),
                    threshold: Gauge(label: MetricName.detectorThreshold, dimensions: labels)))
        } catch {
            refuse(delivery, "\(error)")
            return nil
        }
        indices[delivery.topic.market] = lines.count - 1
        return lines.count - 1
    }

    private mutating func everySecond() throws(ZMQError) {
        try publisher.countSubscriptions()
        for index in lines.indices {
            let symbol = lines[index].symbol
            lines[index].threshold.record(lines[index].bank.dynamicThreshold)
            let counts = lines[index].bank.counts
            for (now, before) in zip(counts.byType, lines[index].reported.byType) {
                let held = [
                    ("cooldown", now.counts.suppressedByCooldown &- before.counts.suppressedByCooldown),
                    ("threshold", now.counts.suppressedByThreshold &- before.counts.suppressedByThreshold),
                ]
                for (reason, count) in held where count > 0 {
                    Counter(
                        label: MetricName.detectionsSuppressed,
                        dimensions: [("symbol", symbol), ("type", now.type.rawValue), ("reason", reason)]
                    ).increment(by: Int64(clamping: count))
                }
            }
            lines[index].reported = counts
        }
    }

    private func refuse(_ delivery: Delivery, _ reason: String) {
        Counter(label: MetricName.busRejected, dimensions: [("reason", "feature_vector")]).increment()
        logger.warning("message refused", metadata: ["topic": "\(delivery.topic)", "reason": "\(reason)"])
    }
}
