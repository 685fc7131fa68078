import TestSupport
@testable import Lab
@testable import Tape
import Foundation
import Microstructure
import Testing

/// What a file is: by all of its rows, or by words that say what to do instead.
@Suite struct ImportFormatTests {
    private let bench: ImportBench

    init() throws { bench = try ImportBench() }

    /// Dumps of all years: ids that are times in seconds, milliseconds or microseconds, a best match or none.
    @Test(
        arguments: [
            "%lld,61837.63,0.020,3735683%03d,3735683%03d,%lld,%@,True",
            "%lld,61837.63,0.020,3735683%03d,3735683%03d,%lld,%@",
            "%lld,61837.63,0.020,1723161255%03d,1723161255%03d,%lld,%@,True",
            "%lld,61837.63,0.020,1723161255%03d999,1723161255%03d999,%lld,%@",
            "%lld,61837.63,0.020,7%03d,7%03d,%lld,%@,True",
        ], [1_000, 1] as [Int64])
    func headerlessAggregatesAreRead(row: String, unit: Int64) throws {
        let rows = (0..<20).map { number in
            String(
                format: row, 3_148_111_000 + number, number, number,
                (1_723_161_255_342_000 + number * 40_000) / Int(unit), number % 3 == 0 ? "true" : "False")
        }
        let path = try bench.file("BTCUSDT-aggTrades-2024-08-08.csv", rows.joined(separator: "\n"))
        let (events, outcome, lines) = try bench.run(.binanceCSV, [path])
        #expect(outcome.report.isClean, "\(lines)")
        #expect(events.trades.map(\.id) == Array(Int64(3_148_111_000)..<3_148_111_020))
        #expect(events.trades.first?.venueTimeNs == 1_723_161_255_342_000_000)
        #expect(events.trades.first?.aggressor == .sell && events.trades[1].aggressor == .buy)
    }

    /// A damaged first row does not decide either.
    @Test func noSingleRowDecides() throws {
        let rows = (0..<10).map { "\(3_735_683_259 + $0),61837.63,0.02,1236.75,\(1_723_161_255_342 + $0),True,True" }
        for first in ["garbage", "3735683258,61837.63,0.02,3735683258,3735683258,x,True", "1,2,3,4,5,6,7,8,9"] {
            let path = try bench.file("x.csv", ([first] + rows).joined(separator: "\n"))
            let (events, outcome, lines) = try bench.run(.binanceCSV, [path], symbol: "BTCUSDT")
            #expect(events.trades.count == 10)
            #expect(outcome.report.counts == [.badRow: 1], "\(lines)")
        }
    }

    @Test func bestPricesOfADumpAreQuotes() throws {
        let header = "update_id,best_bid_price,best_bid_qty,best_ask_price,best_ask_qty,transaction_time,event_time\n"
        let row = "4,61837.1,2,61837.2,3,1723161255342,1723161255344\n"
        for text in [header + row, row] {
            let path = try bench.file("BTCUSDT-bookTicker-2024-08-08.csv", text)
            let (events, outcome, lines) = try bench.run(.binanceCSV, [path])
            #expect(outcome.report.isClean, "\(lines)")
            #expect(events.quotes.map(\.bidPrice) == [618_371] && events.quotes.map(\.askQuantity) == [3])
        }
    }

    @Test(
        arguments: [
            (
                "symbol,timestamp,trans_id,first_update_id,last_update_id,side,update_type,price,qty,pu\nB,1,1,1,1,b,set,1,1,1",
                "T_DEPTH"
            ),
            ("timestamp,percentage,depth,notional\n2024-08-08,-5,1,1", "bookDepth"),
            ("1723075200000,1,2,0.5,1.5,10,1723075259999,100,5,5,50,0", "candles"),
            (
                "exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount\nbinance,B,1,1,true,bid,1,1",
                "--format tardis-csv"
            ),
            ("1723075200000000000 {\"stream\":\"btcusdt@trade\",\"data\":{}}", "--format binance-raw"),
        ])
    func whatCannotBeReadIsNamed(text: String, word: String) throws {
        let path = try bench.file("x.csv", text + "\n")
        for format in [ImportFormat.binanceCSV, .tradesCSV] {
            let error = #expect(throws: ImportError.self) { try bench.run(format, [path], symbol: "BTCUSDT") }
            #expect(error?.kind == .noUsableData && error?.description.contains(word) == true, "\(error as Any)")
        }
    }

