import Logging
import Microstructure
import Wire

/// One engine a symbol: messages of the tick topics in, feature vectors out. `features` runs it on the bus and
/// `microlab` on a tape; the same messages give the same vectors, bit for bit.
struct FeatureLines {
    /// Most symbols served; the messages of further ones are refused.
    static let symbolLimit = 4_096

    /// A symbol's engine and where its data comes from.
    struct Line {
        fileprivate(set) var engine: FeatureEngine
        /// The ingest process that feeds it.
        fileprivate(set) var sourceEpoch: UInt64
        /// The error bound of that process's clock; `nil` where it states none.
        fileprivate(set) var clockErrorNanoseconds: Int64?

        var instrument: Instrument { engine.instrument }
    }

    /// What became of one message.
    enum Outcome {
        /// It cannot be used yet, or comes from an ingest process already replaced, or is no market data.
        case ignored
        case taken(line: Int, MarketEvent)
        /// It wrote a vector, whose values are now in the line's engine.
        case vector(line: Int, MarketEvent, FeatureHeader)
    }

    private(set) var lines: [Line] = []
    private var indices: [String: Int] = [:]
    /// The event of the last message taken, and its levels.
    private(set) var batch = EventBatch()
    private let logger: Logger

    init(logger: Logger) { self.logger = logger }

    /// Takes one message. O(levels + windows), amortised; no allocation of its own after warm-up.
    mutating func process(
        _ topic: Topic, _ envelope: ProtoEnvelope, _ arrival: SequenceTracker.Arrival
    ) throws(WireError) -> Outcome {
        let message = Message(
            epoch: envelope.epoch, exponents: try envelope.exponents(), isMarketData: Self.isMarketData(envelope))
        guard let index = try lineIndex(for: topic, message, arrival, producer: envelope.producer) else {
            return .ignored
        }
        batch.removeAll()
        guard try batch.append(envelope, as: InstrumentID(index)) else { return .ignored }
        if case .status(let status) = envelope.payload {
            lines[index].clockErrorNanoseconds = status.hasClockErrorNs ? status.clockErrorNs : nil
        }
        let levels = batch.levels
        return process(batch.events[0], levels.span, of: index)
    }

    /// The same for a message that a reader has read.
    mutating func process(
        _ topic: Topic, _ reader: borrowing EnvelopeReader, _ arrival: SequenceTracker.Arrival
    ) throws(WireError) -> Outcome {
        guard case .event(let event) = reader.content else { return .ignored }
        let message = Message(epoch: reader.epoch, exponents: reader.exponents, isMarketData: true)
        guard let index = try lineIndex(for: topic, message, arrival, producer: reader.producer) else {
            return .ignored
        }
        let levels = reader.levels
        return process(event.of(InstrumentID(index)), levels.span, of: index)
    }

    private mutating func process(_ event: MarketEvent, _ levels: Span<PriceLevel>, of index: Int) -> Outcome {
        guard let header = lines[index].engine.process(event, levels: levels) else {
            return .taken(line: index, event)
        }
        return .vector(line: index, event, header)
    }

    /// What tells whether a line's past can go on.
    private struct Message {
        let epoch: UInt64
        /// The decimal scale that it states; `nil` for none.
        let exponents: (price: Int8, quantity: Int8)?
        /// A book, quote or trade: losing one spoils what looks back at it, losing a status spoils nothing.
        let isMarketData: Bool
    }

    /// The symbol's line; made at its first message with a decimal scale, and its engine made anew whenever its past can
    /// no longer be trusted: after loss, and when another ingest process has taken over.
    private mutating func lineIndex(
        for topic: Topic, _ message: Message, _ arrival: SequenceTracker.Arrival, producer: @autoclosure () -> String
    ) throws(WireError) -> Int? {
        guard let index = indices[topic.market] else {
            guard let venue = Venue(rawValue: topic.venue) else { throw .unknownVenue(topic.venue) }
            guard let exponents = message.exponents else { return nil }
            guard lines.count < Self.symbolLimit else { throw .invalidField("symbol: more than \(Self.symbolLimit)") }
            let index = lines.count
            lines.append(
                Line(engine: Self.engine(topic.symbol, venue, exponents, index), sourceEpoch: message.epoch))
            indices[topic.market] = index
            logger.info("new symbol", metadata: ["symbol": "\(topic.symbol)", "producer": "\(producer())"])
            return index
        }
        guard message.epoch >= lines[index].sourceEpoch else { return nil }
        let instrument = lines[index].instrument
        let scale = message.exponents ?? (instrument.priceExponent, instrument.quantityExponent)
        let hasNewScale = scale != (instrument.priceExponent, instrument.quantityExponent)
        let hasNewSource = message.epoch > lines[index].sourceEpoch
        if hasNewScale || hasNewSource || Self.isLossOfPast(message, arrival) {
            logger.notice(
                "features start anew", metadata: ["symbol": "\(instrument.symbol)", "arrival": "\(arrival)"])
            lines[index].engine = Self.engine(instrument.symbol, instrument.venue, scale, index)
            lines[index].sourceEpoch = message.epoch
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
