import Foundation
import Microstructure
import TestSupport
import Testing

@testable import Venues

/// Binary frames against a second writer, and against the venue's JSON.
@Suite struct SBETests {
    @Test func theOracleHasPrintedFramesOfEveryKind() {
        let kinds = Dictionary(grouping: SBEVector.all) { $0.expected[0] }.mapValues(\.count)
        #expect(
            kinds == [
                "depth": 16, "trades": 10, "quote": 7, "emptyQuote": 2, "unknownEvent": 4, "unknownStream": 2,
                "rejected": 24,
            ])
    }

    @Test(arguments: SBEVector.all) func everyFrameIsWhatTheOracleSays(vector: SBEVector) throws {
        let lab = try Lab(.sbe())
        let expected = vector.expected
        let numbers = expected.map { Int64($0) ?? -1 }
        let index = String(decoding: vector.frame, as: UTF8.self).contains("币") ? 1 : 0
        func times(_ microseconds: Int64) -> EventTimes {
            EventTimes(venue: Timestamp(nanoseconds: microseconds * 1_000), receive: Timestamp(nanoseconds: 5))
        }
        func level(_ text: String) -> PriceLevel {
            let numbers = SBEVector.numbers(text)
            return PriceLevel(price: Price(numbers[0]), quantity: Quantity(numbers[1]))
        }
        if expected[0] == "depth" {
            // An empty book up to the change before.
            let (first, last) = (numbers[2], numbers[3])
            let symbol = Instrument.sbe[index].symbol
            try lab.frame(depth(first - 1, first - 1, of: symbol))
            try lab.snapshot(#"{"lastUpdateId":\#(first - 1),"bids":[],"asks":[]}"#, for: index)
            #expect(try lab.frame(vector.frame, at: 5) == .proceed)
            let update = try #require(lab.books.first)
            #expect(update.updateID == last && update.times == times(numbers[1]))
            let middle = try #require(expected.firstIndex(of: "asks"))
            #expect(Array(lab.batch.levels[update.bids]) == expected[5..<middle].map(level))
            #expect(Array(lab.batch.levels[update.asks]) == expected[(middle + 1)...].map(level))
            #expect(lab.counts(index).depthApplied == 1 && lab.isBalanced)
            return
        }
        var error: VenueError?
        do throws(VenueError) {
            #expect(try lab.frame(vector.frame, at: 5) == .proceed)
        } catch let thrown {
            error = thrown
        }
        let total = lab.session.totalCounts
        #expect(total.messages == total.outcomes)
        switch expected[0] {
        case "trades":
            let trades = expected[2...].map { text in
                let numbers = SBEVector.numbers(text)
                return MarketEvent.trade(
                    Trade(
                        instrument: InstrumentID(index), times: times(Int64(expected[1]) ?? -1), id: numbers[0],
                        price: Price(numbers[1]), quantity: Quantity(numbers[2]),
                        aggressor: numbers[3] == 1 ? .sell : .buy))
            }
            #expect(lab.batch.events == Array(trades) && !trades.isEmpty && total.messages == UInt64(trades.count))
        case "quote":
            #expect(
                lab.batch.events == [
                    .quote(
                        Quote(
                            instrument: InstrumentID(index), times: times(numbers[1]), updateID: numbers[2],
                            bid: level(expected[3]), ask: level(expected[4])))
                ])
        case "emptyQuote": #expect(lab.batch.isEmpty && total.emptyQuotes == 1)
        case "unknownEvent": #expect(lab.batch.isEmpty && total.unknownEvents == 1)
        case "unknownStream": #expect(lab.batch.isEmpty && total.unknownStreams == 1)
        default:
            guard case .rejected(let rejection) = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect("\(rejection.kind)" == expected[1] && lab.batch.isEmpty && total.rejections[rejection.kind] == 1)
        }
        #expect((error != nil) == vector.isRejected)
    }

    private static let recording = "\(BinanceRecordingTests.spot2024)/btcusdt_20240808.gz"

    /// The recorded JSON and the same in binary: both sessions publish the same events. Trades of one moment share a
    /// frame.
    @Test(.enabled(if: Recording.exists(recording)))
    func binaryFramesSayWhatTheJSONSays() throws {
        let instrument = Instrument.spot("BTCUSDT", price: -5, quantity: -8)
        let (text, binary) = (try Lab(instrument), try Lab(.sbe([instrument])))
        let decoder = JSONDecoder()
        var (compared, shared): ([String: Int], Int) = ([:], 0)
        var held: [(line: [UInt8], trade: RecordedTrade)] = []
        var events: [MarketEvent] = []
        var levels: [PriceLevel] = []
        func send(_ lines: [[UInt8]], _ frame: [UInt8], at time: Int64, _ channel: String) throws {
            (events, levels) = ([], [])
            for line in lines {
                _ = try text.frame(line, at: time)
                events += text.batch.events
                levels += text.batch.levels
            }
            _ = try binary.frame(frame, at: time)
            #expect(binary.batch.events == events && binary.batch.levels == levels)
            compared[channel, default: 0] += events.count
        }
        func sendTrades(at time: Int64) throws {
            guard !held.isEmpty else { return }
            if held.count > 1 { shared += 1 }
            try send(held.map(\.line), SBEWriter.trades(held.map(\.trade)), at: time, "trades")
            held = []
        }
        for line in try Recording.lines(Self.recording, with: "gzip").prefix(16_000) {
            let space = try #require(line.firstIndex(of: UInt8(ascii: " ")))
            let json = Array(line[(space + 1)...])
            // Quotes have no time in JSON; in binary they get the moment of their arrival, in whole microseconds.
            let microseconds = try #require(Int64(String(decoding: line[..<space], as: UTF8.self))) / 1_000
            let head = String(decoding: json.prefix(48), as: UTF8.self)
            if head.contains("@trade\"") {
                let trade = try decoder.decode(Recorded<RecordedTrade>.self, from: Data(json)).data
                if let last = held.last, last.trade.T != trade.T { try sendTrades(at: microseconds * 1_000) }
                held.append((json, trade))
                continue
            }
            try sendTrades(at: microseconds * 1_000)
            if head.contains("@depth@100ms\"") {
                let depth = try decoder.decode(Recorded<RecordedDepth>.self, from: Data(json)).data
                try send([json], SBEWriter.depth(depth), at: microseconds * 1_000, "books")
            } else if head.contains("@bookTicker\"") {
                let quote = try decoder.decode(Recorded<RecordedQuote>.self, from: Data(json)).data
                let frame = SBEWriter.quote(quote, microseconds: microseconds)
                try send([json], frame, at: microseconds * 1_000, "quotes")
            } else {
                for lab in [text, binary] { #expect(try lab.snapshot(json, for: 0, at: microseconds) == .proceed) }
                #expect(text.batch.events == binary.batch.events && text.batch.levels == binary.batch.levels)
            }
        }
        print("the same in JSON and in binary: \(compared); \(shared) frames with several trades")
        #expect(text.book() == binary.book() && text.validity() == .valid && binary.validity() == .valid)
        #expect(text.session.totalCounts == binary.session.totalCounts && text.isBalanced)
        #expect(compared == ["books": 1_467, "trades": 2_888, "quotes": 11_641] && shared == 351)
    }

    /// Acknowledgements, errors and the end of the connection come as text.
    @Test func textFramesAreRead() throws {
        let lab = try Lab(.sbe())
        #expect(try lab.frame(#"{"result":null,"id":1}"#) == .proceed)
        #expect(lab.session.unattributedCounts.acknowledgements == 1)
        #expect(throws: VenueError.refused(code: 2, message: "no")) {
            try lab.frame(#"{"error":{"code":2,"msg":"no"}}"#)
        }
        #expect(try lab.frame(#"{"e":"serverShutdown","E":1770123456789}"#) == .reconnect)
        #expect(throws: VenueError.self) { try lab.frame("{") }
        #expect(lab.session.unattributedCounts.rejections[.truncated] == 1 && lab.isBalanced)
        // Other markets take no binary frames.
        let text = try Lab(.sbe[0])
        #expect(throws: VenueError.self) { try text.frame(SBEVector.all[0].frame) }
        #expect(text.session.unattributedCounts.rejections[.notJSON] == 1)
    }

    /// A frame with a refused trade passes on none; a gap between two trades of a frame is filled as any other.
    @Test func tradesOfAFrameAreTakenTogether() throws {
        let lab = try Lab(.sbe())
        func frame(_ trades: [(Int64, String)]) -> [UInt8] {
            SBEWriter.trades(
                trades.map { RecordedTrade(E: 1, T: 1, t: $0.0, s: "BTCUSDT", p: "100", q: $0.1, m: true) })
        }
        #expect(try lab.frame(frame([(5, "1"), (6, "2")])) == .proceed)
        #expect(throws: VenueError.self) { try lab.frame(frame([(7, "1"), (8, "0")])) }
        #expect(lab.batch.isEmpty && lab.lastTradeID() == 6 && lab.counts().rejections[.outOfRange] == 1)
        #expect(try lab.frame(frame([(6, "2"), (9, "1"), (10, "1")])) == .fetchTrades(InstrumentID(0)))
        #expect(lab.tradeIDs == [9, 10] && lab.missingTrades() == 2 && lab.counts().duplicateTrades == 1)
        #expect(lab.counts().messages == 6 && lab.counts().messages == lab.counts().outcomes)
    }

    /// The venue drops quotes that are out of date, so none is owed.
    @Test func quotesAndDepthDoNotJudgeEachOther() throws {
        let lab = try Lab(.sbe())
        let second: Int64 = 1_000_000_000
        func quote(_ id: Int64) -> [UInt8] {
            SBEWriter.quote(RecordedQuote(u: id, s: "BTCUSDT", b: "100", B: "1", a: "101", A: "2"), microseconds: 1)
        }
        func depth(_ first: Int64, _ last: Int64, _ bids: [[String]] = []) -> [UInt8] {
            SBEWriter.depth(RecordedDepth(E: 1, U: first, u: last, s: "BTCUSDT", b: bids, a: []))
        }
        lab.session.connectionOpened(at: Timestamp(nanoseconds: 1))
        try lab.frame(depth(8, 10), at: second)
        try lab.snapshot(snapshotBody(10))
        try lab.frame(quote(10), at: second)
        try lab.frame(depth(11, 12, [["100.5", "3"]]), at: 2 * second)
        try lab.frame(quote(20), at: 20 * second)
        #expect(lab.counts().quoteGaps == 0 && lab.counts().quotes == 2 && lab.validity() == .valid)
        #expect(!lab.checkSilence(at: 21 * second) && lab.silentChannels().isEmpty && lab.isBalanced)
    }
}

