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
    private let onChange: @Sendable (Change) -> Void

    /// - Parameter onChange: called within `process`, for a log.
    public init(onChange: @escaping @Sendable (Change) -> Void = { _ in }) { self.onChange = onChange }

    /// Takes the message in `reader`. O(levels + windows), amortised; no allocation of its own after warm-up.
    public mutating func process(
        _ topic: Topic, _ reader: borrowing EnvelopeReader, _ arrival: SequenceTracker.Arrival
    ) throws(WireError) -> Outcome {
        switch reader.content {
        case .vector, .other: return .ignored
        case .invalid(let error):
            // It may follow a loss, which ends the market's past whatever the message itself is worth.
            _ = try marketIndex(for: topic, reader, arrival, isMarketData: true)
            throw error
        case .event(var event):
            guard let index = try marketIndex(for: topic, reader, arrival, isMarketData: !event.isHeartbeat) else {
                return .ignored
            }
            if event.isHeartbeat { markets[index].clockErrorNanoseconds = reader.clockErrorNanoseconds }
            event.instrument = InstrumentID(index)
            let levels = reader.levels
            return process(event, levels.span, of: index)
        }
    }

    private mutating func process(_ event: MarketEvent, _ levels: Span<PriceLevel>, of index: Int) -> Outcome {
        guard let header = markets[index].engine.process(event, levels: levels) else {
            return .taken(market: index, event)
        }
        return .vector(market: index, event, header)
    }

    /// The market's index. The market is created at its first message with a decimal scale. Its engine is replaced when
    /// its past becomes unusable: after a loss, or when another ingest process takes over.
    ///
    /// - Parameter isMarketData: whether the message is a book, quote or trade. Losing one corrupts look-back features;
    ///   losing a status does not.
    private mutating func marketIndex(
        for topic: Topic, _ reader: borrowing EnvelopeReader, _ arrival: SequenceTracker.Arrival, isMarketData: Bool
    ) throws(WireError) -> Int? {
        let epoch = reader.epoch
        guard let index = indices[topic.market] else {
            guard let venue = Venue(rawValue: topic.venue) else { throw .unknownVenue(topic.venue) }
            guard let exponents = reader.exponents else { return nil }
            guard markets.count < Self.symbolLimit else { throw .invalidField("symbol: more than \(Self.symbolLimit)") }
            let index = markets.count
            markets.append(Market(engine: Self.engine(topic.symbol, venue, exponents, index), sourceEpoch: epoch))
            indices[topic.market] = index
            onChange(.began(markets[index].instrument, producer: reader.producer))
            return index
        }
        guard epoch >= markets[index].sourceEpoch else { return nil }
        let instrument = markets[index].instrument
        let scale = reader.exponents ?? (instrument.priceExponent, instrument.quantityExponent)
        let hasNewScale = scale != (instrument.priceExponent, instrument.quantityExponent)
        let hasNewSource = epoch > markets[index].sourceEpoch
        var isLossOfPast = false
        if isMarketData, case .lost = arrival { isLossOfPast = true }
        if hasNewScale || hasNewSource || isLossOfPast {
            onChange(.restarted(instrument, arrival))
            markets[index].engine = Self.engine(instrument.symbol, instrument.venue, scale, index)
            markets[index].sourceEpoch = epoch
        }
        return index
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
    fileprivate var isHeartbeat: Bool {
        if case .heartbeat = self { true } else { false }
    }
}
