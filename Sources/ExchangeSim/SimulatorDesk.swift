import Runtime
import Foundation
import Simulation
import Transport

/// Answers a simulator's REST requests and handshakes as Binance does.
final class SimulatorDesk: ServerDelegate {
    weak var simulator: ExchangeSimulator?
    private let weightLimit: Int
    private var weightMinute: Int64 = 0
    private var usedWeight = 0

    init(weightLimit: Int) { self.weightLimit = weightLimit }

    private struct Answer {
        var status = 200
        var body: [UInt8]

        init(_ text: String) { body = Array(text.utf8) }
        init(_ body: [UInt8]) { self.body = body }
        init(status: Int, code: Int, _ message: String) {
            self.status = status
            body = Array(#"{"code":\#(code),"msg":"\#(message)"}"#.utf8)
        }

        static let unknownSymbol = Answer(status: 400, code: -1121, "Invalid symbol.")
        static func illegal(_ parameter: String, _ range: String) -> Answer {
            Answer(
                status: 400, code: -1100,
                "Illegal characters found in parameter '\(parameter)'; legal range is '\(range)'.")
        }
    }

    // MARK: - Handshakes

    func didRequestUpgrade(_ request: ServerRequest) -> UpgradeDecision {
        guard let simulator else { return .refuse(status: 503) }
        let endpoint: SimulatedClient.Endpoint
        let names: Substring
        if request.path == "/ws" || request.path.hasPrefix("/ws/") {
            endpoint = .raw
            names = request.path.dropFirst(4)
        } else if request.path == "/stream" {
            endpoint = .combined
            names = Substring(request.query("streams") ?? "")
        } else {
            return .refuse(status: 404)
        }
        var streams: [String] = []
        for name in names.split(separator: "/").map(String.init) where !streams.contains(name) {
            streams.append(name)
        }
        guard streams.count <= SimulatedClient.maxStreams else { return .refuse(status: 400) }
        let unit = request.query("timeUnit")?.uppercased() ?? "MILLISECOND"
        let refusal =
            ["MILLISECOND", "MICROSECOND"].contains(unit)
            ? nil : "Invalid timeUnit; expected MILLISECOND or MICROSECOND"
        return .accept(
            SimulatedClient(
                endpoint, streams: streams, isInMicroseconds: unit == "MICROSECOND", refusal: refusal,
                simulator: simulator))
    }

    // MARK: - Requests

    func didReceive(_ request: ServerRequest, responder: HTTPResponder) {
        guard let simulator else {
            responder.respond(status: 503, text: "")
            return
        }
        if request.path.hasPrefix("/control/") { return ControlDesk.answer(request, responder, simulator) }
        guard let weight = weight(of: request) else {
            responder.respond(status: 404, text: "")
            return
        }
        guard request.method == "GET" else {
            respond(responder, Answer(status: 405, code: -1020, "This operation is not supported."))
            return
        }
        let now = HostClock.monotonicNanoseconds
        if simulator.faults.intercept(request, responder, at: now) { return }
        let second = HostClock.now.bucket(width: 1_000_000_000)
        if second / 60 != weightMinute {
            weightMinute = second / 60
            usedWeight = 0
        }
        usedWeight += weight
        guard usedWeight <= weightLimit else {
            simulator.statistics.requestsRefused += 1
            let answer = Answer(
                status: 429, code: -1003,
                "Too much request weight used; current limit is \(weightLimit) request weight per 1 MINUTE. "
                    + "Please use WebSocket Streams for live updates to avoid polling the API.")
            respond(responder, answer, [("Retry-After", "\(60 - second % 60)")])
            return
        }
        simulator.statistics.requestsAnswered += 1
        respond(responder, answer(request, simulator, now))
    }

    /// What a good request is answered; `nil` where it is an error.
    func body(_ request: ServerRequest, at now: Int64) -> [UInt8]? {
        guard let simulator else { return nil }
        let answer = answer(request, simulator, now)
        return answer.status == 200 ? answer.body : nil
    }

