import Microstructure
import Testing

@testable import Venues

@Suite struct BinanceRESTTests {
    @Test(arguments: [
        (0, 1, 5), (1, 1, 5), (100, 100, 5), (101, 101, 25), (500, 500, 25), (501, 501, 50), (1_000, 1_000, 50),
        (1_001, 1_001, 250), (5_000, 5_000, 250), (9_999, 5_000, 250),
    ])
    func depthWeights(limit: Int, sent: Int, weight: Int) {
        let request = BinanceREST.depth(symbol: "BTCUSDT", limit: limit)
        #expect(request.target == "/api/v3/depth?symbol=BTCUSDT&limit=\(sent)" && request.weight == weight)
    }

    @Test func otherRequests() {
        #expect(BinanceREST.serverTime().target == "/api/v3/time")
        let info = BinanceREST.exchangeInfo(symbols: ["BTCUSDT", "ETHUSDT"])
        #expect(info.target == "/api/v3/exchangeInfo?symbols=%5B%22BTCUSDT%22%2C%22ETHUSDT%22%5D" && info.weight == 20)
        #expect(BinanceREST.exchangeInfo(symbols: []).target == "/api/v3/exchangeInfo")
        let trades = BinanceREST.historicalTrades(symbol: "BTCUSDT", fromID: 7, limit: 5_000)
        #expect(trades.target == "/api/v3/historicalTrades?symbol=BTCUSDT&fromId=7&limit=1000" && trades.weight == 25)
    }

    @Test func serverTime() throws {
        let body = try Payload.bytes("server-time")
        let time = try BinanceREST.decodeServerTime(body.span, unit: .milliseconds)
        #expect(time == Timestamp(nanoseconds: 1_499_827_319_559_000_000))
        #expect(throws: VenueError.refused(code: -1121, message: "Invalid symbol.")) {
            let body = try Payload.bytes("rest-error")
            _ = try BinanceREST.decodeServerTime(body.span, unit: .milliseconds)
        }
        #expect(throws: VenueError.rejected(Rejection(.missingField, in: .serverTime, field: "serverTime", at: 2))) {
            _ = try BinanceREST.decodeServerTime(Array("{}".utf8).span, unit: .milliseconds)
        }
    }

    @Test func exchangeInfoWithoutSpareDigits() throws {
        let body = try Payload.bytes("exchange-info")
        let instruments = try BinanceREST.decodeExchangeInfo(body.span, spareDigits: 0)
        #expect(
            instruments == [
                Instrument(venue: .binance, symbol: "BTCUSDT", priceExponent: -2, quantityExponent: -5),
                Instrument(
                    venue: .binance, symbol: "EXAMPLE", priceExponent: -2, quantityExponent: 0, tickSize: 5),
            ])
    }

    @Test func exchangeInfoLeavesRoomForOlderOrders() throws {
        let body = try Payload.bytes("exchange-info")
        let instruments = try BinanceREST.decodeExchangeInfo(body.span)
        #expect(
            instruments == [
                Instrument(
                    venue: .binance, symbol: "BTCUSDT", priceExponent: -5, quantityExponent: -8, tickSize: 1_000,
                    lotSize: 1_000),
                Instrument(
                    venue: .binance, symbol: "EXAMPLE", priceExponent: -5, quantityExponent: -3, tickSize: 5_000,
                    lotSize: 1_000),
            ])
    }

    @Test(
        arguments: [
            (
                #"{"symbols":[{"symbol":"X","filters":[{"filterType":"PRICE_FILTER","tickSize":"0.01"}]}]}"#,
                .missingField, "X.stepSize"
            ),
            (
                #"{"symbols":[{"symbol":"X","filters":[{"filterType":"PRICE_FILTER","tickSize":"-0.00001"}]}]}"#,
                .outOfRange, "X.tickSize"
            ),
            (
                #"{"symbols":[{"symbol":"X","filters":[{"filterType":"PRICE_FILTER","tickSize":"1e-40"}]}]}"#,
                .outOfRange, "X.tickSize"
            ),
            (
                #"{"symbols":[{"symbol":"X","filters":[{"filterType":"PRICE_FILTER","tickSize":"-0.1"}]}]}"#,
                .outOfRange, "X.tickSize"
            ),
            (#"{"symbols":[{"filters":[]}]}"#, .missingField, "symbol"),
            (#"{"timezone":"UTC"}"#, .missingField, "symbols"),
            (
                #"{"symbols":[{"symbol":"X","filters":[{"filterType":"PRICE_FILTER","tickSize":"x"}]}]}"#, .badNumber,
                nil
            ),
            (#"{"symbols":["#, .truncated, nil),
        ] as [(String, RejectionKind, String?)])
    func impossibleExchangeInfo(body: String, kind: RejectionKind, field: String?) throws {
        let error = #expect(throws: VenueError.self) {
            _ = try BinanceREST.decodeExchangeInfo(Array(body.utf8).span)
        }
        guard case .rejected(let rejection) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(rejection.kind == kind && rejection.field == field)
    }

    @Test func historicalTrades() throws {
        let instrument = Instrument.spot("BNBBTC", price: -8)
        let now = Timestamp(nanoseconds: 5)
        func decode(_ body: [UInt8]) throws(VenueError) -> [Trade] {
            try BinanceREST.decodeTrades(
                body.span, instrument: instrument, id: InstrumentID(3), unit: .milliseconds, receivedAt: now)
        }
        let expected = Trade(
            instrument: InstrumentID(3),
            times: EventTimes(venue: Timestamp(nanoseconds: 1_499_865_549_590_000_000), receive: now), id: 28_457,
            price: Price(400_000_100), quantity: Quantity(1_200_000_000), aggressor: .sell, isBackfilled: true)
        #expect(try decode(Payload.bytes("historical-trades")) == [expected])
        #expect(try decode(Array("[]".utf8)).isEmpty)
        #expect(throws: VenueError.refused(code: -1121, message: "Invalid symbol.")) {
            try decode(Payload.bytes("rest-error"))
        }
        #expect(throws: VenueError.rejected(Rejection(.missingField, in: .trades, of: InstrumentID(3), at: 1))) {
            try decode(Array("[{\"id\":1}]".utf8))
        }
        #expect(BinanceREST.decodeError(Array("[]".utf8).span) == nil)
    }
}

