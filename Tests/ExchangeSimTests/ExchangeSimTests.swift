import TestSupport
@testable import ExchangeSim
@testable import Runtime
import Foundation
import Logging
import Microstructure
import Simulation
import Synchronization
import Testing
import Transport

/// Lines in memory.
private struct Lines: LineSource {
    var lines: [String]
    var index = 0

    mutating func nextLine() throws(Never) -> [UInt8]? {
        guard index < lines.count else { return nil }
        index += 1
        return Array(lines[index - 1].utf8)
    }

    mutating func rewind() throws(Never) { index = 0 }
}

private let small = [
    #"1000000000 {"stream":"xyzusdt@depth@100ms","data":{"e":"depthUpdate","E":1100,"s":"XYZUSDT","U":8,"u":10,"b":[["1.00000000","5.00000000"]],"a":[]}}"#,
    #"1050000000 {"lastUpdateId":10,"bids":[["1.00000000","5.00000000"]],"asks":[["2.00000000","6.00000000"]]}"#,
    #"1060000000 {"stream":"xyzusdt@trade","data":{"e":"trade","E":1155,"s":"XYZUSDT","t":77,"p":"1.00000000","q":"2.00000000","T":1154,"m":true,"M":true}}"#,
    #"1070000000 {"stream":"xyzusdt@bookTicker","data":{"u":11,"s":"XYZUSDT","b":"1.00000000","B":"3.00000000","a":"2.00000000","A":"6.00000000"}}"#,
]

/// A simulator on a thread of its own.
final class RunningSimulator {
    let monitor = SimulatorMonitor()
    let port: Int
    private let stop = StopSignal()
    private let ended = DispatchSemaphore(value: 0)

    struct NotStarted: Error { let reason: String }

    init(
        _ options: ExchangeSimulator.Options = .init(), speed: MarketSpeed = .unpaced,
        _ markets: @escaping @Sendable () throws -> [any SimulatedMarket]
    ) throws {
        let started = DispatchSemaphore(value: 0)
        var options = options
        options.port = 0
        options.speed = speed
        let (monitor, stop, ended, chosen) = (monitor, stop, ended, options)
        let reason = Failure()
        let thread = Thread {
            defer { ended.signal() }
            do {
                let simulator = try SimulatorServer(
                    [(chosen, markets())], monitor: monitor,
                    logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
                started.signal()
                simulator.run(until: stop)
            } catch {
                reason.text.withLock { $0 = "\(error)" }
                started.signal()
            }
        }
        thread.start()
        started.wait()
        guard let port = monitor.port else { throw NotStarted(reason: reason.text.withLock { $0 } ?? "no port") }
        self.port = port
    }

    private final class Failure: Sendable { let text = Mutex<String?>(nil) }

    deinit {
        stop.request()
        ended.wait()
    }
}

/// A client that keeps what it gets.
final class Listener: WebSocketDelegate {
    var isOpen = false
    var texts: [String] = []
    var reason: WebSocketCloseReason?
    var onText: ((String) -> Void)?
    /// The binary messages.
    var frames: [[UInt8]] = []
    /// Of long runs only the first are kept.
    var textLimit = 1_000
    var counts: [String: Int] = [:]

    func didOpen(_ connection: WebSocketConnection) { isOpen = true }

    func didReceive(_ message: Span<UInt8>, kind: MessageKind, on connection: WebSocketConnection) {
        guard kind == .text else { return frames.append(message.withUnsafeBufferPointer { Array($0) }) }
        let text = message.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
        if texts.count < textLimit { texts.append(text) }
        if text.hasPrefix(#"{"stream":""#) {
            counts[String(text.dropFirst(11).prefix { $0 != "\"" }), default: 0] += 1
        }
        onText?(text)
    }

    func didClose(_ connection: WebSocketConnection, reason: WebSocketCloseReason) { self.reason = reason }
}

struct Timeout: Error { let what: String }

/// A WebSocket client that says hello and then neither reads nor pongs.
private final class MuteSocket {
    private let descriptor: Int32

    init(port: Int, path: String) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        let hello =
            "GET \(path) HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        guard connected == 0, write(descriptor, hello, hello.utf8.count) == hello.utf8.count else {
            throw Timeout(what: "connect to \(port)")
        }
    }

    deinit { close(descriptor) }
}