/// The connection to the binary streams, and its key.
@Suite struct SBEAdapterTests {
    private static let key = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"

    private static func adapter(_ market: BinanceMarket = .sbe, key: String? = key) -> BinanceAdapter {
        BinanceAdapter(
            market: market,
            options: VenueOptions(
                timeUnit: .microseconds, depthPublished: 5, snapshotDepth: 100, backfillLimit: 7, apiKey: key))
    }

    @Test func theStreamsOfAConnection() throws {
        let endpoint = try #require(VenueCatalog.endpoint(named: "binance-sbe"))
        #expect(endpoint.webSocketURL == "wss://stream-sbe.binance.com:9443" && endpoint.timeUnit == .microseconds)
        #expect(endpoint.restURL == "https://api.binance.com" && endpoint.limits.requestWeight == 6_000)
        let plan = Self.adapter().connectionPlan(for: [.sbe[0]], targetByteLimit: 2_000)
        #expect(plan.target == "/stream?streams=btcusdt@depth/btcusdt@trade/btcusdt@bestBidAsk")
        #expect(plan.headers == [VenueHeader("X-MBX-APIKEY", Self.key)] && plan.subscriptions.isEmpty)
        let long = Self.adapter().connectionPlan(for: Instrument.sbe, targetByteLimit: 50)
        #expect(long.target == "/stream" && long.subscriptions.count == 1)
        #expect(
            long.subscriptions[0].contains("btcusdt@bestBidAsk") && long.subscriptions[0].contains("币安人生usdt@depth"))
        // Without a key the venue refuses; other markets are not told it.
        #expect(Self.adapter(key: nil).connectionPlan(for: [.sbe[0]], targetByteLimit: 2_000).headers.isEmpty)
        #expect(Self.adapter(.global).connectionPlan(for: [.sbe[0]], targetByteLimit: 2_000).headers.isEmpty)
        #expect(Self.adapter(.usdm).connectionPlan(for: [.linear], targetByteLimit: 2_000).headers.isEmpty)
    }

    /// Over HTTP it is the spot market.
    @Test func requests() throws {
        let adapter = Self.adapter()
        let session = try BinanceSession(adapter, instruments: [.sbe[0]])
        #expect(session.snapshotRequest(for: InstrumentID(0))?.target == "/api/v3/depth?symbol=BTCUSDT&limit=100")
        #expect(adapter.clockRequest()?.path == "/api/v3/time" && adapter.venue == .binance)
        #expect(adapter.requestHeaders == [VenueHeader("X-MBX-TIME-UNIT", "MICROSECOND")])
        #expect(adapter.instrumentsRequest(for: []).path == "/api/v3/exchangeInfo")
    }

    @Test func noTextShowsTheKey() {
        let adapter = Self.adapter()
        let plan = adapter.connectionPlan(for: [.sbe[0]], targetByteLimit: 2_000)
        var dumped = ""
        dump(adapter, to: &dumped)
        dump(plan, to: &dumped)
        dump(adapter.options, to: &dumped)
        let texts = [
            "\(adapter)", "\(plan)", "\(adapter.options)", String(reflecting: adapter), String(reflecting: plan),
            String(reflecting: adapter.options), "\(plan.headers)", dumped,
        ]
        for text in texts { #expect(!text.contains(Self.key) && !text.contains("vmPU"), "\(text)") }
        #expect("\(adapter.options)".hasSuffix("a key") && "\(Self.adapter(key: nil).options)".hasSuffix("no key"))
        #expect("\(plan.headers)".contains("X-MBX-APIKEY"))
    }
}
