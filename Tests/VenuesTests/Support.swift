import Foundation
import Microstructure

@testable import Venues

/// A session with what the tests ask of it. A class, since a session cannot be copied into closures.
final class Lab {
    var session: BinanceSession
    /// Of the last call.
    private(set) var batch = EventBatch()
    private(set) var frames: UInt64 = 0

    init(_ configuration: BinanceConfiguration) throws {
        session = try BinanceSession(configuration)
    }

    convenience init(_ instruments: Instrument...) throws {
        try self.init(BinanceConfiguration(instruments: instruments))
    }

    @discardableResult
    func frame(
        _ text: String, at nanoseconds: Int64 = 1, from connection: ConnectionID = .main
    ) throws(VenueError) -> VenueAction {
        try frame(Array(text.utf8), at: nanoseconds, from: connection)
    }

    @discardableResult
    func frame(
        _ bytes: [UInt8], at nanoseconds: Int64 = 1, from connection: ConnectionID = .main
    ) throws(VenueError) -> VenueAction {
        batch.removeAll()
        frames += 1
        return try session.receive(
            bytes.span, from: connection, at: Timestamp(nanoseconds: nanoseconds), into: &batch)
    }

    /// The answer to a request for trades from `first` on.
    func trades(_ ids: [Int64], from first: Int64, isFinal: Bool = false) throws(VenueError) {
        batch.removeAll()
        let rows = ids.map {
            #"{"id":\#($0),"price":"100.50","qty":"0.25","time":1700000000004,"isBuyerMaker":true,"isBestMatch":true}"#
        }
        try session.receiveTrades(
            Array("[\(rows.joined(separator: ","))]".utf8).span, from: first, limit: 1_000, for: InstrumentID(0),
            isFinal: isFinal, at: Timestamp(nanoseconds: 1), into: &batch)
    }

    /// The answer to a request for aggregates of the trades from `first` on.
    func aggregates(_ body: String, from first: Int64, limit: Int = 1_000, isFinal: Bool) throws(VenueError) {
        batch.removeAll()
        try session.receiveTrades(
            Array(body.utf8).span, from: first, limit: limit, source: .aggregates, for: InstrumentID(0),
            isFinal: isFinal, at: Timestamp(nanoseconds: 1), into: &batch)
    }

    func missingTrades() -> Int64 { session.missingTrades(of: InstrumentID(0)) }
    func firstMissingTrade() -> Int64? { session.firstMissingTrade(of: InstrumentID(0)) }
    func awaitingHandover() -> Int {
        session.instrumentsAwaitingHandover(from: ConnectionID(0), to: ConnectionID(1))
    }
    func silenceLimit(_ channel: FeedChannel) -> Int64? { session.silenceLimit(of: InstrumentID(0), channel) }
    func silentChannels() -> [String] { session.silentChannels(of: InstrumentID(0)).names }
    func wantsProbe(at nanoseconds: Int64) -> Bool {
        session.wantsProbe(of: InstrumentID(0), at: Timestamp(nanoseconds: nanoseconds))
    }
    func checkSilence(at nanoseconds: Int64) -> Bool {
        session.checkSilence(of: InstrumentID(0), at: Timestamp(nanoseconds: nanoseconds))
    }

    /// Ids of the trades of the last call.
    var tradeIDs: [Int64] {
        batch.events.compactMap { if case .trade(let trade) = $0 { trade.id } else { nil } }
    }

    @discardableResult
    func snapshot(_ text: String, for index: Int = 0, at nanoseconds: Int64 = 1) throws(VenueError) -> VenueAction {
        try snapshot(Array(text.utf8), for: index, at: nanoseconds)
    }

    @discardableResult
    func snapshot(_ bytes: [UInt8], for index: Int, at nanoseconds: Int64) throws(VenueError) -> VenueAction {
        batch.removeAll()
        return try session.receiveSnapshot(
            bytes.span, for: InstrumentID(index), at: Timestamp(nanoseconds: nanoseconds), into: &batch)
    }

    func counts(_ index: Int = 0) -> SessionCounts { session.counts(of: InstrumentID(index)) }
    func validity(_ index: Int = 0) -> Validity { session.validity(of: InstrumentID(index)) }
    func epoch(_ index: Int = 0) -> UInt64 { session.epoch(of: InstrumentID(index)) }
    func book(_ index: Int = 0) -> OrderBook { session.book(of: InstrumentID(index)) }
    func pending(_ index: Int = 0) -> Int { session.pendingUpdates(of: InstrumentID(index)) }

    func lastTradeID(_ index: Int = 0) -> Int64? { session.lastTradeID(of: InstrumentID(index)) }

    /// Book events of the last call.
    var books: [BookSnapshot] {
        batch.events.compactMap { if case .book(let update) = $0 { update } else { nil } }
    }

    /// Whether every frame and every depth update is in exactly one count.
    var isBalanced: Bool {
        let total = session.totalCounts
        let waiting = session.instruments.indices.reduce(0) { $0 + pending($1) }
        return total.messages == frames && total.outcomes == frames
            && total.depthUpdates == total.depthSettled + UInt64(waiting)
    }
}

/// Deterministic random numbers (splitmix64).
struct Random: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

enum Payload {
    /// A payload in `Payloads/`, without the line that names its source.
    static func text(_ name: String) throws -> String {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Payloads")
        let file = try String(contentsOf: folder.appendingPathComponent("\(name).txt"), encoding: .utf8)
        return file.split(separator: "\n").filter { !$0.hasPrefix("#") }.joined(separator: "\n")
    }

    static func bytes(_ name: String) throws -> [UInt8] { Array(try text(name).utf8) }
}

extension Instrument {
    static func spot(
        _ symbol: String, price: Int8 = -2, quantity: Int8 = -8, venue: Venue = .binance
    ) -> Instrument {
        Instrument(venue: venue, symbol: symbol, priceExponent: price, quantityExponent: quantity)
    }
}

/// A raw depth update, prices and sizes as the venue writes them.
func depth(
    _ first: Int64, _ last: Int64, of symbol: String = "BTCUSDT", bids: [(String, String)] = [],
    asks: [(String, String)] = [], time: Int64 = 1_700_000_000_000
) -> String {
    func list(_ levels: [(String, String)]) -> String {
        levels.map { "[\"\($0.0)\",\"\($0.1)\"]" }.joined(separator: ",")
    }
    return """
        {"e":"depthUpdate","E":\(time),"s":"\(symbol)","U":\(first),"u":\(last),"b":[\(list(bids))],"a":[\(list(asks))]}
        """
}

func snapshotBody(_ id: Int64, bid: String = "100.00", ask: String = "101.00") -> String {
    "{\"lastUpdateId\":\(id),\"bids\":[[\"\(bid)\",\"1.0\"],[\"90.00\",\"5\"]],\"asks\":[[\"\(ask)\",\"2\"],[\"110.00\",\"6\"]]}"
}

func trade(_ id: Int64, symbol: String = "BTCUSDT", isBuyerMaker: Bool = true) -> String {
    """
    {"e":"trade","E":1700000000005,"s":"\(symbol)","t":\(id),"p":"100.50","q":"0.25","T":1700000000004,"m":\(isBuyerMaker),"M":true}
    """
}
