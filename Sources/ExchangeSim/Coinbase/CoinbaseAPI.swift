import Foundation
import Microstructure
import Simulation
import Transport

/// Coinbase Exchange: its products, its time and earlier trades over HTTP; the feed without a key.
final class CoinbaseAPI: StreamAPI {
    override func isKnown(path: String) -> Bool {
        path == "/products" || path == "/time" || path.hasPrefix("/products/") && path.hasSuffix("/trades")
    }

    override var ownFaults: Set<FaultKind> { [.crossed, .lateSnapshot] }

    override func errorBody(status: Int) -> [UInt8] { Array(#"{"message":"Public rate limit exceeded"}"#.utf8) }

    override func symbol(in request: ServerRequest) -> String? {
        let parts = request.path.split(separator: "/")
        return parts.count == 3 ? parts[1].filter { $0 != "-" } : nil
    }

    override func answer(_ request: ServerRequest, by exchange: ExchangeSimulator, at now: Int64) -> VenueAnswer {
        switch request.path {
        case "/time":
            let time = Timestamp(microseconds: exchange.serverMicroseconds(at: now))
            return time.map { .json(CoinbaseWriter.time($0)) } ?? VenueAnswer(status: 500, body: [])
        case "/products":
            let rows = exchange.feeds.filter { $0.status != nil }.map(Self.product)
            return .json(Array("[\(rows.joined(separator: ","))]".utf8))
        default:
            guard let symbol = symbol(in: request), let feed = exchange.feed(of: symbol) else {
                return VenueAnswer(status: 404, body: Array(#"{"message":"NotFound"}"#.utf8))
            }
            let limit = min(max(1, request.query("limit").flatMap { Int($0) } ?? 1_000), 1_000)
            return .json(
                CoinbaseWriter.trades(
                    feed.history, before: request.query("after").flatMap { Int64($0) }, limit: limit))
        }
    }

    private static func product(_ feed: MarketFeed) -> String {
        let listing = feed.market.listing
        let isStopped = feed.status != MarketFeed.tradingStatus
        return """
            {"id":"\(CoinbaseWriter.symbol(of: listing))","base_currency":"\(listing.baseAsset)",\
            "quote_currency":"\(listing.quoteAsset)","quote_increment":"\(listing.tickSizeText)",\
            "base_increment":"\(listing.stepSizeText)","status":"online","status_message":"","cancel_only":false,\
            "limit_only":false,"post_only":false,"auction_mode":false,"trading_disabled":\(isStopped)}
            """
    }

    override func handshake(_ request: ServerRequest) -> Handshake {
        request.path == "/" || request.path == "" ? .accept(CoinbaseConnection()) : .refuse(status: 404)
    }
}

/// `{"type":"subscribe","product_ids":["BTC-USDT"],"channels":["level2_batch","matches"]}`.
final class CoinbaseConnection: StreamConnection {
    override func received(_ message: Data, from client: SimulatedClient, at now: Int64) {
        guard let object = Self.object(message), let type = object["type"] as? String,
            type == "subscribe" || type == "unsubscribe"
        else { return refuse("Malformed JSON", "", client) }
        let common = object["product_ids"] as? [String] ?? []
        var answers: [String] = []
        var subscriptions: [StreamSubscription] = []
        for channel in object["channels"] as? [Any] ?? [] {
            let own = channel as? [String: Any]
            guard let name = channel as? String ?? own?["name"] as? String else {
                return refuse("Malformed JSON", "", client)
            }
            let products = own?["product_ids"] as? [String] ?? common
            for product in products {
                guard let feed = client.feed(where: { CoinbaseWriter.symbol(of: $0) == product }) else {
                    return refuse("Failed to subscribe", "\(product) is not a valid product", client)
                }
                switch name {
                case "level2", "level2_batch": subscriptions.append(.book(feed))
                case "matches": subscriptions.append(.trades(feed))
                case "heartbeat", "ticker": break
                default: return refuse("Failed to subscribe", "\(name) is not a valid channel", client)
                }
            }
            let list = products.map { "\"\($0)\"" }.joined(separator: ",")
            answers.append(#"{"name":"\#(name)","product_ids":[\#(list)]}"#)
        }
        if type == "unsubscribe" { for subscription in subscriptions { _ = client.end(subscription) } }
        Self.send(#"{"type":"subscriptions","channels":[\#(answers.joined(separator: ","))]}"#, to: client)
        if type == "subscribe" { for subscription in subscriptions { client.begin(subscription) } }
    }

    private func refuse(_ message: String, _ reason: String, _ client: SimulatedClient) {
        Self.send(#"{"type":"error","message":"\#(message)","reason":"\#(reason)"}"#, to: client)
    }
}
