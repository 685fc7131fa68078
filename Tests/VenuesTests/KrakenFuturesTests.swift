import Foundation
import Microstructure
import Testing

@testable import Venues

@Suite struct KrakenFuturesTests {
    private static let recording = "venues-2022/KRAKEN_FUTURES-ws-1.txt.zst"
    private static let adapter = KrakenFuturesAdapter(options: .standard)

    private static let perpetual = Instrument(
        venue: .krakenFutures, symbol: "PIXBTUSD", venueSymbol: "PI_XBTUSD", priceExponent: -1, quantityExponent: 0,
        tickSize: 5)
    private static let future = Instrument(
        venue: .krakenFutures, symbol: "FIBCHUSD210730", venueSymbol: "fi_bchusd_210730", priceExponent: -1,
        quantityExponent: 0)

    private static func lab() throws -> StreamLab<KrakenFuturesReader> {
        try StreamLab(
            adapter, [perpetual, future], start: Timestamp(nanoseconds: 1_700_000_000_000_000_000), step: 1_000_000)
    }

    // MARK: The recording

    /// 10 books with 7,014 changes of one level each; 1,000 past trades and the 3 after them.
    @Test(.enabled(if: Recording.exists(recording)))
    func everyRecordedChangeFollowsTheOneBefore() throws {
        let replay = try StreamRecording<KrakenFuturesReader>([Self.recording], Self.adapter)
        let counts = replay.counts
        let text = try Recording.lines(Self.recording, with: "zstd").map { String(decoding: $0, as: UTF8.self) }
        func lines(with part: String) -> Int { text.count { $0.contains(part) } }
        let trades = text.count { $0.contains(#": {"feed":"trade","#) }
        let past = text.reduce(0) { $0 + $1.components(separatedBy: #"{"feed":"trade","#).count - 1 } - trades
        #expect(trades == 3 && past == 1_000)
        #expect(replay.trades == trades && counts.trades == UInt64(trades) && counts.duplicateTrades == UInt64(past))
        #expect(counts.missedTrades == 0 && counts.restartedSeries == 0)

        #expect(lines(with: #""feed":"book","product_id""#) == 7_014 && counts.chainsPassed == 7_014)
        #expect(counts.snapshots == 10 && counts.depthUpdates == 7_024 && counts.depthApplied == 7_024)
        #expect(counts.gaps == 0 && counts.resyncs == 0 && counts.crossedBooks == 0)
        #expect(replay.books == 7_024 && replay.crossed == 0 && replay.refused == 0 && replay.quotes == 0)
        #expect(counts.unknownEvents == UInt64(lines(with: #""feed":"ticker_lite","product_id""#)))
        #expect(counts.unknownEvents == 107 && counts.acknowledgements == 31)
        #expect(counts.messages == 8_165 && counts.outcomes == 8_165)

        let instruments = replay.session.instruments
        #expect(instruments.count == 10)
        let ether = try #require(instruments.first { $0.venueSymbol == "PI_ETHUSD" })
        #expect(ether.symbol == "PIETHUSD" && ether.canonicalName == "ETH-USD")
        #expect(ether.contract == Instrument.Contract(.perpetual, isInverse: true))
        #expect(ether.priceExponent == -2 && ether.tickSize == 5 && ether.quantityExponent == 0)
        let bitcoin = try #require(instruments.first { $0.venueSymbol == "FI_XBTUSD_210924" })
        #expect(bitcoin.symbol == "FIXBTUSD210924" && bitcoin.canonicalName == "BTC-USD")
        #expect(bitcoin.contract == Instrument.Contract(.future, isInverse: true))
    }

    /// The numbers of the recorded trades are contiguous, from the oldest past trade to the last new one.
    @Test(.enabled(if: Recording.exists(recording)))
    func recordedTradeNumbersAreContiguous() throws {
        var numbers: [String: Set<Int>] = [:]
        for line in try Recording.lines(Self.recording, with: "zstd") {
            for part in String(decoding: line, as: UTF8.self).components(
                separatedBy: #"{"feed":"trade","product_id":""#
            )
            .dropFirst() {
                let product = String(part.prefix { $0 != "\"" })
                let number = part.components(separatedBy: #""seq":"#)[1].prefix { $0.isNumber }
                numbers[product, default: []].insert(try #require(Int(number)))
            }
        }
        #expect(numbers.count == 10 && numbers.values.reduce(0) { $0 + $1.count } == 1_003)
        for (product, seen) in numbers {
            #expect(seen.count == (seen.max() ?? 0) - (seen.min() ?? 0) + 1, "\(product)")
        }
    }

    /// Each of the venue's own best prices, which `ticker_lite` tells late, was the top of the book before.
    @Test(.enabled(if: Recording.exists(recording)))
    func recordedBooksHadTheVenuesOwnBestPrices() throws {
        let lines = try StreamRecording<KrakenFuturesReader>.lines(Self.recording)
        var survey = try StreamSurvey<KrakenFuturesReader>(Self.adapter)
        for (time, line) in lines { if case .frame(let text) = line { survey.process(text.span, at: time) } }
        let instruments = survey.instruments()
        var session = try StreamSession<KrakenFuturesReader>(Self.adapter, instruments: instruments)
        session.connectionOpened(at: lines[0].time)
        var tops: [Int: Set<[Double]>] = [:]
        var compared = 0
        var batch = EventBatch()
        for (time, line) in lines {
            guard case .frame(let text) = line else { continue }
            batch.removeAll()
            _ = try session.receive(text.span, at: time, into: &batch)
            for event in batch.events {
                guard case .book(let book) = event, let bid = batch.levels[book.bids].first,
                    let ask = batch.levels[book.asks].first
                else { continue }
                let instrument = instruments[book.instrument.index]
                tops[book.instrument.index, default: []].insert(
                    [instrument.value(bid.price), instrument.value(ask.price)])
            }
            guard let values = try JSONSerialization.jsonObject(with: Data(text)) as? [String: Any],
                values["feed"] as? String == "ticker_lite", let bid = values["bid"] as? Double,
                let ask = values["ask"] as? Double,
                let index = instruments.firstIndex(where: { $0.venueSymbol == values["product_id"] as? String })
            else { continue }
            compared += 1
            #expect(tops[index]?.contains([bid, ask]) ?? false)
        }
        #expect(compared == 107)
    }

    // MARK: Real payloads

    // Source: Kraken Derivatives WebSocket API documentation, feeds `book`, `trade`, `heartbeat`, `ticker`; 2026-08.
    private static let snapshot = """
        {"feed":"book_snapshot","product_id":"PI_XBTUSD","timestamp":1612269825817,"seq":326072249,"tickSize":null,\
        "bids":[{"price":34892.5,"qty":6385},{"price":34892,"qty":10924}],\
        "asks":[{"price":34911.5,"qty":20598},{"price":34912,"qty":2300}]}
        """
    private static let change = """
        {"feed":"book","product_id":"PI_XBTUSD","side":"sell","seq":326072250,"price":34911.5,"qty":0,\
        "timestamp":1612269953629}
        """
    private static let pastTrades = """
        {"feed":"trade_snapshot","product_id":"PI_XBTUSD","trades":[{"feed":"trade","product_id":"PI_XBTUSD",\
        "uid":"caa9c653-420b-4c24-a9f1-462a054d86f1","side":"sell","type":"fill","seq":655508,"time":1612269657781,\
        "qty":440,"price":34893},{"feed":"trade","product_id":"PI_XBTUSD","uid":"45ee9737-1877-4682-bc68-e4ef818ef88a",\
        "side":"sell","type":"fill","seq":655507,"time":1612269656839,"qty":9643,"price":34891}]}
        """
    private static let heartbeat = #"{"feed":"heartbeat","time":1534262350627}"#
    private static let ticker = """
        {"time":1676393235406,"product_id":"PI_XBTUSD","feed":"ticker","bid":21978.5,"ask":21987.0,"bid_size":2536.0,\
        "ask_size":13948.0}
        """
    // Source: the recording of 2021-07-22.
    private static let trade = """
        {"feed":"trade","product_id":"FI_BCHUSD_210730","uid":"727c154e-9339-4c50-987f-326c42f313a4","side":"buy",\
        "type":"fill","seq":1488,"time":1626994933519,"qty":50.0,"price":439.5}
        """
    private static let answer = #"{"event":"subscribed","feed":"book","product_ids":["FI_ETHUSD_211231"]}"#
    private static let info = #"{"event":"info","version":1}"#

    @Test func booksAreReadExactly() throws {
        let lab = try Self.lab()
        #expect(try lab.frame(Self.snapshot) == .proceed)
        #expect(
            lab.bids() == [[348925, 6385], [348920, 10924]] && lab.asks() == [[349115, 20598], [349120, 2300]])
        #expect(lab.books.map(\.times.venue) == [Timestamp(milliseconds: 1_612_269_825_817)])
        #expect(try lab.frame(Self.change) == .proceed)
        #expect(lab.asks() == [[349120, 2300]] && lab.books.map(\.updateID) == [326_072_250])
        try lab.frame(Self.level("buy", 326_072_251, "34900.5", "7.0"))
        #expect(lab.bids() == [[349005, 7], [348925, 6385], [348920, 10924]] && lab.validity() == .valid)
        #expect(lab.counts.chainsPassed == 2 && lab.isBalanced)
        // A snapshot may name levels that are gone.
        try lab.frame(Self.snapshot.replacingOccurrences(of: #""qty":6385"#, with: #""qty":0"#))
        #expect(lab.bids() == [[348920, 10924]] && lab.epoch() == 2)
    }

    @Test func tradesAreReadExactly() throws {
        let lab = try Self.lab()
        try lab.frame(Self.trade)
        let trade = try #require(lab.trades.first)
        #expect(trade.id == 1_488 && trade.price == Price(4_395) && trade.quantity == Quantity(50))
        #expect(trade.aggressor == .buy && trade.instrument == InstrumentID(1))
        #expect(trade.times.venue == Timestamp(milliseconds: 1_626_994_933_519))
        // What was before our first trade is not new.
        try lab.frame(Self.pastTrades)
        #expect(lab.trades.isEmpty && lab.counts.duplicateTrades == 2 && lab.isBalanced)
        try lab.frame(#"{"feed":"trade_snapshot","product_id":"PI_XBTUSD","trades":[]}"#)
        #expect(lab.counts.acknowledgements == 1 && lab.isBalanced)
    }

    @Test func answersAndRefusalsAreTold() throws {
        let lab = try Self.lab()
        for text in [Self.info, Self.answer, Self.heartbeat] { try lab.frame(text) }
        #expect(lab.counts.acknowledgements == 3)
        let alert = "Couldn't subscribe to invalid product `PF_NOTAREALTHING`"
        #expect(lab.failure(#"{"event":"alert","message":"\#(alert)"}"#) == .refused(code: 0, message: alert))
        #expect(lab.failure(#"{"message":"Bad request","event":"error"}"#) == .refused(code: 0, message: "Bad request"))
        #expect(
            lab.failure(Self.answer.replacingOccurrences(of: "subscribed", with: "subscribed_failed"))
                == .refused(code: 0, message: "subscribed_failed"))
        #expect(lab.counts.venueErrors == 3)
        // Not subscribed to, and not known to this version.
        for text in [Self.ticker, #"{"event":"later"}"#, #"{"feed":"later","time":1}"#, "{}"] { try lab.frame(text) }
        #expect(lab.counts.unknownEvents == 4 && lab.isBalanced)
    }

    // MARK: Faults

    private static func level(_ side: String, _ sequence: Int64, _ price: String, _ quantity: String) -> String {
        """
        {"feed":"book","product_id":"PI_XBTUSD","side":"\(side)","seq":\(sequence),"price":\(price),"qty":\(quantity),\
        "timestamp":1612269953629}
        """
    }

    private static func trade(_ number: Int64, at milliseconds: Int64 = 1_612_269_657_781) -> String {
        """
        {"feed":"trade","product_id":"PI_XBTUSD","uid":"u\(number)","side":"sell","type":"fill","seq":\(number),\
        "time":\(milliseconds),"qty":440,"price":34893}
        """
    }

    @Test func aMissingChangeDiscardsTheBook() throws {
        let lab = try Self.lab()
        try lab.frame(Self.snapshot)
        #expect(try lab.frame(Self.level("buy", 326_072_251, "34900", "7")) == .resubscribe(InstrumentID(0)))
        #expect(lab.validity() == .resyncing && lab.bids().isEmpty && lab.books.isEmpty)
        #expect(
            lab.resubscribeMessages(0) == [
                #"{"event":"unsubscribe","feed":"book","product_ids":["PI_XBTUSD"]}"#,
                #"{"event":"subscribe","feed":"book","product_ids":["PI_XBTUSD"]}"#,
            ])
        #expect(try lab.frame(Self.level("buy", 326_072_252, "34900", "7")) == .proceed)
        try lab.frame(Self.snapshot.replacingOccurrences(of: "326072249", with: "326072260"))
        try lab.frame(Self.level("buy", 326_072_261, "34900", "7"))
        #expect(lab.validity() == .valid && lab.epoch() == 2 && lab.bids().first == [349000, 7])
        #expect(lab.counts.gaps == 1 && lab.counts.resyncs == 1 && lab.counts.depthDropped == 2 && lab.isBalanced)
    }

    @Test func aRepeatedChangeIsIgnored() throws {
        let lab = try Self.lab()
        try lab.frame(Self.snapshot)
        try lab.frame(Self.change)
        #expect(try lab.frame(Self.change) == .proceed)
        #expect(lab.counts.depthIgnoredOld == 1 && lab.counts.gaps == 0 && lab.validity() == .valid && lab.isBalanced)
    }

    @Test func aNumberingThatBeginsAnewNeedsASnapshot() throws {
        let lab = try Self.lab()
        try lab.frame(Self.snapshot)
        #expect(try lab.frame(Self.level("buy", 1, "34900", "7")) == .resubscribe(InstrumentID(0)))
        try lab.frame(Self.snapshot.replacingOccurrences(of: "326072249", with: "0"))
        #expect(try lab.frame(Self.level("buy", 1, "34900", "7")) == .proceed)
        #expect(lab.validity() == .valid && lab.epoch() == 2)
        // Trades: a lower number on a later trade.
        try lab.frame(Self.trade(500))
        try lab.frame(Self.trade(1, at: 1_612_269_700_000))
        #expect(lab.trades.map(\.id) == [1] && lab.counts.restartedSeries == 1 && lab.isBalanced)
    }

    /// The venue repeats the last 100 trades to each new connection: those missed are among them, newest first.
    @Test func tradesMissedBetweenConnectionsComeWithThePastOnes() throws {
        let lab = try Self.lab()
        try lab.frame(Self.trade(100))
        lab.reconnect()
        let rows = (99...103).reversed().map { Self.trade($0) }.joined(separator: ",")
        try lab.frame(#"{"feed":"trade_snapshot","product_id":"PI_XBTUSD","trades":[\#(rows)]}"#)
        #expect(lab.trades.map(\.id) == [101, 102, 103])
        #expect(lab.counts.duplicateTrades == 2 && lab.counts.missedTrades == 0 && lab.isBalanced)
        // More were missed than the venue repeats: they are counted as lost, since nobody can bring them back.
        let later = (110...112).reversed().map { Self.trade($0) }.joined(separator: ",")
        try lab.frame(#"{"trades":[\#(later)],"product_id":"PI_XBTUSD","feed":"trade_snapshot"}"#)
        #expect(lab.trades.map(\.id) == [110, 111, 112])
        #expect(lab.counts.missedTrades == 6 && lab.counts.unfilledTrades == 6)
        #expect(lab.tradesRequest(from: 104, limit: 100) == nil && !lab.wantsProbe(at: lab.time(1_000_000)))
        #expect(lab.isBalanced)
    }

    @Test func keysMayComeInAnyOrder() throws {
        let lab = try Self.lab()
        try lab.frame(
            #"""
            { "asks":[ {"qty":20598,"x":[1],"price":34911.5} ], "bids":[{"qty":6385,"price":34892.5}], "seq":7,
              "product_id":"pi_xbtusd", "feed":"book_snapshot" }
            """#)
        #expect(lab.bids() == [[348925, 6385]] && lab.asks() == [[349115, 20598]])
        // Without a time of the venue, the time of arrival.
        #expect(lab.books.map(\.times.venue) == lab.books.map(\.times.receive))
        try lab.frame(#"{"qty":5,"price":34900,"seq":8,"side":"buy","product_id":"PI_XBTUSD","feed":"book"}"#)
        #expect(lab.bids().first == [349000, 5])
        try lab.frame(#"{"price":34900,"qty":5,"time":9,"seq":1,"side":"buy","product_id":"PI_XBTUSD","feed":"trade"}"#)
        #expect(lab.trades.map(\.price.mantissa) == [349_000] && lab.isBalanced)
    }

    @Test func unknownInstrumentsAreCounted() throws {
        let lab = try Self.lab()
        for text in [Self.snapshot, Self.change, Self.pastTrades, Self.trade(1)] {
            try lab.frame(text.replacingOccurrences(of: "XBTUSD", with: "SOLUSD"))
        }
        #expect(lab.counts.unknownStreams == 4 && lab.counts.messages == 4 && lab.isBalanced)
    }

    @Test func numbersThatMakeNoSenseAreRejected() throws {
        let lab = try Self.lab()
        let cases: [(String, String, String, RejectionKind)] = [
            (Self.snapshot, "34892.5", "34892.55", .doesNotFitInstrument), (Self.snapshot, "34892.5", "0", .outOfRange),
            (Self.snapshot, "34892.5", "-1", .outOfRange), (Self.snapshot, "6385", "-6385", .outOfRange),
            (Self.snapshot, "6385", "1e300", .outOfRange), (Self.snapshot, "6385", "null", .wrongType),
            (Self.snapshot, #""price":34892.5,"#, "", .missingField),
            (Self.snapshot, #","qty":6385"#, "", .missingField),
            (Self.snapshot, "326072249", "99999999999999999999", .outOfRange),
            (Self.snapshot, "326072249", "9223372036854775807", .outOfRange),
            (Self.snapshot, "326072249", "-1", .outOfRange), (Self.snapshot, "326072249", "1.5", .badNumber),
            (Self.snapshot, #""seq":326072249,"#, "", .missingField),
            (Self.snapshot, #""product_id":"PI_XBTUSD","#, "", .missingField),
            (Self.snapshot, #""bids""#, #""buys""#, .missingField),
            (Self.snapshot, "1612269825817", "9223372036854775807", .outOfRange),
            (Self.change, #""side":"sell","#, "", .missingField), (Self.change, #""sell""#, #""ask""#, .missingField),
            (Self.change, #""price":34911.5,"#, "", .missingField),
            (Self.change, "34911.5", "34911.51", .doesNotFitInstrument),
            (Self.trade, "1488", "9223372036854775807", .outOfRange), (Self.trade, "439.5", "0", .outOfRange),
            (Self.trade, "50.0", "0", .outOfRange), (Self.trade, #""seq":1488,"#, "", .missingField),
            (Self.trade, #""buy""#, #""neither""#, .missingField), (Self.pastTrades, "34891", "-1", .outOfRange),
            (Self.pastTrades, #""trades""#, #""rows""#, .missingField),
        ]
        for (text, old, new, kind) in cases {
            let before = lab.counts.rejections[kind]
            let error = lab.failure(text.replacingOccurrences(of: old, with: new))
            guard case .rejected(let rejection) = error else {
                Issue.record("\(old) → \(new): \(String(describing: error))")
                continue
            }
            #expect(rejection.kind == kind, "\(old) → \(new)")
            #expect(lab.counts.rejections[kind] == before + 1)
        }
        #expect(lab.counts.rejections.total == UInt64(cases.count) && lab.isBalanced)
        #expect(lab.batch.events.isEmpty)
    }

    private static let texts = [snapshot, change, pastTrades, trade, heartbeat, ticker, answer, info]

    @Test func aTextCutOffAnywhereIsRejected() throws {
        for text in Self.texts {
            let lab = try Self.lab()
            let cuts = Damage.cuts(of: text)
            for cut in cuts { #expect(lab.failure(cut) != nil, "\(String(decoding: cut, as: UTF8.self))") }
            #expect(lab.counts.rejections.total == UInt64(cuts.count) && lab.isBalanced)
        }
    }

    @Test func damagedTextsAreCounted() throws {
        var random = Random(seed: 20_260_802)
        let lab = try Self.lab()
        for round in 0..<6_000 {
            _ = lab.failure(Damage.flipped(Self.texts[round % Self.texts.count], &random))
            if round % 50 == 0 { _ = lab.failure(Self.snapshot) }
        }
        #expect(lab.counts.messages >= 6_000 && lab.isBalanced)
        #expect(lab.counts.rejections.total > 1_000 && lab.counts.depthApplied > 100)
    }
}
