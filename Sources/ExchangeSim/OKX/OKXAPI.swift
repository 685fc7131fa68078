import Foundation
import Simulation
import Transport

/// OKX: its instruments and its time over HTTP, the public streams.
final class OKXAPI: StreamAPI {
    private static let bookPath = "/api/v5/market/books"
    private static let tradesPath = "/api/v5/market/history-trades"
    private let renumbering = Renumbering()

    override var ownFaults: Set<FaultKind> {
        [.hole, .crossed, .badChecksum, .restart, .lateSnapshot, .staleSnapshot]
    }

    override func isKnown(path: String) -> Bool {
        ["/api/v5/public/instruments", "/api/v5/public/time", Self.bookPath, Self.tradesPath].contains(path)
    }

    override func errorBody(status: Int) -> [UInt8] {
        Array(#"{"code":"50011","msg":"Rate limit reached","data":[]}"#.utf8)
    }

    override func answer(_ request: ServerRequest, by exchange: ExchangeSimulator, at now: Int64) -> VenueAnswer {
        if request.path == Self.bookPath { return book(request, exchange, now) }
        if request.path == Self.tradesPath { return trades(request, exchange) }
        guard request.path.hasSuffix("instruments") else {
            let milliseconds = exchange.serverMicroseconds(at: now) / 1_000
            return .json(Array(#"{"code":"0","msg":"","data":[{"ts":"\#(milliseconds)"}]}"#.utf8))
        }
        guard request.query("instType") == "SPOT" else {
            return .json(Array(#"{"code":"0","msg":"","data":[]}"#.utf8))
        }
        let rows = exchange.feeds.filter { $0.status != nil }.map { feed in
            let listing = feed.market.listing
            let state = feed.status == MarketFeed.tradingStatus ? "live" : "suspend"
            return """
                {"instType":"SPOT","instId":"\(OKXWriter.symbol(of: listing))","baseCcy":"\(listing.baseAsset)",\
                "quoteCcy":"\(listing.quoteAsset)","tickSz":"\(listing.tickSizeText)","lotSz":"\(listing.stepSizeText)",\
                "minSz":"\(listing.stepSizeText)","state":"\(state)","ctVal":"","ctType":""}
                """
        }
        return .json(Array(#"{"code":"0","msg":"","data":[\#(rows.joined(separator: ","))]}"#.utf8))
    }

    override func isForBook(_ request: ServerRequest) -> Bool { request.path == Self.bookPath }

    override func symbol(in request: ServerRequest) -> String? { request.query("instId")?.filter { $0 != "-" } }

    override func answer(withBook body: [UInt8]) -> VenueAnswer { .json(OKXWriter.answer(ofBook: body)) }

    private func book(_ request: ServerRequest, _ exchange: ExchangeSimulator, _ now: Int64) -> VenueAnswer {
        guard let feed = symbol(in: request).flatMap({ exchange.feed(of: $0) }),
            let book = feed.snapshot(limit: 400, at: now)
        else { return .json(Array(#"{"code":"51001","msg":"Instrument ID does not exist","data":[]}"#.utf8)) }
        let frame = MarketFrame(
            stream: StreamName.depth(feed.market.listing.symbol), kind: .other, due: 0, bytes: book,
            payload: 0..<book.count)
        return answer(withBook: renumbering.apply(to: frame, after: OKXConnection.mark).bytes)
    }

    private func trades(_ request: ServerRequest, _ exchange: ExchangeSimulator) -> VenueAnswer {
        guard let name = request.query("instId"), let feed = exchange.feed(of: name.filter { $0 != "-" }) else {
            return .json(Array(#"{"code":"51001","msg":"Instrument ID does not exist","data":[]}"#.utf8))
        }
        let limit = min(max(1, request.query("limit").flatMap { Int($0) } ?? 100), 100)
        let before = request.query("after").flatMap { Int64($0) }
        return .json(OKXWriter.trades(feed.history, of: name, before: before, limit: limit))
    }

    override func handshake(_ request: ServerRequest) -> Handshake {
        request.path == "/ws/v5/public" ? .accept(OKXConnection(renumbering)) : .refuse(status: 404)
    }
}

/// `{"op":"subscribe","args":[{"channel":"books","instId":"BTC-USDT"}]}`; the text `ping` is answered with `pong`.
final class OKXConnection: StreamConnection {
    static let mark = #""seqId":"#
    private static let previousMark = #""prevSeqId":"#
    private let renumbering: Renumbering

    init(_ renumbering: Renumbering) { self.renumbering = renumbering }

    override func adapted(_ frame: MarketFrame, clockShiftMilliseconds milliseconds: Int64) -> MarketFrame {
        guard frame.kind == .depth || frame.kind == .other else { return frame }
        let shift = renumbering.shift(of: frame.stream)
        let numbered = renumbering.apply(to: frame, after: Self.mark)
        // A whole book has none before it: -1.
        guard shift != 0, let previous = numbered.number(after: Self.previousMark), previous >= 0 else {
            return numbered
        }
        return numbered.changingNumber(after: Self.previousMark) { $0 - shift } ?? numbered
    }

    /// After a restart a change has a number below the one before it, which it still follows.
    override func frame(_ frame: MarketFrame, with fault: Fault, of feed: MarketFeed) -> MarketFrame? {
        switch fault.kind {
        case .hole: return frame.changingNumber(after: Self.previousMark) { $0 + Int64(fault.count) }
        case .restart:
            guard let number = frame.number(after: Self.mark), let previous = frame.number(after: Self.previousMark),
                previous > 1
            else { return nil }
            renumbering.renumber(frame.stream, from: number, to: previous / 2)
            return frame.changingNumber(after: Self.mark) { _ in previous / 2 }
        default: return frame.changingChecksum(after: #""checksum":"#, fault)
        }
    }

    override func received(_ message: Data, from client: SimulatedClient, at now: Int64) {
        if message == Data("ping".utf8) { return Self.send("pong", to: client) }
        guard let object = Self.object(message), let operation = object["op"] as? String,
            let wanted = object["args"] as? [[String: Any]]
        else { return refuse("60012", "Invalid request", client) }
        for argument in wanted {
            guard let channel = argument["channel"] as? String, let symbol = argument["instId"] as? String,
                let subscription = subscription(channel, symbol, client)
            else {
                refuse("60018", "Wrong URL or channel or instId doesn't exist", client)
                continue
            }
            let answer = #"{"event":"\#(operation)","arg":{"channel":"\#(channel)","instId":"\#(symbol)"}}"#
            if operation == "subscribe" {
                Self.send(answer, to: client)
                client.begin(subscription)
            } else if operation == "unsubscribe", client.end(subscription) {
                Self.send(answer, to: client)
            } else {
                refuse("60012", "Invalid request", client)
            }
        }
    }

    private func subscription(
        _ channel: String, _ symbol: String, _ client: SimulatedClient
    ) -> StreamSubscription? {
        guard let feed = client.feed(where: { OKXWriter.symbol(of: $0) == symbol }) else { return nil }
        return switch channel {
        case "books": .book(feed)
        case "trades": .trades(feed)
        case "bbo-tbt": .quotes(feed)
        default: nil
        }
    }

    private func refuse(_ code: String, _ reason: String, _ client: SimulatedClient) {
        Self.send(#"{"event":"error","code":"\#(code)","msg":"\#(reason)"}"#, to: client)
    }
}
