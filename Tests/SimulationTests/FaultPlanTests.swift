import Foundation
import Microstructure
import Testing

@testable import Simulation

@Suite struct FaultPlanTests {
    private func plan(_ text: String) throws -> FaultPlan {
        try JSONDecoder().decode(FaultPlan.self, from: Data(text.utf8))
    }

    @Test func theSamePlanGivesTheSameFaults() throws {
        let text = """
            {"seed": 9, "faults": [
              {"fault": "drop", "channel": "depth", "probability": 0.05},
              {"fault": "duplicate", "probability": 0.02, "limit": 10},
              {"fault": "reset", "perMinute": 30},
              {"fault": "shutdown", "atSeconds": [1, 2.5], "seconds": 3}]}
            """
        func history(_ plan: consuming FaultPlan) -> [FaultPlan.Strike] {
            var plan = plan
            var strikes: [FaultPlan.Strike] = []
            for step: Int64 in 0..<5_000 {
                strikes += plan.advance(to: step * 10_000_000)
                for kind in [StreamKind.depth, .trade] {
                    if let strike = plan.strike(symbol: "BTCUSDT", channel: kind) { strikes.append(strike) }
                }
            }
            return strikes
        }
        let first = history(try plan(text))
        #expect(first == history(try plan(text)))
        #expect(first.map(\.number) == Array(1...first.count))
        func count(_ kind: FaultKind) -> Int { first.count { $0.fault.kind == kind } }
        #expect((200...300).contains(count(.drop)) && count(.duplicate) == 10 && count(.shutdown) == 2)
        #expect((12...40).contains(count(.reset)))
        #expect(first.filter { $0.fault.kind == .shutdown }.allSatisfy { $0.fault.seconds == 3 })
        // Another seed, other faults; a rule more changes no other.
        #expect(first != history(try plan(text.replacing("\"seed\": 9", with: "\"seed\": 10"))))
        let more = text.replacing("]}", with: #", {"fault": "crossed", "probability": 0.01}]}"#)
        let others = history(try plan(more)).filter { $0.fault.kind != .crossed }
        #expect(others.map(\.fault) == first.map(\.fault))
    }

    @Test func faultsByHandStrikeAtTheNextOpportunity() throws {
        var plan = FaultPlan()
        #expect(!plan.isActive && plan.strike(symbol: "BTCUSDT", channel: .depth) == nil)
        #expect(plan.arm(Fault(.drop, symbol: "ETHUSDT", channel: .trade)) == 1)
        #expect(plan.arm(Fault(.rateLimit)) == 2 && plan.arm(Fault(.reset)) == 3)
        #expect(plan.strike(symbol: "BTCUSDT", channel: .trade) == nil)
        #expect(plan.strike(symbol: "ETHUSDT", channel: .depth) == nil)
        #expect(plan.strike(symbol: "ETHUSDT", channel: .trade)?.number == 1)
        #expect(plan.strike(path: "/time", isForBook: false, symbol: nil)?.number == 2)
        let strike = try #require(plan.advance(to: 0).first)
        #expect(strike.number == 3 && plan.total == 3)
        // What could not be done is done later.
        plan.putBack(strike)
        #expect(plan.total == 2 && plan.advance(to: 1) == [strike] && plan.advance(to: 2).isEmpty)
        for _ in 0..<FaultPlan.armedLimit { #expect(plan.arm(Fault(.drop)) != nil) }
        #expect(plan.arm(Fault(.drop)) == nil)
    }

    @Test(arguments: [
        (#"{"faults": [{"fault": "dropp", "probability": 1}]}"#, "unknown fault 'dropp'"),
        (#"{"faults": [{"fault": "drop"}]}"#, "exactly one of"),
        (#"{"faults": [{"fault": "drop", "probability": 1, "perMinute": 3}]}"#, "exactly one of"),
        (#"{"faults": [{"fault": "drop", "probability": 1.5}]}"#, "outside 0…1"),
        (#"{"faults": [{"fault": "reset", "probability": 0.5}]}"#, "perMinute"),
        (#"{"faults": [{"fault": "drop", "perMinute": 0}]}"#, "perMinute"),
        (#"{"faults": [{"fault": "drop", "probability": 1, "chanel": "depth"}]}"#, "unknown member 'chanel'"),
        (#"{"faults": [{"fault": "drop", "probability": 1, "channel": "book"}]}"#, "unknown channel 'book'"),
        (#"{"faults": [{"fault": "crossed", "probability": 1, "channel": "trade"}]}"#, "depth alone"),
        (#"{"faults": [{"fault": "close", "perMinute": 1, "code": 7}]}"#, "code 7"),
        (#"{"faults": [{"fault": "drop", "probability": 1, "limit": 0}]}"#, "limit 0"),
        (#"{"seeds": 1, "faults": []}"#, "unknown member 'seeds'"),
    ]) func aBadFileIsOneClearLine(text: String, mention: String) {
        let error = #expect(throws: (any Error).self) { try plan(text) }
        #expect("\(String(describing: error))".contains(mention))
    }
}

extension FaultPlanTests {
    /// Which request asks for the book is for the venue to say; a stale book is no answer to any other.
    @Test func aStaleSnapshotStrikesRequestsForTheBookAlone() {
        var plan = FaultPlan()
        #expect(plan.arm(Fault(.staleSnapshot, symbol: "BTCUSDT")) == 1)
        #expect(plan.strike(path: "/trades", isForBook: false, symbol: "BTCUSDT") == nil)
        #expect(plan.strike(path: "/book", isForBook: true, symbol: "ETHUSDT") == nil)
        #expect(plan.strike(path: "/book", isForBook: true, symbol: "BTCUSDT")?.number == 1)
    }
}

@Suite struct BinanceEditTests {
    private func frame(_ data: String, _ kind: StreamKind = .depth) -> MarketFrame {
        let head = #"{"stream":"x@y","data":"#
        let bytes = Array((head + data + "}").utf8)
        return MarketFrame(stream: "x@y", kind: kind, due: 0, bytes: bytes, payload: head.utf8.count..<bytes.count - 1)
    }

    private func data(_ frame: MarketFrame?) -> String {
        frame.map { String(decoding: $0.bytes[$0.payload], as: UTF8.self) } ?? "none"
    }

    private let dialect = BinanceDialect()
    private let depth = #"{"e":"depthUpdate","E":1000,"s":"X","U":5,"u":8,"b":[["1.00000000","2.00000000"]],"a":[]}"#

    @Test func editsChangeWhatTheySayAndNothingElse() throws {
        let frame = frame(depth)
        #expect(
            data(dialect.retimed(frame, byMilliseconds: -1, inMicroseconds: true))
                == depth.replacing("1000", with: "999000"))
        #expect(dialect.retimed(frame, byMilliseconds: 0, inMicroseconds: false) == frame)
        #expect(data(dialect.skippingIDs(3, in: frame)) == depth.replacing("\"U\":5", with: "\"U\":8"))
        #expect(dialect.skippingIDs(4, in: frame) == nil)
        #expect(
            data(dialect.withExcessDecimals(frame))
                == depth.replacing("\"1.00000000\"", with: "\"1.000000000000000000001\""))
        #expect(dialect.withExcessDecimals(self.frame(#"{"u":1}"#)) == nil)
        #expect(data(dialect.crossed(frame, ask: 300_000_000)).contains(#""b":[["3.03000000","1.00000000"],["1.0"#))
        #expect(
            data(dialect.crossed(self.frame(depth.replacing(#"["1.00000000","2.00000000"]"#, with: "")), ask: 100))
                .contains(#""b":[["0.00000101","1.00000000"]]"#))
        let large = dialect.padded(frame, toBytes: 10_000)
        #expect(large.bytes.count >= 10_000 && JSONText.members(of: large.bytes, in: large.payload)?.count == 8)
        let broken = frame.truncated(toShare: 0.6)
        #expect(
            JSONText.members(of: broken.bytes, in: 0..<broken.bytes.count) == nil
                && broken.payload.upperBound <= broken.bytes.count)
    }

    @Test func theTruthFollowsSnapshotAndStream() throws {
        func change(_ data: String) throws -> DepthChange { try #require(dialect.depthChange(in: frame(data))) }
        func book(_ body: String) throws -> SimulatedBook { try #require(dialect.book(in: Array(body.utf8))) }
        var truth = TruthBook()
        #expect(truth.process(try change(depth)) == nil && truth.latest == nil)
        let snapshot = #"{"lastUpdateId":6,"bids":[["0.50000000","1.00000000"]],"asks":[["2.00000000","1.00000000"]]}"#
        let record = truth.process(snapshot: try book(snapshot)).first
        #expect(record?.updateID == 8 && record?.bids.map(\.price.mantissa) == [100_000_000, 50_000_000])
        #expect(truth.record(at: 8) == record && truth.record(at: 7) == nil && truth.bestAsk == 200_000_000)
        // A recording with a hole of its own: nothing is known until the next snapshot.
        #expect(
            truth.process(try change(depth.replacing("\"U\":5,\"u\":8", with: "\"U\":10,\"u\":11"))) == nil)
        #expect(truth.latest == nil && truth.bestAsk == nil)
        // The update that showed the hole goes beyond the snapshot that ends it.
        let later = try book(snapshot.replacing("\":6,", with: "\":9,"))
        #expect(truth.process(snapshot: later).map(\.updateID) == [11] && truth.latest?.updateID == 11)
        truth.lose()
        #expect(truth.latest == nil)
    }

    @Test func streamsBelongToTheMarketOfTheirName() {
        #expect(dialect.symbol(ofStream: "btcusdt@depth@100ms") == "BTCUSDT")
        #expect(dialect.symbol(ofStream: "BTCUSDT@trade") == nil && dialect.symbol(ofStream: "nosuch") == nil)
    }

    @Test func tradesCanBeHadAgain() throws {
        var history = TradeHistory(limit: 3)
        for id in 7...11 {
            let data =
                #"{"e":"trade","E":1,"s":"X","t":\#(id),"p":"1.50000000","q":"2.00000000","T":1000,"m":true}"#
            history.process(try #require(dialect.trade(in: frame(data, .trade))))
        }
        let answers = BinanceTradeAnswers(movedByMilliseconds: 1, inMicroseconds: true)
        func answer(_ from: Int64?, _ limit: Int) -> String {
            String(decoding: answers.trades(history, fromID: from, limit: limit), as: UTF8.self)
        }
        #expect(history.lastID == 11)
        #expect(
            answer(10, 1)
                == #"[{"id":10,"price":"1.50000000","qty":"2.00000000","time":1001000,"isBuyerMaker":true,"isBestMatch":true}]"#
        )
        // What is gone is gone; what is not there yet is not there.
        #expect(answer(7, 10).matches(of: /"id":/).count == 3 && answer(12, 10) == "[]")
        #expect(answer(nil, 2).contains("\"id\":10") && !answer(nil, 2).contains("\"id\":9"))
    }
}
