import Foundation
import Microstructure
import TestSupport
import Testing

@testable import Venues

@Suite struct OKXTests {
    static let recording = "venues-2022/OKX-ws-1.txt.zst"
    static let instrument = Instrument(
        venue: .okx, symbol: "BTCUSDT", venueSymbol: "BTC-USDT", priceExponent: -2, quantityExponent: -8,
        baseAsset: "BTC", quoteAsset: "USDT")
    /// The second before the venue ceased to send checksums, and that second.
    static let before = Timestamp(nanoseconds: 1_782_172_799_000_000_000)
    static let after = Timestamp(nanoseconds: 1_782_172_800_000_000_000)

    private func lab() throws -> StreamLab<OKXReader> {
        try StreamLab(OKXAdapter(options: .standard), [Self.instrument])
    }

    private static func lines(_ name: String) throws -> [String] {
        try Payload.text(name).split(separator: "\n").map(String.init)
    }

    private func book(
        _ action: String, _ previous: Int64, _ last: Int64, bids: String = "", asks: String = ""
    ) -> String {
        #"{"arg":{"channel":"books","instId":"BTC-USDT"},"action":"\#(action)","data":[{"asks":[\#(asks)],"#
            + #""bids":[\#(bids)],"ts":"5","checksum":0,"seqId":\#(last),"prevSeqId":\#(previous)}]}"#
    }

    private func time(_ seconds: Int64) -> Timestamp { Self.after.advanced(byNanoseconds: seconds * 1_000_000_000) }

    // MARK: Real messages

