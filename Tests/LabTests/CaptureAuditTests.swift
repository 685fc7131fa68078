import TestSupport
@testable import Lab
@testable import Tape
import Foundation
import Microstructure
import Testing

/// What `verify` and `import --format binance-raw` make of recordings: the same.
@Suite struct CaptureAuditTests {
    private let bench: ImportBench

    init() throws { bench = try ImportBench() }

    /// A snapshot, then an update of the book, its quote and a trade each 100 ms.
    private static func recording(
        symbol: String = "abcusdt", unit: Int = 1_000_000, trade: String = "trade", blank: String = ""
    ) -> [String] {
        let upper = symbol.uppercased()
        func line(_ time: Int, _ stream: String, _ data: String) -> String {
            let json = #"{"stream":"\#(symbol)@\#(stream)","data":{\#(data)}}"#
            return "\(time) " + json.replacingOccurrences(of: ":\"", with: ":\(blank)\"")
        }
        var lines = [
            line(
                1_700_000_000_000_000_000, "depth@100ms",
                #""e":"depthUpdate","E":\#(1_700_000_000_000_000_000 / unit),"s":"\#(upper)","U":10,"u":12,"b":[],"a":[]"#
            ),
            #"1700000000050000000 {"lastUpdateId":12,"bids":[["1.50","3"],["1.49","2.5"]],"asks":[["1.51","1"]]}"#,
        ]
        for step in 1...20 {
            let time = 1_700_000_000_000_000_000 + step * 100_000_000
            lines.append(
                line(
                    time, "bookTicker",
                    #""u":\#(12 + step),"s":"\#(upper)","b":"1.50","B":"\#(step)","a":"1.51","A":"1""#))
            lines.append(
                line(
                    time, "depth@100ms",
                    #""e":"depthUpdate","E":\#(time / unit),"s":"\#(upper)","U":\#(12 + step),"u":\#(12 + step),"b":[["1.50","\#(step)"]],"a":[]"#
                ))
            let ids = trade == "trade" ? #""t":\#(step)"# : #""a":\#(900 + step),"f":\#(2 * step),"l":\#(2 * step + 1)"#
            lines.append(
                line(
                    time, trade,
                    #""e":"\#(trade)","E":\#(time / unit),"s":"\#(upper)",\#(ids),"p":"1.50","q":"1","T":\#(time / unit),"m":true,"M":true"#
                ))
        }
        return lines
    }

    private func audit(_ path: String) throws -> (audit: CaptureAudit, lines: [String]) {
        var lines: [String] = []
        let audit = try CaptureAudit(paths: [path]) { lines.append($0) }
        return (audit, lines)
    }

    /// Either unit of time, with blanks behind the colons, and both units in one import.
    @Test(arguments: [1_000, 1_000_000], ["", " "]) func eitherUnitIsRead(unit: Int, blank: String) throws {
        let path = try bench.file(
            "x.raw", Self.recording(unit: unit, blank: blank).joined(separator: "\n"))
        let (audit, lines) = try audit(path)
        let market = try #require(audit.markets.first)
        #expect(audit.isGood && lines.isEmpty && audit.markets.count == 1, "\(lines)")
        #expect(market.lines == 62 && market.equal == 20 && market.counts.trades == 20 && market.symbol == "ABCUSDT")
        let other = try bench.file("y.raw", Self.recording(symbol: "xyzusdt").joined(separator: "\n"))
        let events = try bench.run(.binanceRaw, [path, other]).events
        #expect(events.trades.count == 40 && events.books.count == 40)
        #expect(events.trades.allSatisfy { $0.venueTimeNs == $0.receiveTimeNs })
    }

    /// Several symbols in one recording have a row each; lines out of order are put back as by the import.
    @Test func severalSymbolsAreAudited() throws {
        let one = Self.recording().filter { !$0.contains("lastUpdateId") }
        let two = Self.recording(symbol: "xyzusdt").filter { !$0.contains("lastUpdateId") }
        let snapshots = ["ABCUSDT", "XYZUSDT"].map {
            "https://x/api/v3/depth?symbol=\($0)&limit=1000 -> 1700000000.05: "
                + #"{"lastUpdateId":12,"bids":[["1.50","3"]],"asks":[["1.51","1"]]}"#
        }
        let (audit, _) = try audit(try bench.file("x.raw", (one + two + snapshots).joined(separator: "\n")))
        #expect(audit.markets.map(\.symbol) == ["ABCUSDT", "XYZUSDT"] && audit.isGood)
        #expect(audit.markets.map(\.equal) == [20, 20] && audit.markets.map(\.counts.gaps) == [0, 0])
    }

    /// Without single trades, aggregates are the trades; with them, they are passed over. Both is said.
    @Test func aggregatesAreNotPassedOverInSilence() throws {
        let lines = Self.recording(trade: "aggTrade")
        let alone = try bench.run(.binanceRaw, [bench.file("x.raw", lines.joined(separator: "\n"))])
        let steps: [Int64] = Array(1...20)
        #expect(alone.events.trades.map(\.firstID) == steps.map { 2 * $0 })
        #expect(alone.events.trades.map(\.id) == steps.map { 2 * $0 + 1 })
        #expect(alone.events.trades.allSatisfy { !$0.backfilled && $0.aggressor == .sell })
        #expect(alone.outcome.report.isClean && alone.outcome.report.remarks == [.aggregatesTaken: 20])
        #expect(alone.outcome.report.remarkLines.first?.hasPrefix("20 aggTrade frames taken") == true)
        let both = lines + Self.recording().filter { $0.contains("@trade") }
        let mixed = try bench.run(.binanceRaw, [bench.file("y.raw", both.joined(separator: "\n"))])
        #expect(mixed.events.trades.map(\.id) == Array(1...20))
        #expect(mixed.outcome.report.remarks[.aggregatesPassed] == 20)
        // Unusable, twice and missing ones are told as those of trades.
        let damaged = lines.map { $0.replacingOccurrences(of: #""f":8,"l":9"#, with: #""f":9,"l":8"#) } + [lines[7]]
        let report = try bench.run(.binanceRaw, [bench.file("z.raw", damaged.joined(separator: "\n"))]).outcome.report
        #expect(report.counts == [.badRow: 1, .duplicateTrade: 1, .missingTrades: 1, .outOfOrder: 1])
    }

    @Test func otherStreamsAreCountedByName() throws {
        let extra = [
            #"1700000001050000000 {"stream":"abcusdt@blockTrade","data":{"e":"blockTrade","E":1700000001050,"s":"ABCUSDT","t":582,"p":"0.05","q":"5838","T":1700000001050,"m":true}}"#,
            #"1700000001050000000 {"stream":"abcusdt@referencePrice","data":{"e":"referencePrice","s":"ABCUSDT","r":null,"t":1700000001050}}"#,
            #"1700000001050000000 {"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1700000001050}}"#,
            #"1700000001050000000 {"result":null,"id":1}"#,
        ]
        let path = try bench.file("x.raw", (Self.recording() + extra).sorted().joined(separator: "\n"))
        let (events, outcome, lines) = try bench.run(.binanceRaw, [path])
        #expect(outcome.report.isClean && events.trades.count == 20, "\(lines)")
        #expect(outcome.report.passedFrames == ["blockTrade": 1, "referencePrice": 1, "serverShutdown": 1])
        #expect(try audit(path).audit.isGood)
    }

    /// A futures market's frames differ by what spot never has; none is stored as spot.
    @Test(
        arguments: [
            #"{"stream":"btcusdt@depth@0ms","data":{"e":"depthUpdate","E":1723161256299,"T":1723161256298,"s":"BTCUSDT","U":5,"u":7,"pu":4,"b":[["58710.20","0.014"]],"a":[]}}"#,
            #"{"stream":"btcusdt@bookTicker","data":{"e":"bookTicker","u":5,"s":"BTCUSDT","b":"61800.20","B":"2.507","a":"61800.30","A":"2.510","T":1723161256313,"E":1723161256313}}"#,
            #"{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161256322,"T":1723161256322,"s":"BTCUSDT","t":5,"p":"61800.30","q":"0.006","X":"MARKET","m":false}}"#,
            #"{"e":"markPriceUpdate","E":1723161256322,"s":"BTCUSDT","p":"61800.30"}"#,
            #"{"stream":"btcusd_perp@bookTicker","data":{"u":5,"e":"bookTicker","s":"BTCUSD_PERP","ps":"BTCUSD","b":"61804.7","B":"35","a":"61804.8","A":"1645","T":1723161257465,"E":1723161257476}}"#,
            #"{"lastUpdateId":5,"E":1723161256501,"T":1723161256493,"bids":[["61800.20","2.909"]],"asks":[]}"#,
        ])
    func futuresAreToldFromSpot(frame: String) throws {
        let path = try bench.file("x.raw", "1723161255030314667 \(frame)\n")
        for _ in 0..<2 {
            let error = #expect(throws: ImportError.self) { try bench.run(.binanceRaw, [path]) }
            #expect(error?.kind == .noUsableData && error?.description.contains("x.raw:1: ") == true)
            #expect(error?.description.contains("futures") == true)
        }
        #expect(throws: ImportError.self) { try audit(path) }
    }

    @Test(.enabled(if: TestFiles.hasCaptures, "needs the recordings")) func recordedFuturesAreRefused() throws {
        for name in ["btcusdt", "btcusd_perp"] {
            let path = TestFiles.data.appending(path: "binance-futures-2024-08-08/\(name)_20240808.gz").path
            #expect(throws: ImportError.self) { try bench.run(.binanceRaw, [path]) }
        }
    }

    struct Futures: Sendable {
        let files: [String]
        let venue: RecordedProtocol
        let trades: UInt64
        let compared: Int
    }

    /// Futures are told by their content, chained by their own rule, and stored under their own name.
    @Test(
        .enabled(if: TestFiles.hasCaptures, "needs the recordings"),
        arguments: [
            Futures(
                files: ["binance-futures-2024-08-08/ethusdt_20240808.gz"], venue: .binanceUSDM, trades: 14_076,
                compared: 551),
            Futures(
                files: ["binance-futures-2024-08-08/btcusd_perp_20240808.gz"], venue: .binanceCOINM, trades: 2_286,
                compared: 1_124),
            Futures(
                files: [
                    "venues-2022/BINANCE_DELIVERY-ws-1.txt.zst", "venues-2022/BINANCE_DELIVERY-http-0.txt.zst",
                ], venue: .binanceCOINM, trades: 51, compared: 211),
        ])
    func recordedFuturesAreReadByTheirOwnRules(futures: Futures) throws {
        let paths = futures.files.map { TestFiles.data.appending(path: $0).path }
        for path in paths { #expect(try RecordedProtocol(path: path) == futures.venue) }
        let venue = try #require(futures.venue.binanceVenue)
        let audit = try CaptureAudit(paths: paths, venue: venue) { Issue.record("\($0)") }
        let counts = audit.markets.map(\.counts)
        #expect(counts.allSatisfy { $0.gaps == 0 && $0.rejections.total == 0 && $0.depthApplied > 0 })
        #expect(counts.reduce(0) { $0 + $1.trades } == futures.trades)
        #expect(audit.markets.reduce(0) { $0 + $1.compared } == futures.compared)
        #expect(audit.markets.allSatisfy { $0.equal == $0.compared })
    }
}
