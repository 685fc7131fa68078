import Foundation
import Microstructure
import TestSupport
import Testing

@testable import Venues

@Suite struct BybitTests {
    static let instrument = Instrument(
        venue: .bybit, symbol: "BTCUSDT", priceExponent: -2, quantityExponent: -6, baseAsset: "BTC", quoteAsset: "USDT")

    private func lab(_ options: VenueOptions = .standard) throws -> StreamLab<BybitReader> {
        try StreamLab(BybitAdapter(market: .spot, options: options), [Self.instrument])
    }

    private static func lines(_ name: String) throws -> [String] {
        try Payload.text(name).split(separator: "\n").map(String.init)
    }

    // MARK: Real messages

    /// The venue's own book: after its last change, what it has said of the best levels.
    @Test func theCapturedBookIsReadExactly() throws {
        let lines = try Self.lines("bybit-orderbook")
        let lab = try lab()
        for line in lines[..<2] { try lab.frame(line, at: .milliseconds(1_787_612_486_100)) }
        #expect(lab.counts.acknowledgements == 1 && lab.counts.snapshots == 1)
        #expect(
            lab.book().bids.count == 50 && lab.book().asks.count == 50 && lab.validity() == .valid && lab.epoch() == 1)
        #expect(lab.bids().prefix(2) == [[7871500, 1271882], [7871380, 50215]])
        #expect(lab.asks().prefix(2) == [[7871510, 39135], [7871640, 11322]])
        #expect(lab.books.first?.updateID == 217_107_084)
        // The engine's time, not that of sending.
        #expect(lab.books.first?.times.venue == .milliseconds(1_787_612_486_094))
        for line in lines[2...] {
            try lab.frame(line, at: .milliseconds(1_787_612_486_500))
            #expect(lab.books.count == 1 && lab.book().bids.count == 50 && lab.book().asks.count == 50)
        }
        #expect(lab.bids().prefix(2) == [[7871500, 1278364], [7871380, 50215]])
        #expect(lab.asks().prefix(3) == [[7871510, 29700], [7871760, 24769], [7871950, 7000]])
        #expect(lab.book().bids[49].price == Price(7_868_210))
        #expect(lab.counts.depthApplied == 9 && lab.counts.chainsPassed == 8 && lab.counts.rejections.total == 0)
        #expect(lab.counts.messages == 10 && lab.isBalanced)
    }

    @Test func tradesOfBothKindsOfIdAreRead() throws {
        let lines = try Self.lines("bybit-public")
        let lab = try lab()
        try lab.frame(lines[0], at: .milliseconds(7))
        let trade = try #require(lab.trades.first)
        #expect(trade.price == Price(1_657_850) && trade.quantity == Quantity(1_000) && trade.aggressor == .buy)
        #expect(trade.times == EventTimes(venue: .milliseconds(1_672_304_486_865), receive: .milliseconds(7)))
        // The same number for ever: tapes of different days are compared by it.
        #expect(trade.id == 1_157_496_607_412_615_309 && trade.firstID == trade.id)
        try lab.frame(lines[1])
        #expect(lab.trades.first?.id == 2_290_000_001_202_469_355)
        #expect(lab.trades.first?.quantity == Quantity(712) && lab.trades.first?.price == Price(7_760_680))
        try lab.frame(lines[0])
        #expect(lab.trades.isEmpty && lab.counts.duplicateTrades == 1 && lab.counts.trades == 2 && lab.isBalanced)
    }

    /// A level is gone only when both of its sizes are zero.
    @Test func theBookWithRetailOrdersIsReadWithBothSizes() throws {
        let lines = try Self.lines("bybit-public")
        let lab = try lab()
        let whole =
            #"{"topic":"orderbook.rpi.BTCUSDT","ts":1752472188000,"type":"snapshot","data":{"s":"BTCUSDT","#
            + #""b":[["121969.9","1","0"]],"a":[["122018.5","0","2"]],"u":2258979,"seq":1},"cts":1752472187999}"#
        try lab.frame(whole)
        #expect(lab.bids().prefix(9) == [[12196990, 1000000]] && lab.asks().prefix(9) == [[12201850, 2000000]])
        try lab.frame(lines[2])
        #expect(lab.bids().prefix(9) == [[12197510, 114259], [12196050, 163986]])
        #expect(lab.asks().prefix(9) == [[12199080, 1229795], [12199610, 16393]])
        #expect(lab.books.first?.times.venue == .milliseconds(1_752_472_188_069) && lab.isBalanced)
        // Two sizes that fit, and whose sum does not.
        let absurd = whole.replacing(#"["121969.9","1","0"]"#, with: #"["1","9223372036854.775807","1"]"#)
        #expect(throws: VenueError.self) { try lab.frame(absurd) }
        #expect(lab.counts.rejections[.outOfRange] == 1 && lab.isBalanced)
    }

    @Test func answersAreAcknowledgementsOrRefusals() throws {
        let lines = try Self.lines("bybit-public")
        let lab = try lab()
        try lab.frame(lines[3])
        #expect(throws: VenueError.refused(code: 0, message: "Invalid topic: invalid.topic.BTCUSDT")) {
            try lab.frame(lines[4])
        }
        #expect(lab.counts.acknowledgements == 1 && lab.counts.venueErrors == 1 && lab.isBalanced)
    }

    // MARK: Best prices

    private func quote(_ id: Int64, bid: String = #"["10","1"]"#, time: Int64 = 5, type: String = "snapshot") -> String
    {
        #"{"topic":"orderbook.1.BTCUSDT","ts":9,"type":"\#(type)","data":{"s":"BTCUSDT","b":[\#(bid)],"#
            + #""a":[["11.5","2"]],"u":\#(id),"seq":7},"cts":\#(time)}"#
    }

    @Test func theBookOfDepthOneIsTheBestQuote() throws {
        let lab = try lab()
        try lab.frame(quote(100))
        let best = try #require(lab.quotes.first)
        #expect(best.updateID == 100 && best.times.venue == .milliseconds(5))
        #expect(best.bid == PriceLevel(price: Price(1_000), quantity: Quantity(1_000_000)))
        #expect(best.ask == PriceLevel(price: Price(1_150), quantity: Quantity(2_000_000)))
        // Repeated after three seconds, an empty side, a change as in 2023.
        try lab.frame(quote(100, time: 3_005))
        try lab.frame(quote(101, bid: ""))
        try lab.frame(quote(102, type: "delta"))
        #expect(lab.counts.oldQuotes == 1 && lab.counts.emptyQuotes == 1 && lab.counts.unknownEvents == 1)
        #expect(lab.counts.quotes == 1 && lab.isBalanced && lab.book().bids.isEmpty)
        // After a restart the venue numbers from 1 on.
        try lab.frame(quote(1, time: 4_000))
        #expect(lab.quotes.isEmpty)
        try lab.frame(quote(2, time: 60_000))
        try lab.frame(quote(3, time: 60_010))
        #expect(lab.counts.quotes == 3 && lab.counts.oldQuotes == 2 && lab.quotes.first?.updateID == 3)
    }

    // MARK: Faults

    private func book(
        _ id: Int64, _ type: String = "delta", depth: String = "50", bids: String = "", asks: String = ""
    ) -> String {
        #"{"topic":"orderbook.\#(depth).BTCUSDT","ts":1,"type":"\#(type)","data":{"s":"BTCUSDT","b":[\#(bids)],"#
            + #""a":[\#(asks)],"u":\#(id),"seq":1},"cts":1}"#
    }

    @Test func aMissingChangeDiscardsTheBook() throws {
        let lab = try lab()
        try lab.frame(book(7, "snapshot", bids: #"["10","1"]"#, asks: #"["11","1"]"#))
        try lab.frame(book(8, bids: #"["10","2"]"#))
        try lab.frame(book(8, bids: #"["10","3"]"#))
        #expect(lab.counts.depthIgnoredOld == 1 && lab.bids().prefix(1) == [[1000, 2000000]])
        #expect(try lab.frame(book(10), at: .milliseconds(1)) == .resubscribe(InstrumentID(0)))
        #expect(lab.validity() == .resyncing && lab.counts.gaps == 1 && lab.book().bids.isEmpty)
        #expect(try lab.frame(book(11), at: .milliseconds(2)) == .proceed)
        #expect(try lab.frame(book(12), at: .milliseconds(6_000)) == .resubscribe(InstrumentID(0)))
        #expect(
            lab.session.resubscribeMessages(for: InstrumentID(0), on: .main) == [
                #"{"op":"unsubscribe","args":["orderbook.50.BTCUSDT"]}"#,
                #"{"op":"subscribe","args":["orderbook.50.BTCUSDT"]}"#,
            ])
        try lab.frame(book(30, "snapshot", bids: #"["9","1"]"#))
        #expect(lab.validity() == .valid && lab.epoch() == 2 && lab.isBalanced)
    }

    /// Number 1 is a restart, under whatever name it comes.
    @Test(arguments: ["snapshot", "delta"])
    func aRestartIsASnapshot(type: String) throws {
        let lab = try lab()
        try lab.frame(book(7_000, "snapshot", bids: #"["10","1"]"#))
        try lab.frame(book(1, type, bids: #"["12","4"]"#))
        #expect(lab.bids().prefix(9) == [[1200, 4000000]] && lab.epoch() == 2 && lab.counts.snapshots == 2)
        try lab.frame(book(2, bids: #"["12","5"]"#))
        #expect(lab.bids().prefix(9) == [[1200, 5000000]] && lab.counts.gaps == 0 && lab.isBalanced)
    }

    /// Each depth is numbered by itself: the first one with a snapshot is followed.
    @Test func aSecondDepthOfTheSameSymbolIsLeftAlone() throws {
        let lab = try lab()
        try lab.frame(book(7, "snapshot", bids: #"["10","1"]"#))
        try lab.frame(book(900, "snapshot", depth: "500", bids: #"["10","1"],["9","1"]"#))
        try lab.frame(book(901, depth: "500"))
        try lab.frame(book(8, bids: #"["10","2"]"#))
        #expect(lab.counts.unknownEvents == 2 && lab.counts.gaps == 0 && lab.bids().prefix(9) == [[1000, 2000000]])
        // A new connection may bring another.
        lab.session.connectionClosed(at: .milliseconds(5))
        lab.session.connectionOpened(at: .milliseconds(6))
        try lab.frame(book(902, "snapshot", depth: "500", bids: #"["10","1"],["9","1"]"#))
        #expect(lab.book().bids.count == 2 && lab.epoch() == 2 && lab.isBalanced)
    }

    @Test func keysMayComeInAnyOrder() throws {
        let lab = try lab()
        try lab.frame(
            #"{"cts":3,"data":{"seq":1,"u":7,"a":[["11","1"]],"b":[["10","1"]],"s":"BTCUSDT"},"type":"snapshot","ts":4,"#
                + #""topic":"orderbook.50.BTCUSDT"}"#)
        #expect(lab.asks().prefix(9) == [[1100, 1000000]] && lab.books.first?.times.venue == .milliseconds(3))
        try lab.frame(
            #" { "data" : [ { "i":"5","p":"10","S":"Sell","v":"1","s":"BTCUSDT","T":8 } ], "topic":"publicTrade.BTCUSDT" }"#
        )
        #expect(lab.trades.first?.aggressor == .sell && lab.trades.first?.times.venue == .milliseconds(8))
        #expect(lab.counts.rejections.total == 0 && lab.isBalanced)
    }

    @Test func strangeMessagesAreCountedAndSurvived() throws {
        let lab = try lab()
        let unknown = [
            book(7, "snapshot").replacing("BTCUSDT", with: "ETHUSDT"),
            #"{"topic":"publicTrade.ETHUSDT","type":"snapshot","data":[{}]}"#,
        ]
        for line in unknown { try lab.frame(line) }
        #expect(lab.counts.unknownStreams == 2)
        let unwanted = [
            #"{"topic":"orderbook.full.BTCUSDT","type":"delta","data":{"u":1}}"#,
            #"{"topic":"kline.5.BTCUSDT","type":"snapshot","data":[]}"#, #"{"topic":"orderbook.BTCUSDT","data":{}}"#,
            #"{"topic":"orderbook.99999999999999999999.BTCUSDT","type":"snapshot","data":{}}"#, "{}",
        ]
        for line in unwanted { try lab.frame(line) }
        #expect(lab.counts.unknownEvents == 5)
        let greatest = String(Int64.max)
        let absurd: [(String, RejectionKind)] = [
            (book(0, "snapshot"), .outOfRange), (book(7, "snapshot", bids: #"["-1","1"]"#), .outOfRange),
            (book(7, "snapshot", bids: #"["1","-1"]"#), .outOfRange),
            (book(7, "snapshot", bids: #"["1e30","1"]"#), .outOfRange),
            (book(7, "snapshot", bids: #"["1.001","1"]"#), .doesNotFitInstrument),
            (book(7, "snapshot").replacing(#""s":"BTCUSDT""#, with: #""s":"ETHUSDT""#), .wrongType),
            (book(7, "snapshot").replacing(#""u":7,"#, with: ""), .missingField),
            (book(7, "snapshot").replacing(#""cts":1"#, with: #""cts":\#(greatest)0"#), .outOfRange),
            (#"{"topic":"publicTrade.BTCUSDT","data":[{"i":"","p":"1","v":"1","S":"Buy"}]}"#, .missingField),
            (#"{"topic":"publicTrade.BTCUSDT","data":[{"i":"1","p":"1","v":"0","S":"Buy"}]}"#, .outOfRange),
            (#"{"topic":"publicTrade.BTCUSDT","data":[{"i":"1","p":"1","v":"1","S":"None"}]}"#, .missingField),
            ("pong", .notJSON),
        ]
        for (line, kind) in absurd {
            let before = lab.counts.rejections[kind]
            #expect(throws: VenueError.self) { try lab.frame(line) }
            #expect(lab.counts.rejections[kind] == before + 1, "\(line)")
        }
        // The greatest number has no next one.
        try lab.frame(book(.max, "snapshot", bids: #"["10","1"]"#))
        try lab.frame(book(5))
        #expect(lab.counts.gaps == 1 && lab.counts.messages == lab.frames && lab.isBalanced)
    }

    @Test func messagesCutOffAnywhereAreRejected() throws {
        let lab = try lab()
        for line in try (Self.lines("bybit-orderbook") + Self.lines("bybit-public")).map({ Array($0.utf8) }) {
            for end in line.indices {
                #expect(throws: VenueError.self) { try lab.frame(Array(line[..<end])) }
            }
        }
        #expect(lab.counts.rejections.total == lab.frames && lab.isBalanced)
    }

    /// Whatever a message has become, it is counted once and leaves the session going.
    @Test(arguments: testSeeds)
    func damagedMessagesAreCounted(seed: UInt64) throws {
        var random = SplitMix64(testSeed: seed)
        let lab = try lab()
        for line in try (Self.lines("bybit-orderbook") + Self.lines("bybit-public")).map({ Array($0.utf8) }) {
            for _ in 0..<300 {
                var line = line
                for _ in 0...Int(random.next() % 3) {
                    line[Int(random.next() % UInt64(line.count))] ^= 1 << UInt8(random.next() % 8)
                }
                _ = try? lab.frame(line, at: .milliseconds(Int64(random.next() % 10_000)))
            }
        }
        #expect(lab.isBalanced && lab.counts.messages >= lab.frames)
        lab.session.connectionClosed(at: .milliseconds(10_000))
        lab.session.connectionOpened(at: .milliseconds(10_001))
        try lab.frame(book(900, "snapshot", bids: #"["10","1"]"#))
        #expect(lab.validity() == .valid)
    }
}