    @Test func anotherExchangeIsRefusedWhole() throws {
        let text = """
            exchange,symbol,timestamp,local_timestamp,id,side,price,amount
            binance-futures,BTCUSDT,1700000000150000,1700000000250000,77,buy,101,0.25
            """
        let error = #expect(throws: ImportError.self) {
            try bench.run(.tardisCSV, [bench.file("futures.csv", text)])
        }
        #expect(error?.kind == .noUsableData && error?.description.contains("USD-M futures") == true)
    }

    @Test func aZipIsReadAsDownloaded() throws {
        let rows = (0..<3_000).map { "\($0),1.5,2,\($0),\($0),\(1_700_000_000_000 + $0),True,True" }
        _ = try bench.file("ABCUSDT-aggTrades-2024-08.csv", rows.joined(separator: "\n") + "\n")
        let path = bench.folder.appending(path: "ABCUSDT-aggTrades-2024-08.zip").path
        let script =
            "import sys, zipfile; z = zipfile.ZipFile(sys.argv[1], 'w', zipfile.ZIP_DEFLATED); z.write(sys.argv[2], 'ABCUSDT-aggTrades-2024-08.csv')"
        let (code, text) = try Program.run(
            "/usr/bin/python3", ["-c", script, path, path.replacingOccurrences(of: ".zip", with: ".csv")])
        #expect(code == 0, "\(text)")
        let (events, outcome, lines) = try bench.run(.binanceCSV, [path])
        #expect(outcome.report.isClean && events.trades.count == 3_000, "\(lines)")
        #expect(events.first?.topic.symbol == "ABCUSDT")
    }

    @Test(
        arguments: [
            ("2024-08-08T23:54:13.123456789Z", 1_723_161_253_123_456_789),
            ("2024-08-08 23:54:13", 1_723_161_253_000_000_000),
            ("2024-08-09T01:54:13+02:00", 1_723_161_253_000_000_000),
            ("2024-08-08T23:54:13.5 UTC", 1_723_161_253_500_000_000),
            ("2024-08-08T19:24:13-0430", 1_723_161_253_000_000_000), ("2024-08-08", 1_723_075_200_000_000_000),
            ("2024-02-29T00:00Z", 1_709_164_800_000_000_000), ("2016-12-31T23:59:60Z", 1_483_228_800_000_000_000),
            ("1723161253.5", 1_723_161_253_500_000_000), ("1723161253500", 1_723_161_253_500_000_000),
        ] as [(String, Int64)])
    func timesAreCountsOrISO8601(text: String, expected: Int64) throws {
        #expect(RecordingTime.parse(Array(text.utf8), 0..<text.utf8.count)?.nanoseconds == expected)
        #expect(Moment(argument: text)?.time.nanoseconds == expected)
    }

    @Test(arguments: [
        "", "2024", "2024-13-01", "2024-08-08T", "2024-08-08T25:00", "2024-08-08T23:54:13.", "2024-08-08T23:54:13Zx",
        "2024-08-08T23:54+", "1999-01-01", "2024-08-08T23:54:13+2", "９２０２４-08-08",
    ])
    func otherTextIsNoTime(text: String) { #expect(RecordingTime.parse(Array(text.utf8), 0..<text.utf8.count) == nil) }

    @Test func rowsWithISOTimesAreRead() throws {
        let text = """
            timestamp,symbol,side,price,amount
            2024-08-08T23:54:13.250Z,BTCUSDT,buy,100,1
            2024-08-08T23:54:14Z,BTCUSDT,sell,100,1
            """
        let events = try bench.run(.tradesCSV, [bench.file("iso.csv", text)]).events
        #expect(events.trades.map(\.venueTimeNs) == [1_723_161_253_250_000_000, 1_723_161_254_000_000_000])
    }
}
