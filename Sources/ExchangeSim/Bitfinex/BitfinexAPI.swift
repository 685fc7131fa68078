import Foundation
import Simulation
import Transport

/// Bitfinex: its pairs over HTTP, the streams with numbered channels.
final class BitfinexAPI: StreamAPI {
    private static let tradesPath = "/v2/trades/"

    override func isKnown(path: String) -> Bool {
        path.hasPrefix("/v2/conf/") || path.hasPrefix(Self.tradesPath) && path.hasSuffix("/hist")
    }

    override var ownFaults: Set<FaultKind> { [.hole, .crossed, .badChecksum, .zeroChecksum, .lateSnapshot] }

    override func errorBody(status: Int) -> [UInt8] { Array(#"["error",11010,"ratelimit: error"]"#.utf8) }

    /// An answer for each part of the path: the pairs' names, or `[name, [, , , least size, greatest size, …]]`.
    override func answer(_ request: ServerRequest, by exchange: ExchangeSimulator, at now: Int64) -> VenueAnswer {
        let feeds = exchange.feeds.filter { $0.status != nil }
        if request.path.hasPrefix(Self.tradesPath) { return Self.trades(request, feeds) }
        let parts = request.path.dropFirst("/v2/conf/".count).split(separator: ",").map { part in
            let rows = feeds.map { feed in
                let listing = feed.market.listing
                let name = BitfinexWriter.symbol(of: listing).dropFirst()
                guard part.contains(":info:") else { return "\"\(name)\"" }
                return
                    #"["\#(name)",[null,null,null,"\#(listing.stepSizeText)","2000.0",null,null,null,null,null,null,null]]"#
            }
            return "[\(rows.joined(separator: ","))]"
        }
        return .json(Array("[\(parts.joined(separator: ","))]".utf8))
    }

    private static func trades(_ request: ServerRequest, _ feeds: [MarketFeed]) -> VenueAnswer {
        let name = request.path.dropFirst(tradesPath.count).dropLast("/hist".count)
        guard let feed = feeds.first(where: { BitfinexWriter.symbol(of: $0.market.listing) == name }) else {
            return VenueAnswer(status: 500, body: Array(#"["error",10020,"symbol: invalid"]"#.utf8))
        }
        let limit = min(max(1, request.query("limit").flatMap { Int($0) } ?? 125), 10_000)
        let start = request.query("start").flatMap { Int64($0) } ?? 0
        return .json(BitfinexWriter.trades(feed.history, since: start, limit: limit))
    }

    override func handshake(_ request: ServerRequest) -> Handshake {
        request.path == "/ws/2" ? .accept(BitfinexConnection()) : .refuse(status: 404)
    }
}

/// `{"event":"subscribe","channel":"book","symbol":"tBTCUST","prec":"P0","freq":"F0","len":"100"}`: each subscription has a
/// number, which stands in front of its messages; with the flags of `conf` a counter and the time stand behind.
final class BitfinexConnection: StreamConnection {
    private enum Flag {
        static let timestamps = 32_768
        static let counter = 65_536
    }

    private var flags = 0
    private var counter = 0
    /// By stream.
    private var channels: [String: Int] = [:]
    private var lastChannel = 0

    override func opened(_ client: SimulatedClient) {
        Self.send(#"{"event":"info","version":2,"serverId":"simulated","platform":{"status":1}}"#, to: client)
    }

    override func adapted(_ frame: MarketFrame, clockShiftMilliseconds milliseconds: Int64) -> MarketFrame {
        guard let channel = channels[frame.stream] else { return frame }
        var text = Array("[\(channel),".utf8) + frame.bytes
        if flags & Flag.counter != 0 {
            counter += 1
            text.append(contentsOf: ",\(counter)".utf8)
        }
        if flags & Flag.timestamps != 0 {
            text.append(contentsOf: ",\(Int64(Date().timeIntervalSince1970 * 1_000) + milliseconds)".utf8)
        }
        text.append(UInt8(ascii: "]"))
        return frame.with(text, payload: 0..<text.count)
    }

    override func frame(_ frame: MarketFrame, with fault: Fault, of feed: MarketFeed) -> MarketFrame? {
        switch fault.kind {
        case .hole:
            // The counter is the last number, or the last but one.
            let comma = UInt8(ascii: ",")
            guard flags & Flag.counter != 0, var start = frame.bytes.lastIndex(of: comma) else { return nil }
            var end = frame.bytes.count - 1
            if flags & Flag.timestamps != 0 {
                end = start
                start = frame.bytes[..<end].lastIndex(of: comma) ?? end
            }
            counter += fault.count
            let bytes = frame.bytes[..<start] + ",\(counter)".utf8 + frame.bytes[end...]
            return frame.with(Array(bytes), payload: 0..<bytes.count)
        case .crossed:
            // In place of the message's own level.
            guard let price = feed.truth?.bestAsk.flatMap({ frame.priceText(above: $0) }),
                let start = frame.bytes.dropFirst().firstIndex(of: UInt8(ascii: "[")),
                let end = frame.bytes[start...].firstIndex(of: UInt8(ascii: "]"))
            else { return nil }
            let bytes = frame.bytes[..<start] + "[\(price),1,1".utf8 + frame.bytes[end...]
            return frame.with(Array(bytes), payload: 0..<bytes.count)
        default: return frame.changingChecksum(after: #""cs","#, fault)
        }
    }

    override func received(_ message: Data, from client: SimulatedClient, at now: Int64) {
        guard let object = Self.object(message), let event = object["event"] as? String else {
            return refuse(10_000, "unknown event", client)
        }
        switch event {
        case "ping":
            Self.send(#"{"event":"pong","ts":\#(Int64(Date().timeIntervalSince1970 * 1_000)),"cid":0}"#, to: client)
        case "conf":
            flags = object["flags"] as? Int ?? 0
            counter = 0
            Self.send(#"{"event":"conf","status":"OK","flags":\#(flags)}"#, to: client)
        case "subscribe": subscribe(object, client)
        case "unsubscribe":
            guard let channel = object["chanId"] as? Int,
                let stream = channels.first(where: { $0.value == channel })?.key
            else { return refuse(10_400, "unsubscribe: invalid", client) }
            channels[stream] = nil
            client.unfollow(stream)
            Self.send(#"{"event":"unsubscribed","status":"OK","chanId":\#(channel)}"#, to: client)
        default: refuse(10_000, "unknown event", client)
        }
    }

    private func subscribe(_ object: [String: Any], _ client: SimulatedClient) {
        guard let channel = object["channel"] as? String, let symbol = object["symbol"] as? String,
            let feed = client.feed(where: { BitfinexWriter.symbol(of: $0) == symbol })
        else { return refuse(10_300, "symbol: invalid", client) }
        let subscription: StreamSubscription
        switch channel {
        case "book": subscription = .book(feed)
        case "trades": subscription = .trades(feed)
        case "ticker": subscription = .quotes(feed)
        default: return refuse(10_300, "channel: unknown", client)
        }
        guard channels[subscription.stream] == nil else { return refuse(10_301, "subscribe: dup", client) }
        lastChannel += 1
        channels[subscription.stream] = lastChannel
        let more = channel == "book" ? #","prec":"P0","freq":"F0","len":"100""# : ""
        Self.send(
            #"{"event":"subscribed","channel":"\#(channel)","chanId":\#(lastChannel),"symbol":"\#(symbol)"\#(more),"pair":"\#(symbol.dropFirst())"}"#,
            to: client)
        client.begin(subscription)
    }

    private func refuse(_ code: Int, _ reason: String, _ client: SimulatedClient) {
        Self.send(#"{"event":"error","msg":"\#(reason)","code":\#(code)}"#, to: client)
    }
}