    /// All 290 checksums of the recording hold, of three books, and all its trades are passed on.
    @Test(.enabled(if: Recording.exists(recording)))
    func everyRecordedChecksumHolds() throws {
        let replay = try StreamRecording<OKXReader>([Self.recording], OKXAdapter(options: .standard))
        let counts = replay.counts
        let rows = try Recording.lines(Self.recording, with: "zstd").reduce(0) { count, line in
            count + String(decoding: line, as: UTF8.self).components(separatedBy: #""tradeId":"#).count - 1
        }
        #expect(counts.checksumsPassed == 290 && counts.checksumFailures == 0 && counts.depthApplied == 290)
        #expect(replay.books == 290 && counts.snapshots == 3 && counts.resyncs == 0 && replay.crossed == 0)
        #expect(rows == 74 && replay.trades == rows && counts.duplicateTrades == 0)
        // The other channel of the recording is `tickers`.
        #expect(counts.unknownEvents == 28 && counts.acknowledgements == 18 && counts.messages == 410)
        #expect(counts.rejections.total == 0 && replay.refused == 0 && counts.messages == counts.outcomes)
        #expect(replay.session.instruments.map(\.symbol) == ["BTCUSD220527", "UNIUSDSWAP", "BTCUSDT"])
        #expect(replay.session.instruments.map(\.contract?.kind) == [.future, .perpetual, nil])
        #expect(replay.session.instruments.map(\.canonicalName) == ["BTC-USD", "UNI-USD", "BTC-USDT"])
    }

    /// The recorded frames as if they came today: their checksums say nothing any more.
    @Test(.enabled(if: Recording.exists(recording)))
    func theSameFramesAreReadByTheRuleOfTheirDay() throws {
        let replay = try StreamRecording<OKXReader>([Self.recording], OKXAdapter(options: .standard))
        for (day, passed) in [(Self.before, UInt64(290)), (Self.after, 0)] {
            let lab = try StreamLab<OKXReader>(OKXAdapter(options: .standard), replay.session.instruments)
            for (_, line) in try StreamRecording<OKXReader>.lines(Self.recording) {
                if case .frame(let frame) = line { try lab.frame(frame, at: day) }
            }
            #expect(lab.counts.checksumsPassed == passed && lab.counts.depthApplied == 290)
            #expect(lab.counts.rejections.total == 0 && lab.isBalanced)
        }
    }

    /// A zero was a wrong checksum until the day from which on all are zero.
    @Test func zeroIsAChecksumBeforeItsDayOnly() throws {
        let lines = try Self.lines("okx-books")
        let old = try lab()
        #expect(try old.frame(lines[0], at: Self.before) == .proceed)
        #expect(try old.frame(lines[1], at: Self.before) == .fetchSnapshot(InstrumentID(0)))
        #expect(old.counts.checksumFailures == 1 && old.validity() == .resyncing && old.counts.depthDropped == 1)
        let new = try lab()
        for line in lines { #expect(try new.frame(line, at: Self.after) == .proceed) }
        #expect(new.counts.checksumFailures == 0 && new.counts.checksumsPassed == 0 && new.validity() == .valid)
        #expect(new.counts.depthApplied == 4 && new.counts.chainsPassed == 3 && new.counts.acknowledgements == 1)
        #expect(new.bids().prefix(3) == [[7872220, 48865651], [7872150, 3229000], [7872120, 1020]])
        #expect(new.asks().prefix(3) == [[7872230, 33039492], [7872270, 1020], [7872410, 1275]])
        #expect(new.books.first?.updateID == 80_274_874_895)
        #expect(new.books.first?.times.venue == .milliseconds(1_787_612_486_407) && new.isBalanced)
    }

    /// A checksum that does not agree, of a book whose other checksums do; made by Python's `zlib.crc32`.
    @Test func aWrongChecksumDiscardsTheBook() throws {
        func frame(_ action: String, _ bids: String, _ asks: String, _ checksum: Int64) -> String {
            #"{"arg":{"channel":"books","instId":"BTC-USDT"},"action":"\#(action)","data":[{"asks":[\#(asks)],"#
                + #""bids":[\#(bids)],"ts":"5","checksum":\#(checksum)}]}"#
        }
        let lab = try lab()
        try lab.frame(
            frame(
                "snapshot", #"["3366.1","7","0","3"],["3366","6.10","0","3"]"#, #"["3366.8","9","0","3"]"#,
                Self.first), at: Self.before)
        // One price goes to the other side in one message.
        try lab.frame(
            frame("update", #"["3366.8","0.5","0","1"]"#, #"["3366.8","0","0","0"],["3370","1","0","1"]"#, Self.second),
            at: Self.before)
        #expect(lab.counts.checksumsPassed == 2 && lab.validity() == .valid)
        try lab.frame(frame("update", #"["3366.1","8","0","3"]"#, "", Self.second), at: Self.before)
        #expect(lab.counts.checksumFailures == 1 && lab.validity() == .resyncing && lab.isBalanced)
        // Not a checksum at all.
        #expect(throws: VenueError.self) {
            try lab.frame(frame("update", "", "", 1 << 40), at: Self.before)
        }
        try lab.frame(frame("snapshot", #"["1","1","0","3"]"#, "", 1 << 40), at: Self.after)
        #expect(lab.validity() == .valid && lab.isBalanced)
    }

    /// `3366.1:7:3366.8:9:3366:6.10` and `3366.8:0.5:3370:1:3366.1:7:3366:6.10`.
    private static let first: Int64 = 1_727_683_158
    private static let second: Int64 = -1_234_805_128

    @Test func bestPricesAndSumsOfTradesAreRead() throws {
        let lines = try Self.lines("okx-public")
        let lab = try lab()
        try lab.frame(lines[0])
        let quote = try #require(lab.quotes.first)
        #expect(quote.updateID == 123_456 && quote.times.venue == .milliseconds(1_597_026_383_085))
        #expect(quote.bid == PriceLevel(price: Price(847_697), quantity: Quantity(25_600_000_000)))
        #expect(quote.ask == PriceLevel(price: Price(847_698), quantity: Quantity(41_500_000_000)))
        try lab.frame(lines[1])
        let trade = try #require(lab.trades.first)
        #expect(trade.id == 130_639_474 && trade.firstID == 130_639_472 && trade.aggressor == .buy)
        #expect(trade.price == Price(4_221_990) && trade.quantity == Quantity(12_060_306))
        #expect(trade.times.venue == .milliseconds(1_630_048_897_897))
        try lab.frame(lines[1])
        try lab.frame(
            lines[0].replacing(#"[["8476.98","415","0","13"]]"#, with: "[]").replacing("123456", with: "123457"))
        #expect(lab.counts.duplicateTrades == 1 && lab.counts.emptyQuotes == 1 && lab.isBalanced)
    }

    @Test func answersAndNoticesAreTold() throws {
        let lines = try Self.lines("okx-public")
        let lab = try lab()
        #expect(
            throws: VenueError.refused(
                code: 60_012, message: #"Invalid request: {"op":"subscribe","argss":[{"channel":"books"}]}"#)
        ) { try lab.frame(lines[2]) }
        #expect(try lab.frame(lines[3]) == .reconnect)
        try lab.frame("pong")
        #expect(throws: VenueError.self) { try lab.frame("ping") }
        #expect(lab.counts.venueErrors == 1 && lab.counts.shutdownNotices == 1 && lab.counts.acknowledgements == 1)
        #expect(lab.counts.rejections.total == 1 && lab.isBalanced)
    }

    // MARK: The chain

    @Test func aMissingChangeDiscardsTheBook() throws {
        let lab = try lab()
        try lab.frame(book("snapshot", -1, 100, bids: #"["10","1","0","1"]"#), at: time(0))
        try lab.frame(book("update", 100, 107, bids: #"["10","2","0","1"]"#), at: time(0))
        // Nothing has changed for a minute.
        try lab.frame(book("update", 107, 107), at: time(60))
        #expect(lab.counts.chainsPassed == 2 && lab.bids().prefix(9) == [[1000, 200000000]])
        #expect(try lab.frame(book("update", 110, 115), at: time(61)) == .fetchSnapshot(InstrumentID(0)))
        #expect(lab.counts.gaps == 1 && lab.validity() == .resyncing && lab.isBalanced)
        // Whatever the venue serves brings the book back: here a snapshot in the stream.
        try lab.frame(book("snapshot", -1, 120, bids: #"["9","1","0","1"]"#), at: time(62))
        #expect(lab.validity() == .valid && lab.epoch() == 2 && lab.isBalanced)
    }

    /// An id below the one before it: the venue has begun anew, and its changes go on from it.
    @Test func aNewSeriesGoesOn() throws {
        let lab = try lab()
        try lab.frame(book("snapshot", -1, 100, bids: #"["10","1","0","1"]"#), at: time(0))
        try lab.frame(book("update", 100, 3, bids: #"["10","2","0","1"]"#), at: time(1))
        try lab.frame(book("update", 3, 5, bids: #"["10","3","0","1"]"#), at: time(2))
        #expect(lab.bids().prefix(9) == [[1000, 300000000]] && lab.counts.chainsPassed == 2 && lab.counts.gaps == 0)
        #expect(try lab.frame(book("update", 3, 5), at: time(3)) == .fetchSnapshot(InstrumentID(0)))
        #expect(lab.counts.gaps == 1 && lab.isBalanced)
    }

    @Test func keysMayComeInAnyOrder() throws {
        let lab = try lab()
        let lines = [
            #"{"data":[{"seqId":7,"prevSeqId":-1,"bids":[["10","1","0","1"]],"asks":[],"ts":"5"}],"action":"snapshot","#
                + #""arg":{"instId":"BTC-USDT","channel":"books"}}"#,
            #"{"action":"update","data":[{"prevSeqId":7,"asks":[],"bids":[["9","1","0","1"]],"seqId":9}],"#
                + #""arg":{"channel":"books","instId":"BTC-USDT"}}"#,
            #"{"data":[{"side":"sell","tradeId":5,"sz":"1","px":"2"}],"arg":{"instId":"BTC-USDT","channel":"trades"}}"#,
        ]
        for line in lines { try lab.frame(line, at: time(0)) }
        #expect(lab.bids().prefix(9) == [[1000, 100000000], [900, 100000000]] && lab.counts.chainsPassed == 1)
        #expect(lab.trades.first?.aggressor == .sell && lab.trades.first?.id == 5 && lab.isBalanced)
    }

    @Test func strangeMessagesAreCountedAndSurvived() throws {
        let lab = try lab()
        try lab.frame(book("snapshot", -1, 5).replacing("BTC-USDT", with: "ETH-USDT"), at: time(0))
        #expect(lab.counts.unknownStreams == 1)
        let unwanted = [
            "{}", #"{"event":"login"}"#, #"{"event":"notice","code":"1"}"#, #"{"arg":{"channel":"x"},"data":[7]}"#,
        ]
        for line in unwanted { try lab.frame(line, at: time(0)) }
        #expect(lab.counts.unknownEvents == 4)
        let snapshot = book("snapshot", -1, 5, bids: #"["10","1","0","1"]"#)
        let absurd: [(String, RejectionKind)] = [
            (snapshot.replacing(#""5""#, with: #""99999999999999999999""#), .outOfRange),
            (snapshot.replacing(#""seqId":5"#, with: #""seqId":99999999999999999999"#), .outOfRange),
            (snapshot.replacing(#"["10","1""#, with: #"["0","1""#), .outOfRange),
            (snapshot.replacing(#"["10","1""#, with: #"["10","x""#), .badNumber),
            (snapshot.replacing(#"["10","1""#, with: #"["0.001","1""#), .doesNotFitInstrument),
            (snapshot.replacing(#","instId":"BTC-USDT""#, with: ""), .missingField),
            (book("update", 1, 2).replacing(#","prevSeqId":1"#, with: ""), .missingField), ("[]", .wrongType),
            (#"{"arg":{"channel":"trades","instId":"BTC-USDT"},"data":[{"tradeId":"1"}]}"#, .missingField),
            (#"{"arg":{"channel":"bbo-tbt","instId":"BTC-USDT"},"data":[{"asks":[]}]}"#, .missingField),
        ]
        for (line, kind) in absurd {
            let count = lab.counts.rejections[kind]
            #expect(throws: VenueError.self) { try lab.frame(line, at: time(0)) }
            #expect(lab.counts.rejections[kind] == count + 1, "\(line)")
        }
        // After the greatest id, a change as of 2022.
        try lab.frame(book("snapshot", -1, .max, bids: #"["10","1","0","1"]"#), at: time(0))
        let unnumbered = book("update", 1, 2).replacing(#","seqId":2,"prevSeqId":1"#, with: "")
        for _ in 0..<3 { try lab.frame(unnumbered, at: time(0)) }
        #expect(lab.counts.depthApplied == 4 && lab.counts.messages == lab.frames && lab.isBalanced)
    }

    @Test func messagesCutOffAnywhereAreRejected() throws {
        let lab = try lab()
        for line in try (Self.lines("okx-books") + Self.lines("okx-public")).map({ Array($0.utf8) }) {
            for end in line.indices {
                #expect(throws: VenueError.self) { try lab.frame(Array(line[..<end]), at: time(0)) }
            }
        }
        #expect(lab.counts.rejections.total == lab.frames && lab.isBalanced)
    }

    /// Whatever a message has become, it is counted and leaves the session going. Before and after the venue's change.
    @Test(arguments: testSeeds)
    func damagedMessagesAreCounted(seed: UInt64) throws {
        var random = SplitMix64(testSeed: seed)
        let lab = try lab()
        for line in try (Self.lines("okx-books") + Self.lines("okx-public")).map({ Array($0.utf8) }) {
            for _ in 0..<300 {
                var line = line
                for _ in 0...Int(random.next() % 3) {
                    line[Int(random.next() % UInt64(line.count))] ^= 1 << UInt8(random.next() % 8)
                }
                _ = try? lab.frame(line, at: time(Int64(random.next() % 20) - 10))
                guard random.next() % 10 == 0 else { continue }
                _ = try? lab.snapshot(String(decoding: line, as: UTF8.self), at: time(0))
            }
        }
        #expect(lab.isBalanced && lab.counts.messages >= lab.frames)
        try lab.frame(book("snapshot", -1, 5, bids: #"["10","1","0","1"]"#), at: time(20))
        #expect(lab.validity() == .valid && lab.isBalanced)
    }
}
