import Logging
import Metrics
import Microstructure
import Wire
import ZeroMQ

/// The features of all symbols between the tick topics and the feature topics.
struct FeaturesStage: ~Copyable {
    /// Where one symbol's vectors go, and what was counted of it.
    private struct Output {
        var topic: PublishedTopic
        let books: Counter
        let trades: Counter
        let vectors: Counter
        private let anomalies: [(counter: Counter, count: KeyPath<FeatureCounters, UInt64> & Sendable)]
        private var reported = FeatureCounters()

        init(_ instrument: Instrument) {
            topic = PublishedTopic(.feature(venue: instrument.venue.rawValue, symbol: instrument.symbol))
            func counter(_ name: String) -> Counter {
                Counter(label: name, dimensions: [("symbol", instrument.symbol)])
            }
            books = counter(MetricName.featureBookUpdates)
            trades = counter(MetricName.featureTrades)
            vectors = counter(MetricName.featureVectors)
            anomalies = Self.reasons.map { reason, count in
                let labels = [("symbol", instrument.symbol), ("reason", reason)]
                return (Counter(label: MetricName.featureAnomalies, dimensions: labels), count)
            }
        }

        /// Hands over what the engine has counted since the last call; an engine made anew counts from zero.
        mutating func report(_ counters: FeatureCounters) {
            for (counter, count) in anomalies {
                let (now, before) = (counters[keyPath: count], reported[keyPath: count])
                let delta = now >= before ? now - before : now
                if delta > 0 { counter.increment(by: Int64(clamping: delta)) }
            }
            reported = counters
        }

        private static let reasons: [(String, KeyPath<FeatureCounters, UInt64> & Sendable)] = [
            ("late", \.lateEvents), ("foreign", \.foreignEvents), ("invalid_trade", \.invalidTrades),
            ("backfilled_trade", \.backfilledTrades), ("worthless_price", \.ignoredPrices),
            ("window_full", \.earlyExpiries),
        ]
    }

    private var publisher: Publisher
    private let logger: Logger
    private var lines: FeatureLines
    /// One a line.
    private var outputs: [Output] = []
    private let processing = Timer(label: MetricName.featureSeconds)

    static func run(
        _ configuration: FeaturesConfiguration, _ runtime: ServiceRuntime, until stop: StopSignal
    ) throws {
        let place = ShardPlace(configuration.shard, of: "features", runtime)
        guard let shard = try place.take(part: "features", until: stop) else { return }
        defer { extendLifetime(place) }
        let context = try Context(security: runtime.security)
        let directory = EndpointDirectory(configuration.connect, logger: runtime.logger)
        // Every venue's: a prefix cannot name a symbol without its venue.
        let symbols = Set(configuration.symbols)
        func isOurs(_ topic: Topic) -> Bool {
            (symbols.isEmpty || symbols.contains(topic.symbol)) && shard.owns(topic.market)
        }
        var stage = FeaturesStage(
            publisher: try Publisher(
                configuration.publish, in: context, producer: "features", epoch: runtime.epoch, kind: .feature),
            logger: runtime.logger)
        let subscriber = try Subscriber(directory, topics: [Topic.prefix(.tick)], in: context, logger: runtime.logger)
        try StageLoop.run(
            subscriber, health: runtime.health, part: "features", until: stop,
            reading: {
                event, reader throws(ZMQError) in
                switch event {
                case .message(.read(let topic, let arrival)):
                    guard isOurs(topic) else { return }
                    try stage.process(topic) { lines throws(WireError) in try lines.process(topic, reader, arrival) }
                case .message(.decoded(let delivery)):
                    guard isOurs(delivery.topic) else { return }
                    try stage.process(delivery.topic) { lines throws(WireError) in
                        try lines.process(delivery.topic, delivery.envelope, delivery.arrival)
                    }
                case .second: try stage.everySecond()
                }
            })
    }

    private init(publisher: consuming Publisher, logger: Logger) {
        self.publisher = publisher
        self.logger = logger
        lines = FeatureLines(logger: logger)
    }

    private mutating func process(
        _ topic: Topic, _ take: (inout FeatureLines) throws(WireError) -> FeatureLines.Outcome
    ) throws(ZMQError) {
        let start = Clock.monotonicNanoseconds
        let outcome: FeatureLines.Outcome
        do {
            outcome = try take(&lines)
        } catch {
            return refuse(topic, error)
        }
        switch outcome {
        case .ignored: return
        case .taken(let line, let event): count(event, of: line)
        case .vector(let line, let event, let header):
            count(event, of: line)
            try publish(header, of: line)
        }
        processing.recordNanoseconds(Clock.monotonicNanoseconds - start)
    }

    private mutating func everySecond() throws(ZMQError) {
        try publisher.countSubscriptions()
        for index in outputs.indices { outputs[index].report(lines.lines[index].engine.counters) }
    }

    private mutating func count(_ event: MarketEvent, of line: Int) {
        while outputs.count <= line { outputs.append(Output(lines.lines[outputs.count].instrument)) }
        switch event {
        case .book: outputs[line].books.increment()
        case .trade: outputs[line].trades.increment()
        case .quote, .heartbeat: break
        }
    }

    private mutating func publish(_ header: FeatureHeader, of line: Int) throws(ZMQError) {
        // Read in place: a copy of the line would retain the engine's arrays. That of its values ends with this function,
        // before the engine's next write, which would otherwise copy them.
        let values = lines.lines[line].engine.values
        let (schema, epoch) = (lines.lines[line].engine.schema.id, lines.lines[line].sourceEpoch)
        let clockError = lines.lines[line].clockErrorNanoseconds
        let isSent = try publisher.publish(on: &outputs[line].topic) {
            $0.write(
                header, values: values.span, schema: schema, sourceEpoch: epoch, clockErrorNanoseconds: clockError)
        }
        if isSent { outputs[line].vectors.increment() }
    }

    private func refuse(_ topic: Topic, _ error: WireError) {
        Counter(label: MetricName.busRejected, dimensions: [("reason", error.kind)]).increment()
        logger.warning("message refused", metadata: ["topic": "\(topic)", "error": "\(error)"])
    }
}
