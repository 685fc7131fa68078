import Foundation
import Simulation
import Transport

/// The answers to valid requests, and parameter errors.
extension BinanceAPI {
    /// The request is answered with an error.
    private struct Refusal: Error {
        let answer: VenueAnswer

        init(_ status: Int, _ code: Int, _ message: String) {
            answer = .error(status: status, code: code, message)
        }

        static var unknownSymbol: Refusal { Refusal(400, -1121, "Invalid symbol.") }
        static var noSymbol: Refusal {
            Refusal(400, -1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.")
        }
        static var badCombination: Refusal { Refusal(400, -1128, "Combination of optional parameters invalid.") }
        static func illegal(_ parameter: String, _ range: String) -> Refusal {
            Refusal(400, -1100, "Illegal characters found in parameter '\(parameter)'; legal range is '\(range)'.")
        }
    }

    func answer(_ request: ServerRequest, by exchange: ExchangeSimulator, at now: Int64) -> VenueAnswer {
        do throws(Refusal) {
            return .json(try body(request, exchange, now))
        } catch {
            return error.answer
        }
    }

    private func body(
        _ request: ServerRequest, _ exchange: ExchangeSimulator, _ now: Int64
    ) throws(Refusal) -> [UInt8] {
        switch request.path.dropFirst(service.path.count) {
        case "ping": return Array("{}".utf8)
        case "time":
            let microseconds = exchange.serverMicroseconds(at: now)
            let time = isInMicroseconds(request) ? microseconds : microseconds / 1_000
            return Array(#"{"serverTime":\#(time)}"#.utf8)
        case "depth": return try depth(request, exchange, now)
        case "historicalTrades" where service.isFutures: throw Refusal(401, -2014, "API-key format invalid.")
        case "historicalTrades", "trades": return try trades(request, exchange, now)
        case "aggTrades": return try aggregates(request, exchange, now)
        default: return try exchangeInfo(request, exchange, now)
        }
    }

    private func isInMicroseconds(_ request: ServerRequest) -> Bool {
        !service.isFutures && request.header("X-MBX-TIME-UNIT")?.uppercased() == "MICROSECOND"
    }

    private func depth(
        _ request: ServerRequest, _ exchange: ExchangeSimulator, _ now: Int64
    ) throws(Refusal) -> [UInt8] {
        guard let symbol = request.query("symbol"), !symbol.isEmpty else { throw .noSymbol }
        guard Listing.isSymbol(symbol) else { throw .illegal("symbol", "^[A-Z0-9-_.]{1,20}$") }
        let limit = try number("limit", of: request, default: service.isFutures ? 500 : 100)
        guard !service.isFutures || [5, 10, 20, 50, 100, 500, 1_000].contains(limit) else {
            throw Refusal(400, -4021, "'\(limit)' is not valid depth limit.")
        }
        guard limit > 0 else { throw Refusal(400, -1130, "Data sent for parameter 'limit' is not valid.") }
        guard let feed = exchange.feed(of: symbol) else { throw .unknownSymbol }
        guard let snapshot = feed.snapshot(limit: min(limit, service.depthLimit), at: now) else {
            throw Refusal(503, -1001, "Internal error; unable to process your request. Please try again.")
        }
        return snapshot
    }

    private func trades(
        _ request: ServerRequest, _ exchange: ExchangeSimulator, _ now: Int64
    ) throws(Refusal) -> [UInt8] {
        let feed = try feed(request, exchange)
        let limit = min(max(1, try number("limit", of: request, default: 500)), 1_000)
        let hasStart = request.path.hasSuffix("historicalTrades") && request.query("fromId") != nil
        let fromID = hasStart ? Int64(try number("fromId", of: request, default: 0)) : nil
        return tradeAnswers(request, exchange, now).trades(feed.history, fromID: fromID, limit: limit)
    }

    private func aggregates(
        _ request: ServerRequest, _ exchange: ExchangeSimulator, _ now: Int64
    ) throws(Refusal) -> [UInt8] {
        let feed = try feed(request, exchange)
        let limit = min(max(1, try number("limit", of: request, default: 500)), 1_000)
        let start: BinanceTradeAnswers.AggregateStart
        switch (request.query("fromId"), request.query("startTime")) {
        case (nil, nil): start = .newest
        case (_, nil): start = .id(Int64(try number("fromId", of: request, default: 0)))
        case (nil, _): start = .time(Int64(try number("startTime", of: request, default: 0)))
        default: throw .badCombination
        }
        return tradeAnswers(request, exchange, now).aggregates(feed.history, from: start, limit: limit)
    }

    private func tradeAnswers(
        _ request: ServerRequest, _ exchange: ExchangeSimulator, _ now: Int64
    ) -> BinanceTradeAnswers {
        BinanceTradeAnswers(
            movedByMilliseconds: exchange.faults.clockShift(at: now), inMicroseconds: isInMicroseconds(request))
    }

    private func exchangeInfo(
        _ request: ServerRequest, _ exchange: ExchangeSimulator, _ now: Int64
    ) throws(Refusal) -> [UInt8] {
        var feeds = exchange.feeds.filter { $0.status != nil }
        var wanted = request.query("symbol").map { [$0] }
        if service.isFutures {
            wanted = nil
        } else if let text = request.query("symbols") {
            guard wanted == nil else { throw .badCombination }
            guard let list = try? JSONDecoder().decode([String].self, from: Data(text.utf8)), !list.isEmpty else {
                throw .illegal("symbols", #"^\\[\"[A-Z0-9-_.]{1,20}\"(,\"[A-Z0-9-_.]{1,20}\"){0,}\\]$"#)
            }
            wanted = list
        }
        if let wanted {
            guard wanted.allSatisfy(Listing.isSymbol) else { throw .illegal("symbol", "^[A-Z0-9-_.]{1,20}$") }
            let found = wanted.compactMap { exchange.feed(of: $0) }
            guard found.count == wanted.count else { throw .unknownSymbol }
            feeds = found
        }
        let symbols = feeds.map { text(of: $0.market.listing, status: $0.status ?? "") }.joined(separator: ",")
        return Array(
            """
            {"timezone":"UTC","serverTime":\(exchange.serverMicroseconds(at: now) / 1_000),"rateLimits":[{"rateLimitType":\
            "REQUEST_WEIGHT","interval":"MINUTE","intervalNum":1,"limit":\(weightLimit)}],"exchangeFilters":[],\
            "symbols":[\(symbols)]}
            """.utf8)
    }

    private func text(of listing: Listing, status: String) -> String {
        """
        {"symbol":"\(listing.symbol)",\(kind(of: listing, status: status)),\
        "filters":[{"filterType":"PRICE_FILTER","minPrice":"\(listing.tickSizeText)",\
        "maxPrice":"1000000.00000000","tickSize":"\(listing.tickSizeText)"},{"filterType":"LOT_SIZE",\
        "minQty":"\(listing.stepSizeText)","maxQty":"9000000.00000000","stepSize":"\(listing.stepSizeText)"}]}
        """
    }

    /// The members in which the markets' lists differ.
    private func kind(of listing: Listing, status: String) -> String {
        let (base, quote) = (listing.baseAsset, listing.quoteAsset)
        return switch service {
        case .spot, .sbe:
            """
            "status":"\(status)","baseAsset":"\(base)","baseAssetPrecision":8,\
            "quoteAsset":"\(quote)","quotePrecision":8,"quoteAssetPrecision":8,"isSpotTradingAllowed":true
            """
        case .usdm:
            """
            "pair":"\(listing.symbol)","contractType":"PERPETUAL","status":"\(status)",\
            "baseAsset":"\(base)","quoteAsset":"\(quote)","marginAsset":"\(quote)"
            """
        case .coinm:
            """
            "pair":"\(base)USD","contractType":"PERPETUAL","contractStatus":"\(status)",\
            "contractSize":\(BinanceFutures.contractSize(of: base)),"baseAsset":"\(base)",\
            "quoteAsset":"\(quote)","marginAsset":"\(base)"
            """
        }
    }

    // MARK: - Parameters

    private func number(
        _ name: String, of request: ServerRequest, default fallback: Int
    ) throws(Refusal) -> Int {
        guard let text = request.query(name) else { return fallback }
        let isNumber = (1...20).contains(text.utf8.count) && text.utf8.allSatisfy { (0x30...0x39).contains($0) }
        guard isNumber, let number = Int(text) else { throw .illegal(name, "^[0-9]{1,20}$") }
        return number
    }

    private func feed(_ request: ServerRequest, _ exchange: ExchangeSimulator) throws(Refusal) -> MarketFeed {
        guard let symbol = request.query("symbol"), !symbol.isEmpty else { throw .noSymbol }
        guard let feed = exchange.feed(of: symbol) else { throw .unknownSymbol }
        return feed
    }
}
