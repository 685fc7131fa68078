import Foundation
import Simulation
import Transport

/// Bitstamp: its markets and books over HTTP, the streams of changes and trades.
final class BitstampAPI: StreamAPI {
    private static let bookPath = "/api/v2/order_book/"
    private static let tradesPath = "/api/v2/transactions/"

    override func isKnown(path: String) -> Bool {
        ["/api/v2/markets", Self.bookPath, Self.tradesPath].contains { path.hasPrefix($0) }
    }

    override var ownFaults: Set<FaultKind> { [.crossed, .staleSnapshot] }

    override func isForBook(_ request: ServerRequest) -> Bool { request.path.hasPrefix(Self.bookPath) }

    override func symbol(in request: ServerRequest) -> String? {
        let prefix = [Self.bookPath, Self.tradesPath].first { request.path.hasPrefix($0) }
        return prefix.map { request.path.dropFirst($0.count).filter { $0 != "/" }.uppercased() }
    }

    override func answer(withBook body: [UInt8]) -> VenueAnswer { .json(body) }

    override func answer(_ request: ServerRequest, by exchange: ExchangeSimulator, at now: Int64) -> VenueAnswer {
        if request.path.hasPrefix(Self.tradesPath) { return trades(request, exchange, at: now) }
        guard isForBook(request) else {
            let rows = exchange.feeds.filter { $0.status != nil }.map(Self.market)
            return .json(Array("[\(rows.joined(separator: ","))]".utf8))
        }
        guard let feed = symbol(in: request).flatMap({ exchange.feed(of: $0) }),
            let book = feed.snapshot(limit: 10_000, at: now)
        else { return VenueAnswer(status: 404, body: []) }
        return .json(book)
    }

    private func trades(_ request: ServerRequest, _ exchange: ExchangeSimulator, at now: Int64) -> VenueAnswer {
        guard let feed = symbol(in: request).flatMap({ exchange.feed(of: $0) }) else {
            return VenueAnswer(status: 404, body: [])
        }
        let window: Int64 =
            switch request.query("time") {
            case "minute": 60
            case "day": 86_400
            default: 3_600
            }
        let second = exchange.serverMicroseconds(at: now) / 1_000_000
        return .json(BitstampWriter.trades(feed.history, since: second - window))
    }

    private static func market(_ feed: MarketFeed) -> String {
        let listing = feed.market.listing
        let trading = feed.status == MarketFeed.tradingStatus ? "Enabled" : "Disabled"
        return """
            {"name":"\(listing.baseAsset)/\(listing.quoteAsset)","market_symbol":"\(BitstampWriter.symbol(of: listing))",\
            "base_currency":"\(listing.baseAsset)","base_decimals":\(-listing.quantityUnit.exponent),\
            "counter_currency":"\(listing.quoteAsset)","counter_decimals":\(-listing.priceUnit.exponent),\
            "minimum_order_value":"1","trading":"\(trading)","instant_order_counter_decimals":2,"market_type":"SPOT"}
            """
    }

    override func handshake(_ request: ServerRequest) -> Handshake {
        request.path == "/" || request.path == "" ? .accept(BitstampConnection()) : .refuse(status: 404)
    }
}

/// `{"event":"bts:subscribe","data":{"channel":"diff_order_book_btcusdt"}}`.
final class BitstampConnection: StreamConnection {
    override func shutdownNotice(atMilliseconds time: Int64) -> [UInt8]? {
        Array(#"{"event":"bts:request_reconnect","channel":"","data":""}"#.utf8)
    }

    override func received(_ message: Data, from client: SimulatedClient, at now: Int64) {
        guard let object = Self.object(message), let event = object["event"] as? String else {
            return refuse("Bad JSON", client)
        }
        if event == "bts:heartbeat" {
            return Self.send(#"{"event":"bts:heartbeat","channel":"","data":{"status":"success"}}"#, to: client)
        }
        guard let channel = (object["data"] as? [String: Any])?["channel"] as? String,
            let subscription = subscription(channel, client)
        else { return refuse("Bad subscription string.", client) }
        switch event {
        case "bts:subscribe":
            Self.send(#"{"event":"bts:subscription_succeeded","channel":"\#(channel)","data":{}}"#, to: client)
            client.begin(subscription)
        case "bts:unsubscribe":
            _ = client.end(subscription)
            Self.send(#"{"event":"bts:unsubscription_succeeded","channel":"\#(channel)","data":{}}"#, to: client)
        default: refuse("Bad event.", client)
        }
    }

    private func subscription(_ channel: String, _ client: SimulatedClient) -> StreamSubscription? {
        func feed(_ prefix: String) -> MarketFeed? {
            guard channel.hasPrefix(prefix) else { return nil }
            let symbol = channel.dropFirst(prefix.count)
            return client.feed(where: { BitstampWriter.symbol(of: $0) == symbol })
        }
        if let feed = feed("diff_order_book_") { return .book(feed, inStream: false) }
        return feed("live_trades_").map { .trades($0) }
    }

    private func refuse(_ reason: String, _ client: SimulatedClient) {
        Self.send(#"{"event":"bts:error","channel":"","data":{"code":null,"message":"\#(reason)"}}"#, to: client)
    }
}
