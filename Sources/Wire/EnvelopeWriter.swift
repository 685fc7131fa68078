public import Microstructure

/// Writes the envelopes sent for each event: books, quotes, trades and feature vectors. The bytes equal those of the
/// generated types, which stay the contract, but the memory is reused.
public struct EnvelopeWriter: ~Copyable {
    /// Sequence of the next envelope.
    public var sequence: UInt64 = 0
    public var sentTime = Timestamp(nanoseconds: 0)

    private let producer: [UInt8]
    private let epoch: UInt64
    private var output = ReverseBytes()

    /// Upper bound of everything but a book's levels and a vector's values.
    private var overhead: Int { 256 + producer.count }

    public init(producer: String, epoch: UInt64) {
        self.producer = Array(producer.utf8)
        self.epoch = epoch
    }

    /// The envelope written last.
    public func withBytes<R, E: Error>(_ body: (RawSpan) throws(E) -> R) throws(E) -> R {
        try output.withBytes(body)
    }

    /// O(levels). The levels lie in `levels`, those of the update's batch.
    public mutating func write(_ update: BookSnapshot, levels: Span<PriceLevel>, instrument: Instrument) {
        output.clear(reserving: overhead + 20 * (update.bids.count + update.asks.count))
        output.field(12, zigzag: instrument.tickSize)
        output.field(11, varint: UInt64(bitPattern: update.updateID))
        output.field(10, varint: UInt64(update.validity.rawValue))
        output.field(9, varint: update.epoch)
        write(update.times, venueField: 7)
        write(instrument, priceField: 5)
        write(update.asks, of: levels, priceField: 3)
        write(update.bids, of: levels, priceField: 1)
        finish(payloadField: 10)
    }

    public mutating func write(_ quote: Quote, instrument: Instrument) {
        output.clear(reserving: overhead)
        output.field(9, varint: UInt64(bitPattern: quote.updateID))
        write(quote.times, venueField: 7)
        write(instrument, priceField: 5)
        output.field(4, zigzag: quote.ask.quantity.mantissa)
        output.field(3, zigzag: quote.ask.price.mantissa)
        output.field(2, zigzag: quote.bid.quantity.mantissa)
        output.field(1, zigzag: quote.bid.price.mantissa)
        finish(payloadField: 11)
    }

    public mutating func write(_ trade: Trade, instrument: Instrument) {
        output.clear(reserving: overhead)
        if trade.firstID != trade.id { output.field(40, varint: UInt64(bitPattern: trade.firstID)) }
        output.field(9, varint: trade.isBackfilled ? 1 : 0)
        write(trade.times, venueField: 7)
        write(instrument, priceField: 5)
        output.field(4, varint: UInt64(trade.aggressor.rawValue))
        output.field(3, zigzag: trade.quantity.mantissa)
        output.field(2, zigzag: trade.price.mantissa)
        output.field(1, varint: UInt64(bitPattern: trade.id))
        finish(payloadField: 12)
    }

    /// O(values).
    public mutating func write(
        _ header: FeatureHeader, values: Span<Double>, schema: UInt64, sourceEpoch: UInt64,
        clockErrorNanoseconds: Int64?
    ) {
        output.clear(reserving: overhead + 8 * values.count)
        if let clockErrorNanoseconds {
            // Present even where it is zero.
            output.zigzag(clockErrorNanoseconds)
            output.varint(8 << 3)
        }
        output.field(7, fixed64: sourceEpoch)
        output.field(6, varint: header.epoch)
        output.field(5, varint: UInt64(header.validity.rawValue))
        output.field(4, fixed64: header.times.receive.nanoseconds)
        output.field(3, fixed64: header.times.venue.nanoseconds)
        if !values.isEmpty {
            let end = output.count
            for index in values.indices.reversed() { output.fixed64(values[index].bitPattern) }
            output.field(2, since: end)
        }
        output.field(1, fixed64: schema)
        finish(payloadField: 14)
    }

    private mutating func write(_ times: EventTimes, venueField: UInt64) {
        output.field(venueField + 1, fixed64: times.receive.nanoseconds)
        output.field(venueField, fixed64: times.venue.nanoseconds)
    }

    private mutating func write(_ instrument: Instrument, priceField: UInt64) {
        output.field(priceField + 1, zigzag: Int64(instrument.quantityExponent))
        output.field(priceField, zigzag: Int64(instrument.priceExponent))
    }

    /// One side of a book: its price column and its quantity column.
    private mutating func write(_ side: Range<Int>, of levels: Span<PriceLevel>, priceField: UInt64) {
        guard !side.isEmpty else { return }
        let end = output.count
        for index in side.reversed() { output.zigzag(levels[index].quantity.mantissa) }
        output.field(priceField + 1, since: end)
        let middle = output.count
        for index in side.reversed() { output.zigzag(levels[index].price.mantissa) }
        output.field(priceField, since: middle)
    }

    /// Wraps the envelope around the payload written so far.
    private mutating func finish(payloadField: UInt64) {
        output.field(payloadField, since: 0)
        output.field(4, fixed64: sentTime.nanoseconds)
        output.field(3, varint: sequence)
        output.field(2, fixed64: epoch)
        guard !producer.isEmpty else { return }
        let end = output.count
        output.bytes(producer)
        output.field(1, since: end)
    }
}
