import Microstructure

@testable import Venues

/// A stream session with what the tests of single venues ask of it. A class, since a session cannot be copied into
/// closures.
final class ReaderLab<Reader: VenueReader> {
    var session: StreamSession<Reader>
    /// Of the last call.
    private(set) var batch = EventBatch()
    /// The time from which the tests count.
    private let start: Int64

    /// - Parameter start: in s since 1970.
    init(_ adapter: Reader.Adapter, _ instruments: [Instrument], start: Int64 = 0) throws {
        session = try StreamSession<Reader>(adapter, instruments: instruments)
        self.start = start
        session.connectionOpened(at: Timestamp(nanoseconds: 0))
    }

    func time(_ milliseconds: Int64) -> Timestamp {
        Timestamp(nanoseconds: (start * 1_000 + milliseconds) * 1_000_000)
    }

    @discardableResult
    func frame(
        _ bytes: [UInt8], at milliseconds: Int64 = 1, from connection: ConnectionID = .main
    ) throws(VenueError) -> VenueAction {
        batch.removeAll()
        return try session.receive(bytes.span, from: connection, at: time(milliseconds), into: &batch)
    }

    @discardableResult
    func frame(
        _ text: String, at milliseconds: Int64 = 1, from connection: ConnectionID = .main
    ) throws(VenueError) -> VenueAction {
        try frame(Array(text.utf8), at: milliseconds, from: connection)
    }

    @discardableResult
    func snapshot(_ text: String, for index: Int = 0, at milliseconds: Int64 = 1) throws(VenueError) -> VenueAction {
        batch.removeAll()
        return try session.receiveSnapshot(
            Array(text.utf8).span, for: InstrumentID(index), at: time(milliseconds), into: &batch)
    }

    /// Passes a frame that may be refused.
    func anyFrame(_ bytes: [UInt8], at milliseconds: Int64 = 1, from connection: ConnectionID = .main) -> VenueAction {
        do throws(VenueError) { return try frame(bytes, at: milliseconds, from: connection) } catch { return .proceed }
    }

    func checkSilence(at milliseconds: Int64) -> Bool {
        session.checkSilence(of: InstrumentID(0), at: time(milliseconds))
    }
    func resubscribeMessages(on connection: ConnectionID = .main) -> [String] {
        session.resubscribeMessages(for: InstrumentID(0), on: connection)
    }

    var counts: SessionCounts { session.totalCounts }
    func counts(_ index: Int) -> SessionCounts { session.counts(of: InstrumentID(index)) }
    func validity(_ index: Int = 0) -> Validity { session.validity(of: InstrumentID(index)) }
    func epoch(_ index: Int = 0) -> UInt64 { session.epoch(of: InstrumentID(index)) }
    func book(_ index: Int = 0) -> OrderBook { session.book(of: InstrumentID(index)) }

    /// Best first, as numbers of units.
    func bids(_ index: Int = 0) -> [[Int64]] { Self.levels(book(index).bids) }
    func asks(_ index: Int = 0) -> [[Int64]] { Self.levels(book(index).asks) }

    private static func levels(_ side: BookSide) -> [[Int64]] {
        (0..<side.count).map { [side[$0].price.mantissa, side[$0].quantity.mantissa] }
    }

    /// Of the last call.
    var books: [BookSnapshot] {
        batch.events.compactMap { if case .book(let update) = $0 { update } else { nil } }
    }
    var trades: [Trade] { batch.events.compactMap { if case .trade(let trade) = $0 { trade } else { nil } } }

    /// Whether a book is told VALID although its best ask is not above its best bid.
    var tellsCrossed: Bool {
        session.instruments.indices.contains { validity($0) == .valid && book($0).isCrossed }
    }

    /// Whether every frame and every depth update is in exactly one count.
    var isBalanced: Bool {
        let total = session.totalCounts
        let waiting = session.markets.reduce(0) { $0 + $1.pending.reduce(0) { $0 + $1.count } }
        return total.messages == total.outcomes && total.depthUpdates == total.depthSettled + UInt64(waiting)
    }
}
