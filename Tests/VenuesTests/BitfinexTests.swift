import Foundation
import Microstructure
import Testing

@testable import Venues

@Suite struct BitfinexTests {
    static let recording = "venues-2021/BITFINEX-20210405-P0-seq.txt.zst"
    static let adapter = BitfinexAdapter(options: .standard)

    static func instrument(_ venueSymbol: String) throws -> Instrument {
        try #require(
            BitfinexReader.instrument(
                of: .bitfinex, named: venueSymbol, priceExponent: -8, quantityExponent: -8, tickSize: 1))
    }

    static func lab(_ venueSymbols: String...) throws -> StreamLab<BitfinexReader> {
        try StreamLab<BitfinexReader>(adapter, venueSymbols.map(instrument))
    }

    static func error(_ body: () throws -> Void) -> VenueError? {
        do { try body() } catch { return error as? VenueError }
        return nil
    }

    // MARK: Recording

    /// All messages, in the venue's own order; the numbers are counted anew from the text.
    @Test(.enabled(if: Recording.exists(recording)))
    func everyRecordedMessageHasItsOutcome() throws {
        let replay = try StreamRecording<BitfinexReader>([Self.recording], Self.adapter)
        let lines = try Recording.lines(Self.recording, with: "zstd").map { String(decoding: $0, as: UTF8.self) }
        func count(_ text: String) -> UInt64 { UInt64(lines.count { $0.contains(text) && !$0.hasPrefix("wss") }) }
        let counts = replay.counts
        #expect(replay.session.instruments.count == 8)
        #expect(
            Set(replay.session.instruments.map(\.symbol)) == [
                "ETH2XETH", "REQUSD", "GTXUSDT", "CHZUSDT", "KNCBTC", "ETHJPY", "ZRXETH", "LRCBTC",
            ])
        #expect(replay.session.instruments.contains { $0.venueSymbol == "tGTXUST" && $0.quoteAsset == "USDT" })
        #expect(counts.snapshots == 8 && counts.depthUpdates == 22_488 && counts.depthApplied == 22_488)
        // Of each channel one message is a snapshot; the rest, heartbeats among them, follow each other without a gap.
        #expect(counts.chainsPassed == 22_480 && counts.gaps == 0 && counts.resyncs == 0)
        // Heartbeats change nothing and publish nothing.
        #expect(replay.books == 22_474 && replay.crossed == 0 && replay.refused == 0)
        // The venue sent no checksums to this client.
        #expect(counts.checksumsPassed == 0 && counts.checksumFailures == 0)
        #expect(count(#","te","#) == 8 && counts.trades == 8 && replay.trades == 8)
        // Each trade's second message, and the 30 newest trades before the subscription of each pair.
        #expect(counts.duplicateTrades == count(#","tu","#) + 240)
        #expect(counts.acknowledgements == count(#""event""#) + 79 && counts.unknownStreams == 0)
        #expect(counts.unknownEvents == 58 && replay.quotes == 0, "tickers are not read")
        #expect(counts.rejections.total == 0 && counts.messages == counts.outcomes)
    }

    /// The venue announces each level that leaves the depth: no side ever has more than were subscribed to.
    @Test(.enabled(if: Recording.exists(recording)))
    func theVenueKeepsTheDepth() throws {
        let replay = try StreamRecording<BitfinexReader>([Self.recording], Self.adapter)
        for index in replay.session.instruments.indices {
            let book = replay.session.book(of: InstrumentID(index))
            #expect((1...100).contains(book.bids.count) && (1...100).contains(book.asks.count))
            #expect(book.trimmedLevels == 0)
        }
    }

    /// What a checksum is made of is each number as it was sent.
    @Test(.enabled(if: Recording.exists(recording)))
    func recordedNumbersAreWrittenAsTheyWereSent() throws {
        var compared = 0
        for (_, line) in try StreamRecording<BitfinexReader>.lines(Self.recording) {
            guard case .frame(let bytes) = line, bytes.first == UInt8(ascii: "[") else { continue }
            for text in String(decoding: bytes, as: UTF8.self).split(whereSeparator: { "[],\"".contains($0) }) {
                let digits = text.hasPrefix("-") ? text.dropFirst() : text
                guard digits.first?.isNumber == true, let value = try? Self.mantissa(of: String(digits)) else {
                    continue
                }
                #expect(Self.text(of: value, exponent: -8) == digits)
                compared += 1
            }
        }
        #expect(compared > 90_000)
    }

    private static func mantissa(of text: String) throws(ScanError) -> Int64 {
        try JSONScanner.scan(Array(text.utf8).span) { (scanner) throws(ScanError) in try scanner.decimal(exponent: -8) }
    }

    private static func text(of mantissa: Int64, exponent: Int8) -> String {
        var bytes: [UInt8] = []
        JavaScriptNumber(mantissa, exponent: exponent).write { bytes.append($0) }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Source: ECMA-262, `Number::toString`.
    @Test(arguments: [
        (0, -8, "0"), (1, -8, "1e-8"), (79, -8, "7.9e-7"), (100, -8, "0.000001"), (123, -8, "0.00000123"),
        (12, -2, "0.12"), (1_200, -2, "12"), (123_456, -2, "1234.56"), (5, 0, "5"), (5_000, 0, "5000"),
        (5, 9, "5000000000"), (Int64.max, 0, "9223372036854775807"), (Int64.max, -18, "9.223372036854775807"),
        (1, 18, "1000000000000000000"), (12, -18, "1.2e-17"), (-3, 0, "0"),
    ])
    func numbersAsJavaScript(mantissa: Int64, exponent: Int8, text: String) {
        #expect(Self.text(of: mantissa, exponent: exponent) == text)
    }

    // MARK: Real payloads

    static let xrpSubscription = #"""
        {"event":"subscribed","channel":"book","chanId":81757,"symbol":"tXRPBTC","prec":"P0","freq":"F0","len":"25","subId":"nonce1","pair":"XRPBTC"}
        """#
    static let xrpSnapshot = """
        [81757,[[0.0000011,13,271510.49],[0.00000109,4,500793.10790141],[0.00000108,5,776367.43],\
        [0.00000107,1,23329.54842056],[0.00000106,3,116868.87735849],[0.00000105,3,205000],\
        [0.00000103,3,227308.25386407],[0.00000102,2,105000],[0.00000101,1,2970],[0.000001,2,21000],[7e-7,1,10000],\
        [6.6e-7,1,10000],[6e-7,1,100000],[4.9e-7,1,10000],[2.5e-7,1,2000],[6e-8,1,100000],[5e-8,1,200000],\
        [1e-8,4,640000],[0.00000111,1,-4847.13],[0.00000112,7,-528102.69042633],[0.00000113,5,-302397.07],\
        [0.00000114,3,-339088.93],[0.00000126,4,-245944.06],[0.00000127,1,-5000],[0.0000013,1,-5000],\
        [0.00000134,1,-8249.18938656],[0.00000136,1,-13161.25184766],[0.00000145,1,-2914],[0.0000015,3,-54448.5],\
        [0.00000152,2,-5538.54849594],[0.00000153,1,-62691.75475079],[0.00000159,1,-2914],[0.0000016,1,-52631.10296831],\
        [0.00000164,1,-4000],[0.00000166,1,-3831.46784605],[0.00000171,1,-14575.17730379],\
        [0.00000174,1,-3124.81815395],[0.0000018,1,-18000],[0.00000182,1,-16000],[0.00000186,1,-4000],\
        [0.00000189,1,-10000.686624],[0.00000191,1,-14500],[0.00000193,1,-2422]]]
        """

    /// A snapshot, a change and the venue's checksum after it. Source: bitfinexcom/bitfinex-api-go,
    /// `tests/integration/v2/mock_ws_public_test.go`.
    @Test func theVenuesChecksumAgrees() throws {
        let lab = try Self.lab("tXRPBTC")
        try lab.frame(#"{"event":"conf","status":"OK","flags":131072}"#)
        try lab.frame(Self.xrpSubscription)
        try lab.frame(Self.xrpSnapshot)
        #expect(lab.books.count == 1 && lab.validity() == .valid && lab.epoch() == 1)
        #expect(lab.bids().first == [110, 27_151_049_000_000] && lab.bids().last == [1, 64_000_000_000_000])
        #expect(lab.asks().first == [111, 484_713_000_000] && lab.asks().last == [193, 242_200_000_000])
        #expect(lab.bids().count == 18 && lab.asks().count == 25)
        try lab.frame("[81757,[0.0000011,12,266122.94]]")
        #expect(lab.bids().first == [110, 26_612_294_000_000] && lab.books.count == 1)
        #expect(try lab.frame(#"[81757,"cs",-1175357890]"#) == .proceed)
        #expect(lab.counts.checksumsPassed == 1 && lab.counts.checksumFailures == 0)
        #expect(lab.books.isEmpty, "a verified book is the same book")
        // The order of the snapshot's levels has no meaning.
        let other = try Self.lab("tXRPBTC")
        try other.frame(Self.xrpSubscription)
        let rows = Self.xrpSnapshot.dropFirst(9).dropLast(3).components(separatedBy: "],[")
        #expect(rows.count == 43)
        try other.frame("[81757,[[" + rows.reversed().joined(separator: "],[") + "]]]")
        #expect(other.bids().count == 18 && other.asks().count == 25)
        try other.frame("[81757,[0.0000011,12,266122.94]]")
        try other.frame(#"[81757,"cs",-1175357890]"#)
        #expect(other.counts.checksumsPassed == 1)
    }

    /// A book that is not the venue's is discarded and asked for on its connection, by the channel's number there.
    @Test func aBadChecksumDiscardsTheBook() throws {
        let lab = try Self.lab("tXRPBTC")
        try lab.frame(Self.xrpSubscription)
        try lab.frame(Self.xrpSnapshot)
        #expect(try lab.frame(#"[81757,"cs",-1175357890]"#) == .resubscribe(InstrumentID(0)))
        #expect(lab.counts.checksumFailures == 1 && lab.counts.resyncs == 1 && lab.validity() == .resyncing)
        #expect(
            lab.resubscribeMessages() == [
                #"{"event":"unsubscribe","chanId":81757}"#,
                #"{"event":"subscribe","channel":"book","symbol":"tXRPBTC","prec":"P0","freq":"F0","len":"100"}"#,
            ])
        try lab.frame(#"{"event":"unsubscribed","status":"OK","chanId":81757}"#)
        try lab.frame("[81757,[0.0000011,12,266122.94]]")
        #expect(lab.counts.unknownStreams == 1 && lab.counts.depthDropped == 1)
        try lab.frame(Self.xrpSubscription.replacingOccurrences(of: "81757", with: "5"))
        try lab.frame(Self.xrpSnapshot.replacingOccurrences(of: "81757", with: "5"))
        #expect(lab.validity() == .valid && lab.epoch() == 2 && lab.isBalanced)
    }

    static let jpySubscriptions = [
        #"{"event":"info","version":2,"serverId":"08c3ea49-017b-4265-959a-aef128755661","platform":{"status":1}}"#,
        #"{"event":"conf","status":"OK","flags":65536}"#,
        #"{"event":"subscribed","channel":"trades","chanId":146481,"symbol":"tETHJPY","pair":"ETHJPY"}"#,
        #"{"event":"subscribed","channel":"book","chanId":146467,"symbol":"tETHJPY","prec":"P0","freq":"F0","len":"100","pair":"ETHJPY"}"#,
    ]

    /// Messages as recorded; the snapshot is shortened.
    @Test func recordedMessagesDecodeExactly() throws {
        let lab = try Self.lab("tETHJPY")
        for text in Self.jpySubscriptions { try lab.frame(text) }
        #expect(lab.counts.acknowledgements == 4)
        try lab.frame("[146467,[[230850,1,0.79335794],[230820,1,0.39],[230890,2,-1.5]],22]")
        #expect(lab.bids() == [[23_085_000_000_000, 79_335_794], [23_082_000_000_000, 39_000_000]])
        #expect(lab.asks() == [[23_089_000_000_000, 150_000_000]] && lab.books[0].updateID == 22)
        #expect(lab.books[0].times.venue == lab.books[0].times.receive, "no time was asked for")
        try lab.frame("[146467,[230880,1,-3.5e-7],23]")
        #expect(lab.asks() == [[23_088_000_000_000, 35], [23_089_000_000_000, 150_000_000]])
        try lab.frame("[146467,[230820,0,1],24]")
        try lab.frame("[146467,[230890,0,-1],25]")
        #expect(lab.bids().count == 1 && lab.asks().count == 1 && lab.counts.chainsPassed == 3)
        try lab.frame(#"[146481,"te",[658733999,1617643726782,0.5781,230449.19978335],26]"#, at: lab.time(7))
        let trade = try #require(lab.trades.first)
        #expect(trade.id == 658_733_999 && trade.price.mantissa == 23_044_919_978_335)
        #expect(trade.quantity.mantissa == 57_810_000 && trade.aggressor == .buy)
        #expect(trade.times.venue == Timestamp(milliseconds: 1_617_643_726_782))
        #expect(trade.times.receive == Timestamp(milliseconds: 7))
        try lab.frame(#"[146481,"tu",[658733999,1617643726782,0.5781,230449.19978335],27]"#)
        #expect(lab.trades.isEmpty && lab.counts.duplicateTrades == 1)
        // A stored trade whose first message never came is a trade.
        try lab.frame(#"[146481,"tu",[658734001,1617643726782,-0.1345,230450],28]"#)
        #expect(lab.trades.map(\.id) == [658_734_001] && lab.trades[0].aggressor == .sell)
        #expect(lab.counts.gaps == 0 && lab.isBalanced)
    }

    /// With times, as captured from the venue on 2026-09-22.
    @Test func timesFollowTheCounter() throws {
        let lab = try Self.lab("tBTCF0:USTF0")
        #expect(lab.session.instruments[0].symbol == "BTCUSDTF0")
        try lab.frame(#"{"event":"conf","status":"OK","flags":229376}"#)
        try lab.frame(
            #"{"event":"subscribed","channel":"book","chanId":853691,"symbol":"tBTCF0:USTF0","prec":"P0","freq":"F0","len":"25","pair":"BTCF0:USTF0"}"#
        )
        try lab.frame("[853691,[[86704,1,0.03460649],[86719,2,-0.03483509]],1,1790134414800]")
        #expect(lab.books[0].times.venue == Timestamp(milliseconds: 1_790_134_414_800))
        try lab.frame(#"[853691,[86664,1,0.5],2,1790134414850,"a field of tomorrow"]"#)
        #expect(lab.books[0].times.venue == Timestamp(milliseconds: 1_790_134_414_850) && lab.bids().count == 2)
        try lab.frame("[853691,[86664,0,1],3]")
        #expect(lab.books[0].times.venue == lab.books[0].times.receive && lab.counts.gaps == 0)
        // Unnumbered messages are read; that one is missing among them would show at the next number.
        try lab.frame("[853691,[86663,1,1]]")
        #expect(lab.bids().count == 2 && lab.counts.chainsPassed == 2)
        #expect(try lab.frame("[853691,[86663,0,1],4,1790134414900]") == .proceed)
        #expect(lab.counts.chainsPassed == 3 && lab.isBalanced)
    }

    @Test func errorsAndNotices() throws {
        let lab = try Self.lab("tETHJPY", "tBTCUSD")
        let refused = Self.error {
            try lab.frame(
                #"{"channel":"book","symbol":"tNOPEF0:USTF0","prec":"P0","len":"25","event":"error","msg":"symbol: invalid","code":10300,"pair":"NOPEF0:USTF0"}"#
            )
        }
        #expect(refused == .refused(code: 10_300, message: "symbol: invalid, book, tNOPEF0:USTF0"))
        _ = Self.error {
            try lab.frame(
                #"{"event":"error","msg":"subscribe: limit","code":10305,"channel":"book","symbol":"tBTCUSD"}"#)
        }
        #expect(lab.counts.venueErrors == 2 && lab.counts(1).venueErrors == 1)
        #expect(try lab.frame(#"{"event":"info","code":20051,"msg":"Stopping"}"#) == .reconnect)
        #expect(try lab.frame(#"{"event":"info","code":20060,"msg":"Maintenance"}"#) == .proceed)
        #expect(try lab.frame(#"{"event":"info","code":20061,"msg":"Resuming"}"#) == .reconnect)
        #expect(lab.counts.shutdownNotices == 2)
        #expect(throws: VenueError.self) { try lab.frame(#"{"event":"info","version":3}"#) }
        #expect(throws: VenueError.self) { try lab.frame(#"{"event":"info","version":1.1}"#) }
        #expect(throws: VenueError.self) { try lab.frame(#"{"event":"conf","status":"FAILED","flags":7}"#) }
        try lab.frame(#"{"event":"pong","ts":1511545528111,"cid":1234}"#)
        try lab.frame(#"{"event":"auth","status":"OK"}"#)
        #expect(lab.counts.unknownEvents == 1 && lab.counts.venueErrors == 5 && lab.isBalanced)
    }
}
