import Microstructure
import Testing

@testable import Venues

/// Frames of the documentation, and what is not in it.
@Suite struct BinanceSessionTests {
    private static let bnb = [Instrument.spot("BNBBTC", price: -8), Instrument.spot("BNBUSDT", price: -4)]

    private func lab() throws -> Lab { try Lab(BinanceConfiguration(instruments: Self.bnb)) }

    private static func combined(_ stream: String, _ data: String) -> String {
        "{\"stream\":\"\(stream)\",\"data\":\(data)}"
    }

    @Test(arguments: [false, true])
    func depthUpdate(isCombined: Bool) throws {
        let lab = try lab()
        let raw = try Payload.text("depth-update")
        let frame = isCombined ? Self.combined("bnbbtc@depth@100ms", raw) : raw
        #expect(try lab.frame(frame, at: 5) == .fetchSnapshot(InstrumentID(0)))
        #expect(try lab.snapshot("{\"lastUpdateId\":158,\"bids\":[],\"asks\":[]}") == .proceed)
        let update = try #require(lab.books.first)
        #expect(update.updateID == 160 && update.epoch == 1 && update.validity == .valid)
        let times = EventTimes(
            venue: Timestamp(nanoseconds: 1_672_515_782_136_000_000), receive: Timestamp(nanoseconds: 5))
        #expect(update.times == times)
        #expect(
            lab.batch.levels == [
                PriceLevel(price: Price(240_000), quantity: Quantity(1_000_000_000)),
                PriceLevel(price: Price(260_000), quantity: Quantity(10_000_000_000)),
            ])
    }

    @Test(arguments: [("trade", AggressorSide.sell, 1_672_515_782_136), ("trade-with-order-ids", .buy, 123_456_785)])
    func trades(name: String, aggressor: AggressorSide, milliseconds: Int64) throws {
        let lab = try lab()
        #expect(try lab.frame(Payload.bytes(name), at: 9) == .proceed)
        let trade = Trade(
            instrument: InstrumentID(0),
            times: EventTimes(
                venue: Timestamp(nanoseconds: milliseconds * 1_000_000), receive: Timestamp(nanoseconds: 9)),
            id: 12_345, price: Price(100_000), quantity: Quantity(10_000_000_000), aggressor: aggressor)
        #expect(lab.batch.events == [.trade(trade)])
        #expect(lab.lastTradeID(0) == 12_345)
        #expect(lab.lastTradeID(1) == nil)
    }

    @Test(arguments: [false, true])
    func quote(isCombined: Bool) throws {
        let lab = try lab()
        let raw = try Payload.text("book-ticker")
        try lab.frame(isCombined ? Self.combined("bnbusdt@bookTicker", raw) : raw, at: 7)
        let now = Timestamp(nanoseconds: 7)
        let quote = Quote(
            instrument: InstrumentID(1), times: EventTimes(venue: now, receive: now), updateID: 400_900_217,
            bid: PriceLevel(price: Price(253_519), quantity: Quantity(3_121_000_000)),
            ask: PriceLevel(price: Price(253_652), quantity: Quantity(4_066_000_000)))
        #expect(lab.batch.events == [.quote(quote)])
    }

    @Test func quoteWithAnEmptySideIsCounted() throws {
        let lab = try lab()
        try lab.frame(#"{"u":1,"s":"BNBBTC","b":"0.00000000","B":"0.00000000","a":"0.1","A":"1"}"#)
        #expect(lab.batch.isEmpty && lab.counts().emptyQuotes == 1 && lab.isBalanced)
    }

    @Test func whatIsNotAMarketEvent() throws {
        let lab = try lab()
        #expect(try lab.frame(Payload.bytes("acknowledgement")) == .proceed)
        #expect(lab.session.unattributedCounts.acknowledgements == 1)
        #expect(throws: VenueError.refused(code: 2, message: "Invalid request: property name must be a string")) {
            try lab.frame(Payload.bytes("stream-error"))
        }
        #expect(lab.session.unattributedCounts.venueErrors == 1)
        #expect(try lab.frame(Payload.bytes("server-shutdown")) == .reconnect)
        #expect(try lab.frame(Payload.bytes("server-shutdown-combined")) == .reconnect)
        #expect(lab.session.unattributedCounts.shutdownNotices == 2)
        #expect(try lab.frame(Payload.bytes("agg-trade")) == .proceed)
        #expect(try lab.frame(Payload.bytes("partial-depth")) == .proceed)
        #expect(lab.counts().unknownEvents == 2)
        #expect(try lab.frame(#"{"e":"news","text":"hello"}"#) == .proceed)
        #expect(lab.session.unattributedCounts.unknownEvents == 1)
        #expect(try lab.frame(trade(1, symbol: "DOGEUSDT")) == .proceed)
        #expect(try lab.frame(Self.combined("!miniTicker@arr", "[{\"e\":\"24hrMiniTicker\"}]")) == .proceed)
        #expect(try lab.frame(Self.combined("dogeusdt@trade", trade(1, symbol: "BNBBTC"))) == .proceed)
        #expect(lab.session.unattributedCounts.unknownStreams == 3)
        #expect(lab.batch.isEmpty && lab.isBalanced)
    }

    @Test(
        arguments: [
            (#"{"e":"trade","s":"BNBBTC","p":"1","q":"1","T":1,"m":true}"#, .missingField, "t"),
            (#"{"e":"trade","s":"BNBBTC","t":1,"p":"1","q":"1","T":1}"#, .missingField, "m"),
            (#"{"e":"trade","t":1,"p":"1","q":"1","T":1,"m":true}"#, .missingField, "s"),
            (#"{"e":"trade","s":5,"t":1,"p":"1","q":"1","T":1,"m":true}"#, .wrongType, "s"),
            (#"{"e":"trade","s":"BNBBTC","t":"1","p":"1","q":"1","T":1,"m":true}"#, .wrongType, "t"),
            (#"{"e":"trade","s":"BNBBTC","t":1,"p":"1","q":"1","T":1,"m":1}"#, .wrongType, "m"),
            (#"{"e":"trade","s":"BNBBTC","t":1.5,"p":"1","q":"1","T":1,"m":true}"#, .badNumber, "t"),
            (#"{"e":"trade","s":"BNBBTC","t":1,"p":"x","q":"1","T":1,"m":true}"#, .badNumber, "p"),
            (#"{"e":"trade","s":"BNBBTC","t":1,"p":"0.000000001","q":"1","T":1,"m":true}"#, .doesNotFitInstrument, "p"),
            (#"{"e":"trade","s":"BNBBTC","t":1,"p":"1","q":"0","T":1,"m":true}"#, .outOfRange, "q"),
            (#"{"e":"trade","s":"BNBBTC","t":1,"p":"-1","q":"1","T":1,"m":true}"#, .outOfRange, "p"),
            (#"{"e":"trade","s":"BNBBTC","t":-1,"p":"1","q":"1","T":1,"m":true}"#, .outOfRange, "t"),
            (#"{"e":"trade","s":"BNBBTC","t":9223372036854775807,"p":"1","q":"1","T":1,"m":true}"#, .outOfRange, "t"),
            (#"{"e":"trade","s":"BNBBTC","t":1,"p":"1","q":"1","T":9223372036854775807,"m":true}"#, .outOfRange, "T"),
            (#"{"stream":"bnbbtc@trade","data":{"e":"trade","s":"BNBUSDT"}}"#, .wrongSymbol, "s"),
            (#"{"stream":"bnbbtc@trade","data":{"s":"BNBBTC"}}"#, .missingField, "e"),
            (
                #"{"stream":"bnbbtc@bookTicker","data":{"s":"BNBBTC","u":1,"b":"1","B":"1","a":"2"}}"#, .missingField,
                "A"
            ),
            (#"{"e":"depthUpdate","E":1,"s":"BNBBTC","U":5,"u":4,"b":[],"a":[]}"#, .outOfRange, "u"),
            (#"{"e":"depthUpdate","E":1,"s":"BNBBTC","U":5,"u":6,"b":[]}"#, .missingField, "a"),
            (#"{"e":"depthUpdate","E":1,"s":"BNBBTC","U":5,"u":6,"b":"1","a":[]}"#, .wrongType, "b"),
            (#"{"e":"depthUpdate","E":1,"s":"BNBBTC","U":5,"u":6,"b":[["1"]],"a":[]}"#, .wrongType, nil),
            (#"{"e":"depthUpdate","E":1,"s":"BNBBTC","U":5,"u":6,"b":[["0","1"]],"a":[]}"#, .outOfRange, nil),
            (#"{"e":"depthUpdate","E":1,"s":"BNBBTC","U":5,"u":6,"b":[["1","-1"]],"a":[]}"#, .outOfRange, nil),
            (#"{"e":"depthUpdate","E":1,"s":"BNBBTC","U":5,"u":6,"b":[],"a":[["1","1"]"#, .truncated, nil),
            ("[]", .wrongType, nil), ("", .truncated, nil), ("hello", .notJSON, nil), ("{}{}", .notJSON, nil),
            ("{\"x\":" + String(repeating: "[", count: 50), .tooDeep, nil),
        ] as [(String, RejectionKind, String?)])
    func rejectionsAreTypedAndCounted(frame: String, kind: RejectionKind, field: String?) throws {
        let lab = try lab()
        let error = #expect(throws: VenueError.self) { try lab.frame(frame) }
        guard case .rejected(let rejection) = error else {
            Issue.record("not a rejection: \(String(describing: error))")
            return
        }
        #expect(rejection.kind == kind && rejection.field == field)
        #expect(lab.session.totalCounts.rejections[kind] == 1 && lab.isBalanced && lab.batch.isEmpty)
        let owner = rejection.instrument.map { lab.counts($0.index) } ?? lab.session.unattributedCounts
        #expect(owner.rejections.total == 1)
    }

    @Test func oversizedFramesAreNotRead() throws {
        var configuration = BinanceConfiguration(instruments: Self.bnb)
        configuration.frameByteLimit = 100
        configuration.snapshotByteLimit = 50
        let lab = try Lab(configuration)
        #expect(throws: VenueError.rejected(Rejection(.oversized, in: .frame, at: 100))) {
            try lab.frame(Payload.bytes("depth-update"))
        }
        #expect(lab.session.unattributedCounts.rejections[.oversized] == 1 && lab.isBalanced)
        #expect(throws: VenueError.rejected(Rejection(.oversized, in: .snapshot, of: InstrumentID(0), at: 50))) {
            try lab.snapshot(Payload.text("snapshot"))
        }
        #expect(lab.counts().snapshotRejections[.oversized] == 1)
    }

    @Test func tradesAreHandedOnOnceAcrossReconnects() throws {
        let lab = try Lab(.spot("BTCUSDT"))
        for id: Int64 in [100, 101, 101, 100] { try lab.frame(trade(id)) }
        lab.session.connectionClosed(at: Timestamp(nanoseconds: 3))
        lab.session.connectionOpened(at: Timestamp(nanoseconds: 4))
        for id: Int64 in [99, 101, 105, 106] { try lab.frame(trade(id)) }
        let counts = lab.counts()
        #expect(counts.trades == 4 && counts.duplicateTrades == 4 && counts.missedTrades == 3 && lab.isBalanced)
    }

    @Test func microsecondsAreAnOptionAndNotAGuess() throws {
        var configuration = BinanceConfiguration(instruments: [.spot("BTCUSDT")])
        configuration.timeUnit = .microseconds
        let lab = try Lab(configuration)
        try lab.frame(trade(1))
        guard case .trade(let trade) = lab.batch.events.first else {
            Issue.record("no trade")
            return
        }
        #expect(trade.times.venue == Timestamp(nanoseconds: 1_700_000_000_004_000))
    }

    @Test func symbolsOutsideASCIIAndEscapedText() throws {
        let lab = try Lab(.spot("币安人生USDT"))
        let subscription = BinanceSubscription(
            instruments: lab.session.instruments, streams: .all, timeUnit: .milliseconds)
        #expect(subscription.streamNames[1] == "币安人生usdt@trade")
        #expect(
            subscription.target.hasPrefix(
                "/stream?streams=%E5%B8%81%E5%AE%89%E4%BA%BA%E7%94%9Fusdt@depth@100ms/%E5%B8%81"))
        try lab.frame(trade(1, symbol: "币安人生USDT"))
        try lab.frame(trade(2, symbol: #"\u5e01\u5b89\u4eba\u751fUSDT"#))
        try lab.frame(
            #"{"stre\u0061m":"\u5e01安人生usdt@trade","data":{"\u0065":"tr\u0061de","s":"币安人生USDT","t":3,"p":"1","q":"1","T":1,"\u006d":false}}"#
        )
        #expect(lab.counts().trades == 3 && lab.isBalanced)
    }
}
