import Runtime
import Foundation
import HTTPTypes
import Hummingbird
import Microstructure
import NIOCore

/// Serves the current state of the markets: their books, trades, features and detectors.
struct MarketController: Sendable {
    /// Levels per side in a book answer. Producers send 20 by default.
    static let depthRange = 1...5_000

    let board: MarketBoard
    let feeds: FeedBoard

    var routes: [Route] {
        [
            Route("/api/v1/symbols", "Markets heard, with their feed's validity.", [.get: symbols]),
            Route("/api/v1/book/{symbol}", "The top of the book (depth, venue).", [.get: book]),
            Route("/api/v1/trades/{symbol}", "The last trades, newest first (limit, venue).", [.get: trades]),
            Route("/api/v1/history/{symbol}", "The last minutes, a row a second (venue).", [.get: history]),
            Route(
                "/api/v1/features/latest", "The last feature vector of each market (symbol, venue).", [.get: features]),
            Route(
                "/api/v1/detectors/{symbol}", "Each detector against its threshold (venue).", [.get: detectors]),
        ]
    }

    @Sendable private func symbols(_ request: Request, _ context: GatewayRequestContext) throws -> Response {
        _ = try QueryParameters(request, allowed: [])
        let now = HostClock.monotonicNanoseconds
        var json = JSONWriter(capacity: 1_024)
        json.object { json in
            json.array("symbols") { json in
                for market in board.all {
                    json.object { json in
                        json.string("symbol", market.symbol)
                        json.string("venue", market.venue)
                        let feed = feeds.entry(venue: market.venue, symbol: market.symbol)
                        json.string("validity", market.validity(of: feed, at: now))
                        json.number("age_seconds", feed?.ageSeconds(at: now))
                        json.bool("has_book", market.book != nil)
                        json.bool("has_features", market.vector != nil)
                        json.bool("has_detectors", market.detectors != nil)
                        json.integer("trade_count", market.tradeCount)
                    }
                }
            }
        }
        return .json(json.buffer)
    }

    @Sendable private func book(_ request: Request, _ context: GatewayRequestContext) throws -> Response {
        let query = try QueryParameters(request, allowed: ["depth", "venue"])
        let depth = try query.integer("depth", in: Self.depthRange) ?? 20
        let market = try market(query, context)
        guard let json = market.bookJSON(depth: depth, validity: feeds.validity(of: market)) else {
            throw Self.nothing("book", of: market)
        }
        return .json(json)
    }

    @Sendable private func trades(_ request: Request, _ context: GatewayRequestContext) throws -> Response {
        let query = try QueryParameters(request, allowed: ["limit", "venue"])
        let limit = try query.integer("limit", in: 1...Market.tradeLimit) ?? 50
        return .json(try market(query, context).tradesJSON(limit: limit))
    }

    @Sendable private func history(_ request: Request, _ context: GatewayRequestContext) throws -> Response {
        .json(try market(QueryParameters(request, allowed: ["venue"]), context).historyJSON())
    }

    @Sendable private func features(_ request: Request, _ context: GatewayRequestContext) throws -> Response {
        let wanted = try MarketFilter(QueryParameters(request, allowed: MarketFilter.names))
        let markets = board.all.filter {
            $0.vector != nil && wanted.matches(symbol: $0.symbol, venue: $0.venue)
        }
        if !wanted.isEmpty, markets.isEmpty {
            throw Problem(
                .notFound, "no features of \(wanted.text) have been heard; /api/v1/symbols lists the markets that have")
        }
        var json = JSONWriter(capacity: 2_048 * (markets.count + 1))
        json.object { json in
            json.array("vectors") { json in
                for market in markets {
                    if let vector = market.vectorJSON() { json.raw(nil, vector) }
                }
            }
        }
        return .json(json.buffer)
    }

    @Sendable private func detectors(_ request: Request, _ context: GatewayRequestContext) throws -> Response {
        let query = try QueryParameters(request, allowed: ["venue"])
        let market = try market(query, context)
        guard let json = market.detectorsJSON() else { throw Self.nothing("detector state", of: market) }
        return .json(json)
    }

    private func market(_ query: QueryParameters, _ context: GatewayRequestContext) throws -> Market {
        try board.market(of: context, query)
    }

    private static func nothing(_ what: String, of market: Market) -> Problem {
        Problem(.notFound, "no \(what) of \(market.symbol) has been heard yet; try again", headers: [.retryAfter: "1"])
    }
}

extension MarketBoard {
    /// The market named by the request's path, and by its query if there are several venues.
    func market(of context: GatewayRequestContext, _ query: QueryParameters) throws -> Market {
        let text = try context.pathText("symbol")
        guard let symbol = SymbolName.normalized(text) else {
            throw Problem(.badRequest, "symbol \(SymbolName.rule), which is BTC%2FUSDT in a path")
        }
        let venue = query.text("venue")
        if let market = market(symbol, venue: venue) { return market }
        let place = venue.map { " at the venue '\($0.prefix(32))'" } ?? ""
        throw Problem(
            .notFound, "\(symbol) has not been heard\(place); /api/v1/symbols lists the markets that have")
    }
}

extension FeedBoard {
    /// Current validity of the market, by its feed.
    func validity(of market: Market) -> String {
        market.validity(of: entry(venue: market.venue, symbol: market.symbol), at: HostClock.monotonicNanoseconds)
    }
}

extension Market {
    /// The feed's validity. A group of markets has no feed of its own: its vectors say it, while they come.
    func validity(of feed: FeedBoard.Entry?, at now: Int64) -> String {
        if let feed { return feed.validity(at: now) }
        guard let vector, Double(now - vector.moment) / 1e9 <= UpstreamReader.silenceLimitSeconds else {
            return "STALE"
        }
        return vector.message.validity.name
    }
}
