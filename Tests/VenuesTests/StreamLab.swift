import Microstructure

@testable import Venues

/// A stream's session with what tests ask of it. A class, since a session cannot be copied into closures.
final class StreamLab<Reader: VenueReader> {
    var session: StreamSession<Reader>
    /// Of the last call.
    private(set) var batch = EventBatch()
    private(set) var frames: UInt64 = 0
    /// When a message comes without a time of its own.
    private(set) var now: Timestamp
    private let start: Timestamp
    private let step: Int64

    /// - Parameters:
    ///   - start: when the connection opens.
    ///   - step: nanoseconds from one message without a time of its own to the next.
    init(
        _ adapter: Reader.Adapter, _ instruments: [Instrument], start: Timestamp = Timestamp(nanoseconds: 0),
        step: Int64 = 0
    ) throws {
        session = try StreamSession<Reader>(adapter, instruments: instruments)
        (self.start, self.step) = (start, step)
        now = start.advanced(byNanoseconds: 1)
        session.connectionOpened(at: start)
    }

    /// After the start.
    func time(_ milliseconds: Int64) -> Timestamp { start.advanced(byNanoseconds: milliseconds * 1_000_000) }

    private func next(_ time: Timestamp?, after seconds: Int64 = 0) -> Timestamp {
        now = now.advanced(byNanoseconds: step + seconds * 1_000_000_000)
        batch.removeAll()
        return time ?? now
    }

    // MARK: Messages

    @discardableResult
    func frame(
        _ bytes: [UInt8], at time: Timestamp? = nil, from connection: ConnectionID = .main, after seconds: Int64 = 0
    ) throws(VenueError) -> VenueAction {
        frames += 1
        return try session.receive(bytes.span, from: connection, at: next(time, after: seconds), into: &batch)
    }

    @discardableResult
    func frame(
        _ text: String, at time: Timestamp? = nil, from connection: ConnectionID = .main, after seconds: Int64 = 0
    ) throws(VenueError) -> VenueAction {
        try frame(Array(text.utf8), at: time, from: connection, after: seconds)
    }

    /// Passes a frame that may be refused.
    func attempt(_ bytes: [UInt8], at time: Timestamp? = nil, from connection: ConnectionID = .main) -> VenueAction {
        do throws(VenueError) { return try frame(bytes, at: time, from: connection) } catch { return .proceed }
    }

    /// The error of a frame; `nil` if it has none.
    func failure(_ bytes: [UInt8], at time: Timestamp? = nil, from connection: ConnectionID = .main) -> VenueError? {
        do throws(VenueError) {
            try frame(bytes, at: time, from: connection)
            return nil
        } catch {
            return error
        }
    }
    func failure(_ text: String) -> VenueError? { failure(Array(text.utf8)) }

    /// `nil` where the message is not rejected.
    func rejection(of text: String, from connection: ConnectionID = .main) -> RejectionKind? {
        guard case .rejected(let rejection) = failure(Array(text.utf8), from: connection) else { return nil }
        return rejection.kind
    }

    /// An answer over HTTP with a book.
    @discardableResult
    func snapshot(_ text: String, for index: Int = 0, at time: Timestamp? = nil) throws(VenueError) -> VenueAction {
        try session.receiveSnapshot(
            Array(text.utf8).span, for: InstrumentID(index), at: next(time), into: &batch)
    }

    /// An answer over HTTP with trades.
    func backfill(_ body: String, from first: Int64, limit: Int = 1_000, isFinal: Bool = false) throws(VenueError) {
        try session.receiveTrades(
            Array(body.utf8).span, from: first, limit: limit, source: .single, for: InstrumentID(0), isFinal: isFinal,
            at: next(nil), into: &batch)
    }

    func reconnect() {
        session.connectionClosed(at: now)
        session.connectionOpened(at: now)
    }

    // MARK: Questions

    func checkSilence(at time: Timestamp) -> Bool { session.checkSilence(of: InstrumentID(0), at: time) }
    func wantsProbe(at time: Timestamp) -> Bool { session.wantsProbe(of: InstrumentID(0), at: time) }
    func resubscribeMessages(_ index: Int = 0, on connection: ConnectionID = .main) -> [String] {
        session.resubscribeMessages(for: InstrumentID(index), on: connection)
    }

    func lastTradeID() -> Int64? { session.lastTradeID(of: InstrumentID(0)) }
    func firstMissingTrade() -> Int64? { session.firstMissingTrade(of: InstrumentID(0)) }
    func missingTrades(_ index: Int = 0) -> Int64 { session.missingTrades(of: InstrumentID(index)) }
    func tradesRequest(from first: Int64, limit: Int) -> VenueRequest? {
        session.tradesRequest(for: InstrumentID(0), from: first, limit: limit)
    }

    var counts: SessionCounts { session.totalCounts }
    func counts(_ index: Int) -> SessionCounts { session.counts(of: InstrumentID(index)) }
    func validity(_ index: Int = 0) -> Validity { session.validity(of: InstrumentID(index)) }
    func epoch(_ index: Int = 0) -> UInt64 { session.epoch(of: InstrumentID(index)) }
    func book(_ index: Int = 0) -> OrderBook { session.book(of: InstrumentID(index)) }

    /// Best first, price and size in the instrument's units.
    func bids(_ index: Int = 0) -> [[Int64]] { Self.levels(book(index).bids) }
    func asks(_ index: Int = 0) -> [[Int64]] { Self.levels(book(index).asks) }

    private static func levels(_ side: BookSide) -> [[Int64]] {
        (0..<side.count).map { [side[$0].price.mantissa, side[$0].quantity.mantissa] }
    }

    /// Of the last call.
    var books: [BookSnapshot] { batch.events.compactMap { if case .book(let book) = $0 { book } else { nil } } }
    var quotes: [Quote] { batch.events.compactMap { if case .quote(let quote) = $0 { quote } else { nil } } }
    var trades: [Trade] { batch.events.compactMap { if case .trade(let trade) = $0 { trade } else { nil } } }

    /// Whether a book is told VALID although its best ask is not above its best bid.
    var tellsCrossed: Bool {
        session.instruments.indices.contains { validity($0) == .valid && book($0).isCrossed }
    }

    /// Whether each message is in exactly one count, and each change of a book has one outcome or waits. A frame may hold
    /// several.
    var isBalanced: Bool {
        let waiting = session.markets.reduce(0) { $0 + $1.pending.reduce(0) { $0 + $1.count } }
        return counts.messages == counts.outcomes && counts.depthUpdates == counts.depthSettled + UInt64(waiting)
    }
}

extension Timestamp {
    static func milliseconds(_ count: Int64) -> Timestamp { Timestamp(nanoseconds: count * 1_000_000) }
}
