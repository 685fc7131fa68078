import Bus
import Microstructure
import Venues
import Wire
import ZeroMQ

/// Publishes the venue session's events on the bus, each under its instrument's topic.
struct MarketPublisher: ~Copyable {
    private struct Topics {
        var book, quote, trade, status: PublishedTopic
        /// Messages that ZeroMQ did not accept.
        var drops: UInt64 = 0
    }

    private var publisher: Publisher
    private var instruments: [Instrument]
    private let epoch: UInt64
    private var topics: [Topics]
    /// Status topics of symbols that the venue does not list.
    private var unlisted: [String: PublishedTopic] = [:]

    init(_ publisher: consuming Publisher, instruments: [Instrument], epoch: UInt64) {
        self.publisher = publisher
        self.instruments = instruments
        self.epoch = epoch
        topics = instruments.map { Self.topics(of: $0) }
    }

    private static func topics(of instrument: Instrument, status: PublishedTopic? = nil) -> Topics {
        func topic(_ detail: Topic.TickDetail) -> PublishedTopic {
            PublishedTopic(.tick(instrument.venue, instrument.symbol, detail))
        }
        return Topics(
            book: topic(.book), quote: topic(.quote), trade: topic(.trade), status: status ?? topic(.status))
    }

    /// Adds an instrument, with the next index.
    mutating func add(_ instrument: Instrument) {
        instruments.append(instrument)
        topics.append(Self.topics(of: instrument, status: unlisted.removeValue(forKey: instrument.symbol)))
    }

    /// Publishes that the venue does not list a symbol.
    mutating func publish(notListed symbol: String, at time: Timestamp) throws(ZMQError) {
        guard let venue = instruments.first?.venue else { return }
        var status = ProtoStatus(validity: .stale, bookEpoch: 0)
        status.receiveTimeNs = time.nanoseconds
        status.venueTimeNs = time.nanoseconds
        status.tradingStatus = TradingStatus.notListed.rawValue
        var topic = unlisted[symbol] ?? PublishedTopic(.tick(venue, symbol, .status))
        _ = try publisher.publish(.status(status), on: &topic)
        unlisted[symbol] = topic
    }

    mutating func publish(_ batch: borrowing EventBatch) throws(ZMQError) {
        for event in batch.events {
            switch event {
            case .book(var update):
                update.epoch = bookEpoch(update.epoch)
                let index = update.instrument.index
                let (levels, instrument) = (batch.levels, instruments[index])
                let isSent = try publisher.publish(on: &topics[index].book) {
                    $0.write(update, levels: levels.span, instrument: instrument)
                }
                if !isSent { topics[index].drops += 1 }
            case .quote(let quote):
                let index = quote.instrument.index
                let instrument = instruments[index]
                let isSent = try publisher.publish(on: &topics[index].quote) { $0.write(quote, instrument: instrument) }
                if !isSent { topics[index].drops += 1 }
            case .trade(let trade):
                let index = trade.instrument.index
                let instrument = instruments[index]
                let isSent = try publisher.publish(on: &topics[index].trade) { $0.write(trade, instrument: instrument) }
                if !isSent { topics[index].drops += 1 }
            case .heartbeat: break  // Ingest states its own heartbeat as a Status.
            }
        }
    }

    /// Publishes `status` with the fields that only the publisher knows.
    mutating func publish(_ status: ProtoStatus, of id: InstrumentID) throws(ZMQError) {
        var status = status
        status.bookEpoch = bookEpoch(status.bookEpoch)
        status.dropCount = topics[id.index].drops
        if try !publisher.publish(.status(status), on: &topics[id.index].status) { topics[id.index].drops += 1 }
    }

    mutating func countSubscriptions() throws(ZMQError) { try publisher.countSubscriptions() }

    /// The session counts its books from 1; on the bus the process's start is added, so that a book epoch is never
    /// reused, even after the process was killed and restarted.
    private func bookEpoch(_ count: UInt64) -> UInt64 { count == 0 ? 0 : epoch &+ count }
}
