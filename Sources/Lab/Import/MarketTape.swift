import Tape
import Microstructure
import Venues
import Wire

/// Writes market events as the envelopes that live ingest publishes, with topics and sequence numbers.
struct MarketTape {
    /// What is written of one instrument.
    private struct Market {
        let topics: [Topic.TickDetail: [UInt8]]
        var sequences: [Topic.TickDetail: UInt64] = [:]
    }

    private let producer: String
    private let writer: TapeWriter
    private let instruments: [Instrument]
    private let epoch: UInt64
    private var markets: [Market]

    /// - Parameter epoch: stands for a live producer's start time.
    init(_ writer: TapeWriter, instruments: [Instrument], epoch: UInt64, producer: String = "microlab-import") {
        self.producer = producer
        self.writer = writer
        self.instruments = instruments
        self.epoch = epoch
        markets = instruments.map { instrument in
            Market(
                topics: Dictionary(
                    uniqueKeysWithValues: Topic.TickDetail.allCases.map {
                        ($0, Topic.tick(instrument.venue, instrument.symbol, $0).bytes)
                    }))
        }
    }

    /// Records of one kind written for an instrument.
    func count(_ detail: Topic.TickDetail, of id: InstrumentID) -> UInt64 { markets[id.index].sequences[detail] ?? 0 }

    mutating func write(_ batch: borrowing EventBatch) throws(TapeError) {
        for event in batch.events {
            switch event {
            case .book(var update):
                update.epoch = bookEpoch(update.epoch)
                let index = update.instrument.index
                let message = ProtoBook(update, levels: batch.levels.span, instrument: instruments[index])
                try write(.book(message), .book, index, update.times.receive)
            case .quote(let quote):
                let index = quote.instrument.index
                let message = ProtoQuote(quote, instrument: instruments[index])
                try write(.quote(message), .quote, index, quote.times.receive)
            case .trade(let trade):
                let index = trade.instrument.index
                let message = ProtoTrade(trade, instrument: instruments[index])
                try write(.trade(message), .trade, index, trade.times.receive)
            case .heartbeat(let heartbeat):
                var counts = SessionCounts()
                counts.trades = count(.trade, of: heartbeat.instrument)
                counts.quotes = count(.quote, of: heartbeat.instrument)
                counts.depthApplied = count(.book, of: heartbeat.instrument)
                counts.messages = counts.trades + counts.quotes + counts.depthApplied
                try write(
                    validity: heartbeat.validity, bookEpoch: heartbeat.epoch, counts, of: heartbeat.instrument,
                    at: heartbeat.times.receive)
            }
        }
    }

    /// Writes the status that live ingest would have published at `time`.
    mutating func write(
        validity: Validity, bookEpoch count: UInt64, _ counts: SessionCounts, of id: InstrumentID, at time: Timestamp
    ) throws(TapeError) {
        var status = ProtoStatus(validity: validity, bookEpoch: bookEpoch(count))
        status.receiveTimeNs = time.nanoseconds
        status.venueTimeNs = time.nanoseconds
        status.feedUp = true
        status.messageCount = counts.messages
        status.bookUpdateCount = counts.depthApplied
        status.tradeCount = counts.trades
        status.quoteCount = counts.quotes
        status.gapCount = counts.gaps
        status.resyncCount = counts.resyncs
        status.rejectedCount = counts.rejections.total &+ counts.snapshotRejections.total
        status.missedTradeCount = counts.missedTrades
        status.duplicateTradeCount = counts.duplicateTrades
        try write(.status(status), .status, id.index, time)
    }

    func finish() throws(TapeError) { try writer.finish() }

    private mutating func write(
        _ payload: ProtoEnvelope.OneOf_Payload, _ detail: Topic.TickDetail, _ index: Int, _ time: Timestamp
    ) throws(TapeError) {
        let sequence = (markets[index].sequences[detail] ?? 0) + 1
        markets[index].sequences[detail] = sequence
        var envelope = ProtoEnvelope()
        envelope.producer = producer
        envelope.epoch = epoch
        envelope.sequence = sequence
        envelope.sentTimeNs = time.nanoseconds
        envelope.payload = payload
        try writer.append(
            topic: markets[index].topics[detail] ?? [], body: EnvelopeCodec.encode(envelope), receiveTime: time)
    }

    /// Book epochs are never reused, as on the bus.
    private func bookEpoch(_ count: UInt64) -> UInt64 { count == 0 ? 0 : epoch &+ count }
}
