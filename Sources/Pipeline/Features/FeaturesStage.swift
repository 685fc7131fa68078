import Logging
import Metrics
import Microstructure
import Wire
import ZeroMQ

/// One engine a symbol between the tick topics and the feature topics.
struct FeaturesStage: ~Copyable {
    /// Most symbols served; further ones are refused with an error in the log.
    static let symbolLimit = 4_096

    /// A symbol's engine and where its data comes from.
    private struct Line {
        var engine: FeatureEngine
        /// The ingest process that feeds it, and the error bound of that process's clock.
        var sourceEpoch: UInt64
        var clockErrorNanoseconds: Int64?
        var topic: PublishedTopic
        let books: Counter
        let trades: Counter
        let vectors: Counter
    }

    private var publisher: Publisher
    private let logger: Logger
    private var lines: [Line] = []
    private var indices: [String: Int] = [:]
    private var batch = EventBatch()
    private let processing = Timer(label: MetricName.featureSeconds)

    static func run(
        _ configuration: FeaturesConfiguration, _ runtime: ServiceRuntime, until stop: StopSignal
    ) throws {
        let context = try Context()
        let directory = EndpointDirectory(configuration.connect, logger: runtime.logger)
        let prefixes =
            configuration.symbols.isEmpty
            ? [Topic.prefix(.tick)]
            : configuration.symbols.map { Topic.prefix(.tick, venue: Venue.binance.rawValue, symbol: $0) }
        var stage = FeaturesStage(
            publisher: try Publisher(
                configuration.publish, in: context, producer: "features", epoch: runtime.epoch, kind: .feature),
            logger: runtime.logger)
        let subscriber = try Subscriber(directory, topics: prefixes, in: context, logger: runtime.logger)
        try StageLoop.run(subscriber, health: runtime.health, part: "features", until: stop) { event throws(ZMQError) in
            switch event {
            case .delivery(let delivery): try stage.process(delivery)
            case .second: try stage.publisher.countSubscriptions()
            }
        }
    }

    private init(publisher: consuming Publisher, logger: Logger) {
        self.publisher = publisher
        self.logger = logger
    }

    private mutating func process(_ delivery: Delivery) throws(ZMQError) {
        let start = Clock.monotonicNanoseconds
        let index: Int?
        do {
            index = try lineIndex(for: delivery)
        } catch {
            return refuse(delivery, error)
        }
        guard let index else { return }
        batch.removeAll()
        do {
            try batch.append(delivery.envelope, as: InstrumentID(index))
        } catch {
            return refuse(delivery, error)
        }
        if case .status(let status) = delivery.envelope.payload {
            lines[index].clockErrorNanoseconds = status.hasClockErrorNs ? status.clockErrorNs : nil
        }
        let levels = batch.levels
        for event in batch.events {
            switch event {
            case .book: lines[index].books.increment()
            case .trade: lines[index].trades.increment()
            case .quote, .heartbeat: break
            }
            guard let header = lines[index].engine.process(event, levels: levels.span) else { continue }
            try publish(header, of: index)
        }
        processing.recordNanoseconds(Clock.monotonicNanoseconds - start)
    }

    private mutating func publish(_ header: FeatureHeader, of index: Int) throws(ZMQError) {
        // Read in place: a copy of the line would retain the engine's arrays, and the engine's next write copy them.
        var vector = ProtoFeatureVector(
            header, values: lines[index].engine.values, schema: lines[index].engine.schema.id,
            sourceEpoch: lines[index].sourceEpoch)
        if let error = lines[index].clockErrorNanoseconds { vector.clockErrorNs = error }
        if try publisher.publish(.featureVector(vector), on: &lines[index].topic) { lines[index].vectors.increment() }
    }

    /// The symbol's line; made at its first message with a decimal scale, and made anew whenever its past can no
    /// longer be trusted: after loss, and when another ingest process has taken over. `nil` for a message that
    /// cannot be used yet, or comes from a process already replaced.
    private mutating func lineIndex(for delivery: Delivery) throws(WireError) -> Int? {
        let exponents = try delivery.envelope.exponents()
        guard let index = indices[delivery.topic.market] else {
            guard let exponents, let venue = Venue(rawValue: delivery.topic.venue) else { return nil }
            guard lines.count < Self.symbolLimit else { throw .invalidField("symbol: more than \(Self.symbolLimit)") }
            let index = lines.count
            let symbol = delivery.topic.symbol
            func counter(_ name: String) -> Counter { Counter(label: name, dimensions: [("symbol", symbol)]) }
            lines.append(
                Line(
                    engine: Self.engine(delivery.topic.symbol, venue, exponents, index),
                    sourceEpoch: delivery.envelope.epoch,
                    topic: PublishedTopic(.feature(venue: venue.rawValue, symbol: symbol)),
                    books: counter(MetricName.featureBookUpdates), trades: counter(MetricName.featureTrades),
                    vectors: counter(MetricName.featureVectors)))
            indices[delivery.topic.market] = index
            logger.info("new symbol", metadata: ["symbol": "\(symbol)", "producer": "\(delivery.envelope.producer)"])
            return index
        }
        guard delivery.envelope.epoch >= lines[index].sourceEpoch else { return nil }
        let instrument = lines[index].engine.instrument
        let scale = exponents ?? (instrument.priceExponent, instrument.quantityExponent)
        let hasNewScale = scale != (instrument.priceExponent, instrument.quantityExponent)
        let hasNewSource = delivery.envelope.epoch > lines[index].sourceEpoch
        if hasNewScale || hasNewSource || Self.isLossOfPast(delivery) {
            logger.notice(
                "features start anew", metadata: ["symbol": "\(instrument.symbol)", "arrival": "\(delivery.arrival)"])
            lines[index].engine = Self.engine(instrument.symbol, instrument.venue, scale, index)
            lines[index].sourceEpoch = delivery.envelope.epoch
        }
        return index
    }

    /// A lost book or trade spoils what looks back at it; a lost quote or status spoils nothing.
    private static func isLossOfPast(_ delivery: Delivery) -> Bool {
        guard case .lost = delivery.arrival else { return false }
        switch delivery.envelope.payload {
        case .book, .trade: return true
        default: return false
        }
    }

    private static func engine(
        _ symbol: String, _ venue: Venue, _ exponents: (price: Int8, quantity: Int8), _ index: Int
    ) -> FeatureEngine {
        FeatureEngine(
            instrument: Instrument(
                venue: venue, symbol: symbol, priceExponent: exponents.price, quantityExponent: exponents.quantity),
            id: InstrumentID(index))
    }

    private func refuse(_ delivery: Delivery, _ error: WireError) {
        Counter(label: MetricName.busRejected, dimensions: [("reason", error.kind)]).increment()
        logger.warning("message refused", metadata: ["topic": "\(delivery.topic)", "error": "\(error)"])
    }
}
