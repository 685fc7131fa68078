import Microstructure
import Testing

@testable import Venues

/// Requests, answers and connections of futures.
@Suite struct BinanceFuturesRESTTests {
    private static func adapter(_ market: BinanceMarket, depth: Int = 1_000) -> BinanceAdapter {
        BinanceAdapter(
            market: market,
            options: VenueOptions(
                timeUnit: .microseconds, depthPublished: 5, snapshotDepth: depth, backfillLimit: 7, apiKey: "secret"))
    }

    @Test(arguments: [BinanceMarket.usdm, .coinm])
    func endpoints(market: BinanceMarket) throws {
        let name = market == .usdm ? "binance-usdm" : "binance-coinm"
        let endpoint = try #require(VenueCatalog.endpoint(named: name))
        #expect(endpoint.venueProtocol == .binance(market) && endpoint.timeUnit == .milliseconds)
        #expect(endpoint.limits.requestWeight == 2_400 && endpoint.limits.symbols == 341)
        #expect(
            endpoint.webSocketURL
                == (market == .usdm ? "wss://fstream.binance.com/public" : "wss://dstream.binance.com"))
        #expect(endpoint.restURL == (market == .usdm ? "https://fapi.binance.com" : "https://dapi.binance.com"))
        #expect(Self.adapter(market).venue == (market == .usdm ? .binanceUSDM : .binanceCOINM))
    }

    @Test func theStreamsOfAConnection() {
        let plan = Self.adapter(.coinm).connectionPlan(for: [.inverse], targetByteLimit: 2_000)
        #expect(
            plan.target
                == "/stream?streams=btcusd_perp@depth@100ms/btcusd_perp@trade/btcusd_perp@bookTicker")
        #expect(plan.subscriptions.isEmpty && plan.headers.isEmpty)
        let long = Self.adapter(.usdm).connectionPlan(for: [.linear], targetByteLimit: 10)
        #expect(long.target == "/stream")
        #expect(
            long.subscriptions == [
                #"{"method":"SUBSCRIBE","params":["btcusdt@depth@100ms","btcusdt@trade","btcusdt@bookTicker"],"id":1}"#
            ])
    }

    @Test(arguments: [(1, 50, 2), (50, 50, 2), (51, 100, 5), (101, 500, 10), (501, 1_000, 20), (5_000, 1_000, 20)])
    func depthWeights(limit: Int, sent: Int, weight: Int) {
        let request = BinanceREST.depth(symbol: "BTCUSD_PERP", limit: limit, of: .coinm)
        #expect(request.target == "/dapi/v1/depth?symbol=BTCUSD_PERP&limit=\(sent)" && request.weight == weight)
    }

    @Test func otherRequests() throws {
        let adapter = Self.adapter(.usdm, depth: 5_000)
        #expect(adapter.instrumentsRequest(for: ["BTCUSDT"]) == VenueRequest(path: "/fapi/v1/exchangeInfo", weight: 1))
        #expect(adapter.clockRequest() == VenueRequest(path: "/fapi/v1/time", weight: 1))
        // The futures have milliseconds only.
        #expect(adapter.requestHeaders.isEmpty && adapter.usedWeightHeader == "X-MBX-USED-WEIGHT-1M")
        let time = try adapter.serverTime(in: Array(#"{"serverTime":1700000000000}"#.utf8).span)
        #expect(time.time == Timestamp(milliseconds: 1_700_000_000_000) && time.resolutionNanoseconds == 1_000_000)
        let session = try BinanceSession(adapter, instruments: [.linear])
        let request = VenueRequest(path: "/fapi/v1/depth", query: "symbol=BTCUSDT&limit=1000", weight: 20)
        #expect(session.snapshotRequest(for: InstrumentID(0)) == request)
        let refusal = adapter.refusal(status: 400, body: Array(#"{"code":-1121,"msg":"Invalid symbol."}"#.utf8).span)
        #expect(refusal.kind == .unknownSymbol)
    }

    @Test func tooDeepASnapshotIsRefused() {
        var configuration = BinanceConfiguration(instruments: [.linear])
        #expect(configuration.market == .usdm && configuration.snapshotDepth == 1_000)
        configuration.snapshotDepth = 1_001
        #expect(throws: VenueError.badConfiguration("snapshotDepth is 1001, not 1 to 1000")) {
            _ = try BinanceSession(configuration)
        }
    }

    /// Single trades need a key there, so both sources mean aggregates. Rows have `nq`, the size without retail price
    /// improvement, since 2026.
    @Test(arguments: [TradeSource.single, .aggregates])
    func missingTradesAreTakenFromAggregates(source: TradeSource) throws {
        let lab = try Lab(.linear)
        for id in [100, 103] as [Int64] { try lab.frame(FuturesFrame.trade(id, quantity: "0.5")) }
        try lab.frame(FuturesFrame.trade(104, "NA", price: "0", quantity: "0"))
        let id = InstrumentID(0)
        let request = lab.session.tradesRequest(for: id, from: 101, limit: 1_000, source: source)
        #expect(
            request
                == VenueRequest(
                    path: "/fapi/v1/aggTrades", query: "symbol=BTCUSDT&startTime=1790370000100&limit=1000", weight: 20))
        var batch = EventBatch()
        let body = """
            [{"a":7,"p":"100.5","q":"0.5","nq":"0.5","f":100,"l":100,"T":1790370000100,"m":true},\
            {"a":8,"p":"100.5","q":"1.25","nq":"1.25","f":101,"l":104,"T":1790370000103,"m":true}]
            """
        try lab.session.receiveTrades(
            Array(body.utf8).span, from: 101, limit: 1_000, source: source, for: id, isFinal: false,
            at: Timestamp(nanoseconds: 9), into: &batch)
        // 104 has no size; what is left of the aggregate's is that of 101 and 102.
        #expect(
            batch.events == [
                .trade(
                    Trade(
                        instrument: id,
                        times: EventTimes(
                            venue: Timestamp(nanoseconds: 1_790_370_000_103_000_000), receive: Timestamp(nanoseconds: 9)
                        ),
                        id: 102, price: Price(10_050), quantity: Quantity(750), aggressor: .sell, isBackfilled: true,
                        firstID: 101))
            ])
        #expect(lab.missingTrades() == 0 && lab.counts().backfilledTrades == 2 && lab.isBalanced)
    }

    // MARK: Listings

    private static func listings(_ symbols: String, _ market: BinanceMarket) throws -> [VenueListing] {
        try adapter(market).listings(in: Array(#"{"assets":[],"symbols":[\#(symbols)]}"#.utf8).span)
    }

    private static func symbol(_ name: String, _ fields: String, tick: String = "0.10", step: String = "0.001")
        -> String
    {
        #"""
        {"symbol":"\#(name)",\#(fields),"filters":[{"filterType":"PRICE_FILTER","tickSize":"\#(tick)"},\#
        {"filterType":"LOT_SIZE","stepSize":"\#(step)"},{"filterType":"MAX_NUM_ORDERS","limit":200}]}
        """#
    }

    /// Fields as of the documentation and of lists recorded in 2026-09.
    @Test func contractsOfBothMarkets() throws {
        let linear = try Self.listings(
            Self.symbol(
                "BTCUSDT",
                #""pair":"BTCUSDT","contractType":"PERPETUAL","status":"TRADING","baseAsset":"BTC","quoteAsset":"USDT","marginAsset":"USDT""#
            ) + ","
                + Self.symbol(
                    "ETHUSDT_230630",
                    #""contractType":"CURRENT_QUARTER","status":"SETTLING","baseAsset":"ETH","quoteAsset":"USDT","marginAsset":"USDT""#,
                    tick: "0.01"),
            .usdm)
        #expect(
            try linear.map { try $0.instrument.get() } == [
                Instrument(
                    venue: .binanceUSDM, symbol: "BTCUSDT", priceExponent: -4, quantityExponent: -6, tickSize: 1_000,
                    lotSize: 1_000, baseAsset: "BTC", quoteAsset: "USDT", contract: Instrument.Contract(.perpetual)),
                Instrument(
                    venue: .binanceUSDM, symbol: "ETHUSDT230630", venueSymbol: "ETHUSDT_230630", priceExponent: -5,
                    quantityExponent: -6, tickSize: 1_000, lotSize: 1_000, baseAsset: "ETH", quoteAsset: "USDT",
                    contract: Instrument.Contract(.future)),
            ])
        #expect(linear.map(\.status) == [.trading, .closed] && linear.map(\.symbol) == ["BTCUSDT", "ETHUSDT230630"])
        let inverse = try Self.listings(
            Self.symbol(
                "BTCUSD_PERP",
                #""contractType":"PERPETUAL","contractStatus":"TRADING","contractSize":100,"baseAsset":"BTC","quoteAsset":"USD","marginAsset":"BTC""#,
                tick: "0.1", step: "1")
                + ","
                + Self.symbol(
                    "BTCUSD_260626",
                    #""contractType":"CURRENT_QUARTER DELIVERING","contractStatus":"DELIVERING","contractSize":100,"baseAsset":"BTC","quoteAsset":"USD","marginAsset":"BTC""#,
                    tick: "0.1", step: "1"),
            .coinm)
        #expect(
            try inverse.map { try $0.instrument.get() } == [
                Instrument(
                    venue: .binanceCOINM, symbol: "BTCUSDPERP", venueSymbol: "BTCUSD_PERP", priceExponent: -4,
                    quantityExponent: -3, tickSize: 1_000, lotSize: 1_000, baseAsset: "BTC", quoteAsset: "USD",
                    contract: Instrument.Contract(.perpetual, size: 100, isInverse: true)),
                Instrument(
                    venue: .binanceCOINM, symbol: "BTCUSD260626", venueSymbol: "BTCUSD_260626", priceExponent: -4,
                    quantityExponent: -3, tickSize: 1_000, lotSize: 1_000, baseAsset: "BTC", quoteAsset: "USD",
                    contract: Instrument.Contract(.future, size: 100, isInverse: true)),
            ])
        #expect(inverse.map(\.status) == [.trading, .closed] && inverse[1].statusText == "DELIVERING")
    }

    @Test func rulesThatMakeNoSenseConcernTheirSymbolOnly() throws {
        let rest =
            #""contractType":"PERPETUAL","contractStatus":"TRADING","baseAsset":"B","quoteAsset":"USD","marginAsset":"B""#
        let listings = try Self.listings(
            [
                Self.symbol("A_PERP", rest), Self.symbol("B_PERP", rest + #","contractSize":0"#),
                Self.symbol("C.PERP", rest + #","contractSize":1"#),
                Self.symbol("D_PERP", rest + #","contractSize":[]"#),
                Self.symbol("E_PERP", rest + #","contractSize":1e30"#),
                Self.symbol("F_PERP", rest + #","contractSize":1"#, tick: "-1"),
                Self.symbol("G_PERP", rest + #","contractSize":2.5,"new":{"a":[1]}"#),
            ].joined(separator: ","), .coinm)
        #expect(listings.map(\.symbol) == ["APERP", "BPERP", "C.PERP", "DPERP", "EPERP", "FPERP", "GPERP"])
        let kinds = listings.map { listing -> String in
            guard case .failure(.rejected(let rejection)) = listing.instrument else { return "" }
            return "\(rejection.kind) \(rejection.field ?? "")"
        }
        #expect(
            kinds == [
                "missingField A_PERP.contractSize", "outOfRange B_PERP.contractSize", "outOfRange C.PERP.symbol",
                "missingField D_PERP.contractSize", "outOfRange E_PERP.contractSize", "outOfRange F_PERP.tickSize", "",
            ])
        #expect(try listings[6].instrument.get().contract?.size == 2.5)
        // Without types and margins the market and the symbol's form decide.
        let bare = try Self.listings(
            Self.symbol("X_260626", #""contractSize":1"#) + "," + Self.symbol("X", #""contractSize":1"#), .coinm)
        #expect(
            try bare.map { try $0.instrument.get().contract } == [
                Instrument.Contract(.future, isInverse: true), Instrument.Contract(.perpetual, isInverse: true),
            ])
    }

    @Test(
        arguments: [
            ("PENDING_TRADING", TradingStatus.closed), ("PRE_DELIVERING", .closed), ("DELIVERED", .closed),
            ("PRE_SETTLE", .closed), ("CLOSE", .closed), ("TRADING_HALT", .halted),
            ("TRADING_CANCEL_ONLY", .cancelOnly), ("SOMETHING_NEW", .other),
        ]) func statuses(text: String, status: TradingStatus)
    {
        #expect(BinanceMarket.tradingStatus(text) == status)
    }
}
