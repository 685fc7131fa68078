import TestSupport
@testable import Lab
@testable import Runtime
@testable import Tape
import CZlib
import Foundation
import Microstructure
import Testing
import Venues
import Wire

/// A tape made in a folder of its own.
struct ImportBench {
    let folder: URL

    init() throws { folder = try TestFiles.temporaryFolder() }

    func file(_ name: String, _ text: String) throws -> String {
        let path = folder.appending(path: name).path
        try Data(text.utf8).write(to: URL(filePath: path))
        return path
    }

    /// Imports `files`; returns the events in tape order, and what was reported.
    func run(
        _ format: ImportFormat, _ files: [String], symbol: String? = nil, statusSeconds: Double = 1,
        sortBytes: Int = ExternalSort.memoryBytes
    ) throws -> (events: [TapeEvents.Event], outcome: ImportRun.Outcome, lines: [String]) {
        let out = folder.appending(path: "\(UUID().uuidString).tape").path
        var lines: [String] = []
        let options = ImportRun.Options(
            format: format, files: files, out: out, symbol: symbol, statusSeconds: statusSeconds,
            sortBytes: sortBytes)
        let outcome = try ImportRun(options: options, progress: ProgressBar(total: 0)).run { lines.append($0) }
        return (try Self.events(out), outcome, lines)
    }

    static func events(_ path: String) throws -> [TapeEvents.Event] {
        var tape = try TapeEvents(path: path)
        var events: [TapeEvents.Event] = []
        while let event = try tape.next() { events.append(event) }
        #expect(tape.problems.isEmpty)
        #expect(tape.refused == 0)
        return events
    }
}

extension [TapeEvents.Event] {
    var books: [ProtoBook] { compactMap { if case .book(let book) = $0.envelope.payload { book } else { nil } } }
    var trades: [ProtoTrade] { compactMap { if case .trade(let trade) = $0.envelope.payload { trade } else { nil } } }
    var quotes: [ProtoQuote] { compactMap { if case .quote(let quote) = $0.envelope.payload { quote } else { nil } } }
    var statuses: [ProtoStatus] {
        compactMap { if case .status(let status) = $0.envelope.payload { status } else { nil } }
    }
}

@Suite struct RawImportTests {
    private let bench: ImportBench

    init() throws { bench = try ImportBench() }

    private let raw = """
        1700000000000000001 {"stream":"abcusdt@depth@100ms","data":{"e":"depthUpdate","E":1700000000000,"s":"ABCUSDT","U":10,"u":12,"b":[["1.50","3"]],"a":[]}}
        1700000000200000001 {"lastUpdateId":12,"bids":[["1.50","3"],["1.49","2.5"]],"asks":[["1.51","1"],["1.60","0.5"]]}
        1700000000300000001 {"stream":"abcusdt@bookTicker","data":{"u":13,"s":"ABCUSDT","b":"1.50","B":"3","a":"1.51","A":"1"}}
        1700000000400000001 {"stream":"abcusdt@depth@100ms","data":{"e":"depthUpdate","E":1700000000400,"s":"ABCUSDT","U":13,"u":14,"b":[["1.50","0"]],"a":[["1.51","4"]]}}
        1700000001500000001 {"stream":"abcusdt@trade","data":{"e":"trade","E":1700000001500,"s":"ABCUSDT","t":7,"p":"1.51","q":"0.5","T":1700000001499,"m":false}}
        1700000001600000001 {"stream":"abcusdt@trade","data":{"e":"trade","E":1700000001600,"s":"ABCUSDT","t":8,"p":"1.49","q":"1","T":1700000001599,"m":true}}

        """

