import Foundation
import Transport

@testable import Bus
@testable import Ingest
@testable import Runtime
import TestSupport

/// The server of `ScriptedAdapter`'s protocol with one symbol, `btc-usd`. It does what a test tells it, on the test's thread.
final class ScriptedExchange: ServerDelegate, WebSocketDelegate {
    private let loop: EventLoop
    private var server: Server?
    private var sequence: Int64 = 100
    private var tradeID: Int64 = 0
    private var bids: [Int64: Int64] = [1_000: 3, 995: 4]
    private var asks: [Int64: Int64] = [1_005: 5, 1_010: 6]
    private var subscribers: [WebSocketConnection] = []
    /// All that has come, in order.
    private(set) var messages: [String] = []
    private(set) var upgradeHeaders: [String?] = []
    private(set) var requests: [(path: String, client: String?)] = []

    init(_ loop: EventLoop) throws {
        self.loop = loop
        var options = ServerOptions()
        options.customHeaders = ["x-client"]
        server = try loop.listen(options, delegate: self)
    }

    var port: Int { server?.port ?? 0 }
    var isSubscribed: Bool { !subscribers.isEmpty }

    func stop() { server?.stop() }

    // MARK: What a test makes happen

    func change(bid price: Int64, to size: Int64) {
        skipChange(bid: price, to: size)
        broadcast("DIFF btc-usd \(sequence) \(HostClock.now.nanoseconds) bid:\(price):\(size)")
    }

    /// A change that nobody is told.
    func skipChange(bid price: Int64, to size: Int64) {
        sequence += 1
        bids[price] = size == 0 ? nil : size
    }

    func trade(price: Int64, size: Int64) {
        tradeID += 1
        broadcast("TRADE btc-usd \(tradeID) \(HostClock.now.nanoseconds) \(price) \(size) buy")
    }

    func announceEnd() { broadcast("BYE") }

    func cutConnections() {
        for connection in subscribers { connection.abort() }
        subscribers = []
    }

    private func broadcast(_ text: String) { for connection in subscribers { _ = connection.send(text: text) } }

    // MARK: Protocol

    func didReceive(_ request: ServerRequest, responder: HTTPResponder) {
        requests.append((request.path, request.header("x-client")))
        switch request.path {
        case "/rules": responder.respond(status: 200, headers: [("X-Used", "7")], text: "btc-usd BTCUSD -2 -3 5\n")
        case "/now": responder.respond(status: 200, headers: [("X-Used", "8")], text: "\(HostClock.now.nanoseconds)")
        default: responder.respond(status: 404, text: "")
        }
    }

    func didRequestUpgrade(_ request: ServerRequest) -> UpgradeDecision {
        upgradeHeaders.append(request.header("x-client"))
        return request.path == "/lines" ? .accept(self) : .refuse(status: 404)
    }

    func didReceive(_ message: Span<UInt8>, kind: MessageKind, on connection: WebSocketConnection) {
        let text = ScriptedText.text(message)
        messages.append(text)
        switch text {
        case "SUB btc-usd":
            subscribers.append(connection)
            let levels = bids.map { "bid:\($0.key):\($0.value)" } + asks.map { "ask:\($0.key):\($0.value)" }
            _ = connection.send(
                text: "SNAP btc-usd \(sequence) \(HostClock.now.nanoseconds) \(levels.joined(separator: " "))")
        case "UNSUB btc-usd": subscribers.removeAll { $0 === connection }
        default: break
        }
    }

    func didClose(_ connection: WebSocketConnection, reason: WebSocketCloseReason) {
        subscribers.removeAll { $0 === connection }
    }
}
