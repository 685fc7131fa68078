import Microstructure

@testable import Venues

/// A stream's session with what tests ask of it. A class, since a session cannot be copied into closures.
final class StreamLab<Reader: VenueReader> {
    var session: StreamSession<Reader>
    /// Of the last call.
    private(set) var batch = EventBatch()
    private(set) var frames: UInt64 = 0

    init(_ adapter: Reader.Adapter, _ instruments: [Instrument]) throws {
        session = try StreamSession<Reader>(adapter, instruments: instruments)
        session.connectionOpened(at: Timestamp(nanoseconds: 0))
    }

    @discardableResult
    func frame(
        _ text: String, at time: Timestamp = Timestamp(nanoseconds: 1), from connection: ConnectionID = .main
    ) throws(VenueError) -> VenueAction {
        try frame(Array(text.utf8), at: time, from: connection)
    }

    @discardableResult
    func frame(
        _ bytes: [UInt8], at time: Timestamp = Timestamp(nanoseconds: 1), from connection: ConnectionID = .main
    ) throws(VenueError) -> VenueAction {
        batch.removeAll()
        frames += 1
        return try session.receive(bytes.span, from: connection, at: time, into: &batch)
    }

    /// An answer over HTTP with a book.
    @discardableResult
    func answer(_ text: String, at time: Timestamp = Timestamp(nanoseconds: 1)) throws(VenueError) -> VenueAction {
        batch.removeAll()
        return try session.receiveSnapshot(Array(text.utf8).span, for: InstrumentID(0), at: time, into: &batch)
    }

    var counts: SessionCounts { session.totalCounts }
    var book: OrderBook { session.book(of: InstrumentID(0)) }
    var validity: Validity { session.validity(of: InstrumentID(0)) }
    var epoch: UInt64 { session.epoch(of: InstrumentID(0)) }

    var books: [BookSnapshot] { batch.events.compactMap { if case .book(let book) = $0 { book } else { nil } } }
    var quotes: [Quote] { batch.events.compactMap { if case .quote(let quote) = $0 { quote } else { nil } } }
    var trades: [Trade] { batch.events.compactMap { if case .trade(let trade) = $0 { trade } else { nil } } }

    /// The best levels of a side as `price size`, in units.
    func levels(_ side: KeyPath<OrderBook, BookSide>, _ count: Int) -> [String] {
        let side = book[keyPath: side]
        return (0..<min(count, side.count)).map { "\(side[$0].price.mantissa) \(side[$0].quantity.mantissa)" }
    }

    /// Whether each message is in exactly one count, and each change of a book has one outcome or waits.
    var isBalanced: Bool {
        let waiting = session.markets.reduce(0) { $0 + $1.pending.reduce(0) { $0 + $1.count } }
        return counts.messages == counts.outcomes && counts.depthUpdates == counts.depthSettled + UInt64(waiting)
    }
}

extension Timestamp {
    static func milliseconds(_ count: Int64) -> Timestamp { Timestamp(nanoseconds: count * 1_000_000) }
}
