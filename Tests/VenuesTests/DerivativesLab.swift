import Microstructure

@testable import Venues

/// A `StreamSession` with what the tests ask of it. A class, since a session cannot be copied into closures.
final class DerivativesLab<Reader: VenueReader> {
    var session: StreamSession<Reader>
    /// Of the last call.
    private(set) var batch = EventBatch()
    private(set) var clock: Int64 = 1_700_000_000_000_000_000

    init(_ adapter: Reader.Adapter, _ instruments: Instrument...) throws {
        session = try StreamSession<Reader>(adapter, instruments: instruments)
        session.connectionOpened(at: Timestamp(nanoseconds: clock))
    }

    /// One millisecond later.
    @discardableResult
    func frame(_ text: String) throws(VenueError) -> VenueAction { try frame(Array(text.utf8)) }

    @discardableResult
    func frame(_ bytes: [UInt8]) throws(VenueError) -> VenueAction {
        batch.removeAll()
        clock += 1_000_000
        return try session.receive(bytes.span, at: Timestamp(nanoseconds: clock), into: &batch)
    }

    /// The error of a frame; `nil` if it has none.
    func failure(_ bytes: [UInt8]) -> VenueError? {
        do throws(VenueError) {
            try frame(bytes)
            return nil
        } catch {
            return error
        }
    }
    func failure(_ text: String) -> VenueError? { failure(Array(text.utf8)) }

    func trades(_ body: String, from first: Int64, limit: Int = 100, isFinal: Bool = false) throws(VenueError) {
        batch.removeAll()
        clock += 1_000_000
        try session.receiveTrades(
            Array(body.utf8).span, from: first, limit: limit, source: .single, for: InstrumentID(0), isFinal: isFinal,
            at: Timestamp(nanoseconds: clock), into: &batch)
    }

    func reconnect() {
        session.connectionClosed(at: Timestamp(nanoseconds: clock))
        session.connectionOpened(at: Timestamp(nanoseconds: clock))
    }

    func firstMissingTrade() -> Int64? { session.firstMissingTrade(of: InstrumentID(0)) }
    func tradesRequest(from first: Int64, limit: Int) -> VenueRequest? {
        session.tradesRequest(for: InstrumentID(0), from: first, limit: limit)
    }
    func resubscribeMessages(_ index: Int) -> [String] {
        session.resubscribeMessages(for: InstrumentID(index), on: .main)
    }
    func wantsProbe(at nanoseconds: Int64) -> Bool {
        session.wantsProbe(of: InstrumentID(0), at: Timestamp(nanoseconds: nanoseconds))
    }

    var counts: SessionCounts { session.totalCounts }
    func validity(_ index: Int = 0) -> Validity { session.validity(of: InstrumentID(index)) }
    func epoch(_ index: Int = 0) -> UInt64 { session.epoch(of: InstrumentID(index)) }

    /// Best levels first, as `price×size` in the units of the instrument.
    func bids(_ index: Int = 0) -> [String] { Self.text(session.book(of: InstrumentID(index)).bids) }
    func asks(_ index: Int = 0) -> [String] { Self.text(session.book(of: InstrumentID(index)).asks) }
    private static func text(_ side: BookSide) -> [String] {
        (0..<side.count).map { "\(side[$0].price.mantissa)×\(side[$0].quantity.mantissa)" }
    }

    /// Events of the last call.
    var books: [BookSnapshot] { batch.events.compactMap { if case .book(let book) = $0 { book } else { nil } } }
    var trades: [Trade] { batch.events.compactMap { if case .trade(let trade) = $0 { trade } else { nil } } }
    var quotes: [Quote] { batch.events.compactMap { if case .quote(let quote) = $0 { quote } else { nil } } }

    /// Whether every message and every change of a book is in exactly one count.
    var isBalanced: Bool {
        counts.messages == counts.outcomes && counts.depthUpdates == counts.depthSettled
    }
}

/// Damaged copies of real messages.
enum Damage {
    /// The text cut off before each of its bytes.
    static func cuts(of text: String) -> [[UInt8]] {
        let bytes = Array(text.utf8)
        return bytes.indices.map { Array(bytes[..<$0]) }
    }

    /// One to four bytes changed, removed or doubled.
    static func flipped(_ text: String, _ random: inout Random) -> [UInt8] {
        var bytes = Array(text.utf8)
        for _ in 0...Int.random(in: 0..<4, using: &random) {
            let place = Int.random(in: bytes.indices, using: &random)
            switch Int.random(in: 0..<4, using: &random) {
            case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
            case 1: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            case 2: bytes.insert(bytes[place], at: place)
            default: if bytes.count > 1 { bytes.remove(at: place) }
            }
        }
        return bytes
    }
}