    @Test func aTapeHoldsWhatLiveIngestPublishes() throws {
        let (events, outcome, lines) = try bench.run(.binanceRaw, [bench.file("abc.txt", raw)])
        #expect(lines.isEmpty && outcome.report.isClean)
        let instrument = try #require(outcome.symbols.first?.instrument)
        // Steps of 0.01 and 0.5 and three digits more.
        #expect(instrument.priceExponent == -5 && instrument.quantityExponent == -4)
        let book = try #require(events.books.first)
        #expect(events.books.count == 1)
        #expect(book.bidPrices == [149_000] && book.bidQuantities == [25_000])
        #expect(book.askPrices == [151_000, 160_000] && book.askQuantities == [40_000, 5_000])
        #expect(book.updateID == 14 && book.validity == .valid)
        #expect(book.bookEpoch == 1_700_000_000_000_000_001 + 1)
        #expect(book.venueTimeNs == 1_700_000_000_400_000_000 && book.receiveTimeNs == 1_700_000_000_400_000_001)
        #expect(events.trades.map(\.id) == [7, 8])
        #expect(events.trades.map(\.aggressor) == [.buy, .sell])
        #expect(events.quotes.map(\.askPrice) == [151_000])
        // One at the begin, one as the book is asked for, one after a second.
        #expect(events.statuses.map(\.validity) == [.resyncing, .resyncing, .valid])
        #expect(events.statuses.map { $0.receiveTimeNs - 1_700_000_000_000_000_001 } == [0, 0, 1_000_000_000])
        #expect(events.allSatisfy { $0.envelope.epoch == 1_700_000_000_000_000_001 })
        for detail in Topic.TickDetail.allCases {
            let numbers = events.filter { $0.topic.detail == detail.rawValue }.map(\.envelope.sequence)
            #expect(numbers == Array(1...UInt64(max(1, numbers.count))))
        }
        let times = events.map(\.receiveTime)
        #expect(times == times.sorted())
    }

    /// Binance documents symbols with letters beyond ASCII.
    @Test func aSymbolOfAnyScriptIsRead() async throws {
        let file = try bench.file(
            "raw.txt",
            raw.replacing("abcusdt", with: "这是测试币456").replacing("ABCUSDT", with: "这是测试币456"))
        let (events, outcome, lines) = try bench.run(.binanceRaw, [file])
        #expect(lines.isEmpty && outcome.report.isClean)
        #expect(events.books.count == 1 && events.trades.map(\.id) == [7, 8] && events.quotes.count == 1)
        #expect(events.allSatisfy { $0.topic.symbol == "这是测试币456" })
        let program = try Program("microlab", ["verify", file], in: bench.folder)
        _ = await program.exitCode(within: 60)
        #expect(program.outputText.contains("这是测试币456"), "\(program.outputText) \(program.logText)")
    }

    /// Lines in the wrong order give the same tape, and are reported.
    @Test func swappedLinesArePutBack() throws {
        var swapped = raw.split(separator: "\n")
        swapped.swapAt(3, 4)
        let clean = try bench.run(.binanceRaw, [bench.file("clean.txt", raw)])
        let (events, outcome, lines) = try bench.run(
            .binanceRaw, [bench.file("swapped.txt", swapped.joined(separator: "\n"))])
        #expect(events.map(\.record) == clean.events.map(\.record))
        #expect(outcome.report.counts == [.outOfOrder: 1])
        #expect(lines.count == 1 && lines[0].contains("swapped.txt:5: "))
    }

