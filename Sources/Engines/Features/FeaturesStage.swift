import Bus
import Runtime
import Logging
import Metrics
import Microstructure
import Wire
import ZeroMQ

/// Computes the features of all markets: tick topics in, feature topics out.
struct FeaturesStage: ~Copyable {
    /// Longest time that a new consumer waits for the schema while vectors arrive.
    private static let schemaPeriodNanoseconds: Int64 = 5_000_000_000

    /// One market's output topics and counters.
    private struct Output {
        var topic: PublishedTopic
        var schemaTopic: PublishedTopic
        /// When to publish the schema next, on the monotonic clock; initially before the first vector.
        var nextSchema = Int64.min
        let books: Counter
        let trades: Counter
        let vectors: Counter
        private let anomalies: [(counter: Counter, count: KeyPath<FeatureCounters, UInt64> & Sendable)]
        private var reported = FeatureCounters()

        init(_ instrument: Instrument) {
            topic = PublishedTopic(.feature(venue: instrument.venue.rawValue, symbol: instrument.symbol))
            schemaTopic = PublishedTopic(
                .featureSchema(venue: instrument.venue.rawValue, symbol: instrument.symbol))
            let labels = MetricLabels.market(venue: instrument.venue.rawValue, symbol: instrument.symbol)
            func counter(_ name: String) -> Counter { Counter(label: name, dimensions: labels) }
            books = counter(MetricName.featureBookUpdates)
            trades = counter(MetricName.featureTrades)
            vectors = counter(MetricName.featureVectors)
            anomalies = Self.reasons.map { reason, count in
                (Counter(label: MetricName.featureAnomalies, dimensions: labels + [("reason", reason)]), count)
            }
        }

        /// Adds the engine's counts since the last call to the metrics; a recreated engine counts from zero.
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
    private var refused: RefusedMessages
    private var features: FeatureMarkets
    /// One output per market.
    private var outputs: [Output] = []
    /// The schema shared by all engines.
    private let schema = ProtoFeatureSchema(FeatureSchema())
    private let processing = Timer(label: MetricName.featureSeconds)

    static func run(
        _ configuration: FeaturesConfiguration, _ runtime: ServiceRuntime, until stop: StopSignal
    ) throws {
        let claim = ShardClaim(configuration.shard, of: "features", runtime)
        guard let shard = try claim.take(part: "features", until: stop) else { return }
        defer { extendLifetime(claim) }
        let context = try Context(security: configuration.security)
        let directory = EndpointDirectory(configuration.connect, logger: runtime.logger)
        // Subscribe to every venue: a topic prefix cannot name a symbol without its venue.
        let symbols = Set(configuration.symbols)
        func isOurs(_ topic: Topic) -> Bool {
            (symbols.isEmpty || symbols.contains(topic.symbol)) && shard.owns(topic.market)
        }
        var stage = FeaturesStage(
            publisher: try Publisher(
                configuration.publish, in: context, producer: "features", epoch: runtime.epoch, kind: .feature),
            logger: runtime.logger)
        let subscriber = try Subscriber(directory, topics: [Topic.prefix(.tick)], in: context, logger: runtime.logger)
        try StageLoop.run(subscriber, health: runtime.health, part: "features", until: stop) {
            event, subscriber throws(ZMQError) in
            switch event {
            case .message(let delivery):
                if isOurs(delivery.topic) { try stage.process(delivery, subscriber.reader) }
            case .second: try stage.everySecond()
            }
        }
    }

    private init(publisher: consuming Publisher, logger: Logger) {
        self.publisher = publisher
        refused = RefusedMessages(logger: logger)
        features = FeatureMarkets { change in
            switch change {
            case .began(let instrument, let producer):
                logger.info("new symbol", metadata: ["symbol": "\(instrument.symbol)", "producer": "\(producer)"])
            case .restarted(let instrument, let arrival):
                logger.notice(
                    "features start anew", metadata: ["symbol": "\(instrument.symbol)", "arrival": "\(arrival)"])
            }
        }
    }

    private mutating func process(
        _ delivery: Delivery, _ reader: borrowing EnvelopeReader
    ) throws(ZMQError) {
        let start = HostClock.monotonicNanoseconds
        let outcome: FeatureMarkets.Outcome
        do {
            outcome = try features.process(delivery.topic, reader, delivery.arrival)
        } catch {
            return refused.add(delivery.topic, reason: error.kind, "\(error)")
        }
        switch outcome {
        case .ignored: return
        case .taken(let market, let event): count(event, of: market)
        case .vector(let market, let event, let header):
            count(event, of: market)
            if start >= outputs[market].nextSchema { try publishSchema(of: market, at: start) }
            try publish(header, of: market)
        }
        processing.recordNanoseconds(HostClock.monotonicNanoseconds - start)
    }

    private mutating func everySecond() throws(ZMQError) {
        try publisher.countSubscriptions()
        for index in outputs.indices { outputs[index].report(features.markets[index].engine.counters) }
    }

    private mutating func count(_ event: MarketEvent, of market: Int) {
        while outputs.count <= market { outputs.append(Output(features.markets[outputs.count].instrument)) }
        switch event {
        case .book: outputs[market].books.increment()
        case .trade: outputs[market].trades.increment()
        case .quote, .heartbeat: break
        }
    }

    /// Publishes the schema of the market's vectors. Each market's schema goes out next to its own vectors, spread over
    /// time: many schemas at once would delay the ticks that arrive meanwhile.
    private mutating func publishSchema(of market: Int, at now: Int64) throws(ZMQError) {
        let isFirst = outputs[market].nextSchema == .min
        let early = isFirst ? Int64(market % 16) * Self.schemaPeriodNanoseconds / 16 : 0
        outputs[market].nextSchema = now + Self.schemaPeriodNanoseconds - early
        _ = try publisher.publish(.featureSchema(schema), on: &outputs[market].schemaTopic)
    }

    private mutating func publish(_ header: FeatureHeader, of market: Int) throws(ZMQError) {
        // Read in place: a copy of the market would retain the engine's arrays. This reference to its values ends
        // before the engine's next write, which would otherwise copy the array.
        let values = features.markets[market].engine.values
        let (schema, epoch) = (features.markets[market].engine.schema.id, features.markets[market].sourceEpoch)
        let clockError = features.markets[market].clockErrorNanoseconds
        let isSent = try publisher.publish(on: &outputs[market].topic) {
            $0.write(
                header, values: values.span, schema: schema, sourceEpoch: epoch, clockErrorNanoseconds: clockError)
        }
        if isSent { outputs[market].vectors.increment() }
    }
}
