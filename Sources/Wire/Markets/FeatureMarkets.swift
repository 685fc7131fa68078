public import Microstructure

/// The engines of all markets: messages of the tick topics in, feature vectors out. `features` runs it on the bus and
/// `microlab` on a tape; the same messages give the same vectors, bit for bit.
public struct FeatureMarkets {
    /// Most markets served; the messages of further ones are refused.
    public static let symbolLimit = 4_096

    /// A market's engine and the source of its data.
    public struct Market {
        public fileprivate(set) var engine: FeatureEngine
        /// The ingest process that feeds it.
        public fileprivate(set) var sourceEpoch: UInt64
        /// The error bound of that process's clock; `nil` where it states none.
        public fileprivate(set) var clockErrorNanoseconds: Int64?

        public var instrument: Instrument { engine.instrument }
    }

    /// The result of one message.
    public enum Outcome {
        /// Not usable yet, from a replaced ingest process, or not market data.
        case ignored
        case taken(market: Int, MarketEvent)
        /// The message completed a vector, whose values are now in the market's engine.
        case vector(market: Int, MarketEvent, FeatureHeader)
    }

    /// Market changes other than vectors.
    public enum Change: Sendable {
        /// The first usable message of the market came from this producer.
        case began(Instrument, producer: String)
        /// The market's past is unusable after a loss or a change of producer: its features start anew.
        case restarted(Instrument, SequenceTracker.Arrival)
    }

    public private(set) var markets: [Market] = []
    private var indices: [String: Int] = [:]
    /// The event of the last message taken, and its levels.
    public private(set) var batch = EventBatch()
    private let onChange: @Sendable (Change) -> Void

    /// - Parameter onChange: called within `process`, for a log.
    public init(onChange: @escaping @Sendable (Change) -> Void = { _ in }) { self.onChange = onChange }

    /// Takes one message. O(levels + windows), amortised; no allocation of its own after warm-up.
    public mutating func process(
        _ topic: Topic, _ envelope: ProtoEnvelope, _ arrival: SequenceTracker.Arrival
    ) throws(WireError) -> Outcome {
        let message = Message(
            epoch: envelope.epoch, exponents: try envelope.exponents(), isMarketData: Self.isMarketData(envelope))
        guard let index = try marketIndex(for: topic, message, arrival, producer: envelope.producer) else {
            return .ignored
        }
        batch.removeAll()
        guard try batch.append(envelope, as: InstrumentID(index)) else { return .ignored }
        if case .status(let status) = envelope.payload {
            markets[index].clockErrorNanoseconds = status.hasClockErrorNs ? status.clockErrorNs : nil
        }
        let levels = batch.levels
        return process(batch.events[0], levels.span, of: index)
    }

    /// Same, for a message already read by a reader.
    public mutating func process(
        _ topic: Topic, _ reader: borrowing EnvelopeReader, _ arrival: SequenceTracker.Arrival
    ) throws(WireError) -> Outcome {
        guard case .event(let event) = reader.content else { return .ignored }
        let message = Message(epoch: reader.epoch, exponents: reader.exponents, isMarketData: true)
        guard let index = try marketIndex(for: topic, message, arrival, producer: reader.producer) else {
            return .ignored
        }
        let levels = reader.levels
        return process(event.of(InstrumentID(index)), levels.span, of: index)
    }

    private mutating func process(_ event: MarketEvent, _ levels: Span<PriceLevel>, of index: Int) -> Outcome {
        guard let header = markets[index].engine.process(event, levels: levels) else {
            return .taken(market: index, event)
        }
        return .vector(market: index, event, header)
    }

    /// Decides whether a market's past stays usable.
    private struct Message {
        let epoch: UInt64
        /// The decimal scale of the message; `nil` if none.
        let exponents: (price: Int8, quantity: Int8)?
        /// A book, quote or trade: losing one corrupts look-back features; losing a status does not.
        let isMarketData: Bool
    }

    /// The market's index. The market is created at its first message with a decimal scale. Its engine is replaced when
    /// its past becomes unusable: after a loss, or when another ingest process takes over.
    private mutating func marketIndex(
        for topic: Topic, _ message: Message, _ arrival: SequenceTracker.Arrival, producer: @autoclosure () -> String
    ) throws(WireError) -> Int? {
        guard let index = indices[topic.market] else {
            guard let venue = Venue(rawValue: topic.venue) else { throw .unknownVenue(topic.venue) }
            guard let exponents = message.exponents else { return nil }
            guard markets.count < Self.symbolLimit else { throw .invalidField("symbol: more than \(Self.symbolLimit)") }
            let index = markets.count
            markets.append(
                Market(engine: Self.engine(topic.symbol, venue, exponents, index), sourceEpoch: message.epoch))
            indices[topic.market] = index
            onChange(.began(markets[index].instrument, producer: producer()))
            return index
        }
        guard message.epoch >= markets[index].sourceEpoch else { return nil }
        let instrument = markets[index].instrument
        let scale = message.exponents ?? (instrument.priceExponent, instrument.quantityExponent)
        let hasNewScale = scale != (instrument.priceExponent, instrument.quantityExponent)
        let hasNewSource = message.epoch > markets[index].sourceEpoch
        if hasNewScale || hasNewSource || Self.isLossOfPast(message, arrival) {
            onChange(.restarted(instrument, arrival))
            markets[index].engine = Self.engine(instrument.symbol, instrument.venue, scale, index)
            markets[index].sourceEpoch = message.epoch
        }
        return index
    }

    private static func isLossOfPast(_ message: Message, _ arrival: SequenceTracker.Arrival) -> Bool {
        guard case .lost = arrival else { return false }
        return message.isMarketData
    }

    private static func isMarketData(_ envelope: ProtoEnvelope) -> Bool {
        switch envelope.payload {
        case .book, .quote, .trade: return true
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
}

extension MarketEvent {
    /// The same event, of another instrument.
    fileprivate func of(_ instrument: InstrumentID) -> MarketEvent {
        switch self {
        case .book(var update):
            update.instrument = instrument
            return .book(update)
        case .quote(var quote):
            quote.instrument = instrument
            return .quote(quote)
        case .trade(var trade):
            trade.instrument = instrument
            return .trade(trade)
        case .heartbeat(var heartbeat):
            heartbeat.instrument = instrument
            return .heartbeat(heartbeat)
        }
    }
}
