import Foundation
import Microstructure
import Simulation
import Transport

/// Kraken's derivatives market: its instruments, and its time with every answer, over HTTP; the streams.
final class KrakenFuturesAPI: StreamAPI {
    private static let root = "/derivatives/api/v3"

    override func isKnown(path: String) -> Bool {
        path == "\(Self.root)/instruments" || path.hasPrefix("\(Self.root)/tickers/")
    }

    override func errorBody(status: Int) -> [UInt8] { Array(#"{"result":"error","error":"apiLimitExceeded"}"#.utf8) }

    override func answer(_ request: ServerRequest, by exchange: ExchangeSimulator, at now: Int64) -> VenueAnswer {
        let time = Timestamp(nanoseconds: exchange.serverMicroseconds(at: now) * 1_000)
        var text: [UInt8] = []
        ISO8601.append(time, decimals: 3, to: &text)
        let end = #""serverTime":"\#(String(decoding: text, as: UTF8.self))"}"#
        let feeds = exchange.feeds.filter { $0.status != nil }
        guard request.path.hasSuffix("/instruments") else {
            let name = request.path.split(separator: "/").last.map { $0.uppercased() } ?? ""
            guard let feed = feeds.first(where: { KrakenFuturesWriter.symbol(of: $0.market.listing) == name }) else {
                return .json(#"{"result":"error","error":"contractNotFound",\#(end)"#)
            }
            let suspended = feed.status != MarketFeed.tradingStatus
            return .json(#"{"result":"success","ticker":{"symbol":"\#(name)","suspended":\#(suspended)},\#(end)"#)
        }
        let rows = feeds.map(Self.instrument).joined(separator: ",")
        return .json(#"{"result":"success","instruments":[\#(rows)],\#(end)"#)
    }

    private static func instrument(_ feed: MarketFeed) -> String {
        let listing = feed.market.listing
        let base = KrakenFuturesWriter.asset(listing.baseAsset)
        let quote = KrakenFuturesWriter.asset(listing.quoteAsset)
        return """
            {"symbol":"\(KrakenFuturesWriter.symbol(of: listing))","pair":"\(base):\(quote)","base":"\(base)",\
            "quote":"\(quote)","type":"flexible_futures","tickSize":\(listing.tickSizeText),"contractSize":1,\
            "tradeable":\(feed.status == MarketFeed.tradingStatus),"postOnly":false,\
            "contractValueTradePrecision":\(-listing.quantityUnit.exponent)}
            """
    }

    override func handshake(_ request: ServerRequest) -> Handshake {
        request.path == "/ws/v1" ? .accept(KrakenFuturesConnection()) : .refuse(status: 404)
    }
}

/// `{"event":"subscribe","feed":"book","product_ids":["PF_XBTUSD"]}`; each product is answered by itself.
final class KrakenFuturesConnection: StreamConnection {
    private static let heartbeatNanoseconds: Int64 = 1_000_000_000

    private var heartbeat = Heartbeat()

    override func opened(_ client: SimulatedClient) { Self.send(#"{"event":"info","version":1}"#, to: client) }

    override func advance(to now: Int64, _ client: SimulatedClient) {
        guard heartbeat.isDue(at: now) else { return }
        let milliseconds = client.venueTime(at: now).bucket(width: 1_000_000)
        Self.send(#"{"feed":"heartbeat","time":\#(milliseconds)}"#, to: client)
    }

    override func received(_ message: Data, from client: SimulatedClient, at now: Int64) {
        guard let object = Self.object(message), let event = object["event"] as? String,
            event == "subscribe" || event == "unsubscribe", let feed = object["feed"] as? String
        else { return alert("Bad request", client) }
        let isWanted = event == "subscribe"
        if feed == "heartbeat" {
            heartbeat = Heartbeat(interval: isWanted ? Self.heartbeatNanoseconds : nil)
            return Self.send(#"{"event":"\#(event)d","feed":"heartbeat"}"#, to: client)
        }
        guard ["book", "trade"].contains(feed) else { return alert("Invalid feed", client) }
        for name in object["product_ids"] as? [String] ?? [] {
            let product = name.uppercased()
            guard let market = client.feed(where: { KrakenFuturesWriter.symbol(of: $0) == product }) else {
                alert("Invalid product id", client)
                continue
            }
            let subscription: StreamSubscription = feed == "book" ? .book(market) : .trades(market)
            if !isWanted { _ = client.end(subscription) }
            Self.send(#"{"event":"\#(event)d","feed":"\#(feed)","product_ids":["\#(product)"]}"#, to: client)
            guard isWanted else { continue }
            if feed == "trade" {
                client.send(KrakenFuturesWriter(market.market.listing).pastTrades(market.history))
            }
            client.begin(subscription)
        }
    }

    private func alert(_ text: String, _ client: SimulatedClient) {
        Self.send(#"{"event":"alert","message":"\#(text)"}"#, to: client)
    }
}