@Suite(.serialized) struct ExchangeSimTests {
    private let loop: EventLoop
    private let http: HTTPClient

    init() throws {
        loop = try EventLoop()
        http = try HTTPClient()
    }

    private func wait(_ what: String, seconds: Double = 20, until condition: () -> Bool) throws {
        let end = HostClock.monotonicNanoseconds + Int64(seconds * 1e9)
        while !condition() {
            guard HostClock.monotonicNanoseconds < end else { throw Timeout(what: what) }
            loop.runOnce(timeoutMilliseconds: 5)
        }
    }

    private func connect(_ simulator: RunningSimulator, _ path: String, _ listener: Listener) -> WebSocketConnection {
        loop.connect(WebSocketRequest(url: "ws://127.0.0.1:\(simulator.port)\(path)"), delegate: listener)
    }

    private func get(_ simulator: RunningSimulator, _ path: String) throws -> HTTPResponse {
        let box = AnswerBox()
        http.send(HTTPRequest(url: "http://127.0.0.1:\(simulator.port)\(path)")) { box.set($0) }
        try wait("answer to \(path)") { box.value != nil }
        return try #require(box.value).get()
    }

    private final class AnswerBox: Sendable {
        private let state = Mutex<Result<HTTPResponse, HTTPError>?>(nil)
        var value: Result<HTTPResponse, HTTPError>? { state.withLock { $0 } }
        func set(_ value: Result<HTTPResponse, HTTPError>) { state.withLock { $0 = value } }
    }

    private func text(_ response: HTTPResponse) -> String { String(decoding: response.body, as: UTF8.self) }

    private static func capture(loops: Bool = false) throws -> [any SimulatedMarket] {
        [try BinanceCapturePlayer(Lines(lines: small), loops: loops)]
    }

    private static func synthetic(_ symbols: [String]) -> [any SimulatedMarket] {
        symbols.map {
            BinanceDialect().serve(
                SyntheticMarket(
                    SyntheticParameters(symbol: $0), seed: 1,
                    startTime: Timestamp(nanoseconds: 1_767_225_600_000_000_000)))
        }
    }

    // MARK: - WebSocket

    @Test(
        .enabled(if: Recordings.isPresent, "recorded data is absent"),
        arguments: [MarketSpeed.unpaced, .factor(60)])
    func aClientGetsExactlyTheRecording(speed: MarketSpeed) throws {
        let symbols = ["btcusdt", "ethusdt"]
        var expected: [String: Int] = [:]
        var snapshots: [String: String] = [:]
        for symbol in symbols {
            var reader = try LineReader(path: Recordings.path(symbol))
            while let line = try reader.next() {
                let text = String(decoding: line.drop { $0 != 0x20 }.dropFirst(), as: UTF8.self)
                if text.hasPrefix(#"{"stream":""#) {
                    expected[String(text.dropFirst(11).prefix { $0 != "\"" }), default: 0] += 1
                } else {
                    snapshots[symbol] = text
                }
            }
        }
        let simulator = try RunningSimulator(speed: speed) {
            try ["btcusdt", "ethusdt"].map { try BinanceCapturePlayer(CaptureFile(path: Recordings.path($0))) }
        }
        let boxes = symbols.map { _ in AnswerBox() }
        let listeners = symbols.map { _ in Listener() }
        for (index, symbol) in symbols.enumerated() {
            let url = "http://127.0.0.1:\(simulator.port)/api/v3/depth?symbol=\(symbol.uppercased())&limit=5000"
            let (http, box, listener) = (http, boxes[index], listeners[index])
            // As a real client does: the snapshot is asked for when the stream has begun.
            listener.onText = { [unowned listener] _ in
                http.send(HTTPRequest(url: url)) { box.set($0) }
                listener.onText = nil
            }
            _ = connect(
                simulator, "/stream?streams=\(symbol)@depth@100ms/\(symbol)@trade/\(symbol)@bookTicker", listener)
        }
        var received: [String: Int] { listeners.reduce(into: [:]) { $0.merge($1.counts) { $0 + $1 } } }
        let total = expected.values.reduce(0, +)
        try wait("all frames", seconds: 120) { received.values.reduce(0, +) >= total }
        try wait("the end") { simulator.monitor.statistics.endedSymbols.count == 2 }
        #expect(received == expected)
        for (box, symbol) in zip(boxes, symbols) {
            #expect(try text(#require(box.value).get()) == snapshots[symbol])
        }
        let statistics = simulator.monitor.statistics
        print("\(speed): \(received.sorted { $0.key < $1.key }), \(statistics.messagesSent)")
        #expect(statistics.holdsExpired == 0 && statistics.clientsTooSlow == 0 && statistics.failures.isEmpty)
        #expect(statistics.messagesSent.values.reduce(0, +) == UInt64(total))
    }

