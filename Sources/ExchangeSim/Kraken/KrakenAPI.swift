import Foundation
import Simulation
import Transport

/// Kraken's spot market: its pairs and its time over HTTP, version 2 of its streams.
final class KrakenAPI: StreamAPI {
    private static let tradesPath = "/0/public/Trades"

    override func isKnown(path: String) -> Bool {
        ["/0/public/AssetPairs", "/0/public/Time", Self.tradesPath].contains(path)
    }

    override var ownFaults: Set<FaultKind> { [.crossed, .badChecksum, .zeroChecksum, .lateSnapshot] }

    override func errorBody(status: Int) -> [UInt8] { Array(#"{"error":["EGeneral:Temporary lockout"]}"#.utf8) }

    override func answer(_ request: ServerRequest, by exchange: ExchangeSimulator, at now: Int64) -> VenueAnswer {
        guard request.path != "/0/public/Time" else {
            let seconds = exchange.serverMicroseconds(at: now) / 1_000_000
            return .json(Array(#"{"error":[],"result":{"unixtime":\#(seconds)}}"#.utf8))
        }
        if request.path == Self.tradesPath { return trades(request, exchange) }
        let pairs = exchange.feeds.filter { $0.status != nil }.map { feed in
            let listing = feed.market.listing
            let status = feed.status == MarketFeed.tradingStatus ? "online" : "cancel_only"
            return """
                "\(listing.symbol)":{"altname":"\(KrakenWriter.pairName(of: listing))","wsname":"\(KrakenWriter.symbol(of: listing))",\
                "base":"\(listing.baseAsset)","quote":"\(listing.quoteAsset)","pair_decimals":\(-listing.priceUnit.exponent),\
                "lot_decimals":\(-listing.quantityUnit.exponent),"tick_size":"\(listing.tickSizeText)","status":"\(status)"}
                """
        }
        return .json(Array(#"{"error":[],"result":{\#(pairs.joined(separator: ","))}}"#.utf8))
    }

    private func trades(_ request: ServerRequest, _ exchange: ExchangeSimulator) -> VenueAnswer {
        let pair = request.query("pair") ?? ""
        let feed = exchange.feeds.first { $0.status != nil && KrakenWriter.pairName(of: $0.market.listing) == pair }
        guard let feed else { return .json(Array(#"{"error":["EQuery:Unknown asset pair"]}"#.utf8)) }
        let limit = min(max(1, request.query("count").flatMap { Int($0) } ?? 1_000), 1_000)
        let since = request.query("since").flatMap { Int64($0) } ?? 0
        return .json(KrakenWriter.trades(feed.history, of: pair, since: since, limit: limit))
    }

    override func handshake(_ request: ServerRequest) -> Handshake {
        request.path == "/v2" ? .accept(KrakenConnection()) : .refuse(status: 404)
    }
}

/// `{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USDT"],"depth":100}}` and its answers.
final class KrakenConnection: StreamConnection {
    override func frame(_ frame: MarketFrame, with fault: Fault, of feed: MarketFeed) -> MarketFrame? {
        frame.changingChecksum(after: #""checksum":"#, fault)
    }

    override func opened(_ client: SimulatedClient) {
        Self.send(
            #"{"channel":"status","type":"update","data":[{"version":"2.0.10","system":"online","api_version":"v2","connection_id":1}]}"#,
            to: client)
    }

    override func received(_ message: Data, from client: SimulatedClient, at now: Int64) {
        guard let object = Self.object(message), let method = object["method"] as? String else {
            return Self.send(#"{"error":"JSON parsing failed","success":false}"#, to: client)
        }
        if method == "ping" { return Self.send(#"{"method":"pong"}"#, to: client) }
        guard method == "subscribe" || method == "unsubscribe", let wanted = object["params"] as? [String: Any],
            let channel = wanted["channel"] as? String, let symbols = wanted["symbol"] as? [String]
        else { return refuse("Malformed request", method, "", client) }
        for symbol in symbols { handle(method, channel, symbol, wanted, client) }
    }

    private func handle(
        _ method: String, _ channel: String, _ symbol: String, _ wanted: [String: Any], _ client: SimulatedClient
    ) {
        guard let feed = client.feed(where: { KrakenWriter.symbol(of: $0) == symbol }) else {
            return refuse("Currency pair not supported \(symbol)", method, symbol, client)
        }
        let subscription: StreamSubscription
        switch channel {
        case "book":
            let depth = wanted["depth"] as? Int ?? 10
            guard depth == KrakenWriter.depth else {
                return refuse("Subscription depth not supported: this exchange has 100", method, symbol, client)
            }
            subscription = .book(feed)
        case "trade": subscription = .trades(feed)
        case "ticker": subscription = .quotes(feed)
        default: return refuse("Channel not supported", method, symbol, client)
        }
        guard method == "subscribe" else {
            guard client.end(subscription) else { return refuse("Subscription not found", method, symbol, client) }
            return confirm(method, channel, symbol, client)
        }
        guard !client.streams.contains(subscription.stream) else {
            return refuse("Already subscribed", method, symbol, client)
        }
        confirm(method, channel, symbol, client)
        client.begin(subscription)
    }

    private func confirm(_ method: String, _ channel: String, _ symbol: String, _ client: SimulatedClient) {
        let depth = channel == "book" ? #","depth":100,"snapshot":true"# : ""
        Self.send(
            #"{"method":"\#(method)","result":{"channel":"\#(channel)"\#(depth),"symbol":"\#(symbol)"},"success":true}"#,
            to: client)
    }

    private func refuse(_ reason: String, _ method: String, _ symbol: String, _ client: SimulatedClient) {
        Self.send(#"{"error":"\#(reason)","method":"\#(method)","success":false,"symbol":"\#(symbol)"}"#, to: client)
    }
}
