import Foundation
import Runtime
import Simulation
import Transport

/// A market of Bybit: its instruments and its time over HTTP, the public streams.
final class BybitAPI: StreamAPI {
    /// The market's name in requests, and the last part of the stream's path.
    enum Category: String { case spot, linear, inverse }

    private static let tradesPath = "/v5/market/recent-trade"
    private let category: Category
    private let renumbering = Renumbering()

    override var ownFaults: Set<FaultKind> { [.hole, .crossed, .restart, .lateSnapshot] }

    init(_ category: Category, requestLimit: Int) {
        self.category = category
        super.init(requestLimit: requestLimit)
    }

    override func isKnown(path: String) -> Bool {
        path == "/v5/market/instruments-info" || path == "/v5/market/time" || path == Self.tradesPath
    }

    override func errorBody(status: Int) -> [UInt8] {
        Array(#"{"retCode":10006,"retMsg":"Too many visits!","result":{}}"#.utf8)
    }

    override func answer(_ request: ServerRequest, by exchange: ExchangeSimulator, at now: Int64) -> VenueAnswer {
        let microseconds = exchange.serverMicroseconds(at: now)
        if request.path == Self.tradesPath { return trades(request, exchange, microseconds) }
        guard request.path.hasSuffix("instruments-info") else {
            return .json(
                Array(
                    """
                    {"retCode":0,"retMsg":"OK","result":{"timeSecond":"\(microseconds / 1_000_000)",\
                    "timeNano":"\(microseconds)000"},"time":\(microseconds / 1_000)}
                    """.utf8))
        }
        guard request.query("category") == category.rawValue else {
            return .json(#"{"retCode":10001,"retMsg":"Illegal category","result":{},"time":\#(microseconds / 1_000)}"#)
        }
        let rows = exchange.feeds.filter { $0.status != nil }.map(instrument)
        return .json(
            Array(
                """
                {"retCode":0,"retMsg":"OK","result":{"category":"\(category)","list":[\(rows.joined(separator: ","))],\
                "nextPageCursor":""},"time":\(microseconds / 1_000)}
                """.utf8))
    }

    private func instrument(_ feed: MarketFeed) -> String {
        let status = feed.status == MarketFeed.tradingStatus ? "Trading" : "Closed"
        let listing =
            category == .inverse ? BybitInverseWriter.contracts(feed.market.listing) : feed.market.listing
        let kind =
            category == .spot ? "" : #""contractType":"\#(category == .linear ? "Linear" : "Inverse")Perpetual","#
        return """
            {"symbol":"\(BybitWriter.symbol(of: listing))",\(kind)"baseCoin":"\(listing.baseAsset)",\
            "quoteCoin":"\(listing.quoteAsset)","status":"\(status)","lotSizeFilter":{\
            "\(category == .spot ? "basePrecision" : "qtyStep")":"\(listing.stepSizeText)",\
            "minOrderQty":"\(listing.stepSizeText)"},"priceFilter":{"tickSize":"\(listing.tickSizeText)"}}
            """
    }

    private func trades(
        _ request: ServerRequest, _ exchange: ExchangeSimulator, _ microseconds: Int64
    ) -> VenueAnswer {
        guard let symbol = request.query("symbol"), let feed = exchange.feed(of: symbol) else {
            return .json(Array(#"{"retCode":10001,"retMsg":"Not supported symbols","result":{}}"#.utf8))
        }
        let limit = min(max(1, request.query("limit").flatMap { Int($0) } ?? 60), 60)
        let rows = String(decoding: BybitWriter.trades(feed.history, of: symbol, limit: limit), as: UTF8.self)
        return .json(
            Array(
                """
                {"retCode":0,"retMsg":"OK","result":{"category":"\(category)","list":[\(rows)]},"time":\(microseconds / 1_000)}
                """.utf8))
    }

    override func handshake(_ request: ServerRequest) -> Handshake {
        request.path == "/v5/public/\(category)"
            ? .accept(BybitConnection(renumbering, topicLimit: category == .spot ? 10 : .max)) : .refuse(status: 404)
    }
}

/// `{"op":"subscribe","args":["orderbook.50.BTCUSDT"]}`, on the spot market at most ten at once.
final class BybitConnection: StreamConnection {
    private let topicLimit: Int
    private static let mark = #""u":"#
    private let renumbering: Renumbering

    init(_ renumbering: Renumbering, topicLimit: Int) {
        self.renumbering = renumbering
        self.topicLimit = topicLimit
    }

    override func adapted(_ frame: MarketFrame, clockShiftMilliseconds milliseconds: Int64) -> MarketFrame {
        renumbering.apply(to: frame, after: Self.mark)
    }

    /// A restart is a whole book with the number 1, in place of the change.
    override func frame(_ frame: MarketFrame, with fault: Fault, of feed: MarketFeed) -> MarketFrame? {
        switch fault.kind {
        case .hole: return frame.changingNumber(after: Self.mark) { $0 + Int64(fault.count) }
        case .restart:
            guard let book = feed.snapshot(limit: 10_000, at: HostClock.monotonicNanoseconds) else { return nil }
            let whole = renumbering.apply(to: frame.with(book, payload: 0..<book.count), after: Self.mark)
            guard let number = whole.number(after: Self.mark) else { return nil }
            renumbering.renumber(frame.stream, from: number, to: 1)
            return whole.changingNumber(after: Self.mark) { _ in 1 }
        default: return nil
        }
    }

    override func received(_ message: Data, from client: SimulatedClient, at now: Int64) {
        guard let object = Self.object(message), let operation = object["op"] as? String else {
            return answer("error", false, "Invalid request", client)
        }
        if operation == "ping" { return answer("ping", true, "pong", client) }
        guard let topics = object["args"] as? [String], topics.count <= topicLimit else {
            return answer(operation, false, "args size >10", client)
        }
        var subscriptions: [StreamSubscription] = []
        for topic in topics {
            guard let subscription = subscription(topic, client) else {
                return answer(operation, false, "Invalid symbol :[\(topic)]", client)
            }
            subscriptions.append(subscription)
        }
        switch operation {
        case "subscribe":
            answer(operation, true, "subscribe", client)
            for subscription in subscriptions { client.begin(subscription) }
        case "unsubscribe":
            for subscription in subscriptions { _ = client.end(subscription) }
            answer(operation, true, "", client)
        default: answer(operation, false, "Invalid op", client)
        }
    }

    private func subscription(_ topic: String, _ client: SimulatedClient) -> StreamSubscription? {
        let parts = topic.split(separator: ".").map(String.init)
        guard let symbol = parts.last, let feed = client.feed(where: { BybitWriter.symbol(of: $0) == symbol }) else {
            return nil
        }
        return switch parts.dropLast() {
        case ["orderbook", "50"]: .book(feed)
        case ["orderbook", "1"]: .quotes(feed)
        case ["publicTrade"]: .trades(feed)
        default: nil
        }
    }

    private func answer(_ operation: String, _ isGood: Bool, _ text: String, _ client: SimulatedClient) {
        Self.send(
            #"{"success":\#(isGood),"ret_msg":"\#(text)","conn_id":"1","op":"\#(operation)"}"#, to: client)
    }
}
