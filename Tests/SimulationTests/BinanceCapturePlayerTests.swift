import Foundation
import Testing

@testable import Simulation

/// A capture small enough to read: ids 10…20, snapshot at 12 in the middle of the second event.
private let small = [
    #"1000000000 {"stream":"xyzusdt@bookTicker","data":{"u":9,"s":"XYZUSDT","b":"1.00000000","B":"5.00000000","a":"2.00000000","A":"6.00000000"}}"#,
    #"1100000000 {"stream":"xyzusdt@depth@100ms","data":{"e":"depthUpdate","E":1100,"s":"XYZUSDT","U":8,"u":10,"b":[["1.00000000","5.00000000"]],"a":[]}}"#,
    #"1200000000 {"stream":"xyzusdt@depth@100ms","data":{"e":"depthUpdate","E":1190,"s":"XYZUSDT","U":11,"u":14,"b":[["1.10000000","7.00000000"]],"a":[["2.00000000","0.00000000"]]}}"#,
    #"1250000000 {"lastUpdateId":12,"bids":[["1.00000000","5.00000000"],["0.90000000","1.50000000"]],"asks":[["2.00000000","6.00000000"],["2.50000000","3.00000000"]]}"#,
    #"1260000000 {"stream":"xyzusdt@trade","data":{"e":"trade","E":1255,"s":"XYZUSDT","t":77,"p":"1.10000000","q":"2.00000000","T":1254,"m":true,"M":true}}"#,
    #"1300000000 {"stream":"xyzusdt@depth@100ms","data":{"e":"depthUpdate","E":1290,"s":"XYZUSDT","U":15,"u":20,"b":[["1.10000000","5.00000000"]],"a":[["2.40000000","1.00000000"]]}}"#,
]

private func answer(_ player: inout BinanceCapturePlayer<Lines>, _ limit: Int) -> String? {
    player.snapshot(limit: limit).map { String(decoding: $0, as: UTF8.self) }
}

struct BinanceCapturePlayerTests {
    @Test func framesAreVerbatimAndDueAtTheRecordedDistances() throws {
        var player = try BinanceCapturePlayer(Lines(lines: small))
        #expect(player.listing.symbol == "XYZUSDT" && player.listing.quoteAsset == "USDT")
        #expect(player.listing.tickSizeText == "0.10000000" && player.listing.stepSizeText == "0.50000000")
        #expect(player.nextDue == 0)
        // E − receive time is −10 ms at best behind the first line's 1.0 s: 1100 ms − 100 ms.
        #expect(player.startTime.nanoseconds == 1_000_000_000)
        #expect(try player.frames(until: 99_999_999).map(\.due) == [0])
        #expect(try player.frames(until: 200_000_000).map(\.due) == [100_000_000, 200_000_000])
        #expect(player.phase == .running && player.nextDue == 250_000_000)
        #expect(try player.frames(until: .max) == [])
        #expect(player.phase == .held && player.nextDue == 250_000_000)
        player.release()
        let rest = try player.frames(until: .max)
        #expect(rest.map(\.text) == [small[4], small[5]].map { String($0.dropFirst(11)) })
        #expect(rest.map(\.kind) == [.trade, .depth] && rest.map(\.stream).last == "xyzusdt@depth@100ms")
        #expect(String(decoding: rest[0].bytes[rest[0].payload], as: UTF8.self).hasPrefix(#"{"e":"trade","E":1255"#))
        #expect(player.phase == .ended && player.nextDue == nil)
    }

    @Test func aSnapshotEndsTheHoldAndFitsTheStreamAtEveryMoment() throws {
        var player = try BinanceCapturePlayer(Lines(lines: small))
        _ = try player.frames(until: .max)
        #expect(player.phase == .held)
        // The recorded answer, byte for byte.
        #expect(answer(&player, 5_000) == String(small[3].dropFirst(11)))
        #expect(player.phase == .running)
        #expect(try player.nextFrame(dueBy: .max)?.kind == .trade)
        // Past the line: with the part of 11…14 that went before it.
        #expect(
            answer(&player, 1)
                == #"{"lastUpdateId":14,"bids":[["1.10000000","7.00000000"]],"asks":[["2.50000000","3.00000000"]]}"#)
        #expect(try player.nextFrame(dueBy: .max)?.kind == .depth)
        #expect(
            answer(&player, 1)
                == #"{"lastUpdateId":20,"bids":[["1.10000000","5.00000000"]],"asks":[["2.40000000","1.00000000"]]}"#)
    }