    @Test func holesDuplicatesAndNonsenseAreReportedAndSurvived() throws {
        let damaged =
            raw
                + """
                hello
                1700000001700000001
                99999999999999999999999 {"stream":"abcusdt@trade","data":{}}
                1700000001700000001 {"stream":"abcusdt@trade","data":{"e":"trade","E":1,"s":"ABCUSDT","t":8,"p":"1.51","q":"0.5","T":1,"m":false}}
                1700000001800000001 {"stream":"abcusdt@trade","data":{"e":"trade","E":1,"s":"ABCUSDT","t":12,"p":"1.51","q":"1","T":1,"m":false}}
                1700000001900000001 {"stream":"abcusdt@trade","data":{"e":"trade","E":1,"s":"ABCUSDT","t":13,"p":"-1","q":"1","T":1,"m":false}}
                1700000002000000001 {"stream":"abcusdt@trade","data":{"e":"trade","E":1,"s":"ABCUSDT","t":13,"p":"1e400","q":"1","T":1,"m":false}}
                1700000002100000001 {"stream":"abcusdt@depth@100ms","data":{"e":"depthUpdate","E":1,"s":"ABCUSDT","U":20,"u":21,"b":[],"a":[]}}
                1700000002200000001 {"lastUpdateId":"x"}
                1700000002300000001 {"stream":"abcusdt@tra
                """
        let (events, outcome, lines) = try bench.run(.binanceRaw, [bench.file("abc.txt", damaged)])
        #expect(events.books.count == 1)
        #expect(events.trades.map(\.id) == [7, 8, 12])
        #expect(
            outcome.report.counts == [
                .badRow: 6, .duplicateTrade: 1, .missingTrades: 1, .depthHole: 1, .badSnapshot: 1,
            ], "\(lines)")
        #expect(events.statuses.last?.validity == .resyncing)
        #expect(lines.contains { $0.contains("abc.txt:7: does not begin with a receive time") })
    }

    /// The text of other recorders: seconds, and the URL before each snapshot.
    @Test func recordersThatWriteSecondsAreRead() throws {
        let text = """
            wss://stream.binance.com:9443/stream?streams=abcusdt@depth@100ms <-> 1700000000.1
            1700000000.5: {"stream":"abcusdt@depth@100ms","data":{"e":"depthUpdate","E":1700000000000,"s":"ABCUSDT","U":10,"u":12,"b":[["1.50","3"]],"a":[]}}
            1700000000.55: {"stream":"xyzusdt@depth@100ms","data":{"e":"depthUpdate","E":1700000000000,"s":"XYZUSDT","U":1,"u":2,"b":[["1","3"]],"a":[]}}
            https://www.binance.com/api/v1/depth?symbol=ABCUSDT&limit=1000 -> 1700000000.6: {"lastUpdateId":11,"bids":[["1.50","3"]],"asks":[["1.51","1"]]}
            1700000000.123456789: {"stream":"abcusdt@kline_1m","data":{"e":"kline","E":1700000000000,"s":"ABCUSDT"}}
            """
        let (events, outcome, _) = try bench.run(.binanceRaw, [bench.file("old.txt", text)])
        #expect(events.books.map(\.receiveTimeNs) == [1_700_000_000_600_000_000 - 100_000_000])
        #expect(outcome.report.counts[.noBook] == 1)
        #expect(outcome.report.counts[.outOfOrder] == 1)
    }

    @Test(.enabled(if: TestFiles.hasCaptures, "needs the recordings"))
    func theRecordingsGiveTheSessionsOwnEvents() throws {
        // One of them: both take half a minute in a debug build.
        let captures = [TestFiles.captures[1]]
        let (events, outcome, lines) = try bench.run(.binanceRaw, captures)
        #expect(lines.isEmpty)
        for (path, symbol) in zip(captures, outcome.symbols) {
            let instrument = symbol.instrument
            var session = try BinanceSession(BinanceConfiguration(instruments: [instrument]))
            var batch = EventBatch()
            var expected: [ProtoEnvelope.OneOf_Payload] = []
            let file = try CaptureFile(path: path)
            while let line = try file.nextLine() {
                let blank = try #require(line.firstIndex(of: UInt8(ascii: " ")))
                let time = Timestamp(
                    nanoseconds: try #require(Int64(String(decoding: line[..<blank], as: UTF8.self))))
                let json = Array(line[(blank + 1)...])
                if json.starts(with: #"{"lastUpdateId""#.utf8) {
                    _ = try session.receiveSnapshot(json.span, for: InstrumentID(0), at: time, into: &batch)
                } else {
                    _ = try session.receive(json.span, at: time, into: &batch)
                }
                for event in batch.events {
                    switch event {
                    case .book(var update):
                        update.epoch &+= try #require(events.first).envelope.epoch
                        expected.append(.book(ProtoBook(update, levels: batch.levels.span, instrument: instrument)))
                    case .quote(let quote): expected.append(.quote(ProtoQuote(quote, instrument: instrument)))
                    case .trade(let trade): expected.append(.trade(ProtoTrade(trade, instrument: instrument)))
                    case .heartbeat: break
                    }
                }
                batch.removeAll()
            }
            let taped = events.filter { $0.topic.symbol == instrument.symbol && $0.topic.detail != "status" }
            #expect(taped.map(\.envelope.payload) == expected, "\(instrument.symbol)")
            #expect(expected.count > 30_000)
        }
    }
}

@Suite struct CSVImportTests {
    private let bench: ImportBench

