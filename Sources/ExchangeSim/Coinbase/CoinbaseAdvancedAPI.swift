import Foundation
import Microstructure
import Simulation
import Transport

/// Coinbase Advanced: its products and its time over HTTP, the feed without a key.
final class CoinbaseAdvancedAPI: StreamAPI {
    private static let root = "/api/v3/brokerage"

    override func isKnown(path: String) -> Bool {
        path == "\(Self.root)/market/products" || path == "\(Self.root)/time"
    }

    override func errorBody(status: Int) -> [UInt8] { Array(#"{"error":"rate_limit_exceeded","message":""}"#.utf8) }

    override func answer(_ request: ServerRequest, by exchange: ExchangeSimulator, at now: Int64) -> VenueAnswer {
        guard request.path.hasSuffix("/products") else {
            let microseconds = exchange.serverMicroseconds(at: now)
            return .json(
                """
                {"iso":"","epochSeconds":"\(microseconds / 1_000_000)","epochMillis":"\(microseconds / 1_000)"}
                """)
        }
        let feeds = exchange.feeds.filter { $0.status != nil }
        let rows = feeds.map(Self.product).joined(separator: ",")
        return .json(#"{"products":[\#(rows)],"num_products":\#(feeds.count)}"#)
    }

    private static func product(_ feed: MarketFeed) -> String {
        let listing = feed.market.listing
        return """
            {"product_id":"\(CoinbaseWriter.symbol(of: listing))","product_type":"SPOT",\
            "base_currency_id":"\(listing.baseAsset)","quote_currency_id":"\(listing.quoteAsset)",\
            "price_increment":"\(listing.tickSizeText)","quote_increment":"\(listing.tickSizeText)",\
            "base_increment":"\(listing.stepSizeText)","status":"online","is_disabled":false,"cancel_only":false,\
            "limit_only":false,"post_only":false,"auction_mode":false,\
            "trading_disabled":\(feed.status != MarketFeed.tradingStatus),"alias":""}
            """
    }

    override func handshake(_ request: ServerRequest) -> Handshake {
        request.path == "/" || request.path == "" ? .accept(CoinbaseAdvancedConnection()) : .refuse(status: 404)
    }
}

/// `{"type":"subscribe","product_ids":["BTC-USDT"],"channel":"level2"}`: every frame of the connection has the next number,
/// answers and heartbeats too.
final class CoinbaseAdvancedConnection: StreamConnection {
    private static let heartbeatNanoseconds: Int64 = 1_000_000_000

    private var nextNumber = 0
    private var heartbeat = Heartbeat()
    private var heartbeats = 0
    /// The products of each channel.
    private var channels: [String: [String]] = [:]

    override func adapted(_ frame: MarketFrame, clockShiftMilliseconds milliseconds: Int64) -> MarketFrame {
        let text = numbered(frame.bytes)
        return frame.with(text, payload: 0..<text.count)
    }

    private func numbered(_ frame: [UInt8]) -> [UInt8] {
        defer { nextNumber += 1 }
        return CoinbaseAdvancedWriter.numbered(frame, nextNumber)
    }

    override func advance(to now: Int64, _ client: SimulatedClient) {
        guard heartbeat.isDue(at: now) else { return }
        heartbeats += 1
        let time = client.venueTime(at: now)
        var text: [UInt8] = []
        ISO8601.append(time, decimals: 9, to: &text)
        let current = String(decoding: text.dropLast(), as: UTF8.self).replacing("T", with: " ")
        client.send(
            numbered(
                CoinbaseAdvancedWriter.frame(
                    "heartbeats", #"{"current_time":"\#(current)+00:00","heartbeat_counter":\#(heartbeats)}"#, at: time)
            ))
    }

    override func received(_ message: Data, from client: SimulatedClient, at now: Int64) {
        guard let object = Self.object(message), let type = object["type"] as? String,
            type == "subscribe" || type == "unsubscribe", let channel = object["channel"] as? String
        else { return refuse("failure to parse", client) }
        let isWanted = type == "subscribe"
        if channel == "heartbeats" {
            heartbeat = Heartbeat(interval: isWanted ? Self.heartbeatNanoseconds : nil)
            channels[channel] = isWanted ? ["heartbeats"] : nil
            return answer(client, now)
        }
        for product in object["product_ids"] as? [String] ?? [] {
            guard let feed = client.feed(where: { CoinbaseWriter.symbol(of: $0) == product }) else {
                return refuse("\(product) is not a valid product", client)
            }
            let subscription: StreamSubscription
            switch channel {
            case "level2": subscription = .book(feed)
            case "market_trades": subscription = .trades(feed)
            case "ticker": subscription = .quotes(feed)
            default: return refuse("\(channel) is not a valid channel", client)
            }
            channels[channel, default: []].removeAll { $0 == product }
            guard isWanted else {
                _ = client.end(subscription)
                continue
            }
            channels[channel, default: []].append(product)
            if channel == "market_trades" {
                let writer = CoinbaseAdvancedWriter(feed.market.listing)
                client.send(numbered(writer.pastTrades(feed.history, at: client.venueTime(at: now))))
            }
            client.begin(subscription)
        }
        // In the recording it comes behind the book.
        answer(client, now)
    }

    /// All subscriptions of the connection.
    private func answer(_ client: SimulatedClient, _ now: Int64) {
        let lists = channels.filter { !$0.value.isEmpty }.sorted { $0.key < $1.key }.map { channel, products in
            #""\#(channel)":[\#(products.map { "\"\($0)\"" }.joined(separator: ","))]"#
        }
        client.send(
            numbered(
                CoinbaseAdvancedWriter.frame(
                    "subscriptions", #"{"subscriptions":{\#(lists.joined(separator: ","))}}"#,
                    at: client.venueTime(at: now))))
    }

    private func refuse(_ reason: String, _ client: SimulatedClient) {
        Self.send(#"{"type":"error","message":"\#(reason)"}"#, to: client)
    }
}
