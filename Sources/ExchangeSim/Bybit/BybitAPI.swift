import Foundation
import Simulation
import Transport

/// Bybit's spot market: its instruments and its time over HTTP, the public streams.
final class BybitAPI: StreamAPI {
    override func isKnown(path: String) -> Bool {
        path == "/v5/market/instruments-info" || path == "/v5/market/time"
    }

    override func errorBody(status: Int) -> [UInt8] {
        Array(#"{"retCode":10006,"retMsg":"Too many visits!","result":{}}"#.utf8)
    }

    override func answer(_ request: ServerRequest, by exchange: ExchangeSimulator, at now: Int64) -> VenueAnswer {
        let microseconds = exchange.serverMicroseconds(at: now)
        guard request.path.hasSuffix("instruments-info") else {
            return .json(
                Array(
                    """
                    {"retCode":0,"retMsg":"OK","result":{"timeSecond":"\(microseconds / 1_000_000)",\
                    "timeNano":"\(microseconds)000"},"time":\(microseconds / 1_000)}
                    """.utf8))
        }
        let rows = exchange.feeds.filter { $0.status != nil }.map { feed in
            let listing = feed.market.listing
            let status = feed.status == MarketFeed.tradingStatus ? "Trading" : "Closed"
            return """
                {"symbol":"\(BybitWriter.symbol(of: listing))","baseCoin":"\(listing.baseAsset)",\
                "quoteCoin":"\(listing.quoteAsset)","status":"\(status)","lotSizeFilter":{"basePrecision":\
                "\(listing.stepSizeText)","minOrderQty":"\(listing.stepSizeText)"},"priceFilter":{"tickSize":\
                "\(listing.tickSizeText)"}}
                """
        }
        return .json(
            Array(
                """
                {"retCode":0,"retMsg":"OK","result":{"category":"spot","list":[\(rows.joined(separator: ","))],\
                "nextPageCursor":""},"time":\(microseconds / 1_000)}
                """.utf8))
    }

    override func handshake(_ request: ServerRequest) -> Handshake {
        request.path == "/v5/public/spot" ? .accept(BybitConnection()) : .refuse(status: 404)
    }
}

/// `{"op":"subscribe","args":["orderbook.50.BTCUSDT"]}`, at most ten at once.
final class BybitConnection: StreamConnection {
    private static let argumentLimit = 10

    override func received(_ message: Data, from client: SimulatedClient, at now: Int64) {
        guard let object = Self.object(message), let operation = object["op"] as? String else {
            return answer("error", false, "Invalid request", client)
        }
        if operation == "ping" { return answer("ping", true, "pong", client) }
        guard let topics = object["args"] as? [String], topics.count <= Self.argumentLimit else {
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
