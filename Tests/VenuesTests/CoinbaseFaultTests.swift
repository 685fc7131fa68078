import Foundation
import Microstructure
import TestSupport
import Testing

@testable import Venues

/// Coinbase Exchange's feed with what goes wrong in it.
@Suite struct CoinbaseFaultTests {
    private static func lab() throws -> StreamLab<CoinbaseReader> {
        let lab = try StreamLab<CoinbaseReader>.coinbase(CoinbaseAdapter(options: .standard))
        try lab.frame(CoinbaseMessage.snapshot)
        try lab.frame(CoinbaseMessage.snapshot.replacing("BTC-USD", with: "ETH-USD"))
        return lab
    }

    // MARK: Books

    /// Nothing later would show that the change is missing.
    @Test func aChangeThatCannotBeReadDiscardsItsBook() throws {
        let lab = try Self.lab()
        #expect(lab.rejection(of: CoinbaseMessage.update.replacing(#"["buy""#, with: #"["bid""#)) == .wrongType)
        #expect(lab.validity(0) == .resyncing && lab.validity(1) == .valid)
        #expect(lab.counts(0).gaps == 1 && lab.counts(0).resyncs == 1 && lab.counts(1).gaps == 0)
        #expect(try lab.frame(CoinbaseMessage.update) == .resubscribe(InstrumentID(0)))
        #expect(lab.books.isEmpty && lab.counts(0).depthDropped == 1)
        // Asked for once; then again after a while.
        #expect(try lab.frame(CoinbaseMessage.update) == .proceed)
        #expect(try lab.frame(CoinbaseMessage.update, after: 6) == .resubscribe(InstrumentID(0)))
        #expect(
            lab.resubscribeMessages() == [
                #"{"type":"unsubscribe","product_ids":["BTC-USD"],"channels":["level2_batch"]}"#,
                #"{"type":"subscribe","product_ids":["BTC-USD"],"channels":["level2_batch"]}"#,
            ])
        try lab.frame(CoinbaseMessage.snapshot)
        #expect(lab.validity(0) == .valid && lab.books.first?.epoch == 2 && lab.isBalanced)
    }

    /// A message cut off at any byte is refused, and no book that it may have changed is trusted after it.
    @Test(arguments: CoinbaseMessage.all) func aMessageCutOffAtAnyByte(message: String) throws {
        let bytes = Array(message.utf8)
        let isBook = message.contains(#""l2update""#) || message.contains(#""snapshot""#)
        for length in 0..<bytes.count {
            let lab = try Self.lab()
            #expect(throws: VenueError.self) { try lab.frame(Array(bytes[..<length])) }
            #expect(lab.counts.rejections.total == 1 && lab.isBalanced && lab.batch.isEmpty)
            if isBook { #expect(lab.validity() == .resyncing) }
        }
    }

    /// The ids show that it is missing; the books are whole.
    @Test func aTradeThatCannotBeReadLeavesTheBooks() throws {
        let lab = try Self.lab()
        for message in [CoinbaseMessage.match, CoinbaseMessage.ticker, CoinbaseMessage.heartbeat] {
            #expect(lab.rejection(of: String(message.dropLast(3))) == .truncated)
        }
        #expect(lab.validity(0) == .valid && lab.validity(1) == .valid && lab.counts.gaps == 0)
        // Of what it was about, nothing is known.
        #expect(lab.rejection(of: #"{"type"#) == .truncated)
        #expect(lab.validity(0) == .resyncing && lab.validity(1) == .resyncing && lab.isBalanced)
    }

    @Test func aSnapshotIsNeverMergedIntoAnOldBook() throws {
        let lab = try Self.lab()
        try lab.frame(
            #"{"type":"snapshot","product_id":"BTC-USD","bids":[["1.00","2"]],"asks":[["3.00","4"]]}"#)
        #expect(lab.bids() == [[100, 200_000_000]] && lab.books.first?.epoch == 2)
        lab.session.connectionClosed(at: Timestamp(nanoseconds: 1))
        #expect(lab.validity() == .stale)
        lab.session.connectionOpened(at: Timestamp(nanoseconds: 2))
        try lab.frame(CoinbaseMessage.update)
        #expect(lab.validity() == .resyncing && lab.books.isEmpty)
        try lab.frame(CoinbaseMessage.snapshot)
        #expect(lab.book().bids.count == 3 && lab.books.first?.epoch == 3 && lab.isBalanced)
    }

    /// "0.-10000" was in a snapshot.
    @Test func aLevelThatMakesNoSenseIsLeftOut() throws {
        let lab = try Self.lab()
        try lab.frame(
            CoinbaseMessage.snapshot.replacing("0.00003405", with: "0.-10000").replacing(
                "83421.13", with: "99999999999999999999"))
        #expect(lab.bids().map { $0[0] } == [8_342_020, 8_341_918])
        #expect(lab.asks().map { $0[0] } == [8_342_021, 8_342_460])
        #expect(lab.counts(0).refusedLevels == 2 && lab.validity() == .valid)
        // The size is not known any more, so the level is gone.
        try lab.frame(CoinbaseMessage.update.replacing("72993.09\",\"0.01022220", with: "83420.20\",\"-0.1"))
        #expect(lab.bids().map { $0[0] } == [8_341_918])
        try lab.frame(CoinbaseMessage.update.replacing("72993.09", with: "0.00"))
        try lab.frame(CoinbaseMessage.update.replacing("72993.09", with: "-1"))
        #expect(lab.counts(0).refusedLevels == 5 && lab.book().bids.count == 1 && lab.validity() == .valid)
        // A finer number means that the instrument's rules are wrong: nothing is rounded.
        for price in ["1.005", "83420.200000000000001"] {
            #expect(
                lab.rejection(of: CoinbaseMessage.update.replacing("72993.09", with: price)) == .doesNotFitInstrument)
            #expect(lab.validity() == .resyncing)
            try lab.frame(CoinbaseMessage.snapshot)
        }
        #expect(lab.isBalanced)
    }

    @Test func aTimeThatMakesNoSenseIsTheReceiveTime() throws {
        let lab = try Self.lab()
        for time in [#""0001-01-01T00:00:00.000000Z""#, "null", #""soon""#] {
            try lab.frame(CoinbaseMessage.update.replacing(#""2026-09-30T02:03:12.907072Z""#, with: time))
            #expect(lab.books.first?.times.venue == lab.books.first?.times.receive)
        }
        let id = 1_100_243_480
        for (offset, message) in [CoinbaseMessage.match, CoinbaseMessage.match].enumerated() {
            try lab.frame(
                message.replacing("\(id)", with: "\(id + offset)").replacing(
                    "2026-09-30T02:03:12.795074Z", with: "0001-01-01T00:00:00Z"))
            #expect(lab.trades.first?.times.venue == lab.trades.first?.times.receive)
        }
    }

    @Test func keysComeInAnyOrder() throws {
        let usual = try Self.lab()
        let other = try Self.lab()
        try usual.frame(CoinbaseMessage.update)
        try other.frame(
            """
            {"time":"2026-09-30T02:03:12.907072Z","changes":[["buy","72993.09","0.01022220"],["sell","83461.51","0"],\
            ["sell","83424.60","0E0"],["sell","83424.37","0.023"]],"more":{"a":[1]},"product_id":"BTC-USD",\
            "type":"l2update"}
            """)
        #expect(usual.bids() == other.bids())
        #expect(usual.asks() == other.asks() && other.books.count == 1)
        try other.frame(
            #"{"bids":[["1.00","2"]],"asks":[["3.00","4"]],"product_id":"BTC-USD","type":"snapshot","time":null}"#)
        #expect(other.bids() == [[100, 200_000_000]])
        try other.frame(
            #"{"product_id":"BTC-USD","trade_id":5,"size":"1","price":"2.00","side":"buy","type":"match"}"#)
        #expect(other.trades.map(\.id) == [5] && other.trades.first?.aggressor == .sell && other.isBalanced)
    }

    @Test func whatIsNotWantedIsCounted() throws {
        let lab = try Self.lab()
        for message in [
            CoinbaseMessage.update, CoinbaseMessage.match, CoinbaseMessage.ticker, CoinbaseMessage.heartbeat,
        ] {
            try lab.frame(message.replacing("BTC-USD", with: "DOGE-USD"))
        }
        #expect(lab.counts.unknownStreams == 4)
        try lab.frame(#"{"type":"status","products":[],"currencies":[]}"#)
        #expect(lab.counts.unknownEvents == 1 && lab.validity() == .valid)
        #expect(lab.rejection(of: "{}") == .missingField)
        #expect(lab.rejection(of: #"{"type":"match","product_id":"BTC-USD"}"#) == .missingField)
        #expect(lab.rejection(of: #"{"type":"l2update","product_id":"BTC-USD"}"#) == .missingField)
        #expect(lab.rejection(of: #"{"type":"snapshot","product_id":"BTC-USD","bids":[]}"#) == .missingField)
        #expect(lab.rejection(of: #"{"type":"heartbeat"}"#) == .missingField)
        #expect(
            lab.rejection(of: CoinbaseMessage.match.replacing("1100243480", with: "99999999999999999999"))
                == .outOfRange)
        #expect(lab.rejection(of: CoinbaseMessage.match.replacing(#""sell""#, with: #""both""#)) == .missingField)
        #expect(lab.rejection(of: CoinbaseMessage.match.replacing("0.00136465", with: "-1")) == .outOfRange)
        #expect(lab.isBalanced)
    }

    @Test(arguments: testSeeds) func flippedBytesAreSurvived(seed: UInt64) throws {
        var random = Random(seed: seed)
        let lab = try Self.lab()
        var frames: UInt64 = 2
        for round in 0..<4_000 {
            var bytes = Array(CoinbaseMessage.all[round % CoinbaseMessage.all.count].utf8)
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                bytes[Int.random(in: bytes.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            frames += 1
            do throws(VenueError) { try lab.frame(bytes) } catch {}
            #expect(lab.isBalanced && lab.counts.messages == frames)
        }
        #expect(lab.counts.rejections.total > 1_000)
        // The session goes on.
        try lab.frame(CoinbaseMessage.snapshot)
        #expect(lab.validity() == .valid)
    }

    // MARK: Trades

    @Test func aMissingTradeIsFetched() throws {
        let lab = try Self.lab()
        try lab.frame(CoinbaseMessage.match(100))
        #expect(try lab.frame(CoinbaseMessage.match(103)) == .fetchTrades(InstrumentID(0)))
        #expect(lab.trades.map(\.id) == [103] && lab.missingTrades() == 2)
        let request = try #require(lab.tradesRequest(from: 101, limit: 1_000))
        #expect(request.target == "/products/BTC-USD/trades?limit=1000&after=1101")
        // The page of the newest: newer and older ones are not passed on again.
        try lab.backfill(Self.page(99...104), from: 101, isFinal: true)
        #expect(lab.trades.map(\.id) == [101, 102] && lab.missingTrades() == 0)
        #expect(lab.counts(0).backfilledTrades == 2 && lab.counts(0).unfilledTrades == 0)
        try lab.frame(CoinbaseMessage.match(101))
        #expect(lab.trades.isEmpty && lab.counts(0).duplicateTrades == 1)
        #expect(lab.rejection(of: CoinbaseMessage.match(102)) == nil && lab.trades.isEmpty && lab.isBalanced)
    }

    /// The trade named may be on its way, so it is missing only if it is not here by the next heartbeat.
    @Test func theHeartbeatShowsThatTheNewestTradeIsMissing() throws {
        let lab = try Self.lab()
        try lab.frame(CoinbaseMessage.match(100))
        #expect(try lab.frame(CoinbaseMessage.heartbeat(101)) == .proceed)
        try lab.frame(CoinbaseMessage.match(101))
        #expect(try lab.frame(CoinbaseMessage.heartbeat(103)) == .proceed)
        #expect(lab.counts(0).missedTrades == 0)
        #expect(try lab.frame(CoinbaseMessage.heartbeat(103)) == .fetchTrades(InstrumentID(0)))
        #expect(lab.counts(0).missedTrades == 2 && lab.missingTrades() == 2)
        #expect(lab.firstMissingTrade() == 102)
        #expect(try lab.frame(CoinbaseMessage.heartbeat(103)) == .proceed)
        // One comes late, the other is fetched.
        try lab.frame(CoinbaseMessage.match(103))
        #expect(lab.trades.map(\.id) == [103] && lab.counts(0).lateTrades == 1)
        try lab.backfill(Self.page(101...103), from: 102, isFinal: true)
        #expect(lab.trades.map(\.id) == [102] && lab.missingTrades() == 0 && lab.isBalanced)
        try lab.frame(CoinbaseMessage.match(104))
        #expect(lab.trades.map(\.id) == [104] && lab.counts(0).missedTrades == 2)
    }

    /// A number that no market reaches makes no trades look lost, whoever names it: a heartbeat or an answer over HTTP.
    @Test func anAbsurdNumberIsNoGap() throws {
        let lab = try Self.lab()
        try lab.frame(CoinbaseMessage.match(100))
        let absurd: Int64 = 1 << 52
        for _ in 0..<3 { #expect(try lab.frame(CoinbaseMessage.heartbeat(absurd)) == .proceed) }
        try lab.backfill(Self.page(absurd...absurd), from: 101)
        #expect(lab.trades.isEmpty && lab.counts(0).missedTrades == 0 && lab.missingTrades() == 0)
        #expect(lab.lastTradeID() == 100 && lab.counts(0).unfilledTrades == 0)
        // The series goes on.
        try lab.frame(CoinbaseMessage.match(101))
        #expect(lab.trades.map(\.id) == [101] && lab.isBalanced)
    }

    /// The first trade after subscribing is lost: the last one before tells.
    @Test func theFirstTradeMayBeMissing() throws {
        let lab = try Self.lab()
        try lab.frame(CoinbaseMessage.lastMatch)
        #expect(try lab.frame(CoinbaseMessage.match(1_100_243_481)) == .fetchTrades(InstrumentID(0)))
        #expect(lab.counts(0).missedTrades == 1)
        #expect(lab.firstMissingTrade() == 1_100_243_480)
    }

    /// After a new connection the last trade before it is new if it was missed.
    @Test func tradesMissedBetweenConnectionsAreFetched() throws {
        let lab = try Self.lab()
        try lab.frame(CoinbaseMessage.match(1_100_243_476))
        try lab.frame(CoinbaseMessage.heartbeat(1_100_243_999))
        try lab.frame(CoinbaseMessage.ticker)
        lab.session.connectionClosed(at: Timestamp(nanoseconds: 1))
        lab.session.connectionOpened(at: Timestamp(nanoseconds: 2))
        #expect(try lab.frame(CoinbaseMessage.lastMatch) == .fetchTrades(InstrumentID(0)))
        #expect(lab.trades.map(\.id) == [1_100_243_479] && lab.missingTrades() == 2)
        // What the old connection said is forgotten.
        #expect(try lab.frame(CoinbaseMessage.heartbeat(1_100_243_999)) == .proceed)
        try lab.frame(CoinbaseMessage.ticker)
        #expect(lab.quotes.isEmpty)
    }

    @Test(arguments: [0, -5, 1 << 52, Int64.max]) func aSingleWrongHeartbeatHasNoEffect(id: Int64) throws {
        let lab = try Self.lab()
        try lab.frame(CoinbaseMessage.heartbeat(100))
        let isRefused = id < 0 || id >= CoinbaseMatch.idLimit
        #expect(lab.rejection(of: CoinbaseMessage.heartbeat(id)) == (isRefused ? .outOfRange : nil))
        try lab.frame(CoinbaseMessage.heartbeat(100))
        try lab.frame(CoinbaseMessage.match(101))
        #expect(lab.trades.map(\.id) == [101] && lab.counts(0).missedTrades == 0 && lab.missingTrades() == 0)
        #expect(lab.isBalanced)
    }

    /// No number from outside stops the session: an id that no market reaches begins another series.
    @Test func tradeIDsAtTheEndOfTheirRange() throws {
        let lab = try Self.lab()
        let last = CoinbaseMatch.idLimit - 1
        for id in [last + 1, .max, -1] { #expect(lab.rejection(of: CoinbaseMessage.match(id)) == .outOfRange) }
        try lab.frame(CoinbaseMessage.match(0))
        for _ in 0..<4 {
            try lab.frame(CoinbaseMessage.match(last))
            #expect(lab.trades.map(\.id) == [last] && lab.missingTrades() == 0)
            try lab.frame(CoinbaseMessage.heartbeat(last))
            try lab.frame(CoinbaseMessage.heartbeat(last))
            // Eleven seconds later the ids begin anew.
            try lab.frame(CoinbaseMessage.match(1).replacing("02:03:12.795074", with: "02:03:24"))
            #expect(lab.trades.map(\.id) == [1])
            lab.session.connectionClosed(at: Timestamp(nanoseconds: 1))
            lab.session.connectionOpened(at: Timestamp(nanoseconds: 2))
        }
        #expect(lab.counts(0).restartedSeries == 8 && lab.isBalanced)
    }

    /// An empty answer, or one of the newest trades only, ends the search.
    @Test func tradesThatTheVenueDoesNotHaveAreGivenUp() throws {
        let lab = try Self.lab()
        try lab.frame(CoinbaseMessage.match(100))
        try lab.frame(CoinbaseMessage.match(103))
        try lab.backfill("[]", from: 101)
        #expect(lab.missingTrades() == 2)
        try lab.backfill("[]", from: 101, isFinal: true)
        #expect(lab.missingTrades() == 0 && lab.counts(0).unfilledTrades == 2)
        for body in ["", "[", "{}", "[{}]", #"{"message":"NotFound"}"#, #"[{"trade_id":1}]"#] {
            #expect(throws: VenueError.self) { try lab.backfill(body, from: 101) }
        }
    }

    /// An answer over HTTP, newest first.
    static func page(_ ids: ClosedRange<Int64>) -> String {
        let rows = ids.reversed().map {
            #"{"trade_id":\#($0),"side":"sell","size":"0.5","price":"1.00000000","time":"2026-06-19T16:43:33.739704Z"}"#
        }
        return "[\(rows.joined(separator: ","))]"
    }
}
