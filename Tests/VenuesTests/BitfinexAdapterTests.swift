import Microstructure
import Testing

@testable import Venues

@Suite struct BitfinexAdapterTests {
    private static let adapter = BitfinexTests.adapter

    private static func listings(_ text: String) throws -> [VenueListing] {
        try adapter.listings(in: Array(text.utf8).span)
    }

    @Test func thePlanSubscribesBooksAndTrades() throws {
        let instruments = try ["tBTCUSD", "tETH2X:ETH"].map(BitfinexTests.instrument)
        let plan = Self.adapter.connectionPlan(for: instruments, targetByteLimit: 8_000)
        #expect(plan.target == "/ws/2")
        #expect(
            plan.subscriptions == [
                #"{"event":"conf","flags":229376}"#,
                #"{"event":"subscribe","channel":"book","symbol":"tBTCUSD","prec":"P0","freq":"F0","len":"100"}"#,
                #"{"event":"subscribe","channel":"book","symbol":"tETH2X:ETH","prec":"P0","freq":"F0","len":"100"}"#,
                #"{"event":"subscribe","channel":"trades","symbol":"tBTCUSD"}"#,
                #"{"event":"subscribe","channel":"trades","symbol":"tETH2X:ETH"}"#,
            ])
        // No more channels than a connection carries.
        #expect(2 * BitfinexAdapter.limits.symbols <= 25)
        #expect(BitfinexAdapter.limits.connectionAttempts == 20 && BitfinexAdapter.limits.connectionWindowSeconds == 60)
    }

    @Test(arguments: [(1, 25), (12, 25), (13, 100), (50, 100), (51, 250), (1_000, 250)])
    func theDepthIsSomewhatMoreThanIsPublished(published: Int, depth: Int) {
        var options = VenueOptions.standard
        options.depthPublished = published
        #expect(BitfinexAdapter(options: options).bookDepth == depth)
    }

    @Test(arguments: [
        ("tBTCUSD", "BTCUSD", "BTC", "USD"), ("tBTCUST", "BTCUSDT", "BTC", "USDT"),
        ("tUDCUSD", "USDCUSD", "USDC", "USD"),
        ("tETH2X:ETH", "ETH2XETH", "ETH2X", "ETH"), ("tDSHBTC", "DASHBTC", "DASH", "BTC"),
        ("tBTCF0:USTF0", "BTCUSDTF0", "BTC", "USDT"), ("tALGF0:USTF0", "ALGOUSDTF0", "ALGO", "USDT"),
        ("tTESTBTC:TESTUSD", "TESTBTCTESTUSD", "TESTBTC", "TESTUSD"),
    ])
    func namesOfPairs(venueSymbol: String, symbol: String, base: String, quote: String) throws {
        let instrument = try BitfinexTests.instrument(venueSymbol)
        #expect(instrument.symbol == symbol && instrument.venueSymbol == venueSymbol && instrument.venue == .bitfinex)
        #expect(instrument.baseAsset == base && instrument.quoteAsset == quote)
        #expect((instrument.contract?.kind == .perpetual) == venueSymbol.contains("F0"))
    }

    @Test(arguments: ["fUSD", "", "t", "tBTC", "tBTCUSDX", "t:USD", "tBTC:", "tBTC:USD:X", "BTCUSD", "tBTC:U\u{7}D"])
    func whatIsNoPair(venueSymbol: String) {
        #expect(
            BitfinexReader.instrument(
                of: .bitfinex, named: venueSymbol, priceExponent: -8, quantityExponent: -8, tickSize: 1) == nil)
    }

    /// The form that the documentation states for `pub:info:pair`, with numbers as captured on 2026-09-22.
    @Test func listings() throws {
        #expect(
            Self.adapter.instrumentsRequest(for: ["BTCUSD"]).target
                == "/v2/conf/pub:info:pair,pub:info:pair:futures")
        let listings = try Self.listings(
            """
            [[["BTCUSD",[null,null,null,"0.00004","2000.0",null,null,null,0.2,0.1,null,null]],
              ["BTCUST",[null,null,null,4e-5,2000]], ["ETH2X:ETH",[null,null,null,null,null],"a field of tomorrow"],
              ["TIN:USD",[null,null,null,"0.0000000005"]], ["BAD:USD",[null,null,null,"x"]],
              ["NEG:USD",[null,null,null,"-1"]], ["ZER:USD",[null,null,null,0]], ["FIN:USD",[null,null,null,"1e-19"]],
              ["NUL:USD",null], ["SHO:USD"], ["WRONG",[null]], [7,[null]], [], {}, "BTCUSD", null],
             [["BTCF0:USTF0",[null,null,null,"0.00004","100.0",null,null,null,0.01,0.005,null,null]]]]
            """)
        #expect(
            listings.map(\.symbol) == [
                "BTCUSD", "BTCUSDT", "ETH2XETH", "TINUSD", "BADUSD", "NEGUSD", "ZERUSD", "FINUSD", "NULUSD", "SHOUSD",
                "BTCUSDTF0",
            ])
        for (symbol, exponent) in [
            ("BTCUSD", -8), ("BTCUSDT", -8), ("ETH2XETH", -8), ("TINUSD", -10), ("BTCUSDTF0", -8),
        ] {
            let listing = try #require(listings.first { $0.symbol == symbol })
            let instrument = try listing.instrument.get()
            #expect(listing.status == .trading && instrument.priceExponent == -8)
            #expect(Int(instrument.quantityExponent) == exponent && instrument.tickSize == 1)
        }
        #expect(try listings[1].instrument.get().venueSymbol == "tBTCUST")
        #expect(try listings[10].instrument.get().contract == Instrument.Contract(.perpetual))
        for listing in listings[4...9] { #expect(listing.status == .other && (try? listing.instrument.get()) == nil) }
    }

    /// The fifth significant digit, not finer than eight decimals.
    @Test(arguments: [
        (86_717, 0, 1), (99_999, 0, 1), (100_000, 0, 10), (8_671_700_000_000, -8, 100_000_000), (1_012, -8, 1),
        (7, -8, 1), (99_999, -8, 1), (100_000, -8, 10), (23_044_919_978_335, -8, 1_000_000_000), (101_200, -10, 100),
        (Int64.max, -8, 100_000_000_000_000), (Int64.max, -18, 100_000_000_000_000),
    ])
    func ticks(price: Int64, exponent: Int8, size: Int64) {
        let tick = BitfinexTick(at: price, exponent: exponent)
        #expect(tick.size == size && (tick.prices.contains(price) || price == .max))
    }

    /// Each book tells the tick at its price.
    @Test func theTickFollowsThePrice() throws {
        let lab = try BitfinexTests.lab("tETHJPY")
        for text in BitfinexTests.jpySubscriptions { try lab.frame(text) }
        try lab.frame("[146467,[[99999,1,0.79335794],[100010,2,-1.5]],1]")
        #expect(lab.books[0].tickSize == 100_000_000 && lab.session.instruments[0].tickSize == 100_000_000)
        #expect(lab.session.instruments[0].quoteAsset == "JPY")
        try lab.frame(#"[146481,"te",[13,1617643606121,2,100010],2]"#)
        try lab.frame("[146467,[100000,1,0.5],3]")
        #expect(lab.books[0].tickSize == 1_000_000_000)
        try lab.frame(#"[146481,"te",[14,1617643606121,-2,99999],4]"#)
        try lab.frame("[146467,[99998,1,0.5],5]")
        #expect(lab.books[0].tickSize == 100_000_000)
    }

    @Test func clockAndBudget() {
        #expect(Self.adapter.clockRequest() == nil && Self.adapter.usedWeightHeader == nil)
        #expect(throws: VenueError.self) { try Self.adapter.serverTime(in: Array("[1]".utf8).span) }
        #expect(Self.adapter.requestWeightLimit(in: Array("[1]".utf8).span) == nil)
    }

    /// Answers as captured on 2026-09-22.
    @Test func refusals() throws {
        func refusal(_ status: Int, _ body: String) -> VenueRefusal {
            Self.adapter.refusal(status: status, body: Array(body.utf8).span)
        }
        #expect(
            refusal(500, #"["error",10020,"symbol: invalid"]"#)
                == VenueRefusal(.unknownSymbol, .refused(code: 10_020, message: "symbol: invalid")))
        #expect(
            refusal(500, #"["error",10020,"len: invalid"]"#)
                == VenueRefusal(.invalid, .refused(code: 10_020, message: "len: invalid")))
        #expect(
            refusal(429, #"{"error":"ERR_RATE_LIMIT"}"#)
                == VenueRefusal(.temporary, .refused(code: 0, message: "ERR_RATE_LIMIT")))
        #expect(refusal(404, "<html>Cannot GET /api/v2/nope</html>") == VenueRefusal(.notServed))
        #expect(refusal(502, "") == VenueRefusal(.temporary))
        #expect(throws: VenueError.refused(code: 11_010, message: "ratelimit: error")) {
            try Self.listings(#"["error",11010,"ratelimit: error"]"#)
        }
        for body in ["", "{}", "[", "nonsense", #"{"error":1}"#, #"[["BTCUSD",1]"#] {
            #expect(throws: VenueError.self) { try Self.listings(body) }
        }
    }
}
