import Microstructure
import Testing

@testable import Venues

@Suite struct CoinbaseAdapterTests {
    private static let exchange = CoinbaseAdapter(options: .standard)
    private static let advanced = CoinbaseAdvancedAdapter(options: .standard)

    private static func listings(_ adapter: some VenueAdapter, _ body: String) throws -> [VenueListing] {
        try adapter.listings(in: Array(body.utf8).span)
    }

    @Test func subscriptionsOfExchange() {
        let plan = Self.exchange.connectionPlan(for: Instrument.coinbase, targetByteLimit: 2_000)
        #expect(
            plan.subscriptions == [
                #"{"type":"subscribe","product_ids":["BTC-USD","ETH-USD"],"#
                    + #""channels":["heartbeat","matches","ticker","level2_batch"]}"#
            ])
        #expect(plan.target == "/" && plan.headers.isEmpty && plan.keepAlive == nil)
        // 100 messages a second.
        #expect(plan.messageSpacingMilliseconds >= 10)
        #expect(CoinbaseAdapter.endpoint.webSocketURL == "wss://ws-feed.exchange.coinbase.com")
        #expect(CoinbaseAdapter.endpoint.restURL == "https://api.exchange.coinbase.com")
        #expect(Self.exchange.venue == .coinbase && Self.exchange.limits.tradesPerRequest == 1_000)
    }

    @Test func subscriptionsOfAdvanced() {
        let plan = Self.advanced.connectionPlan(for: Instrument.coinbase, targetByteLimit: 2_000)
        #expect(
            plan.subscriptions == [
                #"{"type":"subscribe","channel":"heartbeats"}"#,
                #"{"type":"subscribe","product_ids":["BTC-USD","ETH-USD"],"channel":"market_trades"}"#,
                #"{"type":"subscribe","product_ids":["BTC-USD","ETH-USD"],"channel":"ticker"}"#,
                #"{"type":"subscribe","product_ids":["BTC-USD","ETH-USD"],"channel":"level2"}"#,
            ])
        // 8 messages a second, the first within 5 s.
        #expect(plan.messageSpacingMilliseconds >= 125 && plan.messageSpacingMilliseconds * 4 < 5_000)
        #expect(CoinbaseAdvancedAdapter.endpoint.webSocketURL == "wss://advanced-trade-ws.coinbase.com")
        #expect(
            CoinbaseAdvancedAdapter.endpoint.restURL == "https://api.coinbase.com" && Self.advanced.venue == .coinbase)
    }

    @Test func requests() throws {
        #expect(Self.exchange.instrumentsRequest(for: ["BTCUSD"]) == VenueRequest(path: "/products", weight: 1))
        #expect(Self.exchange.clockRequest() == VenueRequest(path: "/time", weight: 1))
        #expect(
            Self.advanced.instrumentsRequest(for: ["BTCUSD"]).target
                == "/api/v3/brokerage/market/products?product_type=SPOT")
        #expect(Self.advanced.clockRequest()?.target == "/api/v3/brokerage/time")
        let lab = try StreamLab<CoinbaseReader>.coinbase(Self.exchange)
        #expect(lab.tradesRequest(from: 7, limit: 3)?.target == "/products/BTC-USD/trades?limit=3&after=10")
        #expect(lab.tradesRequest(from: 7, limit: 5_000)?.target == "/products/BTC-USD/trades?limit=1000&after=1007")
        #expect(lab.tradesRequest(from: 7, limit: -1)?.target == "/products/BTC-USD/trades?limit=1&after=8")
        #expect(
            lab.tradesRequest(from: .max, limit: 2)?.target == "/products/BTC-USD/trades?limit=2&after=\(Int64.max)")
        let other = try StreamLab<CoinbaseAdvancedReader>.coinbase(Self.advanced)
        #expect(other.tradesRequest(from: 7, limit: 3) == nil)
    }

    /// Source: `GET /products/BTC-USD` and `GET /time` of 2026-06-19, as a public repository captured them.
    @Test func listingsAndTheClockOfExchange() throws {
        let product = """
            {"id":"BTC-USD","base_currency":"BTC","quote_currency":"USD","quote_increment":"0.01","base_increment":\
            "0.00000001","display_name":"BTC-USD","min_market_funds":"1","margin_enabled":false,"post_only":false,\
            "limit_only":false,"cancel_only":false,"status":"online","status_message":"","trading_disabled":false,\
            "fx_stablecoin":false,"max_slippage_percentage":"0.02000000","auction_mode":false,\
            "high_bid_limit_percentage":""}
            """
        let listing = try #require(try Self.listings(Self.exchange, "[\(product)]").first)
        #expect(listing.symbol == "BTCUSD" && listing.status == .trading && listing.statusText == "online")
        let instrument = try listing.instrument.get()
        #expect(instrument.venueSymbol == "BTC-USD" && instrument.canonicalName == "BTC-USD")
        #expect(instrument.venue == .coinbase && instrument.contract == nil)
        // Three digits to spare, since an order may be older than the present step.
        #expect(instrument.priceExponent == -5 && instrument.tickSize == 1_000)
        #expect(instrument.quantityExponent == -8 && instrument.lotSize == 1)
        let clock = Array(#"{"iso":"2026-06-19T16:43:33.188Z","epoch":1781887413.188}"#.utf8)
        let time = try Self.exchange.serverTime(in: clock.span)
        #expect(time.time.nanoseconds == 1_781_887_413_188_000_000 && time.resolutionNanoseconds == 1_000_000)
        for body in ["{}", #"{"iso":"0001-01-01T00:00:00Z"}"#, #"{"iso":5}"#, "[]", ""] {
            #expect(throws: VenueError.self) { try Self.exchange.serverTime(in: Array(body.utf8).span) }
        }
    }

    @Test(
        arguments: [
            (#""status":"online","cancel_only":true"#, .cancelOnly, "online cancel_only"),
            (#""status":"online","post_only":true"#, .paused, "online post_only"),
            (#""status":"online","limit_only":true"#, .trading, "online limit_only"),
            (#""status":"online","auction_mode":true,"post_only":true"#, .auction, "online auction_mode post_only"),
            (#""status":"online","trading_disabled":true"#, .halted, "online trading_disabled"),
            (#""status":"online","is_disabled":true"#, .halted, "online is_disabled"),
            (#""status":"offline""#, .halted, "offline"), (#""status":"delisted""#, .closed, "delisted"),
            (#""status":"internal""#, .closed, "internal"), (#""status":"asleep""#, .other, "asleep"),
            (#""status":"","cancel_only":"yes""#, .trading, ""), (#""status":7,"post_only":null"#, .trading, ""),
        ] as [(String, TradingStatus, String)])
    func tradingStatus(members: String, status: TradingStatus, text: String) throws {
        let product = #"{"id":"A-B","base_currency":"A","quote_currency":"B",\#(members)}"#
        let listing = try #require(try Self.listings(Self.exchange, "[\(product)]").first)
        #expect(listing.status == status && listing.statusText == text)
    }

    @Test func rulesThatMakeNoSense() throws {
        for steps in [
            #""quote_increment":"0","base_increment":"1""#, #""quote_increment":"","base_increment":"1""#,
            #""quote_increment":"-1","base_increment":"1""#, #""quote_increment":"1e40","base_increment":"1""#,
            #""quote_increment":null,"base_increment":"1""#, #""quote_increment":"1""#,
            #""quote_increment":[1],"base_increment":"1e-30""#,
        ] {
            let product = #"{"id":"A-B","base_currency":"A","quote_currency":"B","status":"online",\#(steps)}"#
            let listing = try #require(try Self.listings(Self.exchange, "[\(product)]").first)
            #expect(listing.symbol == "AB" && listing.status == .trading)
            #expect(throws: VenueError.self) { try listing.instrument.get() }
        }
        // Without a name there is nothing to list.
        let nameless = #"[{"id":"A-B","base_currency":"A"},{"id":"\"","base_currency":"A","quote_currency":"B"},{}]"#
        #expect(try Self.listings(Self.exchange, nameless).isEmpty)
        for body in ["", "{}", "[", "[1]", #"[{"id":"A-B""#] {
            #expect(throws: VenueError.self) { try Self.listings(Self.exchange, body) }
        }
    }

    /// Source: nautechsystems/nautilus_trader, `crates/adapters/coinbase/test_data/http_products.json`, cut.
    @Test func listingsAndTheClockOfAdvanced() throws {
        func product(_ name: String, _ quote: String, _ alias: String) -> String {
            """
            {"product_id":"\(name)","price":"68925.98","price_percentage_change_24h":"-0.28225832119521","volume_24h":\
            "11005.02587005","base_increment":"0.00000001","quote_increment":"0.01","quote_min_size":"1",\
            "base_name":"Bitcoin","watched":false,"is_disabled":false,"new":false,"status":"online","cancel_only":false,\
            "limit_only":false,"post_only":false,"trading_disabled":false,"auction_mode":false,"product_type":"SPOT",\
            "quote_currency_id":"\(quote)","base_currency_id":"BTC","fcm_trading_session_details":null,"alias":\
            "\(alias)","alias_to":["BTC-USDC"],"quote_display_symbol":"USD","view_only":false,"price_increment":"0.1"}
            """
        }
        let future = product("BIT-26SEP", "USD", "").replacing("SPOT", with: "FUTURE")
        let body = """
            {"products":[\(product("BTC-USD", "USD", "")),\(product("BTC-USDC", "USDC", "BTC-USD")),\(future)],\
            "num_products":3,"pagination":null}
            """
        let listings = try Self.listings(Self.advanced, body)
        #expect(listings.map(\.symbol) == ["BTCUSD", "BTCUSDC"] && listings.allSatisfy { $0.status == .trading })
        let instrument = try listings[0].instrument.get()
        // The step of prices, not that of amounts.
        #expect(instrument.priceExponent == -4 && instrument.tickSize == 1_000 && instrument.quantityExponent == -8)
        #expect(instrument.baseAsset == "BTC" && instrument.quoteAsset == "USD")
        // The feed has one book for both.
        #expect(throws: VenueError.badConfiguration("BTC-USDC is traded in the book of BTC-USD")) {
            try listings[1].instrument.get()
        }
        let clock = Array(
            #"{"iso":"2026-08-24T22:34:13Z","epochSeconds":"1787610853","epochMillis":"1787610853793"}"#.utf8)
        let time = try Self.advanced.serverTime(in: clock.span)
        #expect(time.time.nanoseconds == 1_787_610_853_793_000_000 && time.resolutionNanoseconds == 1_000_000)
        for body in ["{}", #"{"epochMillis":"9223372036854775807"}"#, #"{"epochMillis":-1}"#, "[]"] {
            #expect(throws: VenueError.self) { try Self.advanced.serverTime(in: Array(body.utf8).span) }
            #expect(throws: VenueError.self) { try Self.listings(Self.advanced, body) }
        }
    }

    @Test(
        arguments: [
            (404, #"{"message":"NotFound"}"#, .unknownSymbol, .notServed),
            (404, #"{"message":"Route not found"}"#, .notServed, .notServed),
            (404, #"{"error":"NOT_FOUND","error_details":"","message":""}"#, .notServed, .unknownSymbol),
            (404, "<html>", .notServed, .notServed),
            (400, #"{"error":"INVALID_ARGUMENT","message":"valid product_id is required"}"#, .invalid, .unknownSymbol),
            (400, #"{"message":"limit too large"}"#, .invalid, .invalid), (400, "", .temporary, .temporary),
            (429, #"{"message":"Public rate limit exceeded"}"#, .temporary, .temporary),
            (401, #"{"message":"CB-ACCESS-KEY header is required"}"#, .notServed, .notServed),
            (403, "", .notServed, .notServed), (500, "[]", .temporary, .temporary),
            (503, "<html>", .temporary, .temporary),
        ] as [(Int, String, VenueRefusal.Kind, VenueRefusal.Kind)])
    func refusals(status: Int, body: String, exchange: VenueRefusal.Kind, advanced: VenueRefusal.Kind) {
        let bytes = Array(body.utf8)
        #expect(Self.exchange.refusal(status: status, body: bytes.span).kind == exchange)
        let refusal = Self.advanced.refusal(status: status, body: bytes.span)
        #expect(refusal.kind == advanced && (refusal.error != nil) == body.hasPrefix("{"))
    }
}