    init() throws { bench = try ImportBench() }

    @Test func tradesComeByTheNamesOfTheirColumns() throws {
        let text = """
            symbol,timestamp,datetime,side,price,amount,btc_volume
            ABC/BTC,1600000000000,x,sell,2.46e-06,575.0,0
            ABC/BTC,1600000000500,x,BUY,2.5e-06,12.25,0
            ABC/BTC,1600000002500,x,buy,0.00000301,1e3,0
            """
        let (events, outcome, lines) = try bench.run(.tradesCSV, [bench.file("abc.csv", text)])
        #expect(lines.isEmpty && outcome.report.isClean)
        #expect(events.trades.map(\.price) == [246, 250, 301])
        #expect(events.trades.map(\.quantity) == [57_500, 1_225, 100_000])
        #expect(events.trades.allSatisfy { $0.priceExponent == -8 && $0.quantityExponent == -2 })
        #expect(events.trades.map(\.id) == [1, 2, 3])
        #expect(events.trades.map(\.aggressor) == [.sell, .buy, .buy])
        #expect(
            events.trades.map(\.receiveTimeNs) == [0, 500, 2_500].map { 1_600_000_000_000_000_000 + $0 * 1_000_000 })
        #expect(events.first?.topic.symbol == "ABCBTC")
        #expect(events.statuses.count == 3)
        #expect(events.statuses.allSatisfy { $0.validity == .valid && $0.bookEpoch == 0 })
        let slow = try bench.run(.tradesCSV, [bench.file("abc.csv", text)], statusSeconds: 2)
        #expect(slow.events.statuses.count == 2)
    }

    @Test func absurdRowsAreReportedWithTheirLine() throws {
        let text = """
            symbol,timestamp,side,price,amount,id
            ABCBTC,1600000000000,sell,2.46e-06,575.0,5
            ABCBTC,1600000000100,sell,1e400,575.0,6
            ABCBTC,1600000000200,sell,123456789012345678901234567890,575.0,6
            ABCBTC,1600000000300,sell,2.46e-06,-3,6
            ABCBTC,1600000000400,hold,2.46e-06,3,6
            ABCBTC,1600000000500,sell,0,3,6
            ABCBTC,-5,sell,2.46e-06,3,6
            ABCBTC,99999999999999999999,sell,2.46e-06,3,6
            ABCBTC,1600000000600,sell
            A.B|C,1600000000600,sell,2.46e-06,3,6
            ABCBTC,1600000000700,buy,2.47e-06,100,6
            ABCBTC,1600000000800,buy,2.47e-06,100,6
            ABCBTC,1600000000900,buy,2.47e-06,100,9
            ABCBTC,1600000000901,buy,12345678901234567,3,10
            """
        let (events, outcome, lines) = try bench.run(.tradesCSV, [bench.file("abc.csv", text)])
        // Another time makes another trade of the second row with id 6.
        #expect(events.trades.map(\.id) == [5, 6, 6, 9])
        #expect(events.trades.map(\.price) == [246, 247, 247, 247])
        #expect(outcome.report.counts == [.badRow: 10, .sharedID: 1, .missingTrades: 1], "\(lines)")
        for line in [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15] {
            #expect(lines.contains { $0.contains("abc.csv:\(line): ") }, "line \(line): \(lines)")
        }
    }

    @Test func onlyTheFirstTwentyCasesAreWrittenOut() throws {
        let rows = (0..<50).map { "ABCBTC,\(1_600_000_000_000 + $0),buy,x,1" }
        let text = (["symbol,timestamp,side,price,amount", "ABCBTC,1600000000000,buy,1,1"] + rows).joined(
            separator: "\n")
        let (_, outcome, lines) = try bench.run(.tradesCSV, [bench.file("abc.csv", text)])
        #expect(outcome.report.counts == [.badRow: 50])
        #expect(lines.count == ImportReport.printLimit + 1)
    }

    @Test func aTruncatedGzipGivesWhatStandsBeforeTheCut() throws {
        let rows = (0..<5_000).map { "ABCBTC,\(1_600_000_000_000 + $0 * 100),buy,\(100 + $0 % 977),\(1 + $0 % 89)" }
        let text = (["symbol,timestamp,side,price,amount"] + rows).joined(separator: "\n")
        let path = bench.folder.appending(path: "cut.csv.gz").path
        let file = try #require(gzopen(path, "wb"))
        let bytes = Array(text.utf8)
        #expect(gzwrite(file, bytes, UInt32(bytes.count)) == Int32(bytes.count))
        gzclose(file)
        let packed = try Data(contentsOf: URL(filePath: path))
        try packed.prefix(packed.count / 2).write(to: URL(filePath: path))
        let (events, outcome, lines) = try bench.run(.tradesCSV, [path])
        #expect(events.trades.count > 1_000 && events.trades.count < 4_000)
        #expect(events.trades.map(\.id) == Array(1...Int64(events.trades.count)))
        #expect(outcome.report.counts[.unreadable] == 1, "\(lines)")
    }

    /// Milliseconds before 2025, microseconds after; single trades and aggregated ones; the symbol by the file's name.
    @Test func publicDumpsAreRead() throws {
        let cases = [
            ("7,1.5,2,3.0,1700000000001,True,True", "7,1.5,2,3.0,1700000000001001,True,True"),
            ("7,1.5,2,70,71,1700000000001,true,True", "7,1.5,2,70,71,1700000000001001,true,True"),
        ]
        for (milliseconds, microseconds) in cases {
            for (row, time) in [(milliseconds, 1_700_000_000_001_000_000), (microseconds, 1_700_000_000_001_001_000)] {
                let path = try bench.file("ABCUSDT-trades-2024.csv", row + "\n")
                let trade = try #require(try bench.run(.binanceCSV, [path]).events.trades.first)
                #expect(trade.id == 7 && trade.price == 15 && trade.quantity == 2 && trade.aggressor == .sell)
                #expect(trade.venueTimeNs == Int64(time) && trade.receiveTimeNs == Int64(time))
            }
        }
        let header = "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker\n"
        let path = try bench.file("x.csv", header + "9,1.5,2,70,71,1700000000001,false\n")
        let trade = try #require(try bench.run(.binanceCSV, [path], symbol: "XUSDT").events.trades.first)
        #expect(trade.id == 9 && trade.aggressor == .buy)
    }

    private let depth = """
        TimestampOfReceive,Stream,EventType,EventTime,Symbol,FirstUpdateId,FinalUpdateId,IsAsk,Price,Quantity
        1741046400000000,s,depthUpdate,1741046400000001,TRXUSDT,10,12,0,0.2311,8.7
        1741046400000000,s,depthUpdate,1741046400000001,TRXUSDT,10,12,1,0.2313,2.4
        1741046400500000,s,depthUpdate,1741046400500001,TRXUSDT,13,14,1,0.2312,5
        1741046400600000,s,depthUpdate,1741046400600001,TRXUSDT,15,15,0,0.2311,0

        """

    private let snapshot = """
        # Data Quality Report for:
        # DEPTH_SNAPSHOT SPOT TRXUSDT 14-04-2025
        TimestampOfReceive,TimestampOfRequest,LastUpdateId,IsAsk,Price,Quantity
        1741046400300,1741046400200,12,0,0.23110000,8.70000000
        1741046400300,1741046400200,12,0,0.23100000,1.00000000
        1741046400300,1741046400200,12,1,0.23130000,2.40000000
        """

    @Test func depthRowsBecomeBooksWithTheirSnapshot() throws {
        let files = [try bench.file("depth.csv", depth), try bench.file("snapshot.csv", snapshot)]
        let (events, outcome, lines) = try bench.run(.binanceCSV, files)
        #expect(lines.isEmpty && outcome.report.isClean)
        #expect(events.books.map(\.updateID) == [14, 15])
        #expect(events.books.map(\.askPrices) == [[2_312, 2_313], [2_312, 2_313]])
        #expect(events.books.map(\.bidPrices) == [[2_311, 2_310], [2_310]])
        #expect(events.books.first?.venueTimeNs == 1_741_046_400_500_001_000)
    }

    @Test func aStreamWithoutItsSnapshotHasNoBookAndSaysSo() throws {
        let (events, outcome, lines) = try bench.run(.binanceCSV, [bench.file("depth.csv", depth)])
        #expect(events.books.isEmpty)
        #expect(events.statuses.allSatisfy { $0.validity == .resyncing })
        #expect(outcome.report.counts == [.noBook: 1])
        #expect(lines.contains { $0.contains("TRXUSDT: 3 depth updates and no snapshot") })
    }

    @Test func snapshotsAloneAreEachABook() throws {
        let (events, outcome, _) = try bench.run(.binanceCSV, [bench.file("snapshot.csv", snapshot)])
        #expect(outcome.report.isClean)
        #expect(events.books.map(\.bidPrices) == [[2_311, 2_310]])
        #expect(events.books.map(\.updateID) == [12])
    }

    /// A row that cannot be used costs its whole update, and the book with it.
    @Test func aDamagedLevelCostsItsBook() throws {
        let damaged = depth.replacingOccurrences(of: "0.2312,5", with: "0.2312,-5")
        let files = [try bench.file("depth.csv", damaged), try bench.file("snapshot.csv", snapshot)]
        let (events, outcome, lines) = try bench.run(.binanceCSV, files)
        #expect(events.books.isEmpty)
        #expect(outcome.report.counts == [.badRow: 1, .depthHole: 1, .noBook: 1], "\(lines)")
    }

    @Test func tardisFilesBecomeOneTape() throws {
        let book = """
            exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount
            binance,BTCUSDT,1700000000000000,1700000000100000,true,bid,100.5,1
            binance,BTCUSDT,1700000000000000,1700000000100000,true,bid,100,2
            binance,BTCUSDT,1700000000000000,1700000000100000,true,ask,101,3
            binance,BTCUSDT,1700000000200000,1700000000300000,false,bid,100.5,0
            binance,BTCUSDT,1700000000200000,1700000000300000,false,ask,100.75,0.5
            binance,BTCUSDT,1700000000400000,1700000000500000,false,ask,99,1
            binance,BTCUSDT,1700000000450000,1700000000550000,false,ask,99,0
            binance,BTCUSDT,1700000000600000,1700000000700000,true,bid,98,1
            binance,BTCUSDT,1700000000600000,1700000000700000,true,ask,99,1
            """
        let trades = """
            exchange,symbol,timestamp,local_timestamp,id,side,price,amount
            binance,BTCUSDT,1700000000150000,1700000000250000,77,buy,101,0.25
            bitmex,XBTUSD,1700000000150000,1700000000250000,a-b,buy,101,0.25
            """
        let quotes = """
            exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount
            binance,BTCUSDT,1700000000150000,1700000000260000,3,101,100.5,1
            """
        let (events, outcome, lines) = try bench.run(
            .tardisCSV,
            [bench.file("book.csv", book), bench.file("trades.csv", trades), bench.file("quotes.csv", quotes)])
        #expect(events.books.map(\.bidPrices) == [[10_050, 10_000], [10_000], [9_800]])
        #expect(events.books.map(\.askPrices) == [[10_100], [10_075, 10_100], [9_900]])
        // The crossed book ended an epoch.
        #expect(events.books.map { $0.bookEpoch - events[0].envelope.epoch } == [1, 1, 2])
        #expect(events.trades.map(\.id) == [77] && events.trades.map(\.price) == [10_100])
        #expect(
            events.quotes.map(\.bidPrice) == [10_050] && events.quotes.map(\.venueTimeNs) == [1_700_000_000_150_000_000]
        )
        #expect(outcome.report.counts == [.badRow: 1, .crossedBook: 1], "\(lines)")
        #expect(lines.contains { $0.contains("exchange is none of those known (binance): 'bitmex'") })
        let times = events.map(\.receiveTime)
        #expect(times == times.sorted())
    }

    @Test func tardisSnapshotsOfTheTopAreBooks() throws {
        let text = """
            exchange,symbol,timestamp,local_timestamp,asks[0].price,asks[0].amount,bids[0].price,bids[0].amount,asks[1].price,asks[1].amount,bids[1].price,bids[1].amount
            binance,BTCUSDT,1700000000000000,1700000000100000,101,3,100,2,102,4,99,5
            binance,BTCUSDT,1700000000100000,1700000000200000,101,3,100,2,,,98,5
            """
        let (events, outcome, _) = try bench.run(.tardisCSV, [bench.file("top.csv", text)])
        #expect(outcome.report.isClean)
        #expect(events.books.map(\.askPrices) == [[101, 102], [101]])
        #expect(events.books.map(\.bidPrices) == [[100, 99], [100, 98]])
        #expect(Set(events.books.map(\.bookEpoch)).count == 1)
    }

    @Test(.enabled(if: TestFiles.hasCaptures, "needs the recordings")) func realFilesOfOthersAreRead() throws {
        let folder = TestFiles.data
        let pump = folder.appending(path: "pump-and-dump/APPC_2020-11-04_17.00.csv.zst").path
        let trades = try bench.run(.tradesCSV, [pump], statusSeconds: 3_600)
        #expect(trades.outcome.report.isClean && trades.events.trades.count == 24_678)
        #expect(trades.outcome.symbols.first?.instrument.priceExponent == -8)
        let micro = folder.appending(path: "binance-microsecond-2025")
        let stream = try bench.run(
            .binanceCSV,
            [micro.appending(path: "test_positive_binance_trade_stream_spot_trxusdt_04-03-2025.csv.zst").path])
        #expect(stream.outcome.report.isClean && stream.events.trades.count == 10_000)
        let diffs = try bench.run(
            .binanceCSV,
            [
                micro.appending(path: "test_positive_binance_difference_depth_stream_spot_trxusdt_04-03-2025.csv.zst")
                    .path
            ],
            statusSeconds: 3_600)
        #expect(diffs.outcome.report.counts == [.noBook: 1])
        let old = try bench.run(
            .binanceRaw, [folder.appending(path: "venues-2021/BINANCE-20210404-btc-eth-dot.txt.zst").path])
        #expect(old.outcome.symbols.map(\.books) == [889, 871, 896])
        #expect(old.outcome.report.isClean)
    }
}

