import Microstructure
import Simulation
import Testing
import Transport

@testable import ExchangeSim
@testable import Runtime

/// What Binance's binary and futures streams ask of a client, and send to it.
@Suite(.serialized) struct BinanceStreamsTests {
    private let loop: EventLoop

    init() throws { loop = try EventLoop() }

    private func wait(_ what: String, until condition: () -> Bool) throws {
        let end = HostClock.monotonicNanoseconds + 20_000_000_000
        while !condition() {
            guard HostClock.monotonicNanoseconds < end else { throw Timeout(what: what) }
            loop.runOnce(timeoutMilliseconds: 5)
        }
    }

    private func simulator(_ venue: ExchangeVenue, key: String? = nil) throws -> RunningSimulator {
        var options = ExchangeSimulator.Options()
        options.venue = venue
        options.apiKey = key
        return try RunningSimulator(options) {
            [
                venue.dialect.serve(
                    SyntheticMarket(
                        SyntheticParameters(symbol: "BTCUSDT"), seed: 1,
                        startTime: Timestamp(nanoseconds: 1_767_225_600_000_000_000)))
            ]
        }
    }

    private func connect(
        _ simulator: RunningSimulator, _ path: String, key: String? = nil, _ listener: Listener
    ) -> WebSocketConnection {
        var request = WebSocketRequest(url: "ws://127.0.0.1:\(simulator.port)\(path)")
        if let key { request.headers = [("X-MBX-APIKEY", key)] }
        return loop.connect(request, delegate: listener)
    }

    /// The HTTP status that refuses a handshake.
    private func refusal(_ simulator: RunningSimulator, _ path: String, key: String? = nil) throws -> Int? {
        let listener = Listener()
        let connection = connect(simulator, path, key: key, listener)
        try wait("an answer on \(path)") { listener.reason != nil || listener.isOpen }
        defer { connection.abort() }
        guard case .failed(_, let status)? = listener.reason else { return nil }
        return status
    }

    @Test func binaryStreamsAreServedToWhoHasTheKey() throws {
        let simulator = try simulator(.binanceSBE, key: "right")
        #expect(try refusal(simulator, "/sbe/ws/btcusdt@depth") == 400)
        #expect(try refusal(simulator, "/sbe/ws/btcusdt@depth", key: "wrong") == 401)

        let listener = Listener()
        let connection = connect(
            simulator, "/sbe/stream?streams=btcusdt@depth/btcusdt@bestBidAsk", key: "right", listener)
        defer { connection.abort() }
        try wait("binary frames") { listener.frames.count > 300 }
        // The header: block length, template, schema 1, version 0.
        let templates = Set(listener.frames.map { Array($0[..<8]) })
        #expect(templates == [[26, 0, 0x13, 0x27, 1, 0, 0, 0], [50, 0, 0x11, 0x27, 1, 0, 0, 0]])
        #expect(connection.send(text: #"{"method":"LIST_SUBSCRIPTIONS","id":1}"#) == .queued)
        try wait("an answer in text") { !listener.texts.isEmpty }
        #expect(listener.texts == [#"{"result":["btcusdt@depth","btcusdt@bestBidAsk"],"id":1}"#])
    }

    @Test func theSameMarketIsServedInJSONBesideItsBinaryStreams() throws {
        let simulator = try simulator(.binanceSBE, key: "right")
        let listener = Listener()
        let connection = connect(simulator, "/ws/btcusdt@depth@100ms/btcusdt@trade", listener)
        defer { connection.abort() }
        try wait("messages") { listener.texts.count > 300 }
        #expect(listener.frames.isEmpty)
        #expect(listener.texts.contains { $0.hasPrefix(#"{"e":"trade""#) })
        // One in 100 ms, as the venue's; of the binary ones there is one in 20 ms.
        let intervals = listener.texts.filter { $0.hasPrefix(#"{"e":"depthUpdate","E":"#) }
            .compactMap { Int64($0.dropFirst(23).prefix(13)) }.map { $0 / 100 }
        #expect(intervals.count > 30 && zip(intervals, intervals.dropFirst()).allSatisfy { $1 > $0 })
    }

    @Test func aFuturesMarketHasTwoConnections() throws {
        let simulator = try simulator(.binanceUSDM)
        #expect(try refusal(simulator, "/ws/btcusdt@trade") == 404)
        let streams = "/stream?streams=btcusdt@trade/btcusdt@aggTrade/btcusdt@markPrice@1s/btcusdt@depth@100ms"
        let (book, market) = (Listener(), Listener())
        let connections = [
            connect(simulator, "/public" + streams, book), connect(simulator, "/market" + streams, market),
        ]
        defer { connections.forEach { $0.abort() } }
        try wait("both kinds") { book.texts.count > 100 && market.texts.count > 20 }
        #expect(Set(book.counts.keys) == ["btcusdt@trade", "btcusdt@depth@100ms"])
        #expect(Set(market.counts.keys) == ["btcusdt@aggTrade", "btcusdt@markPrice@1s"])
        #expect(market.texts.contains { $0.contains(#""nq":""#) })
        #expect(book.texts.contains { $0.contains(#""X":"MARKET""#) })
    }

    @Test func contractsMarginedInTheCoinHaveTheirOwnNames() throws {
        let simulator = try simulator(.binanceCOINM)
        let listener = Listener()
        let connection = connect(simulator, "/ws/btcusd_perp@trade/btcusd_perp@bookTicker", listener)
        defer { connection.abort() }
        try wait("messages") { listener.texts.count > 50 }
        #expect(listener.texts.allSatisfy { $0.contains(#""s":"BTCUSD_PERP""#) })
    }
}
