import Foundation
import Microstructure

@testable import Venues

/// A session of a venue with streamed books, with what the tests ask of it. A class, since a session cannot be copied into
/// closures.
final class CoinbaseLab<Reader: VenueReader> {
    var session: StreamSession<Reader>
    /// Of the last call.
    private(set) var batch = EventBatch()
    private(set) var frames: UInt64 = 0
    /// Of the last message, in seconds.
    private(set) var now = 1_790_000_000

    init(_ adapter: Reader.Adapter, _ instruments: [Instrument] = Instrument.coinbase) throws {
        session = try StreamSession<Reader>(adapter, instruments: instruments)
        session.connectionOpened(at: Timestamp(nanoseconds: 0))
    }

    @discardableResult
    func receive(
        _ text: String, from connection: ConnectionID = .main, after seconds: Int = 0
    ) throws(VenueError) -> VenueAction {
        try receive(Array(text.utf8), from: connection, after: seconds)
    }

    @discardableResult
    func receive(
        _ bytes: [UInt8], from connection: ConnectionID = .main, after seconds: Int = 0
    ) throws(VenueError) -> VenueAction {
        batch.removeAll()
        frames += 1
        now += seconds
        return try session.receive(
            bytes.span, from: connection, at: Timestamp(nanoseconds: Int64(now) * 1_000_000_000), into: &batch)
    }

    /// `nil` where the message is not refused.
    func rejection(of text: String, from connection: ConnectionID = .main) -> RejectionKind? {
        do throws(VenueError) {
            try receive(text, from: connection)
            return nil
        } catch {
            if case .rejected(let rejection) = error { return rejection.kind }
            return nil
        }
    }

    func answer(_ body: String, from first: Int64, limit: Int = 1_000, isFinal: Bool = false) throws(VenueError) {
        batch.removeAll()
        try session.receiveTrades(
            Array(body.utf8).span, from: first, limit: limit, source: .single, for: InstrumentID(0), isFinal: isFinal,
            at: Timestamp(nanoseconds: 1), into: &batch)
    }

    func counts(_ index: Int = 0) -> SessionCounts { session.counts(of: InstrumentID(index)) }
    func total() -> SessionCounts { session.totalCounts }
    func validity(_ index: Int = 0) -> Validity { session.validity(of: InstrumentID(index)) }
    func book(_ index: Int = 0) -> OrderBook { session.book(of: InstrumentID(index)) }
    func lastTradeID() -> Int64? { session.lastTradeID(of: InstrumentID(0)) }
    func firstMissing() -> Int64? { session.firstMissingTrade(of: InstrumentID(0)) }
    func tradesRequest(from first: Int64, limit: Int) -> VenueRequest? {
        session.tradesRequest(for: InstrumentID(0), from: first, limit: limit)
    }
    func resubscribeMessages() -> [String] { session.resubscribeMessages(for: InstrumentID(0), on: .main) }
    func missing(_ index: Int = 0) -> Int64 { session.missingTrades(of: InstrumentID(index)) }
    func levels(_ side: BookSide) -> [[Int64]] {
        (0..<side.count).map { [side[$0].price.mantissa, side[$0].quantity.mantissa] }
    }

    var books: [BookSnapshot] { batch.events.compactMap { if case .book(let book) = $0 { book } else { nil } } }
    var trades: [Trade] { batch.events.compactMap { if case .trade(let trade) = $0 { trade } else { nil } } }
    var quotes: [Quote] { batch.events.compactMap { if case .quote(let quote) = $0 { quote } else { nil } } }

    /// Whether every message and every change of a book is in exactly one count. A frame may hold several.
    var isBalanced: Bool {
        let total = session.totalCounts
        return total.messages == total.outcomes && total.depthUpdates == total.depthSettled
    }
}

/// Nanoseconds of a time as the venue writes it.
func nanoseconds(_ text: String) -> Int64? {
    Array(text.utf8).withUnsafeBufferPointer { ISO8601.time($0, 0..<$0.count)?.nanoseconds }
}

extension Instrument {
    static let coinbase = ["BTC-USD", "ETH-USD"].map { name in
        Instrument(
            venue: .coinbase, symbol: name.filter { $0 != "-" }, venueSymbol: name, priceExponent: -2,
            quantityExponent: -8)
    }
}
