public import Microstructure

/// The engines of all markets: messages of the tick topics in, feature vectors out. `features` runs it on the bus and
/// `microlab` on a tape; the same messages give the same vectors, bit for bit.
public struct FeatureMarkets {
    /// Most markets served; the messages of further ones are refused.
    public static let symbolLimit = 4_096

    /// A market's engine and where its data comes from.
    public struct Market {
        public fileprivate(set) var engine: FeatureEngine
        /// The ingest process that feeds it.
        public fileprivate(set) var sourceEpoch: UInt64
        /// The error bound of that process's clock; `nil` where it states none.
        public fileprivate(set) var clockErrorNanoseconds: Int64?

        public var instrument: Instrument { engine.instrument }
    }

    /// What became of one message.
    public enum Outcome {
        /// It cannot be used yet, or comes from an ingest process already replaced, or is no market data.
        case ignored
        case taken(market: Int, MarketEvent)
        /// It wrote a vector, whose values are now in the market's engine.
        case vector(market: Int, MarketEvent, FeatureHeader)
    }

    /// What happens to a market beside its vectors.
    public enum Change: Sendable {
        /// Its first message that can be used has come from this producer.
        case began(Instrument, producer: String)
        /// Its past cannot be trusted any more, after loss or with another producer: its features start anew.
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

    /// The same for a message that a reader has read.
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

    /// What tells whether a market's past can go on.
    private struct Message {
        let epoch: UInt64
        /// The decimal scale that it states; `nil` for none.
        let exponents: (price: Int8, quantity: Int8)?
        /// A book, quote or trade: losing one spoils what looks back at it, losing a status spoils nothing.
        let isMarketData: Bool
    }

    /// The market's place; made at its first message with a decimal scale, and its engine made anew whenever its past can
    /// no longer be trusted: after loss, and when another ingest process has taken over.
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