    @Test func aClientServedBeforeTheSnapshotLineIsNotWaitedFor() throws {
        var player = try BinanceCapturePlayer(Lines(lines: small))
        _ = player.snapshot(limit: 10)  // before the first frame: nobody is following the stream yet
        _ = try player.frames(until: 0)
        #expect(try player.frames(until: 200_000_000).count == 2)
        var other = player
        _ = try other.frames(until: .max)
        #expect(other.phase == .held)
        #expect(answer(&player, 10)?.hasPrefix(#"{"lastUpdateId":12,"#) == true)
        #expect(try player.frames(until: .max).count == 2)
        #expect(player.phase == .ended)
    }

    @Test func loopsGoOnUpwardsBehindAnHonestHole() throws {
        var player = try BinanceCapturePlayer(Lines(lines: small), loops: true)
        var depths: [ClientBook.Depth] = []
        var trades: [ClientBook.Trade] = []
        var tickers: [ClientBook.Ticker] = []
        var dues: [Int64] = []
        var holds = 0
        while dues.count < 15 {
            if player.phase == .held {
                holds += 1
                let snapshot = try player.clientBook()
                var book = snapshot
                for event in depths { if event.u > snapshot.updateID { #expect(book.take(event) == .applied) } }
                #expect(book.bestBid?.price == "1.10000000" && book.updateID == depths.last?.u)
            }
            guard let frame = try player.nextFrame(dueBy: .max) else { continue }
            dues.append(frame.due)
            switch frame.kind {
            case .depth: depths.append(try frame.decoded(ClientBook.Depth.self))
            case .trade: trades.append(try frame.decoded(ClientBook.Trade.self))
            case .quote: tickers.append(try frame.decoded(ClientBook.Ticker.self))
            case .other: Issue.record("unexpected frame")
            }
        }
        #expect(holds == 3 && player.passes == 3)
        #expect(dues == dues.sorted())
        #expect(trades.map(\.t) == [77, 78, 79])
        // The first event reaches its receiver at once (E 1100 at offset 100 ms), 1 s of quiet, next whole ms.
        #expect(trades.map(\.E) == [1_255, 2_556, 3_857] && trades.map(\.T) == [1_254, 2_555, 3_856])
        // Ids 8…20 span 12, and 1,000 are missing at the seam.
        #expect(depths.map(\.U) == [8, 11, 15, 1_020, 1_023, 1_027, 2_032, 2_035, 2_039])
        #expect(tickers.map(\.u) == [9, 1_021, 2_033])
    }

    @Test func betweenTwoPassesTheAnswerIsTheEndBook() throws {
        var player = try BinanceCapturePlayer(Lines(lines: small), loops: true)
        _ = try player.frames(until: .max)
        _ = player.snapshot(limit: 1)
        #expect(try player.frames(until: 300_000_000).count == 2)
        #expect(answer(&player, 1)?.hasPrefix(#"{"lastUpdateId":20,"#) == true)
        #expect(player.nextDue == 1_301_000_000)
        #expect(try player.frames(until: 1_301_000_000).count == 1)
        #expect(answer(&player, 1)?.hasPrefix(#"{"lastUpdateId":1024,"#) == true)
    }

    @Test func aHoleInTheCaptureLeavesNoAnswerUntilItsNextSnapshot() throws {
        let lines =
            small + [
                #"1400000000 {"stream":"xyzusdt@depth@100ms","data":{"e":"depthUpdate","E":1390,"s":"XYZUSDT","U":31,"u":33,"b":[["1.20000000","9.00000000"]],"a":[]}}"#,
                #"1450000000 {"lastUpdateId":32,"bids":[["1.20000000","9.00000000"]],"asks":[["3.00000000","1.00000000"]]}"#,
                #"1500000000 {"result":null,"id":1}"#,
                #"1600000000 {"stream":"xyzusdt@depth@100ms","data":{"e":"depthUpdate","E":1590,"s":"XYZUSDT","U":34,"u":34,"b":[],"a":[["2.90000000","4.00000000"]]}}"#,
            ]
        var player = try BinanceCapturePlayer(Lines(lines: lines))
        _ = try player.frames(until: .max)
        _ = player.snapshot(limit: 1)
        #expect(try player.frames(until: 400_000_000).count == 3)
        #expect(answer(&player, 1) == nil && player.holes == 1)
        #expect(try player.frames(until: 599_000_000) == [])
        #expect(answer(&player, 1)?.hasPrefix(#"{"lastUpdateId":33,"#) == true)
        #expect(try player.frames(until: .max).count == 1)
        #expect(
            answer(&player, 1)
                == #"{"lastUpdateId":34,"bids":[["1.20000000","9.00000000"]],"asks":[["2.90000000","4.00000000"]]}"#)
        #expect(player.skippedLines == 1 && player.phase == .ended)
    }

    @Test(arguments: [
        ("x {}", CaptureError.Problem.noReceiveTime),
        (#"1000000001 {"stream":"#, .notJSON),
        (#"1000000001 {"stream":"xyzusdt@trade","data":{"e":"trade"}}"#, .badFrame(stream: "xyzusdt@trade")),
        (
            #"1000000001 {"stream":"abcusdt@bookTicker","data":{"u":9}}"#,
            .otherSymbol(found: "ABCUSDT", expected: "XYZUSDT")
        ),
        (
            #"1000000001 {"stream":"xyzusdt@trade","data":{"t":1,"E":1723161255208000}}"#,
            .notMilliseconds(1_723_161_255_208_000)
        ),
    ])
    func aBadLineIsNamedAfterAllBeforeItIsDelivered(line: String, problem: CaptureError.Problem) throws {
        var player = try BinanceCapturePlayer(Lines(lines: small + [line]))
        _ = try player.frames(until: .max)
        player.release()
        #expect(try player.nextFrame(dueBy: .max)?.kind == .trade)
        #expect(try player.nextFrame(dueBy: .max)?.kind == .depth)
        #expect(throws: CaptureError(line: 7, problem: problem)) { try player.nextFrame(dueBy: .max) }
        #expect(player.phase == .ended)
    }

    @Test func aCaptureWithoutASnapshotIsRefused() {
        #expect(throws: CaptureError(line: 2, problem: .noSnapshot)) {
            try BinanceCapturePlayer(Lines(lines: Array(small[4...])))
        }
        #expect(throws: CaptureError(line: 0, problem: .noSnapshot)) { try BinanceCapturePlayer(Lines(lines: [])) }
    }

    @Test(.enabled(if: RecordedCapture.isPresent, "recorded data is absent"), arguments: ["btcusdt", "ethusdt"])
    func theBookEqualsTheRecordedTickersOfTheSameID(symbol: String) throws {
        let lines = try RecordedCapture.lines(symbol)
        let expected = lines.filter { !$0.contains("lastUpdateId") }.map { $0.split(separator: " ", maxSplits: 1)[1] }
        var tickers: [Int64: ClientBook.Ticker] = [:]
        for line in expected where line.contains("@bookTicker") {
            let ticker = try JSONDecoder().decode(Wrapped<ClientBook.Ticker>.self, from: Data(line.utf8)).data
            tickers[ticker.u] = ticker
        }
        var player = try BinanceCapturePlayer(Lines(lines: lines))
        var count = 0
        var compared = 0
        var agreed = 0
        while player.phase != .ended {
            if player.phase == .held {
                let recorded = try #require(lines.first { $0.contains("lastUpdateId") })
                #expect(answer(&player, 1_000) == String(recorded.drop { $0 != " " }.dropFirst()))
            }
            guard let frame = try player.nextFrame(dueBy: .max) else { continue }
            if frame.text != expected[count] { Issue.record("frame \(count) is not the recorded one") }
            count += 1
            guard frame.kind == .depth, let id = try? frame.decoded(ClientBook.Depth.self).u, let ticker = tickers[id],
                let best = player.best, let bid = best.bid, let ask = best.ask
            else { continue }
            compared += 1
            let texts = [DecimalText.text(bid.price), bid.size, DecimalText.text(ask.price), ask.size]
                .map { String(decoding: $0, as: UTF8.self) }
            if texts == [ticker.b, ticker.B, ticker.a, ticker.A] { agreed += 1 }
        }
        print("\(symbol): \(count) frames; \(agreed) of \(compared) books equal the bookTicker of the same id")
        #expect(count == expected.count && player.holes == 0 && player.skippedLines == 0)
        #expect(compared > 500 && agreed == compared)
    }

    private struct Wrapped<T: Decodable>: Decodable { let data: T }
}
