import TestSupport
@testable import Lab
@testable import Tape
import Foundation
import Microstructure
import Testing

/// Trades in any order, and what counts as one that came twice.
@Suite struct ImportOrderTests {
    private let bench: ImportBench
    private static let header = "timestamp,symbol,id,side,price,amount"

    init() throws { bench = try ImportBench() }

    /// Trades 100 ms apart, three at a time; prices name the ids.
    private static func rows(_ ids: some Sequence<Int>, symbol: String = "BTCUSDT", hasIDs: Bool = true) -> [String] {
        ids.map { id in
            let time = 1_700_000_000_000 + id / 3 * 100
            return
                "\(time),\(symbol),\(hasIDs ? "\(id)" : ""),\(id % 2 == 0 ? "buy" : "sell"),\(1_000 + id).5,0.\(id % 9 + 1)"
        }
    }

    private func file(_ name: String, _ rows: [String]) throws -> String {
        try bench.file(name, ([Self.header] + rows).joined(separator: "\n") + "\n")
    }

    @Test(arguments: [true, false]) func theNewestMayComeFirst(hasIDs: Bool) throws {
        let rows = Self.rows(1...40, hasIDs: hasIDs)
        let oldest = try bench.run(.tradesCSV, [file("oldest.csv", rows)])
        let newest = try bench.run(.tradesCSV, [file("newest.csv", rows.reversed())])
        #expect(oldest.events.trades.map(\.id) == Array(1...40))
        #expect(oldest.events.map(\.record) == newest.events.map(\.record))
        #expect(newest.outcome.report.isClean, "\(newest.lines)")
        #expect(newest.outcome.report.remarks[.sorted] ?? 0 > 0 && oldest.outcome.report.remarks.isEmpty)
    }

    /// Rows of several months, interleaved row by row or shuffled, sorted in files where they do not fit in memory.
    @Test(arguments: [ExternalSort.memoryBytes, 16 << 10]) func anyOrderLosesNothing(memoryBytes: Int) throws {
        let symbols = ["AAAUSDT", "BBBUSDT"]
        let ordered = symbols.flatMap { Self.rows(1...3_000, symbol: $0) }
        let months = [0, 1_000, 2_000].map { start in
            symbols.flatMap { Self.rows(start + 1...start + 1_000, symbol: $0) }
        }
        let interleaved = (0..<months[0].count).flatMap { row in months.map { $0[row] } }
        var random = SplitMix64(testSeed: 9)
        let shuffled = ordered.shuffled(using: &random)
        let expected = try bench.run(
            .tradesCSV, symbols.map { try file("\($0).csv", Self.rows(1...3_000, symbol: $0)) })
        #expect(expected.events.trades.count == 6_000 && expected.outcome.report.remarks.isEmpty)
        for rows in [interleaved, shuffled] {
            let files = [try file("first.csv", Array(rows[..<2_500])), try file("second.csv", Array(rows[2_500...]))]
            let (events, outcome, lines) = try bench.run(.tradesCSV, files, sortBytes: memoryBytes)
            #expect(outcome.report.isClean, "\(lines)")
            for symbol in symbols {
                let trades = events.filter { $0.topic.symbol == symbol }.map(\.record)
                #expect(trades == expected.events.filter { $0.topic.symbol == symbol }.map(\.record))
            }
            let times = events.map(\.receiveTime)
            #expect(times == times.sorted())
        }
        let left = try FileManager.default.contentsOfDirectory(atPath: bench.folder.path)
        #expect(!left.contains { $0.hasPrefix(".sort") })
    }

    /// Ids ascend while two times step back, as on ETHUSDT's 2017-12-04: all are kept, in the order of the ids.
    @Test func timesMayStepBack() throws {
        let rows = (0..<40).map { row in
            "\(1_195_400 + row),11498.5,0.004\(row % 9 + 1),\(2_000 + row),\(2_000 + row),"
                + "\(1_512_378_391_097 + row * 97 - (row % 15 == 10 ? 200 : 0)),\(row % 3 == 0 ? "False" : "True"),True"
        }
        let path = try bench.file("ETHUSDT-aggTrades-2017-12-04.csv", rows.joined(separator: "\n"))
        let (events, outcome, lines) = try bench.run(.binanceCSV, [path])
        #expect(outcome.report.isClean, "\(lines)")
        #expect(events.trades.map(\.id) == Array(Int64(1_195_400)..<1_195_440))
        #expect(outcome.report.remarks == [.earlierTime: 2])
        for (trade, before) in zip(events.trades.dropFirst(), events.trades) {
            #expect(trade.receiveTimeNs >= before.receiveTimeNs && trade.receiveTimeNs >= trade.venueTimeNs)
        }
        // The venue's own time stays what it is.
        #expect(events.trades[10].venueTimeNs == 1_512_378_391_867_000_000)
        #expect(events.trades[10].receiveTimeNs == events.trades[9].receiveTimeNs)
    }

