import Microstructure
import Simulation
import Tape
import Wire

/// Writes a recording with events injected. Records before a market's first event are copied byte for byte.
struct InjectedTape {
    private struct Market {
        var injected: InjectedMarket
        let instrument: Instrument
        let id: InstrumentID
        var topics: [Topic.TickDetail: [UInt8]] = [:]
        /// Messages injected since the producer's start, by kind.
        var added: [Topic.TickDetail: UInt64] = [:]
        /// Sequence of the last recorded message, by kind.
        var sequences: [Topic.TickDetail: UInt64] = [:]
        var epoch: UInt64
    }

    private let specification: InjectionSpecification
    private let start: Timestamp
    private let writer: TapeWriter
    private var indices: [String: Int] = [:]
    private var markets: [Market] = []
    private var batch = EventBatch()
    private var output = EventBatch()
    private(set) var injectedCount = 0

    init(_ specification: InjectionSpecification, start: Timestamp, writer: TapeWriter) {
        self.specification = specification
        self.start = start
        self.writer = writer
    }

    /// What was injected, market by market.
    var planted: [(symbol: String, events: [PlantedEvent])] {
        markets.map { ($0.instrument.symbol, $0.injected.planted) }
    }

    var premature: PlantedEvent? { markets.lazy.compactMap(\.injected.premature).first }

    /// Takes the next message of the recording.
    /// - Parameter isOriginal: the envelope is still that of the record.
    mutating func process(
        _ envelope: ProtoEnvelope, at time: Timestamp, of event: TapeEvents.Event, isOriginal: Bool
    ) throws {
        guard event.topic.kind == .tick, let detail = event.topic.detail.flatMap(Topic.TickDetail.init),
            let index = try marketIndex(event.topic, envelope)
        else { return try copy(envelope, at: time, of: event, isOriginal) }
        if markets[index].epoch != envelope.epoch {
            markets[index].epoch = envelope.epoch
            markets[index].added = [:]
        }
        markets[index].topics[detail] = event.topic.bytes
        batch.removeAll()
        output.removeAll()
        guard try batch.append(envelope, as: markets[index].id), let recorded = batch.events.first else {
            return try copy(envelope, at: time, of: event, isOriginal)
        }
        let levels = batch.levels
        markets[index].injected.process(recorded, levels: levels.span, into: &output)
        for injected in output.events.dropLast() { try write(injected, index, like: envelope) }
        markets[index].sequences[detail] = envelope.sequence
        guard let last = output.events.last, !markets[index].injected.planted.isEmpty else {
            return try copy(envelope, at: time, of: event, isOriginal)
        }
        var changed = envelope
        changed.sequence += markets[index].added[detail] ?? 0
        switch (last, envelope.payload) {
        case (.book(let book), .book(let old)):
            var message = ProtoBook(book, levels: output.levels.span, instrument: markets[index].instrument)
            (message.tickSize, message.validity) = (old.tickSize, old.validity)
            changed.payload = .book(message)
        case (.quote(let quote), .quote):
            changed.payload = .quote(ProtoQuote(quote, instrument: markets[index].instrument))
        case (.trade(let trade), .trade):
            changed.payload = .trade(ProtoTrade(trade, instrument: markets[index].instrument))
        case (.heartbeat, .status(var status)):
            let added = markets[index].added
            status.tradeCount += added[.trade] ?? 0
            status.quoteCount += added[.quote] ?? 0
            status.messageCount += (added[.trade] ?? 0) + (added[.quote] ?? 0)
            changed.payload = .status(status)
        default: break
        }
        try writer.append(topic: event.topic.bytes, body: EnvelopeCodec.encode(changed), receiveTime: time)
    }

    private mutating func write(_ event: MarketEvent, _ index: Int, like recorded: ProtoEnvelope) throws {
        var envelope = ProtoEnvelope()
        let instrument = markets[index].instrument
        let detail: Topic.TickDetail
        switch event {
        case .quote(let quote): (detail, envelope.payload) = (.quote, .quote(ProtoQuote(quote, instrument: instrument)))
        case .trade(let trade): (detail, envelope.payload) = (.trade, .trade(ProtoTrade(trade, instrument: instrument)))
        // Books are recorded at their own pace and show what was injected meanwhile.
        case .book, .heartbeat: return
        }
        let added = (markets[index].added[detail] ?? 0) + 1
        markets[index].added[detail] = added
        envelope.producer = recorded.producer
        envelope.epoch = recorded.epoch
        envelope.sequence = (markets[index].sequences[detail] ?? 0) + added
        envelope.sentTimeNs = event.times.receive.nanoseconds
        let topic =
            markets[index].topics[detail] ?? Topic.tick(instrument.venue, instrument.symbol, detail).bytes
        try writer.append(topic: topic, body: EnvelopeCodec.encode(envelope), receiveTime: event.times.receive)
        injectedCount += 1
    }

    private func copy(
        _ envelope: ProtoEnvelope, at time: Timestamp, of event: TapeEvents.Event, _ isOriginal: Bool
    ) throws(TapeError) {
        let body = isOriginal ? event.record.body : EnvelopeCodec.encode(envelope)
        try writer.append(topic: event.record.topicBytes, body: body, receiveTime: time)
    }

    /// The market of a message; `nil` until one of its messages has stated the decimal scale.
    private mutating func marketIndex(_ topic: Topic, _ envelope: ProtoEnvelope) throws(WireError) -> Int? {
        if let index = indices[topic.market] { return index }
        guard let venue = Venue(rawValue: topic.venue), let scale = try envelope.exponents() else { return nil }
        let instrument = Instrument(
            venue: venue, symbol: topic.symbol, priceExponent: scale.price, quantityExponent: scale.quantity)
        let rules = specification.events.filter { $0.symbol == nil || $0.symbol == topic.symbol }
        markets.append(
            Market(
                injected: InjectedMarket(rules, symbol: topic.symbol, seed: specification.seed, start: start),
                instrument: instrument, id: InstrumentID(markets.count), epoch: envelope.epoch))
        indices[topic.market] = markets.count - 1
        return markets.count - 1
    }
}