@Suite struct BinanceConfigurationTests {
    private static let instruments: [Instrument] = [.spot("BTCUSDT"), .spot("ETHUSDT")]

    @Test func streamPathAndSubscription() throws {
        let names = "btcusdt@depth@100ms/btcusdt@bookTicker/ethusdt@depth@100ms/ethusdt@bookTicker"
        var subscription = BinanceSubscription(
            instruments: Self.instruments, streams: [.depth, .bookTicker], timeUnit: .milliseconds)
        #expect(subscription.target == "/stream?streams=\(names)")
        subscription = BinanceSubscription(instruments: Self.instruments, streams: .trades, timeUnit: .microseconds)
        #expect(subscription.target == "/stream?streams=btcusdt@trade/ethusdt@trade&timeUnit=MICROSECOND")
        #expect(
            subscription.messages() == [
                #"{"method":"SUBSCRIBE","params":["btcusdt@trade","ethusdt@trade"],"id":1}"#
            ])
        #expect(
            subscription.messages(streamsPerMessage: 1) == [
                #"{"method":"SUBSCRIBE","params":["btcusdt@trade"],"id":1}"#,
                #"{"method":"SUBSCRIBE","params":["ethusdt@trade"],"id":2}"#,
            ])
        let session = try BinanceSession(BinanceConfiguration(instruments: Self.instruments))
        #expect(session.snapshotRequest(for: InstrumentID(1))?.target == "/api/v3/depth?symbol=ETHUSDT&limit=5000")
    }

    @Test func impossibleConfigurationsAreRefused() {
        let changes: [(complaint: String, change: (inout BinanceConfiguration) -> Void)] = [
            ("no instruments", { $0.instruments = [] }), ("no streams", { $0.streams = [] }),
            ("twice", { $0.instruments.append(.spot("btcusdt")) }),
            ("carries 1024", { $0.instruments = (0..<342).map { .spot("S\($0)") } }),
            ("depthPublished", { $0.depthPublished = 0 }), ("snapshotDepth", { $0.snapshotDepth = 5_001 }),
            ("bookLevelLimit", { $0.bookLevelLimit = 19 }), ("pendingUpdateLimit", { $0.pendingUpdateLimit = 0 }),
            ("byte limit", { $0.frameByteLimit = 0 }), ("1 to 128 bytes", { $0.instruments = [.spot("")] }),
            ("an @", { $0.instruments = [.spot("BTC@USDT")] }), ("a quote", { $0.instruments = [.spot("A\"B")] }),
            ("of binance_us", { $0.instruments.append(.spot("ETHUSDT", venue: .binanceUS)) }),
            ("a backslash", { $0.instruments = [.spot("A\\B")] }), ("control", { $0.instruments = [.spot("A\u{7}")] }),
        ]
        for (complaint, change) in changes {
            var configuration = BinanceConfiguration(instruments: [.spot("BTCUSDT")])
            change(&configuration)
            let error = #expect(throws: VenueError.self) { _ = try BinanceSession(configuration) }
            guard case .badConfiguration(let reason) = error else {
                Issue.record("\(complaint): \(String(describing: error))")
                continue
            }
            #expect(reason.contains(complaint))
        }
    }

    @Test func manySymbolsAreToldApart() throws {
        let configuration = BinanceConfiguration(instruments: (0..<341).map { .spot("SYM\($0)USDT") })
        let lab = try Lab(configuration)
        for index in 0..<341 { try lab.frame(trade(Int64(index), symbol: "SYM\(index)USDT")) }
        try lab.frame(trade(1, symbol: "SYM341USDT"))
        for index in 0..<341 { #expect(lab.lastTradeID(index) == Int64(index)) }
        #expect(lab.session.unattributedCounts.unknownStreams == 1 && lab.isBalanced)
    }

    /// A step of zero is the venue's way to say that it has no rule: whatever it can write has to fit.
    @Test func aStepOfZeroIsTheFinestUnit() throws {
        let body = """
            {"symbols":[{"symbol":"X","filters":[{"filterType":"PRICE_FILTER","tickSize":"0.00000000"},\
            {"filterType":"LOT_SIZE","stepSize":"0.00000000"}]}]}
            """
        let instrument = try #require(try BinanceREST.decodeExchangeInfo(Array(body.utf8).span).first)
        #expect(instrument.priceExponent == -8 && instrument.quantityExponent == -8)
        #expect(instrument.tickSize == 1 && instrument.lotSize == 1)
    }
}