    /// A copy has the same id and the same content. Two different trades may share an id.
    @Test func aCopyIsTheSameInAll() throws {
        let rows = [
            "1700000000000,BTCUSDT,5,buy,100.5,1", "1700000000000,BTCUSDT,5,buy,100.50,1.0",
            "1700000000000,BTCUSDT,6,buy,100.5,1", "1700000000000,BTCUSDT,6,sell,100.5,1",
            "1700000000100,BTCUSDT,6,buy,100.5,1", "1700000000000,BTCUSDT,6,buy,100.5,2",
            "1700000000200,BTCUSDT,7,buy,100.5,1",
        ]
        // A second download of the same days, and one more.
        let files = [try file("one.csv", rows), try file("two.csv", rows + ["1700000000300,BTCUSDT,9,buy,100.5,1"])]
        let (events, outcome, lines) = try bench.run(.tradesCSV, files)
        #expect(events.trades.map(\.id) == [5, 6, 6, 6, 6, 7, 9])
        #expect(outcome.report.counts == [.duplicateTrade: 8, .sharedID: 3, .missingTrades: 1], "\(lines)")
        #expect(lines.contains { $0.contains("another trade has the id 6 too, and is different") })
    }

    /// Ids that do not grow with time are no order: the times are, and copies are still found.
    @Test func randomIDsAreNoOrder() throws {
        var random = SplitMix64(testSeed: 3)
        let rows = (0..<200).map { row in
            "\(1_700_000_000_000 + row * 100),BTCUSDT,\(random.next() >> 2),buy,\(100 + row),1"
        }
        let (events, outcome, lines) = try bench.run(.tradesCSV, [file("random.csv", rows + [rows[7]])])
        #expect(events.trades.map(\.price) == Array(Int64(100)..<300))
        #expect(outcome.report.counts == [.duplicateTrade: 1], "\(lines)")
    }

    /// A single damaged time takes no other trade with it.
    @Test func aTimeInTheFutureMovesNothingElse() throws {
        var rows = Self.rows(1...30)
        rows[9] = rows[9].replacingOccurrences(of: "17000000003", with: "27000000003")
        let events = try bench.run(.tradesCSV, [file("future.csv", rows)]).events
        #expect(events.trades.count == 30)
        #expect(events.trades.last?.id == 10)
        #expect(events.trades.dropLast().allSatisfy { $0.receiveTimeNs == $0.venueTimeNs })
    }

    /// Frames and depth rows are sorted too, and come out whole.
    @Test func messagesSurviveTheSorting() throws {
        let level = ImportMessage.Level(
            price: ExactDecimal(mantissa: 15, exponent: -1), quantity: ExactDecimal(mantissa: 3, exponent: 2))
        let time = Timestamp(nanoseconds: 1_700_000_000_000_000_001)
        let levels = ImportMessage.Levels(symbol: "ABC", bids: [level, level], asks: [level], venueTime: time)
        let contents: [ImportMessage.Content] = [
            .frame(symbol: "ABC", Array("{}".utf8)), .frame(symbol: nil, []), .snapshot(symbol: "XYZ", [1, 2]),
            .connected, .depth(levels, first: 7, last: 9), .depthSnapshot(levels, last: 9),
            .levels(levels, isSnapshot: true), .levels(levels, isSnapshot: false), .lostLevels(symbol: "ABC"),
            .top(levels), .quote(ImportMessage.Quote(symbol: "ABC", bid: level, ask: level, venueTime: time)),
            .trade(
                ImportMessage.Trade(
                    symbol: "XYZ", id: nil, price: level.price, quantity: level.quantity, aggressor: .sell,
                    venueTime: time, missedBefore: 3)),
        ]
        var codec = ImportMessageCodec()
        for (line, content) in contents.enumerated() {
            let message = ImportMessage(receiveTime: time, hasReceiveTime: line % 2 == 0, line: line, content: content)
            let bytes = codec.encode(message)
            let copy = try #require(codec.decode(bytes, line: line))
            #expect("\(copy)" == "\(message)")
        }
    }
}