/// The command as its users run it.
@Suite struct ImportCommandTests {
    @Test func exitCodesTellWhatHappened() async throws {
        let bench = try ImportBench()
        let good = try bench.file("good.csv", "symbol,timestamp,side,price,amount\nABCBTC,1600000000000,buy,1,1\n")
        let bad = try bench.file("bad.csv", "symbol,timestamp,side,price,amount\nABCBTC,1600000000000,buy,1,x\n")
        let mixed = try bench.file(
            "mixed.csv",
            "symbol,timestamp,side,price,amount\nABCBTC,1600000000000,buy,1,x\nABCBTC,1600000000000,buy,1,1\n")
        let out = bench.folder.appending(path: "out.tape").path
        func run(_ arguments: [String]) async throws -> (code: Int32?, log: String, output: String) {
            let program = try Program("microlab", ["import"] + arguments, in: bench.folder, tag: UUID().uuidString)
            return (await program.exitCode(), program.logText, program.outputText)
        }
        let trades = ["--format", "trades-csv"]
        #expect(try await run(trades + [good, "--out", out]).code == 0)
        let again = try await run(trades + [good, "--out", out])
        #expect(again.code == 73 && again.log.contains("--force"))
        let damaged = try await run(trades + [mixed, "--out", out, "--force"])
        #expect(damaged.code == 1 && damaged.log.contains("mixed.csv:2: quantity is no number: 'x'"))
        #expect(damaged.output.contains("1 rows that cannot be used"))
        #expect(try ImportBench.events(out).trades.count == 1)
        #expect(try await run(trades + [bad, "--out", out + "2"]).code == 65)
        #expect(try await run(trades + [good + "-not", "--out", out + "2"]).code == 66)
        #expect(try await run(trades + [good, "--out", "/nowhere/at/all.tape"]).code == 73)
        #expect(try await run(trades + ["--out", out]).code == 64)
        #expect(try await run(["--format", "abc", good, "--out", out]).code == 64)
        #expect(try await run(["--format", "tardis-csv", good, "--out", out + "2"]).code == 65)
        // A failed import leaves nothing behind.
        let left = try FileManager.default.contentsOfDirectory(atPath: bench.folder.path)
        #expect(left.filter { $0.contains("tape") } == ["out.tape"])
        let shown = try await run(trades + [good, "--out", out, "--force", "--progress"])
        #expect(shown.code == 0)
    }
}
