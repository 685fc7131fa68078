import Foundation
import Simulation
import Transport

/// Deribit: its instruments, its time and earlier trades over HTTP, the streams.
final class DeribitAPI: StreamAPI {
    private static let root = "/api/v2/public/"
    private static let trades = "get_last_trades_by_instrument"

    override func isKnown(path: String) -> Bool {
        ["get_instruments", "get_time", Self.trades].contains { path == Self.root + $0 }
    }

    override func errorBody(status: Int) -> [UInt8] {
        Array(#"{"jsonrpc":"2.0","error":{"message":"too_many_requests","code":10028}}"#.utf8)
    }

    override func symbol(in request: ServerRequest) -> String? {
        guard let assets = request.query("instrument_name")?.split(separator: "-").first else { return nil }
        return assets.contains("_") ? assets.filter { $0 != "_" } : "\(assets)USD"
    }

    override func answer(_ request: ServerRequest, by exchange: ExchangeSimulator, at now: Int64) -> VenueAnswer {
        let microseconds = exchange.serverMicroseconds(at: now)
        let result: String
        switch request.path.dropFirst(Self.root.count) {
        case "get_time": result = "\(microseconds / 1_000)"
        case "get_instruments":
            let isWanted = ["future", nil].contains(request.query("kind"))
            let rows = isWanted ? exchange.feeds.filter { $0.status != nil }.map(Self.instrument) : []
            result = "[\(rows.joined(separator: ","))]"
        default:
            guard let feed = Self.feed(request.query("instrument_name"), exchange) else {
                return DeribitConnection.failure(-32_602, "Invalid params", #"{"param":"instrument_name"}"#)
            }
            let first = request.query("start_seq").flatMap { Int64($0) } ?? 0
            let limit = min(max(1, request.query("count").flatMap { Int($0) } ?? 10), 1_000)
            result = DeribitWriter(feed.market.listing).trades(feed.history, from: first, limit: limit)
        }
        return .json(DeribitConnection.response(nil, result, microseconds))
    }

    private static func feed(_ name: String?, _ exchange: ExchangeSimulator) -> MarketFeed? {
        exchange.feeds.first { $0.status != nil && DeribitWriter.symbol(of: $0.market.listing) == name }
    }

    private static func instrument(_ feed: MarketFeed) -> String {
        let listing = DeribitWriter.contracts(feed.market.listing)
        let isInverse = DeribitWriter.isInverse(listing)
        let isOpen = feed.status == MarketFeed.tradingStatus
        return """
            {"tick_size":\(listing.tickSizeText),"taker_commission":0.0005,"settlement_period":"perpetual",\
            "settlement_currency":"\(isInverse ? listing.baseAsset : listing.quoteAsset)",\
            "quote_currency":"\(listing.quoteAsset)","min_trade_amount":\(listing.stepSizeText),"maker_commission":0.0,\
            "kind":"future","is_active":true,"state":"\(isOpen ? "open" : "halted")",\
            "instrument_name":"\(DeribitWriter.symbol(of: listing))",\
            "instrument_type":"\(isInverse ? "reversed" : "linear")","contract_size":\(listing.stepSizeText),\
            "counter_currency":"\(listing.quoteAsset)","base_currency":"\(listing.baseAsset)"}
            """
    }

    override func handshake(_ request: ServerRequest) -> Handshake {
        request.path == "/ws/api/v2" ? .accept(DeribitConnection()) : .refuse(status: 404)
    }
}

/// `{"jsonrpc":"2.0","id":1,"method":"public/subscribe","params":{"channels":["book.BTC-PERPETUAL.100ms"]}}`: the answer
/// names the channels that exist.
final class DeribitConnection: StreamConnection {
    private var heartbeat = Heartbeat()
    /// Whether the client owes an answer to a `test_request`.
    private var isTesting = false

    /// With `public/set_heartbeat`: a client that answers no test until the next one is disconnected.
    override func advance(to now: Int64, _ client: SimulatedClient) {
        guard heartbeat.isDue(at: now) else { return }
        guard !isTesting else { return client.leave(code: 1001, reason: "no answer to a test_request") }
        isTesting = true
        Self.send(#"{"jsonrpc":"2.0","method":"heartbeat","params":{"type":"test_request"}}"#, to: client)
    }

    override func received(_ message: Data, from client: SimulatedClient, at now: Int64) {
        let microseconds = client.venueTime(at: now).bucket(width: 1_000)
        guard let object = Self.object(message), let method = object["method"] as? String else {
            return client.send(Self.failure(-32_600, "Invalid Request", "{}").body)
        }
        let id = object["id"] as? Int ?? 0
        let parameters = object["params"] as? [String: Any] ?? [:]
        func answer(_ result: String) { Self.send(Self.response(id, result, microseconds), to: client) }
        switch method {
        case "public/test":
            isTesting = false
            answer(#"{"version":"1.2.26"}"#)
        case "public/set_heartbeat":
            guard let seconds = parameters["interval"] as? Double, seconds >= 10 else {
                return client.send(Self.failure(-32_602, "Invalid params", #"{"param":"interval"}"#, id).body)
            }
            heartbeat = Heartbeat(interval: Int64(seconds * 1e9))
            isTesting = false
            answer(#""ok""#)
        case "public/disable_heartbeat":
            heartbeat = Heartbeat()
            answer(#""ok""#)
        case "public/subscribe", "public/unsubscribe":
            let found = (parameters["channels"] as? [String] ?? []).compactMap { name in
                subscription(name, client).map { (name: name, subscription: $0) }
            }
            answer("[\(found.map { "\"\($0.name)\"" }.joined(separator: ","))]")
            for (_, subscription) in found {
                if method == "public/subscribe" { client.begin(subscription) } else { _ = client.end(subscription) }
            }
        default: client.send(Self.failure(-32_601, "Method not found", "{}", id).body)
        }
    }

    private func subscription(_ channel: String, _ client: SimulatedClient) -> StreamSubscription? {
        let parts = channel.split(separator: ".").map(String.init)
        guard parts.count >= 2, let feed = client.feed(where: { DeribitWriter.symbol(of: $0) == parts[1] }) else {
            return nil
        }
        return switch (parts[0], parts.dropFirst(2)) {
        case ("book", ["100ms"]): .book(feed)
        case ("trades", ["100ms"]): .trades(feed)
        case ("quote", []): .quotes(feed)
        default: nil
        }
    }

    // MARK: JSON-RPC

    static func response(_ id: Int?, _ result: String, _ microseconds: Int64) -> String {
        """
        {"jsonrpc":"2.0",\(id.map { "\"id\":\($0)," } ?? "")"result":\(result),"usIn":\(microseconds),\
        "usOut":\(microseconds),"usDiff":0,"testnet":false}
        """
    }

    static func failure(_ code: Int, _ message: String, _ data: String, _ id: Int? = nil) -> VenueAnswer {
        let number = id.map { "\"id\":\($0)," } ?? ""
        var answer = VenueAnswer.json(
            #"{"jsonrpc":"2.0",\#(number)"error":{"message":"\#(message)","data":\#(data),"code":\#(code)},"testnet":false}"#
        )
        answer.status = 400
        return answer
    }
}