    @Test func rawEndpointsSendThePayloadAndAHoldEndsByItself() throws {
        var options = ExchangeSimulator.Options()
        options.holdSeconds = 0.2
        let simulator = try RunningSimulator(options) { try Self.capture() }
        let listener = Listener()
        _ = connect(simulator, "/ws/xyzusdt@depth@100ms/xyzusdt@bookTicker/nosuch@trade", listener)
        try wait("two frames") { listener.texts.count == 2 }
        #expect(
            listener.texts
                == [small[0], small[3]].map { line in
                    String(line[line.range(of: #""data":"#)!.upperBound...].dropLast())
                })
        try wait("the end") { simulator.monitor.statistics.endedSymbols == ["XYZUSDT"] }
        #expect(simulator.monitor.statistics.holdsExpired == 1)
        #expect(simulator.monitor.statistics.messagesSent == [.depth: 1, .quote: 1])
    }

    @Test func aSnapshotRequestEndsTheHold() throws {
        var options = ExchangeSimulator.Options()
        options.holdSeconds = 1_000
        let simulator = try RunningSimulator(options) { try Self.capture() }
        let listener = Listener()
        _ = connect(simulator, "/stream?streams=xyzusdt@depth@100ms/xyzusdt@trade", listener)
        try wait("the first frame") { listener.texts.count == 1 }
        #expect(try text(get(simulator, "/api/v3/depth?symbol=XYZUSDT")) == String(small[1].dropFirst(11)))
        try wait("the rest") { listener.texts.count == 2 }
        #expect(listener.texts[1] == String(small[2].dropFirst(11)))
    }

    @Test func subscriptionsComeAndGo() throws {
        let simulator = try RunningSimulator(speed: .factor(20)) { Self.synthetic(["BTCUSDT", "ETHUSDT"]) }
        let listener = Listener()
        let connection = connect(simulator, "/stream", listener)
        try wait("open") { listener.isOpen }
        func ask(_ message: String) throws -> String? {
            let known = Set(listener.texts)
            let isAnswer = { (text: String) in !text.hasPrefix(#"{"stream""#) && !known.contains(text) }
            listener.texts.removeAll { $0.hasPrefix(#"{"stream""#) }
            #expect(connection.send(text: message) == .queued)
            try wait("answer to \(message)") { listener.texts.contains(where: isAnswer) }
            return listener.texts.first(where: isAnswer)
        }
        #expect(
            try ask(#"{"method":"SUBSCRIBE","params":["btcusdt@trade","btcusdt@bookTicker","nosuch"],"id":1}"#)
                == #"{"result":null,"id":1}"#)
        try wait("both streams") { listener.counts.count == 2 }
        #expect(Set(listener.counts.keys) == ["btcusdt@trade", "btcusdt@bookTicker"])
        #expect(
            try ask(#"{"method":"SUBSCRIBE","params":["ethusdt@trade"],"id":"x/2"}"#) == #"{"result":null,"id":"x/2"}"#)
        try wait("the other market") { listener.counts["ethusdt@trade"] != nil }
        #expect(
            try ask(#"{"method":"UNSUBSCRIBE","params":["btcusdt@trade","btcusdt@bookTicker","never"],"id":3}"#)
                == #"{"result":null,"id":3}"#)
        // What follows the answer has none of it any more.
        listener.counts = [:]
        #expect(
            try ask(#"{"method":"LIST_SUBSCRIPTIONS","id":4}"#) == #"{"result":["nosuch","ethusdt@trade"],"id":4}"#)
        try wait("ten trades") { (listener.counts["ethusdt@trade"] ?? 0) >= 10 }
        #expect(Set(listener.counts.keys) == ["ethusdt@trade"])
    }

    @Test(arguments: [
        ("hello", #"{"code":3,"msg":"Invalid JSON: expected value at line 1 column 1"}"#),
        ("[1]", #"{"code":2,"msg":"Invalid request: not an object"}"#),
        (#"{"id":1}"#, #"{"code":2,"msg":"Invalid request: missing field `method`"}"#),
        (
            #"{"method":"BUY","id":1}"#,
            #"{"code":2,"msg":"Invalid request: unknown variant `BUY`, expected one of `SUBSCRIBE`, `UNSUBSCRIBE`, `LIST_SUBSCRIPTIONS`"}"#
        ),
        (
            #"{"method":"SUBSCRIBE","params":["a@trade"],"id":-1}"#,
            #"{"code":2,"msg":"Invalid request: request ID must be an unsigned integer"}"#
        ),
        (#"{"method":"SUBSCRIBE","id":1}"#, #"{"code":2,"msg":"Invalid request: missing field `params`"}"#),
        (
            #"{"method":"SUBSCRIBE","params":[1],"id":1}"#,
            #"{"code":2,"msg":"Invalid request: params must be an array of strings"}"#
        ),
    ])
    func malformedMessagesAreAnswered(message: String, answer: String) throws {
        let simulator = try RunningSimulator { try Self.capture() }
        let listener = Listener()
        let connection = connect(simulator, "/ws", listener)
        try wait("open") { listener.isOpen }
        #expect(connection.send(text: message) == .queued)
        try wait("the answer") { !listener.texts.isEmpty }
        #expect(listener.texts == [answer] && listener.reason == nil)
    }

    @Test func aChattyClientIsClosed() throws {
        let simulator = try RunningSimulator { try Self.capture() }
        let listener = Listener()
        let connection = connect(simulator, "/ws", listener)
        try wait("open") { listener.isOpen }
        for id in 1...6 { _ = connection.send(text: #"{"method":"LIST_SUBSCRIPTIONS","id":\#(id)}"#) }
        try wait("the close") { listener.reason != nil }
        #expect(listener.reason == .closedByPeer(code: 1008, reason: "Too many requests"))
        #expect(listener.texts.count == 5)
        try wait("the count") { simulator.monitor.statistics.clientsTooChatty == 1 }
    }

    @Test func otherTimeUnitsAndPathsAreRefused() throws {
        let simulator = try RunningSimulator { try Self.capture() }
        let nano = Listener()
        _ = connect(simulator, "/ws/xyzusdt@trade?timeUnit=NANOSECOND", nano)
        try wait("the close") { nano.reason != nil }
        let message = "Invalid timeUnit; expected MILLISECOND or MICROSECOND"
        #expect(nano.reason == .closedByPeer(code: 1008, reason: message))
        #expect(nano.texts == [#"{"code":2,"msg":"\#(message)"}"#])
        let micro = Listener()
        _ = connect(simulator, "/ws/xyzusdt@depth@100ms?timeUnit=MICROSECOND", micro)
        try wait("a frame in microseconds") { micro.texts.count == 1 }
        #expect(micro.texts.first?.contains(#""E":1100000,"#) == true)
        let other = try RunningSimulator { try Self.capture() }
        let milli = Listener()
        _ = connect(other, "/stream?streams=xyzusdt@depth@100ms&timeUnit=MILLISECOND", milli)
        try wait("a frame") { milli.texts.count == 1 }
        #expect(milli.texts.first?.contains(#""E":1100,"#) == true)
        let lost = Listener()
        _ = connect(simulator, "/elsewhere", lost)
        try wait("the refusal") { lost.reason != nil }
        guard case .failed(_, httpStatus: 404) = lost.reason else {
            Issue.record("\(String(describing: lost.reason))")
            return
        }
    }

    @Test func aClientWithoutPongsAndOneThatDoesNotReadAreCutOff() throws {
        var options = ExchangeSimulator.Options()
        options.pingIntervalSeconds = 0.1
        options.pongTimeoutSeconds = 0.5
        let mute = try RunningSimulator(options) { try Self.capture() }
        let answering = Listener()
        _ = connect(mute, "/ws", answering)
        let first = try MuteSocket(port: mute.port, path: "/ws")
        try wait("both") { mute.monitor.statistics.clientsAccepted == 2 }
        try wait("the end of the mute one") { mute.monitor.statistics.clientsConnected == 1 }
        #expect(mute.monitor.statistics.clientsMute == 1 && answering.reason == nil)
        withExtendedLifetime(first) {}

        var small = ExchangeSimulator.Options()
        small.queueBytes = 1 << 16
        let slow = try RunningSimulator(small, speed: .factor(2_000)) { Self.synthetic(["BTCUSDT"]) }
        let second = try MuteSocket(port: slow.port, path: "/ws/btcusdt@depth@100ms/btcusdt@bookTicker")
        try wait("the end of the slow one", seconds: 60) { slow.monitor.statistics.clientsTooSlow == 1 }
        try wait("its disconnection") { slow.monitor.statistics.clientsConnected == 0 }
        withExtendedLifetime(second) {}
    }

    @Test func unpacedTheSlowestClientSetsThePace() throws {
        let simulator = try RunningSimulator { Self.synthetic(["BTCUSDT"]) }
        let path = "/stream?streams=btcusdt@depth@100ms/btcusdt@bookTicker"
        var mute: MuteSocket? = try MuteSocket(port: simulator.port, path: path)
        try wait("the mute client") { simulator.monitor.statistics.clientsConnected == 1 }
        let listener = Listener()
        _ = connect(simulator, path, listener)
        try wait("open") { listener.isOpen }
        func received() -> Int { listener.counts.values.reduce(0, +) }
        var last = (count: -1, time: HostClock.monotonicNanoseconds)
        try wait("a standstill", seconds: 60) {
            let now = HostClock.monotonicNanoseconds
            if received() != last.count { last = (received(), now) }
            return now - last.time > 500_000_000
        }
        #expect(simulator.monitor.statistics.clientsTooSlow == 0)
        withExtendedLifetime(mute) {}
        mute = nil
        try wait("the market going on") { received() > last.count + 1_000 }
        #expect(simulator.monitor.statistics.clientsTooSlow == 0)
    }

    @Test func theExchangesTimeRunsWithItsMarket() throws {
        let simulator = try RunningSimulator(speed: .factor(10)) { Self.synthetic(["BTCUSDT"]) }
        func time() throws -> Int {
            let text = try text(get(simulator, "/api/v3/time"))
            return try #require(Int(text.filter(\.isNumber)))
        }
        #expect(try time() == 1_767_225_600_000)
        #expect(try time() == 1_767_225_600_000)
        let listener = Listener()
        _ = connect(simulator, "/ws/btcusdt@trade", listener)
        try wait("a trade") { !listener.texts.isEmpty }
        let event = try #require(try JSONSerialization.jsonObject(with: Data(listener.texts[0].utf8)) as? [String: Any])
        let later = try time()
        #expect(later >= event["E"] as? Int ?? .max)
        try wait("time to pass") { (try? time()).map { $0 > later } == true }
    }

    /// What is planted into a served market is told once each, in the venue's time.
    @Test func whatIsPlantedIsToldInTheTruth() throws {
        let folder = try TestFiles.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let truth = folder.path + "/truth.ndjson"
        var options = ExchangeSimulator.Options()
        options.truthFile = truth
        let start: Int64 = 1_767_225_600_000_000_000
        do {
            let simulator = try RunningSimulator(options) {
                [
                    BinanceDialect().serve(
                        SyntheticMarket(
                            SyntheticParameters(symbol: "BTCUSDT"),
                            events: [
                                PlantingRule(
                                    .metaorder, timing: .atSeconds([2, 4]), lengthSeconds: 1...1, sizes: [4, 8],
                                    direction: .sell)
                            ], seed: 1, startTime: Timestamp(nanoseconds: start)))
                ]
            }
            let listener = Listener()
            _ = connect(simulator, "/ws/btcusdt@depth@100ms", listener)
            try wait("six seconds of books") { listener.texts.count > 60 }
        }
        let lines = try String(contentsOfFile: truth, encoding: .utf8).split(separator: "\n")
        #expect(
            lines.filter { $0.contains("planted") } == [
                #"{"planted":"metaorder","symbol":"BTCUSDT","start_ns":\#(start + 2_000_000_000),"end_ns":\#(start + 3_000_000_000),"size":4.0,"direction":"sell"}"#,
                #"{"planted":"metaorder","symbol":"BTCUSDT","start_ns":\#(start + 4_000_000_000),"end_ns":\#(start + 5_000_000_000),"size":8.0,"direction":"sell"}"#,
            ])
    }

    // MARK: - REST

    @Test func requestsAreAnsweredInTheVenuesFormat() throws {
        let simulator = try RunningSimulator { try Self.capture() }
        #expect(try text(get(simulator, "/api/v3/ping")) == "{}")
        // The first event's time less its receive offset.
        #expect(try text(get(simulator, "/api/v3/time")) == #"{"serverTime":1100}"#)
        let depth = try get(simulator, "/api/v3/depth?symbol=XYZUSDT&limit=5000")
        #expect(text(depth) == String(small[1].dropFirst(11)) && depth.status == 200)
        #expect(depth.header("x-mbx-used-weight-1m") == "252")
        #expect(depth.header("content-type") == "application/json;charset=UTF-8")
        for query in ["", "?symbol=XYZUSDT", "?symbols=%5B%22XYZUSDT%22%5D"] {
            let info = try get(simulator, "/api/v3/exchangeInfo" + query)
            let object = try #require(try JSONSerialization.jsonObject(with: Data(info.body)) as? [String: Any])
            let symbol = try #require((object["symbols"] as? [[String: Any]])?.first)
            #expect(symbol["symbol"] as? String == "XYZUSDT" && symbol["baseAsset"] as? String == "XYZ")
            let filters = try #require(symbol["filters"] as? [[String: String]])
            #expect(filters[0]["tickSize"] == "1.00000000" && filters[1]["stepSize"] == "1.00000000")
        }
    }

    @Test(arguments: [
        ("/api/v3/depth?symbol=NOSUCH", 400, #"{"code":-1121,"msg":"Invalid symbol."}"#),
        ("/api/v3/exchangeInfo?symbol=NOSUCH", 400, #"{"code":-1121,"msg":"Invalid symbol."}"#),
        (
            "/api/v3/depth", 400,
            #"{"code":-1102,"msg":"Mandatory parameter 'symbol' was not sent, was empty/null, or malformed."}"#
        ),
        (
            "/api/v3/depth?symbol=xyzusdt", 400,
            #"{"code":-1100,"msg":"Illegal characters found in parameter 'symbol'; legal range is '^[A-Z0-9-_.]{1,20}$'."}"#
        ),
        (
            "/api/v3/depth?symbol=XYZUSDT&limit=ten", 400,
            #"{"code":-1100,"msg":"Illegal characters found in parameter 'limit'; legal range is '^[0-9]{1,20}$'."}"#
        ),
        (
            "/api/v3/exchangeInfo?symbols=x", 400,
            #"{"code":-1100,"msg":"Illegal characters found in parameter 'symbols'; legal range is '^\\[\"[A-Z0-9-_.]{1,20}\"(,\"[A-Z0-9-_.]{1,20}\"){0,}\\]$'."}"#
        ),
        ("/api/v3/klines", 404, ""),
    ])
    func badRequestsAreAnswered(path: String, status: Int, body: String) throws {
        let simulator = try RunningSimulator { try Self.capture() }
        let answer = try get(simulator, path)
        #expect(answer.status == status && text(answer) == body)
        if !body.isEmpty { _ = try JSONSerialization.jsonObject(with: Data(answer.body)) }
    }

    /// The answers' bytes do not change: digests (`StableHash`, FNV-1a) of what was answered before the venue's API had a folder
    /// of its own.
    @Test func answersHaveNotChanged() throws {
        let simulator = try RunningSimulator { Self.synthetic(["BTCUSDT", "ETHUSDT"]) }
        var digest = StableHash()
        for path in [
            "/api/v3/exchangeInfo", "/api/v3/exchangeInfo?symbol=ETHUSDT", "/api/v3/depth?symbol=BTCUSDT&limit=5000",
            "/api/v3/depth?symbol=ETHUSDT", "/api/v3/historicalTrades?symbol=BTCUSDT",
            "/api/v3/aggTrades?symbol=BTCUSDT",
            "/api/v3/time", "/api/v3/depth?symbol=BTCUSDT&limit=0",
            "/api/v3/aggTrades?symbol=BTCUSDT&fromId=1&startTime=1",
            "/api/v3/aggTrades", "/api/v3/historicalTrades?symbol=BTCUSDT&fromId=x",
            "/api/v3/exchangeInfo?symbol=BTCUSDT&symbols=%5B%22BTCUSDT%22%5D", "/elsewhere",
        ] {
            let answer = try get(simulator, path)
            digest.combine(UInt64(answer.status))
            digest.combine(text(answer))
            digest.combine(answer.header("content-type") ?? "none")
            // The weight itself starts again with each minute.
            digest.combine(
                "\(answer.header("x-mbx-used-weight") == nil) \(answer.header("x-mbx-used-weight-1m") == nil)")
        }
        #expect(digest.value == 8_259_794_732_124_992_335)
        let played = try RunningSimulator { try Self.capture() }
        let listener = Listener()
        _ = connect(played, "/stream?streams=xyzusdt@depth@100ms/xyzusdt@trade", listener)
        try wait("the first frame") { listener.texts.count == 1 }
        _ = try get(played, "/api/v3/depth?symbol=XYZUSDT")
        try wait("the end") { played.monitor.statistics.endedSymbols == ["XYZUSDT"] }
        #expect(
            try ["historicalTrades", "aggTrades"].map { try text(get(played, "/api/v3/\($0)?symbol=XYZUSDT")) } == [
                #"[{"id":77,"price":"1.00000000","qty":"2.00000000","time":1154,"isBuyerMaker":true,"isBestMatch":true}]"#,
                #"[{"a":1,"p":"1.00000000","q":"2.00000000","f":77,"l":77,"T":1154,"m":true,"M":true}]"#,
            ])
    }

    @Test func weightIsLimited() throws {
        let simulator = try RunningSimulator { try Self.capture() }
        // 24 × 250 is the limit; a minute that begins in between starts the count again.
        var answers: [HTTPResponse] = []
        while answers.count < 49, answers.last?.status != 429 {
            answers.append(try get(simulator, "/api/v3/depth?symbol=XYZUSDT&limit=5000"))
        }
        let refused = try #require(answers.last)
        #expect(refused.status == 429 && text(refused).hasPrefix(#"{"code":-1003,"#))
        #expect((1...60).contains(refused.header("Retry-After").flatMap { Int($0) } ?? 0))
        #expect(answers.dropLast().allSatisfy { $0.status == 200 } && answers.count >= 25)
        try wait("the count") { simulator.monitor.statistics.requestsRefused == 1 }
    }

    @Test func aPortInUseAndASymbolTwiceAreTypedErrors() throws {
        let simulator = try RunningSimulator { try Self.capture() }
        var options = ExchangeSimulator.Options()
        options.port = simulator.port
        #expect(throws: TransportError.self) { _ = try SimulatorServer([(options, Self.capture())]) }
        #expect(throws: ExchangeSimulator.DuplicateSymbol(symbol: "XYZUSDT")) {
            _ = try SimulatorServer([(ExchangeSimulator.Options(), Self.capture() + Self.capture())])
        }
    }
}

/// Recorded market data, or nothing where it is absent.
private enum Recordings {
    static let folder: URL = {
        if let path = ProcessInfo.processInfo.environment["MICROSTRUCTURE_DATA"] { return URL(fileURLWithPath: path) }
        return URL(fileURLWithPath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("shared/data")
    }()

    static func path(_ symbol: String) -> String {
        folder.appendingPathComponent("binance-spot-2024-08-08/\(symbol)_20240808.gz").path
    }

    static var isPresent: Bool { FileManager.default.fileExists(atPath: path("btcusdt")) }
}
