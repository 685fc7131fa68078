import Foundation
import Microstructure
import Testing

@testable import Venues

@Suite struct BybitAdapterTests {
    private func adapter(_ market: BybitMarket, depth: Int = 20) -> BybitAdapter {
        var options = VenueOptions.standard
        options.depthPublished = depth
        return BybitAdapter(market: market, options: options)
    }

    private func instruments(_ symbols: [String]) -> [Instrument] {
        symbols.map {
            Instrument(venue: .bybit, symbol: $0, priceExponent: -2, quantityExponent: -6)
        }
    }

    private func listings(_ market: BybitMarket, _ body: String) throws(VenueError) -> [VenueListing] {
        let body = Array(body.utf8)
        return try adapter(market).listings(in: body.span)
    }

    private func time(_ body: String) throws(VenueError) -> ServerTime {
        let body = Array(body.utf8)
        return try adapter(.spot).serverTime(in: body.span)
    }

    private func refusal(_ status: Int, _ body: String) -> VenueRefusal {
        let body = Array(body.utf8)
        return adapter(.spot).refusal(status: status, body: body.span)
    }

    @Test func theSpotMarketTakesTenTopicsAMessage() {
        let plan = adapter(.spot).connectionPlan(
            for: instruments(["BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT"]), targetByteLimit: 0)
        #expect(plan.target == "/v5/public/spot")
        #expect(
            plan.subscriptions == [
                #"{"op":"subscribe","args":["orderbook.50.BTCUSDT","orderbook.50.ETHUSDT","orderbook.50.SOLUSDT","#
                    + #""orderbook.50.XRPUSDT","publicTrade.BTCUSDT","publicTrade.ETHUSDT","publicTrade.SOLUSDT","#
                    + #""publicTrade.XRPUSDT","orderbook.1.BTCUSDT","orderbook.1.ETHUSDT"]}"#,
                #"{"op":"subscribe","args":["orderbook.1.SOLUSDT","orderbook.1.XRPUSDT"]}"#,
            ])
        #expect(
            plan.keepAlive == ConnectionPlan.KeepAlive(text: #"{"op":"ping"}"#, intervalMilliseconds: 20_000))
    }

    @Test(arguments: [(BybitMarket.linear, "/v5/public/linear"), (.inverse, "/v5/public/inverse")])
    func contractsHaveOneMessage(market: BybitMarket, target: String) {
        let plan = adapter(market).connectionPlan(
            for: instruments((0..<30).map { "A\($0)USDT" }), targetByteLimit: 0)
        #expect(plan.target == target && plan.subscriptions.count == 1)
    }

    /// All topics of a connection may have 21,000 characters.
    @Test func aFullConnectionStaysWithinTheVenuesLimit() {
        let symbols = (0..<BybitAdapter.limits.symbols).map { "LONGESTNAME\($0)USDT-26DEC25" }
        let plan = adapter(.linear, depth: 500).connectionPlan(for: instruments(symbols), targetByteLimit: 0)
        let frame = #"{"op":"subscribe","args":[]}"#.utf8.count
        #expect(plan.subscriptions.reduce(0) { $0 + $1.utf8.count - frame } < 21_000)
        #expect(plan.subscriptions.allSatisfy { $0.utf8.count < 5_000 })
    }

    @Test(arguments: [(1, 50), (25, 50), (26, 200), (100, 200), (101, 1_000), (500, 1_000), (.max, 1_000)])
    func theBookIsAtLeastTwiceAsDeepAsPublished(published: Int, subscribed: Int) {
        #expect(adapter(.spot, depth: published).bookDepth == subscribed)
    }

