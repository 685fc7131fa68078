import Microstructure
import Runtime
import Tape
import Wire

/// A recording played several times as one: a longer market of the same background.
///
/// Each further pass continues times, sequences and ids where the pass before ended, a second later, in a new book epoch.
/// Its prices are moved by one constant, so that they begin where the pass before ended.
struct RepeatedRecording {
    private struct Span {
        var first: Int64
        var last: Int64

        init(_ value: Int64) { (first, last) = (value, value) }
        mutating func extend(_ value: Int64) { (first, last) = (min(first, value), max(last, value)) }
        var count: Int64 { last - first + 1 }
    }

    private struct Market {
        var trades: Span?
        var updates: Span?
        var bookEpochs: Span?
        /// Doubled mid prices of the recording's first and last book.
        var mids: (first: Int64, last: Int64)?
        var tick: Int64 = 1
        var producerEpoch: UInt64?
        var isRestarted = false
    }

    private var markets: [String: Market] = [:]
    /// Sequence numbers by topic.
    private var sequences: [[UInt8]: Span] = [:]
    private var times: Span?
    private var pass: Int64 = 0

    /// The next pass begins. Throws if the recording cannot be continued.
    mutating func beginNext() throws(ImportError) {
        if let market = markets.first(where: { $0.value.isRestarted })?.key {
            throw ImportError(
                .noUsableData, "\(market) was recorded from several runs of ingest: such a tape cannot be repeated")
        }
        pass += 1
    }

    /// The event as this pass has it. The first pass is the recording.
    mutating func process(_ event: TapeEvents.Event) -> (envelope: ProtoEnvelope, receiveTime: Timestamp) {
        guard pass > 0 else {
            note(event)
            return (event.envelope, event.receiveTime)
        }
        var envelope = event.envelope
        let shift = pass * ((times.map { $0.last - $0.first } ?? 0) + 1_000_000_000)
        let market = markets[event.topic.market] ?? Market()
        let price = pass * ((market.mids.map { $0.last - $0.first } ?? 0) / 2 / market.tick) * market.tick
        envelope.sequence &+= UInt64(clamping: pass * (sequences[event.record.topicBytes]?.count ?? 0))
        envelope.sentTimeNs += shift
        let updates = pass * (market.updates?.count ?? 0)
        let epochs = UInt64(clamping: pass * (market.bookEpochs?.count ?? 0))
        switch envelope.payload {
        case .book(var book):
            for place in book.bidPrices.indices { book.bidPrices[place] += price }
            for place in book.askPrices.indices { book.askPrices[place] += price }
            book.receiveTimeNs += shift
            book.venueTimeNs += shift
            book.updateID += updates
            if book.bookEpoch > 0 { book.bookEpoch &+= epochs }
            envelope.payload = .book(book)
        case .quote(var quote):
            quote.bidPrice += price
            quote.askPrice += price
            quote.receiveTimeNs += shift
            quote.venueTimeNs += shift
            quote.updateID += updates
            envelope.payload = .quote(quote)
        case .trade(var trade):
            let ids = pass * (market.trades?.count ?? 0)
            trade.price += price
            trade.receiveTimeNs += shift
            trade.venueTimeNs += shift
            trade.id += ids
            if trade.firstID != 0 { trade.firstID += ids }
            envelope.payload = .trade(trade)
        case .status(var status):
            status.receiveTimeNs += shift
            status.venueTimeNs += shift
            if status.bookEpoch > 0 { status.bookEpoch &+= epochs }
            envelope.payload = .status(status)
        case .featureVector, .signal, .detectorState, .featureSchema, nil: break
        }
        return (envelope, event.receiveTime.advanced(byNanoseconds: shift))
    }

    private mutating func note(_ event: TapeEvents.Event) {
        func extend(_ span: inout Span?, _ value: Int64) {
            if span == nil { span = Span(value) } else { span?.extend(value) }
        }
        extend(&times, event.receiveTime.nanoseconds)
        extend(&sequences[event.record.topicBytes], Int64(clamping: event.envelope.sequence))
        var market = markets[event.topic.market] ?? Market()
        if let epoch = market.producerEpoch, epoch != event.envelope.epoch { market.isRestarted = true }
        market.producerEpoch = event.envelope.epoch
        switch event.envelope.payload {
        case .book(let book):
            extend(&market.updates, book.updateID)
            extend(&market.bookEpochs, Int64(clamping: book.bookEpoch))
            market.tick = max(1, book.tickSize)
            if let bid = book.bidPrices.first, let ask = book.askPrices.first {
                market.mids = (market.mids?.first ?? bid + ask, bid + ask)
            }
        case .quote(let quote): extend(&market.updates, quote.updateID)
        case .trade(let trade): extend(&market.trades, trade.id)
        default: break
        }
        markets[event.topic.market] = market
    }
}