    private func answer(_ request: ServerRequest, _ simulator: ExchangeSimulator, _ now: Int64) -> Answer {
        switch request.path {
        case "/api/v3/ping": return Answer("{}")
        case "/api/v3/time":
            let microseconds = simulator.serverMicroseconds(at: now)
            return Answer(
                #"{"serverTime":\#(Self.isInMicroseconds(request) ? microseconds : microseconds / 1_000)}"#)
        case "/api/v3/depth": return depth(request, simulator, now)
        case "/api/v3/historicalTrades", "/api/v3/trades": return trades(request, simulator, now)
        case "/api/v3/aggTrades": return aggregates(request, simulator, now)
        default: return exchangeInfo(request, simulator, now)
        }
    }

    private static func isInMicroseconds(_ request: ServerRequest) -> Bool {
        request.header("X-MBX-TIME-UNIT")?.uppercased() == "MICROSECOND"
    }

    private func respond(_ responder: HTTPResponder, _ answer: Answer, _ extra: [(name: String, value: String)] = []) {
        var headers: [(name: String, value: String)] = [
            ("Content-Type", "application/json;charset=UTF-8"),
            ("X-MBX-USED-WEIGHT", "\(usedWeight)"), ("X-MBX-USED-WEIGHT-1M", "\(usedWeight)"),
        ]
        headers += extra
        responder.respond(status: answer.status, headers: headers, body: answer.body)
    }

    /// What a request costs; `nil` for a path that does not exist.
    private func weight(of request: ServerRequest) -> Int? {
        switch request.path {
        case "/api/v3/ping", "/api/v3/time": 1
        case "/api/v3/exchangeInfo": 20
        case "/api/v3/historicalTrades", "/api/v3/trades": 25
        case "/api/v3/aggTrades": 4
        case "/api/v3/depth":
            switch request.query("limit").flatMap(Int.init) ?? 100 {
            case ...100: 5
            case ...500: 25
            case ...1_000: 50
            default: 250
            }
        default: nil
        }
    }

    private func depth(_ request: ServerRequest, _ simulator: ExchangeSimulator, _ now: Int64) -> Answer {
        guard let symbol = request.query("symbol"), !symbol.isEmpty else {
            return Answer(
                status: 400, code: -1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.")
        }
        guard Listing.isSymbol(symbol) else { return .illegal("symbol", "^[A-Z0-9-_.]{1,20}$") }
        let limit: Int
        switch number("limit", of: request, default: 100) {
        case .failure(let refusal): return refusal.answer
        case .success(let number):
            guard number > 0 else {
                return Answer(status: 400, code: -1130, "Data sent for parameter 'limit' is not valid.")
            }
            limit = min(number, 5_000)
        }
        guard let feed = simulator.feed(of: symbol) else { return .unknownSymbol }
        guard let snapshot = feed.snapshot(limit: limit, at: now) else {
            return Answer(
                status: 503, code: -1001, "Internal error; unable to process your request. Please try again.")
        }
        return Answer(snapshot)
    }

    private struct Refusal: Error { let answer: Answer }

    private func number(_ name: String, of request: ServerRequest, default fallback: Int) -> Result<Int, Refusal> {
        guard let text = request.query(name) else { return .success(fallback) }
        let isNumber = (1...20).contains(text.utf8.count) && text.utf8.allSatisfy { (0x30...0x39).contains($0) }
        guard isNumber, let number = Int(text) else {
            return .failure(Refusal(answer: .illegal(name, "^[0-9]{1,20}$")))
        }
        return .success(number)
    }

    private func trades(_ request: ServerRequest, _ simulator: ExchangeSimulator, _ now: Int64) -> Answer {
        do throws(Refusal) {
            let feed = try feed(request, simulator)
            let limit = min(max(1, try number("limit", of: request, default: 500).get()), 1_000)
            let isFrom = request.path.hasSuffix("historicalTrades") && request.query("fromId") != nil
            let fromID = isFrom ? Int64(try number("fromId", of: request, default: 0).get()) : nil
            return Answer(feed.history.answer(fromID: fromID, limit: limit, times: times(request, simulator, now)))
        } catch {
            return error.answer
        }
    }

    private func aggregates(_ request: ServerRequest, _ simulator: ExchangeSimulator, _ now: Int64) -> Answer {
        do throws(Refusal) {
            let feed = try feed(request, simulator)
            let limit = min(max(1, try number("limit", of: request, default: 500).get()), 1_000)
            let start: TradeHistory.AggregateStart
            switch (request.query("fromId"), request.query("startTime")) {
            case (nil, nil): start = .newest
            case (_, nil): start = .id(Int64(try number("fromId", of: request, default: 0).get()))
            case (nil, _): start = .time(Int64(try number("startTime", of: request, default: 0).get()))
            default: return Answer(status: 400, code: -1128, "Combination of optional parameters invalid.")
            }
            return Answer(feed.history.aggregates(from: start, limit: limit, times: times(request, simulator, now)))
        } catch {
            return error.answer
        }
    }

    private func feed(_ request: ServerRequest, _ simulator: ExchangeSimulator) throws(Refusal) -> MarketFeed {
        guard let symbol = request.query("symbol"), !symbol.isEmpty else {
            throw Refusal(
                answer: Answer(
                    status: 400, code: -1102,
                    "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed."))
        }
        guard let feed = simulator.feed(of: symbol) else { throw Refusal(answer: .unknownSymbol) }
        return feed
    }

    private func times(_ request: ServerRequest, _ simulator: ExchangeSimulator, _ now: Int64) -> TradeHistory.Times {
        TradeHistory.Times(
            movedByMilliseconds: simulator.faults.clockShift(at: now), inMicroseconds: Self.isInMicroseconds(request))
    }

    private func exchangeInfo(_ request: ServerRequest, _ simulator: ExchangeSimulator, _ now: Int64) -> Answer {
        var feeds = simulator.feeds
        var wanted = request.query("symbol").map { [$0] }
        if let text = request.query("symbols") {
            guard wanted == nil else {
                return Answer(status: 400, code: -1128, "Combination of optional parameters invalid.")
            }
            guard let list = try? JSONDecoder().decode([String].self, from: Data(text.utf8)), !list.isEmpty else {
                return .illegal("symbols", #"^\\[\"[A-Z0-9-_.]{1,20}\"(,\"[A-Z0-9-_.]{1,20}\"){0,}\\]$"#)
            }
            wanted = list
        }
        if let wanted {
            guard wanted.allSatisfy(Listing.isSymbol) else { return .illegal("symbol", "^[A-Z0-9-_.]{1,20}$") }
            let found = wanted.compactMap(simulator.feed)
            guard found.count == wanted.count else { return .unknownSymbol }
            feeds = found
        }
        let symbols = feeds.map { Self.text(of: $0.market.listing) }.joined(separator: ",")
        return Answer(
            """
            {"timezone":"UTC","serverTime":\(simulator.serverMicroseconds(at: now) / 1_000),"rateLimits":[{"rateLimitType":\
            "REQUEST_WEIGHT","interval":"MINUTE","intervalNum":1,"limit":\(weightLimit)}],"exchangeFilters":[],\
            "symbols":[\(symbols)]}
            """)
    }

    private static func text(of listing: Listing) -> String {
        """
        {"symbol":"\(listing.symbol)","status":"TRADING","baseAsset":"\(listing.baseAsset)","baseAssetPrecision":8,\
        "quoteAsset":"\(listing.quoteAsset)","quotePrecision":8,"quoteAssetPrecision":8,"isSpotTradingAllowed":true,\
        "filters":[{"filterType":"PRICE_FILTER","minPrice":"\(listing.tickSizeText)",\
        "maxPrice":"1000000.00000000","tickSize":"\(listing.tickSizeText)"},{"filterType":"LOT_SIZE",\
        "minQty":"\(listing.stepSizeText)","maxQty":"9000000.00000000","stepSize":"\(listing.stepSizeText)"}]}
        """
    }
}
