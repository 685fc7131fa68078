import Foundation
import Microstructure
import Testing

@testable import Venues

@Suite struct DeribitTests {
    private static let recording = "venues-2022/DERIBIT-ws-1.txt.zst"
    private static let adapter = DeribitAdapter(options: .standard)

    private static let perpetual = Instrument(
        venue: .deribit, symbol: "BTCPERPETUAL", venueSymbol: "BTC-PERPETUAL", priceExponent: -2, quantityExponent: 0,
        tickSize: 50, lotSize: 10)
    private static let option = Instrument(
        venue: .deribit, symbol: "ETH30JUL212800C", venueSymbol: "ETH-30JUL21-2800-C", priceExponent: -4,
        quantityExponent: -1)

    private static func lab() throws -> StreamLab<DeribitReader> {
        try StreamLab(
            adapter, [perpetual, option], start: Timestamp(nanoseconds: 1_700_000_000_000_000_000), step: 1_000_000)
    }

    // MARK: The recording

    /// 10 books of options, 36 changes; nobody traded.
    @Test(.enabled(if: Recording.exists(recording)))
    func everyRecordedChangeFollowsTheOneBefore() throws {
        let replay = try StreamRecording<DeribitReader>([Self.recording], Self.adapter)
        let counts = replay.counts
        #expect(counts.messages == 136 && counts.outcomes == 136 && counts.acknowledgements == 1)
        #expect(counts.snapshots == 10 && counts.depthUpdates == 46 && counts.depthApplied == 46)
        #expect(counts.chainsPassed == 36 && counts.gaps == 0 && counts.resyncs == 0)
        #expect(replay.books == 46 && replay.crossed == 0 && replay.refused == 0)
        #expect(counts.quotes == 76 && counts.emptyQuotes == 13 && replay.quotes == 76)
        let text = try Recording.lines(Self.recording, with: "zstd")
        let changes = text.filter { String(decoding: $0, as: UTF8.self).contains(#""prev_change_id":"#) }
        let trades = text.filter { String(decoding: $0, as: UTF8.self).contains(#""trade_seq":"#) }
        #expect(changes.count == 36 && trades.count == replay.trades && replay.trades == 0)

        let instruments = replay.session.instruments
        #expect(instruments.count == 10)
        let one = try #require(instruments.first { $0.venueSymbol == "ETH-30JUL21-2800-C" })
        #expect(one.symbol == "ETH30JUL212800C" && one.priceExponent == -4 && one.tickSize == 5)
        let empty = try #require(instruments.firstIndex { $0.venueSymbol == "ETH-27AUG21-4000-P" })
        let book = replay.session.book(of: InstrumentID(empty))
        #expect(book.bids.isEmpty && book.asks.isEmpty && replay.session.epoch(of: InstrumentID(empty)) == 1)
    }

    /// The venue's own best prices, from `ticker`, are those of the book of the same instant.
    @Test(.enabled(if: Recording.exists(recording)))
    func recordedBooksAgreeWithTheVenuesOwnBestPrices() throws {
        var survey = try StreamSurvey<DeribitReader>(Self.adapter)
        let lines = try StreamRecording<DeribitReader>.lines(Self.recording)
        for (time, line) in lines { if case .frame(let text) = line { survey.process(text.span, at: time) } }
        var session = try StreamSession<DeribitReader>(Self.adapter, instruments: survey.instruments())
        session.connectionOpened(at: lines[0].time)
        var quotes: [Quote] = []
        var tops: [InstrumentID: [Timestamp: (PriceLevel, PriceLevel)]] = [:]
        var batch = EventBatch()
        for (time, line) in lines {
            guard case .frame(let text) = line else { continue }
            batch.removeAll()
            _ = try session.receive(text.span, at: time, into: &batch)
            for event in batch.events {
                if case .quote(let quote) = event { quotes.append(quote) }
                guard case .book(let book) = event, let bid = batch.levels[book.bids].first,
                    let ask = batch.levels[book.asks].first
                else { continue }
                tops[book.instrument, default: [:]][book.times.venue] = (bid, ask)
            }
        }
        var compared = 0
        for quote in quotes {
            guard let (bid, ask) = tops[quote.instrument]?[quote.times.venue] else { continue }
            compared += 1
            #expect(bid == quote.bid && ask == quote.ask)
        }
        // The others have no book of their own millisecond: only the mark price had changed.
        #expect(quotes.count == 76 && compared == 35)
    }

    // MARK: Real payloads

    // Source: the recording of 2021-07-22.
    private static let snapshot = """
        {"jsonrpc":"2.0","method":"subscription","params":{"channel":"book.ETH-30JUL21-2800-C.raw","data":{"type":\
        "snapshot","timestamp":1626993723632,"instrument_name":"ETH-30JUL21-2800-C","change_id":13169025645,"bids":\
        [["new",0.0015,4714.0],["new",0.001,861.0],["new",0.0005,1.0]],"asks":[["new",0.0025,873.0],\
        ["new",0.003,167.0]]}}}
        """
    private static let change = """
        {"jsonrpc":"2.0","method":"subscription","params":{"channel":"book.ETH-30JUL21-2800-C.raw","data":{"type":\
        "change","timestamp":1626993725864,"prev_change_id":13169025645,"instrument_name":"ETH-30JUL21-2800-C",\
        "change_id":13169031288,"bids":[["change",0.0015,4737.0]],"asks":[]}}}
        """
    // Source: Deribit documentation, `trades.(instrument_name).(interval)`, `quote.(instrument_name)`, "Errors",
    // `public/set_heartbeat`; 2026-08.
    private static let trades = """
        {"jsonrpc":"2.0","method":"subscription","params":{"channel":"trades.BTC-PERPETUAL.100ms","data":[{"trade_seq":\
        30289432,"trade_id":"48079254","timestamp":1590484156350,"tick_direction":0,"price":8954,"mark_price":8952.86,\
        "instrument_name":"BTC-PERPETUAL","index_price":8956.73,"direction":"sell","amount":10},{"trade_seq":30289433,\
        "trade_id":"48079255","timestamp":1590484156351,"tick_direction":1,"price":8954.5,"mark_price":8952.86,\
        "instrument_name":"BTC-PERPETUAL","index_price":8956.73,"direction":"buy","amount":2500.0}]}}
        """
    private static let quote = """
        {"jsonrpc":"2.0","method":"subscription","params":{"channel":"quote.BTC-PERPETUAL","data":{"timestamp":\
        1550658624149,"instrument_name":"BTC-PERPETUAL","best_bid_price":3914.97,"best_bid_amount":40,\
        "best_ask_price":3996.61,"best_ask_amount":50}}}
        """
    private static let failure = """
        {"jsonrpc":"2.0","error":{"code":13009,"message":"invalid_token","data":{"reason":"token has expired",\
        "param":"access_token"}},"usIn":1704153600000000,"usOut":1704153600001234,"usDiff":1234,"id":42}
        """
    private static let heartbeat = #"{"jsonrpc":"2.0","method":"heartbeat","params":{"type":"test_request"}}"#
    private static let answer = #"{"jsonrpc":"2.0","id":0,"result":{"version":"1.2.26"},"usIn":1,"usOut":2,"usDiff":1}"#

    @Test func booksAreReadExactly() throws {
        let lab = try Self.lab()
        #expect(try lab.frame(Self.snapshot) == .proceed)
        #expect(lab.bids(1) == [[15, 47140], [10, 8610], [5, 10]] && lab.asks(1) == [[25, 8730], [30, 1670]])
        #expect(lab.books.map(\.times.venue) == [Timestamp(milliseconds: 1_626_993_723_632)])
        #expect(try lab.frame(Self.change) == .proceed)
        #expect(lab.bids(1) == [[15, 47370], [10, 8610], [5, 10]])
        #expect(lab.books.map(\.updateID) == [13_169_031_288] && lab.books.map(\.epoch) == [1])
        #expect(lab.validity(1) == .valid && lab.counts.chainsPassed == 1)
        // A deletion removes its level whatever its amount; a level may come and go in one message.
        try lab.frame(
            Self.bookOfOption("change", 13_169_031_288, 20, bids: #"["delete",0.0015,3.0],["new",0.0014,2.0]"#))
        #expect(lab.bids(1) == [[14, 20], [10, 8610], [5, 10]])
        #expect(lab.isBalanced)
    }

    @Test func tradesAreReadExactly() throws {
        let lab = try Self.lab()
        try lab.frame(Self.trades)
        #expect(lab.trades.map(\.id) == [30_289_432, 30_289_433])
        #expect(lab.trades.map(\.price.mantissa) == [895_400, 895_450])
        #expect(lab.trades.map(\.quantity.mantissa) == [10, 2_500] && lab.trades.map(\.aggressor) == [.sell, .buy])
        #expect(lab.trades[0].times.venue == Timestamp(milliseconds: 1_590_484_156_350))
        #expect(lab.counts.messages == 2 && lab.isBalanced)
        // An empty list is no loss.
        try lab.frame(#"{"method":"subscription","params":{"channel":"trades.BTC-PERPETUAL.100ms","data":[]}}"#)
        #expect(lab.counts.acknowledgements == 1)
    }

    @Test func quotesAreReadExactly() throws {
        let lab = try Self.lab()
        try lab.frame(Self.quote)
        let quote = try #require(lab.quotes.first)
        #expect(quote.bid == PriceLevel(price: Price(391_497), quantity: Quantity(40)))
        #expect(quote.ask == PriceLevel(price: Price(399_661), quantity: Quantity(50)))
        #expect(quote.times.venue == Timestamp(milliseconds: 1_550_658_624_149))
        // An empty side is null or zero.
        for nothing in ["null", "0.0"] {
            try lab.frame(Self.quote.replacingOccurrences(of: "3914.97", with: nothing))
            #expect(lab.quotes.isEmpty)
        }
        #expect(lab.counts.quotes == 1 && lab.counts.emptyQuotes == 2 && lab.isBalanced)
    }

    @Test func answersAndRefusalsAreTold() throws {
        let lab = try Self.lab()
        try lab.frame(Self.heartbeat)
        try lab.frame(Self.answer)
        #expect(lab.counts.acknowledgements == 2)
        #expect(
            lab.failure(Self.failure)
                == .refused(code: 13_009, message: "invalid_token (access_token: token has expired)"))
        #expect(
            lab.failure(#"{"jsonrpc":"2.0","id":1,"error":{"code":10028,"message":"too_many_requests","data":null}}"#)
                == .refused(code: 10_028, message: "too_many_requests"))
        // The venue leaves channels out of its answer that it does not have.
        try lab.frame(#"{"jsonrpc":"2.0","id":2,"result":["book.A.100ms","quote.A"],"usIn":1}"#)
        #expect(lab.counts.acknowledgements == 3)
        #expect(
            lab.failure(#"{"result":["book.A.100ms"],"jsonrpc":"2.0","id":3}"#)
                == .refused(code: 0, message: "2 of 3 channels do not exist"))
        #expect(lab.counts.venueErrors == 3)
        // Not subscribed to, and not known to this version.
        try lab.frame(#"{"method":"subscription","params":{"channel":"platform_state","data":{"locked":false}}}"#)
        try lab.frame(#"{"method":"later","params":[1]}"#)
        #expect(lab.counts.unknownEvents == 2 && lab.isBalanced)
    }

    // MARK: Faults

    private static func bookOfOption(
        _ type: String, _ previous: Int64?, _ last: Int64, bids: String = "", asks: String = ""
    ) -> String {
        let chain = previous.map { #""prev_change_id":\#($0),"# } ?? ""
        return """
            {"jsonrpc":"2.0","method":"subscription","params":{"channel":"book.ETH-30JUL21-2800-C.100ms","data":\
            {"type":"\(type)","timestamp":1626993725864,\(chain)"instrument_name":"ETH-30JUL21-2800-C",\
            "change_id":\(last),"bids":[\(bids)],"asks":[\(asks)]}}}
            """
    }

    private static func trade(_ id: Int64, at milliseconds: Int64 = 1_590_484_156_350) -> String {
        """
        {"trade_seq":\(id),"timestamp":\(milliseconds),"price":8954.5,"instrument_name":"BTC-PERPETUAL",\
        "direction":"sell","amount":10}
        """
    }
    private static func trades(_ rows: String...) -> String {
        """
        {"jsonrpc":"2.0","method":"subscription","params":{"channel":"trades.BTC-PERPETUAL.100ms","data":[\
        \(rows.joined(separator: ","))]}}
        """
    }

    @Test func aMissingChangeDiscardsTheBook() throws {
        let lab = try Self.lab()
        try lab.frame(Self.snapshot)
        let later = Self.bookOfOption("change", 13_169_031_288, 13_169_031_300, bids: #"["new",0.002,1.0]"#)
        #expect(try lab.frame(later) == .resubscribe(InstrumentID(1)))
        #expect(lab.validity(1) == .resyncing && lab.bids(1).isEmpty && lab.books.isEmpty)
        #expect(
            lab.resubscribeMessages(1) == [
                #"{"jsonrpc":"2.0","id":0,"method":"public/unsubscribe","params":{"channels":["book.ETH-30JUL21-2800-C.100ms"]}}"#,
                #"{"jsonrpc":"2.0","id":1,"method":"public/subscribe","params":{"channels":["book.ETH-30JUL21-2800-C.100ms"]}}"#,
            ])
        // Those under way are useless; the next snapshot begins a new epoch.
        #expect(try lab.frame(Self.bookOfOption("change", 13_169_031_300, 13_169_031_301)) == .proceed)
        try lab.frame(Self.bookOfOption("snapshot", nil, 13_169_031_400, bids: #"["new",0.001,5.0]"#))
        #expect(lab.validity(1) == .valid && lab.epoch(1) == 2 && lab.bids(1) == [[10, 50]])
        #expect(lab.counts.gaps == 1 && lab.counts.resyncs == 1 && lab.counts.depthDropped == 2 && lab.isBalanced)
    }

    @Test func aRepeatedChangeIsNotAppliedTwice() throws {
        let lab = try Self.lab()
        try lab.frame(Self.snapshot)
        try lab.frame(Self.change)
        // The chain proves only that it does not follow.
        #expect(try lab.frame(Self.change) == .resubscribe(InstrumentID(1)))
        #expect(lab.counts.gaps == 1 && lab.counts.depthApplied == 2 && lab.isBalanced)
    }

    @Test func aNewConnectionBeginsANewBook() throws {
        let lab = try Self.lab()
        try lab.frame(Self.snapshot)
        lab.reconnect()
        #expect(lab.validity(1) == .resyncing)
        try lab.frame(Self.bookOfOption("snapshot", nil, 7, asks: #"["new",0.003,5.0]"#))
        #expect(lab.validity(1) == .valid && lab.epoch(1) == 2 && lab.bids(1).isEmpty && lab.asks(1) == [[30, 50]])
    }

    @Test func missingTradesAreFetchedByNumber() throws {
        let lab = try Self.lab()
        try lab.frame(Self.trades(Self.trade(100)))
        #expect(try lab.frame(Self.trades(Self.trade(104))) == .fetchTrades(InstrumentID(0)))
        #expect(lab.firstMissingTrade() == 101)
        let request = try #require(lab.tradesRequest(from: 101, limit: 3))
        #expect(
            request.target
                == "/api/v2/public/get_last_trades_by_instrument?instrument_name=BTC-PERPETUAL&start_seq=101&count=3&sorting=asc"
        )
        // The second trade's price makes no sense: it counts as one that the venue does not have.
        let rows = [Self.trade(103), Self.trade(102).replacingOccurrences(of: "8954.5", with: "-1"), Self.trade(101)]
        try lab.backfill(
            #"{"jsonrpc":"2.0","result":{"trades":[\#(rows.joined(separator: ","))],"has_more":false},"usIn":1}"#,
            from: 101, isFinal: true)
        #expect(lab.trades.map(\.id) == [101, 103] && lab.trades.allSatisfy(\.isBackfilled))
        #expect(lab.counts.missedTrades == 3 && lab.counts.backfilledTrades == 2 && lab.counts.unfilledTrades == 1)
        // Late and repeated ones.
        try lab.frame(Self.trades(Self.trade(103), Self.trade(104), Self.trade(105)))
        #expect(lab.trades.map(\.id) == [105] && lab.counts.duplicateTrades == 2 && lab.isBalanced)
        #expect(throws: VenueError.refused(code: 10_028, message: "too_many_requests")) {
            try lab.backfill(#"{"error":{"code":10028,"message":"too_many_requests"}}"#, from: 106)
        }
        #expect(throws: VenueError.self) { try lab.backfill(#"{"jsonrpc":"2.0","id":1}"#, from: 106) }
        #expect(throws: VenueError.self) { try lab.backfill(#"{"result":{"trades":[{"price":1}]}}"#, from: 106) }
    }

    @Test func aRestartedNumberingIsANewSeries() throws {
        let lab = try Self.lab()
        try lab.frame(Self.trades(Self.trade(100)))
        try lab.frame(Self.trades(Self.trade(1, at: 1_590_484_200_000)))
        #expect(lab.trades.map(\.id) == [1] && lab.counts.restartedSeries == 1)
    }

    @Test func keysMayComeInAnyOrder() throws {
        let lab = try Self.lab()
        try lab.frame(
            #"""
            { "params" : { "data" : { "asks":[["new",0.0025,873.0,"later"]], "bids":[["new",0.0015,4714.0]], "x":{"y":[1]},
              "change_id":5, "prev_change_id":null, "instrument_name":"eth-30jul21-2800-c", "type":"snapshot" },
              "channel":"book.ETH-30JUL21-2800-C.100ms" }, "method":"subscription", "jsonrpc":"2.0" }
            """#)
        #expect(lab.bids(1) == [[15, 47140]] && lab.asks(1) == [[25, 8730]])
        // Without a time of the venue, the time of arrival.
        #expect(lab.books.map(\.times.venue) == lab.books.map(\.times.receive))
        try lab.frame(
            #"""
            {"params":{"data":[{"instrument_name":"BTC-PERPETUAL","amount":20,"direction":"buy","price":9000.5,
              "timestamp":1590484156350,"trade_seq":7}],"channel":"trades.BTC-PERPETUAL.100ms"}}
            """#)
        #expect(lab.trades.map(\.price.mantissa) == [900_050] && lab.trades.map(\.quantity.mantissa) == [20])
        #expect(lab.isBalanced)
    }

    @Test func unknownInstrumentsAreCounted() throws {
        let lab = try Self.lab()
        for text in [Self.snapshot, Self.change] {
            try lab.frame(text.replacingOccurrences(of: "ETH-30JUL21", with: "ETH-30JUL22"))
        }
        try lab.frame(Self.trades.replacingOccurrences(of: "BTC-PERP", with: "SOL-PERP"))
        try lab.frame(Self.quote.replacingOccurrences(of: "BTC-PERP", with: "SOL-PERP"))
        #expect(lab.counts.unknownStreams == 4 && lab.counts.messages == 4 && lab.isBalanced)
    }

    @Test func numbersThatMakeNoSenseAreRejected() throws {
        let lab = try Self.lab()
        let cases: [(String, String, String, RejectionKind)] = [
            (Self.snapshot, "0.0015", "0.00151", .doesNotFitInstrument), (Self.snapshot, "0.0015", "0", .outOfRange),
            (Self.snapshot, "0.0015", "-0.0015", .outOfRange), (Self.snapshot, "4714.0", "-1", .outOfRange),
            (Self.snapshot, "4714.0", "1e300", .outOfRange), (Self.snapshot, "4714.0", "null", .wrongType),
            (Self.snapshot, "13169025645", "99999999999999999999", .outOfRange),
            (Self.snapshot, "13169025645", "9223372036854775807", .outOfRange),
            (Self.snapshot, "13169025645", "-1", .outOfRange), (Self.snapshot, "13169025645", "1.5", .badNumber),
            (Self.snapshot, #""change_id":13169025645,"#, "", .missingField),
            (Self.snapshot, #""type":"snapshot","#, "", .missingField),
            (Self.snapshot, #""snapshot""#, #""whole""#, .wrongType),
            (Self.snapshot, #"["new",0.001,861.0]"#, #"["old",0.001,861.0]"#, .wrongType),
            (Self.snapshot, #"["new",0.001,861.0]"#, #"["new",0.001]"#, .missingField),
            (Self.snapshot, #"["new",0.001,861.0]"#, "[]", .missingField),
            (Self.snapshot, "1626993723632", "9223372036854775807", .outOfRange),
            (Self.snapshot, "1626993723632", "-1", .outOfRange),
            (Self.change, #""prev_change_id":13169025645,"#, "", .missingField),
            (Self.trades, "30289433", "9223372036854775807", .outOfRange), (Self.trades, "8954.5", "0", .outOfRange),
            (Self.trades, #""amount":10}"#, #""amount":0}"#, .outOfRange),
            (Self.trades, #""direction":"sell","#, "", .missingField),
            (Self.trades, #""sell""#, #""neither""#, .missingField),
            (Self.trades, #""instrument_name":"BTC-PERPETUAL","#, "", .missingField),
            (Self.quote, "3914.97", "-3914.97", .outOfRange),
            (Self.quote, #""best_bid_amount":40,"#, "", .missingField),
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

    @Test func aTextCutOffAnywhereIsRejected() throws {
        for text in [Self.snapshot, Self.change, Self.trades, Self.quote, Self.failure, Self.heartbeat, Self.answer] {
            let lab = try Self.lab()
            let cuts = Damage.cuts(of: text)
            for cut in cuts { #expect(lab.failure(cut) != nil, "\(String(decoding: cut, as: UTF8.self))") }
            #expect(lab.counts.rejections.total == UInt64(cuts.count) && lab.isBalanced)
        }
    }

    @Test func damagedTextsAreCounted() throws {
        var random = Random(seed: 20_260_801)
        let texts = [Self.snapshot, Self.change, Self.trades, Self.quote, Self.failure, Self.heartbeat, Self.answer]
        let lab = try Self.lab()
        for round in 0..<6_000 {
            _ = lab.failure(Damage.flipped(texts[round % texts.count], &random))
            if round % 50 == 0 { _ = lab.failure(Self.snapshot) }
        }
        #expect(lab.counts.messages >= 6_000 && lab.isBalanced)
        #expect(lab.counts.rejections.total > 1_000 && lab.counts.depthApplied > 100)
    }
}
