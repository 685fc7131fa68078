import Microstructure
import Testing

@testable import Venues

@Suite struct BitstampAdapterTests {
    private static let adapter = BitstampTests.adapter

    private static func listings(_ text: String) throws -> [VenueListing] {
        try adapter.listings(in: Array(text.utf8).span)
    }

    @Test func thePlanSubscribesBooksBeforeTrades() throws {
        let instruments = ["btcusd", "btcusd-perp"].map {
            Instrument(venue: .bitstamp, symbol: "BTCUSD", venueSymbol: $0, priceExponent: -2, quantityExponent: -8)
        }
        let plan = Self.adapter.connectionPlan(for: instruments, targetByteLimit: 8_000)
        #expect(plan.target == "/" && plan.keepAlive?.text == #"{"event":"bts:heartbeat"}"#)
        #expect(
            plan.subscriptions == [
                #"{"event":"bts:subscribe","data":{"channel":"diff_order_book_btcusd"}}"#,
                #"{"event":"bts:subscribe","data":{"channel":"diff_order_book_btcusd-perp"}}"#,
                #"{"event":"bts:subscribe","data":{"channel":"live_trades_btcusd"}}"#,
                #"{"event":"bts:subscribe","data":{"channel":"live_trades_btcusd-perp"}}"#,
            ])
        // The venue closes a connection for a longer message, and for more channels.
        #expect(plan.subscriptions.allSatisfy { $0.utf8.count < 512 })
        #expect(2 * BitstampAdapter.limits.symbols <= 1_024)
    }

    /// Rows in the form of 2026-09, and of the list that was there before. Source: the venue's documentation; captures of
    /// 2026-09-15.
    @Test func listings() throws {
        #expect(Self.adapter.instrumentsRequest(for: ["BTCUSD"]).target == "/api/v2/markets/")
        let listings = try Self.listings(
            """
            [{"name":"BTC/USD","market_symbol":"btcusd","base_currency":"BTC","base_decimals":8,"counter_currency":"USD",\
            "counter_decimals":2,"minimum_order_value":"10.00","trading":"Enabled","instant_order_counter_decimals":2,\
            "instant_and_market_orders":"Enabled","description":"Bitcoin / U.S. dollar","market_type":"SPOT","new":[{}]},
            {"name":"BTC/USD-PERP","market_symbol":"btcusd-perp","base_currency":"BTC","base_decimals":5,\
            "counter_currency":"USD","counter_decimals":0,"trading":"Enabled","market_type":"PERPETUAL",\
            "payoff_type":"Linear","contract_size":"1.00000000","asset_class":"CRYPTO","max_leverage":"10.00"},
            {"name":"USDC/EUR","url_symbol":"usdceur","base_decimals":5,"counter_decimals":5,\
            "instant_order_counter_decimals":5,"minimum_order":"10.00000 EUR","trading":"Disabled"},
            {"market_symbol":"aaausd","base_decimals":8,"counter_decimals":2,"trading":"Suspended","contract_size":null},
            {"market_symbol":"bbbusd","base_decimals":8,"trading":"Enabled"},
            {"market_symbol":"cccusd","base_decimals":99,"counter_decimals":2,"trading":"Enabled"},
            {"market_symbol":"dddusd","base_decimals":-1,"counter_decimals":2,"trading":"Enabled"},
            {"market_symbol":"eeeusd","base_decimals":"x","counter_decimals":2,"trading":"Enabled"},
            {"market_symbol":"fffusd","base_decimals":8,"counter_decimals":2,"trading":5},
            {"market_symbol":"gggusd-perp","base_decimals":8,"counter_decimals":2,"trading":"Enabled",\
            "market_type":"PERPETUAL","contract_size":"0"}, {"market_symbol":"h.h"}, {"name":"I/USD"}, {}, []]
            """)
        #expect(
            listings.map(\.symbol) == [
                "BTCUSD", "BTCUSDPERP", "USDCEUR", "AAAUSD", "BBBUSD", "CCCUSD", "DDDUSD", "EEEUSD", "FFFUSD",
                "GGGUSDPERP",
            ])
        let spot = try listings[0].instrument.get()
        #expect(listings[0].status == .trading && listings[0].statusText == "Enabled")
        #expect(spot.venueSymbol == "btcusd" && spot.baseAsset == "BTC" && spot.quoteAsset == "USD")
        // Units are finer than the steps: the wire may show more decimals than an order may have.
        #expect(spot.priceExponent == -5 && spot.tickSize == 1_000 && spot.contract == nil)
        #expect(spot.quantityExponent == -8 && spot.lotSize == 1)
        let perpetual = try listings[1].instrument.get()
        #expect(perpetual.contract == Instrument.Contract(.perpetual, size: 1))
        #expect(perpetual.priceExponent == -3 && perpetual.tickSize == 1_000 && perpetual.quantityExponent == -8)
        let older = try listings[2].instrument.get()
        #expect(listings[2].status == .halted && older.baseAsset == "USDC" && older.quoteAsset == "EUR")
        #expect(listings[3].status == .other && listings[3].statusText == "Suspended")
        #expect((try? listings[3].instrument.get()) != nil)
        for listing in listings[4...] { #expect(listing.status == .other && (try? listing.instrument.get()) == nil) }
        for body in ["", "{}", "[", "nonsense", #"[{"market_symbol":"btcusd""#] {
            #expect(throws: VenueError.self) { try Self.listings(body) }
        }
    }

    @Test func clockAndBudget() {
        #expect(Self.adapter.clockRequest() == nil && Self.adapter.usedWeightHeader == nil)
        #expect(throws: VenueError.self) { try Self.adapter.serverTime(in: Array("{}".utf8).span) }
        #expect(Self.adapter.requestWeightLimit(in: Array("{}".utf8).span) == nil)
    }

    @Test(arguments: [
        ("https://www.bitstamp.net/api/v2/order_book/xlmeur", "xlmeur"),
        ("/api/v2/order_book/BTCUSD/?group=1", "btcusd"),
        ("https://www.bitstamp.net/api/v2/order_book/btcusd-perp/", "btcusd-perp"),
        ("https://www.bitstamp.net/api/v2/order_book/", nil), ("https://www.bitstamp.net/api/v2/markets/", nil),
        ("/api?x=/order_book/btcusd", nil), ("", nil),
    ])
    func addressesOfBooks(url: String, symbol: String?) {
        #expect(BitstampReader.symbol(ofSnapshotAddress: url) == symbol)
    }

    /// Source: the venue's documentation, "Response codes"; captures of 2026-09-15.
    @Test func refusals() {
        func refusal(_ status: Int, _ body: String) -> VenueRefusal {
            Self.adapter.refusal(status: status, body: Array(body.utf8).span)
        }
        let limit = "Request rejected due to exceeded rate limit."
        #expect(
            refusal(400, #"{"response_code":"400.002","response_explanation":"\#(limit)"}"#)
                == VenueRefusal(.temporary, .refused(code: 400_002, message: limit)))
        #expect(
            refusal(400, #"{"response_code":"400.018"}"#)
                == VenueRefusal(.invalid, .refused(code: 400_018, message: "no reason given")))
        #expect(refusal(404, "<html><head><title>404 Not Found</title>") == VenueRefusal(.unknownSymbol))
        #expect(
            refusal(404, #"{"message": "Not found."}"#)
                == VenueRefusal(.unknownSymbol, .refused(code: 0, message: "Not found.")))
        #expect(
            refusal(403, #"{"status":"error","reason":"Missing key","code":"API0001"}"#)
                == VenueRefusal(.notServed, .refused(code: 0, message: "Missing key")))
        #expect(refusal(503, "") == VenueRefusal(.temporary))
        #expect(refusal(400, #"{"response_code":"1e99"}"#) == VenueRefusal(.temporary))
    }
}