    @Test func eachMarketIsAVenueWithAnEndpoint() {
        #expect(BybitMarket.allCases.map(\.venue) == [.bybit, .bybitLinear, .bybitInverse])
        #expect(BybitMarket.allCases.map(\.endpointName) == ["bybit", "bybit-linear", "bybit-inverse"])
        #expect(adapter(.linear).venue == .bybitLinear)
        #expect(
            adapter(.inverse).instrumentsRequest(for: ["BTCUSD"]).target
                == "/v5/market/instruments-info?category=inverse&limit=1000")
        #expect(adapter(.spot).clockRequest()?.target == "/v5/market/time")
    }

    @Test func listingsAreRead() throws {
        let listings = try listings(.linear, Payload.text("bybit-instruments"))
        #expect(
            listings.map(\.symbol) == ["TSLAUSDT", "BTCUSDT26SEP25", "NOTICKUSDT", "TINYUSDT", "NEGATIVEUSDT"])
        let perpetual = try listings[0].instrument.get()
        #expect(
            perpetual
                == Instrument(
                    venue: .bybitLinear, symbol: "TSLAUSDT", priceExponent: -5, quantityExponent: -6, tickSize: 1_000,
                    lotSize: 1_000, baseAsset: "TSLA", quoteAsset: "USDT", contract: Instrument.Contract(.perpetual)))
        let future = try listings[1].instrument.get()
        #expect(future.venueSymbol == "BTCUSDT-26SEP25" && future.contract?.kind == .future)
        #expect(future.value(Price(future.tickSize)) == 0.5 && future.value(Quantity(future.lotSize)) == 0.001)
        #expect(listings.map(\.status) == [.trading, .closed, .other, .other, .other])
        for listing in listings[2...] { #expect(throws: VenueError.self) { try listing.instrument.get() } }
    }

    /// Source: nautechsystems/nautilus_trader, http_get_instruments_spot.json and http_get_instruments_inverse.json.
    @Test func theOtherMarketsRulesAreRead() throws {
        let spot = #"""
            {"retCode":0,"retMsg":"OK","result":{"nextPageCursor":"","list":[{"symbol":"BTCUSDT","baseCoin":"BTC",
            "quoteCoin":"USDT","innovation":"0","status":"Trading","marginTrading":"utaOnly","lotSizeFilter":
            {"basePrecision":"0.0001","quotePrecision":"0.01","minOrderQty":"0.001"},"priceFilter":{"tickSize":"0.1"}}]}}
            """#
        let listing = try #require(try listings(.spot, spot).first)
        let instrument = try listing.instrument.get()
        #expect(instrument.contract == nil && instrument.quantityExponent == -7 && instrument.lotSize == 1_000)
        let inverse = #"""
            {"retCode":0,"retMsg":"OK","result":{"nextPageCursor":null,"list":[{"symbol":"BTCUSD","contractType":
            "InversePerpetual","status":"Settling","baseCoin":"BTC","quoteCoin":"USD","priceFilter":{"tickSize":"0.5"},
            "lotSizeFilter":{"qtyStep":"1"},"settleCoin":"BTC"}]},"time":1700000000000}
            """#
        let contract = try #require(try listings(.inverse, inverse).first)
        #expect(contract.status == .paused)
        #expect(try contract.instrument.get().contract == Instrument.Contract(.perpetual, isInverse: true))
    }

    /// Source: Bybit API v5 documentation, Get Bybit Server Time.
    @Test func theClockIsRead() throws {
        let body = #"""
            {"retCode":0,"retMsg":"OK","result":{"timeSecond":"1688639403","timeNano":"1688639403423213947"},
            "retExtInfo":{},"time":1688639403423}
            """#
        let time = try self.time(body)
        #expect(time.time.nanoseconds == 1_688_639_403_423_213_947 && time.resolutionNanoseconds == 1)
        for body in [#"{"retCode":0,"result":{}}"#, #"{"result":{"timeNano":"1"}}"#, "", "<html>"] {
            #expect(throws: VenueError.self) { try self.time(body) }
        }
    }

    @Test(
        arguments: [
            (200, #"{"retCode":10001,"retMsg":"params error: symbol invalid"}"#, VenueRefusal.Kind.unknownSymbol),
            (200, #"{"retCode":10001,"retMsg":"params error: limit"}"#, .invalid),
            (403, #"{"retCode":10006,"retMsg":"Too many visits!"}"#, .temporary),
            (403, "<html>The Amazon CloudFront distribution is configured to block access</html>", .notServed),
            (404, "", .notServed), (400, "", .invalid), (502, "", .temporary), (429, "", .temporary),
            (200, #"{"retCode":77,"retMsg":"new"}"#, .temporary),
        ])
    func refusalsAreTold(status: Int, body: String, kind: VenueRefusal.Kind) {
        let refusal = refusal(status, body)
        #expect(refusal.kind == kind && (refusal.error == nil) == !body.hasPrefix("{"))
    }

    @Test func anErrorInsteadOfAListIsThrown() {
        let body = #"{"retCode":10001,"retMsg":"params error: symbol invalid","result":{},"time":1}"#
        #expect(throws: VenueError.refused(code: 10_001, message: "params error: symbol invalid")) {
            try listings(.spot, body)
        }
    }

    /// Whole numbers keep their value; other texts have one for ever.
    @Test(
        arguments: [
            ("0", 0), ("7", 7), ("9223372036854775807", .max),
            ("20f43950-d8dd-5b31-9112-a178eb6023af", 1_157_496_607_412_615_309),
        ] as [(String, Int64)])
    func tradesAreKnownByNumbers(text: String, number: Int64) {
        #expect(Array(text.utf8).withUnsafeBufferPointer { TradeIdentity.number($0) } == number)
    }

    @Test func textsThatLookLikeNumbersAreTexts() {
        let texts = ["07", "9223372036854775808", "-1", "1.0", "99999999999999999999", "٣"]
        let numbers = texts.map { Array($0.utf8).withUnsafeBufferPointer { TradeIdentity.number($0) } }
        #expect(Set(numbers).count == texts.count && numbers.allSatisfy { $0 > 1_000_000 })
    }
}

/// The inverse market's first protocol.
@Suite struct BybitFirstTests {
    private static let recording = "venues-2022/BYBIT-ws-26.txt.zst"

    /// All trades of the recording, counted in its text, and each state of its two books, which always have 25 levels a
    /// side.
    @Test(.enabled(if: Recording.exists(recording)))
    func theRecordingIsReadWithoutFailure() throws {
        let replay = try StreamRecording<BybitFirstReader>(
            [Self.recording], BybitAdapter(market: .inverse, options: .standard))
        let counts = replay.counts
        let rows = try Recording.lines(Self.recording, with: "zstd").reduce(0) { count, line in
            count + String(decoding: line, as: UTF8.self).components(separatedBy: #""trade_id":"#).count - 1
        }
        #expect(rows == 150 && replay.trades == rows && counts.trades == 150 && counts.duplicateTrades == 0)
        #expect(replay.books == 1_018 && counts.depthApplied == 1_018 && counts.snapshots == 2 && counts.resyncs == 0)
        #expect(counts.acknowledgements == 4 && counts.messages == counts.outcomes && counts.messages == 1_172)
        #expect(counts.rejections.total == 0 && replay.refused == 0 && replay.crossed == 0 && counts.crossedBooks == 0)
        #expect(replay.session.instruments.map(\.symbol) == ["EOSUSD", "BTCUSD"])
        #expect(replay.session.instruments.map { $0.value(Price($0.tickSize)) } == [0.001, 0.5])
        #expect(replay.session.instruments.allSatisfy { $0.contract?.isInverse == true })
        for index in 0..<2 {
            let book = replay.session.book(of: InstrumentID(index))
            #expect(book.bids.count == 25 && book.asks.count == 25)
        }
    }

    private func lab() throws -> StreamLab<BybitFirstReader> {
        try StreamLab(
            BybitAdapter(market: .inverse, options: .standard),
            [Instrument(venue: .bybitInverse, symbol: "BTCUSD", priceExponent: -2, quantityExponent: 0)])
    }

    private func row(_ price: String, _ side: String, _ size: Int? = nil) -> String {
        #"{"price":"\#(price)","symbol":"BTCUSD","id":1,"side":"\#(side)""# + (size.map { ",\"size\":\($0)}" } ?? "}")
    }

    private func book(_ type: String, _ data: String, _ sequence: Int64) -> String {
        #"{"topic":"orderBookL2_25.BTCUSD","type":"\#(type)","data":\#(data),"cross_seq":\#(sequence),"#
            + #""timestamp_e6":5000}"#
    }

    @Test func rowsAreDeletedUpdatedAndInserted() throws {
        let lab = try lab()
        let whole = [row("60591.00", "Buy", 3), row("60591.50", "Buy", 4), row("60600.00", "Sell", 5)]
            .joined(separator: ",")
        try lab.frame(book("snapshot", "[\(whole)]", 10))
        #expect(lab.bids().prefix(9) == [[6059150, 4], [6059100, 3]] && lab.asks().prefix(9) == [[6060000, 5]])
        #expect(lab.books.first?.times.venue == .milliseconds(5))
        // The deletion stands last, and comes first.
        let change =
            #"{"insert":[\#(row("60591.50", "Buy", 9))],"update":[\#(row("60600.00", "Sell", 6))],"#
            + #""delete":[\#(row("60591.00", "Buy")),\#(row("60591.50", "Buy"))],"transactTimeE6":0}"#
        try lab.frame(book("delta", change, 12))
        #expect(lab.bids().prefix(9) == [[6059150, 9]] && lab.asks().prefix(9) == [[6060000, 6]])
        try lab.frame(book("delta", change, 12))
        #expect(lab.counts.depthIgnoredOld == 1)
        try lab.frame(book("delta", #"{"delete":[],"update":[],"insert":[]}"#, 13))
        #expect(lab.counts.unknownEvents == 1 && lab.isBalanced)
    }

    @Test func strangeMessagesAreCounted() throws {
        let lab = try lab()
        try lab.frame(book("snapshot", "[\(row("1", "Buy", 3).replacing("BTCUSD", with: "ETHUSD"))]", 10))
        #expect(lab.counts.unknownStreams == 1)
        let strange = [
            book("snapshot", "[\(row("1", "None", 3))]", 10), book("snapshot", "[\(row("1", "Buy"))]", 10),
            book("snapshot", "[\(row("1", "Buy", -3))]", 10), book("snapshot", "[{}]", 10), book("snapshot", "7", 10),
            book("snapshot", "[]", 0), #"{"topic":"trade.BTCUSD"}"#,
            #"{"topic":"trade.BTCUSD","data":[{"symbol":"BTCUSD"}]}"#,
        ]
        for line in strange { #expect(throws: VenueError.self) { try lab.frame(line) } }
        try lab.frame(#"{"topic":"instrument_info.100ms.BTCUSD","data":{}}"#)
        #expect(throws: VenueError.refused(code: 0, message: "error:no")) {
            try lab.frame(#"{"success":false,"ret_msg":"error:no","request":{"op":"subscribe"}}"#)
        }
        #expect(lab.counts.rejections.total == UInt64(strange.count) && lab.counts.venueErrors == 1)
        #expect(lab.counts.messages == lab.frames && lab.isBalanced)
    }
}
