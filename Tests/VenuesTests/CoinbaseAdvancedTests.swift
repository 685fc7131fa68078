import Foundation
import Microstructure
import TestSupport
import Testing

@testable import Venues

/// Coinbase Advanced's feed: what it really sent, and what goes wrong in it.
@Suite struct CoinbaseAdvancedTests {
    typealias Lab = StreamLab<CoinbaseAdvancedReader>

    private static func lab() throws -> Lab { try .coinbase(CoinbaseAdvancedAdapter(options: .standard)) }

    /// With the first five frames.
    private static func liveLab() throws -> Lab {
        let lab = try lab()
        for frame in AdvancedMessage.frames.prefix(5) { try lab.frame(frame) }
        return lab
    }

    // MARK: Real messages

    @Test func booksAreReadExactly() throws {
        let lab = try Self.lab()
        try lab.frame(AdvancedMessage.frames[0])
        #expect(lab.validity() == .valid && lab.books.first?.epoch == 1 && lab.books.first?.updateID == 0)
        #expect(
            lab.bids() == [[7_885_605, 4_761_770], [7_885_579, 50_725], [7_885_547, 2_540_066]])
        #expect(lab.asks() == [[7_885_606, 8_011_580], [7_885_775, 28_811_070]])
        #expect(lab.books.first?.times.venue.nanoseconds == nanoseconds("2026-08-24T22:34:13.483122Z"))
        for frame in AdvancedMessage.frames.dropFirst() { #expect(try lab.frame(frame) == .proceed) }
        #expect(lab.bids()[0] == [7_885_605, 4_868_907])
        #expect(
            lab.asks() == [
                [7_885_606, 18_983_152], [7_885_764, 2_536_216], [7_885_775, 17_851_070],
            ])
        #expect(lab.books.first?.updateID == 5 && lab.books.first?.bids.count == 3)
        #expect(lab.books.first?.times.venue.nanoseconds == nanoseconds("2026-08-24T22:34:13.685628Z"))
        let counts = lab.counts
        #expect(counts.depthApplied == 5 && counts.acknowledgements == 1 && counts.messages == 6 && counts.gaps == 0)
        #expect(lab.isBalanced)
    }

    @Test func tradesAreReadExactly() throws {
        let lab = try Self.lab()
        for frame in AdvancedMessage.trades.prefix(3) { try lab.frame(frame) }
        let trade = try #require(lab.trades.first)
        #expect(trade.id == 929_248_659 && trade.price == Price(8_835_558) && trade.quantity == Quantity(6_677))
        // The maker bought.
        #expect(trade.aggressor == .sell && lab.counts(0).trades == 3)
        #expect(trade.times.venue.nanoseconds == nanoseconds("2025-12-31T06:00:13.45609Z"))
        // Newest first in a frame, oldest first from here. No request fetches by id what is missing: it is lost.
        #expect(try lab.frame(AdvancedMessage.trades[3]) == .proceed)
        #expect(lab.trades.map(\.id) == [929_248_662, 929_248_663] && lab.trades.map(\.aggressor) == [.buy, .sell])
        #expect(lab.counts(0).missedTrades == 2 && lab.counts(0).unfilledTrades == 2 && lab.missingTrades() == 0)
        #expect(lab.isBalanced)
    }

    /// The trades before the subscription tell where the ids begin.
    @Test func pastTradesAreNotNew() throws {
        let lab = try Self.lab()
        try lab.frame(AdvancedMessage.trades[3].replacing("update", with: "snapshot").replacing("1854", with: "1"))
        #expect(lab.trades.isEmpty && lab.counts(0).duplicateTrades == 2 && lab.lastTradeID() == 929_248_663)
        let next = AdvancedMessage.trades[2].replacing("1853", with: "2")
        try lab.frame(next.replacing("929248659", with: "929248665"))
        #expect(lab.trades.map(\.id) == [929_248_665] && lab.counts(0).missedTrades == 1 && lab.isBalanced)
    }

    @Test func bestPricesAreReadExactly() throws {
        let lab = try Self.lab()
        try lab.frame(AdvancedMessage.ticker)
        #expect(lab.quotes.isEmpty && lab.counts.acknowledgements == 1)
        try lab.frame(AdvancedMessage.ticker.replacing("snapshot", with: "update").replacing(":12,", with: ":13,"))
        let quote = try #require(lab.quotes.first)
        #expect(quote.bid == PriceLevel(price: Price(6_890_000), quantity: Quantity(150_000_000)))
        #expect(quote.ask == PriceLevel(price: Price(6_890_100), quantity: Quantity(50_000_000)))
        #expect(quote.times.venue.nanoseconds == nanoseconds("2026-04-07T14:30:03Z") && lab.counts(0).quotes == 1)
        #expect(lab.isBalanced)
    }

    @Test func answersAndErrorsAreCounted() throws {
        let lab = try Self.lab()
        try lab.frame(AdvancedMessage.heartbeat)
        try lab.frame(#"{"channel":"status","timestamp":"","sequence_num":1,"events":[{"type":"snapshot"}]}"#)
        #expect(lab.counts.acknowledgements == 1 && lab.counts.unknownEvents == 1)
        let refusal = VenueError.refused(code: 0, message: "authentication failure")
        #expect(throws: refusal) { try lab.frame(#"{"type":"error","message":"authentication failure"}"#) }
        #expect(lab.counts.venueErrors == 1 && lab.isBalanced)
    }

    // MARK: The connection's counter

    /// Nobody knows what the missing frame said, so no book of the connection is trusted.
    @Test(arguments: [1, 2, 3, 4]) func aMissingFrameDiscardsAllBooks(missing: Int) throws {
        let lab = try Self.lab()
        try lab.frame(AdvancedMessage.frames[0])
        let other = ConnectionID(1)
        lab.session.connectionOpened(other, at: Timestamp(nanoseconds: 1))
        try lab.frame(AdvancedMessage.frames[0].replacing("BTC-USD", with: "ETH-USD"), from: other)
        for number in 1..<missing { try lab.frame(AdvancedMessage.frames[number]) }
        #expect(try lab.frame(AdvancedMessage.frames[missing + 1]) == .reconnect)
        #expect(lab.validity(0) == .resyncing && lab.counts(0).gaps == 1 && lab.books.isEmpty)
        // The other connection's book is not concerned.
        #expect(lab.validity(1) == .valid && lab.counts(1).gaps == 0)
        if missing + 2 < AdvancedMessage.frames.count {
            #expect(try lab.frame(AdvancedMessage.frames[missing + 2]) == .proceed)
        }
        #expect(lab.isBalanced)
        // A new connection counts from zero.
        lab.session.connectionClosed(at: Timestamp(nanoseconds: 2))
        lab.session.connectionOpened(at: Timestamp(nanoseconds: 2))
        for frame in AdvancedMessage.frames { #expect(try lab.frame(frame) == .proceed) }
        #expect(lab.validity(0) == .valid && lab.counts(0).gaps == 1)
    }

    /// A lost heartbeat may have been a change as well.
    @Test func aHoleBeforeAnAcknowledgementCounts() throws {
        let lab = try Self.liveLab()
        #expect(try lab.frame(AdvancedMessage.heartbeat.replacing(":0,", with: ":6,")) == .reconnect)
        #expect(lab.validity() == .resyncing && lab.counts.acknowledgements == 2 && lab.isBalanced)
    }

    @Test func aRepeatedFrameChangesNothing() throws {
        let lab = try Self.liveLab()
        let book = lab.asks()
        let last = AdvancedMessage.frames[2].replacing(":2,", with: ":4,")
        #expect(try lab.frame(last) == .proceed)
        #expect(lab.counts(0).depthIgnoredOld == 1 && lab.asks() == book && lab.validity() == .valid)
        #expect(try lab.frame(AdvancedMessage.frames[5]) == .proceed)
        #expect(lab.validity() == .valid && lab.isBalanced)
        // A number that jumps back is a loss.
        #expect(try lab.frame(AdvancedMessage.frames[2]) == .reconnect)
        #expect(try lab.frame(AdvancedMessage.frames[3]) == .proceed)
        #expect(lab.counts(0).gaps == 1 && lab.isBalanced)
    }

    // MARK: Messages that cannot be read

    @Test func aChangeThatCannotBeReadDiscardsItsBook() throws {
        let lab = try Self.liveLab()
        try lab.frame(AdvancedMessage.frames[0].replacing("BTC-USD", with: "ETH-USD").replacing(":0,", with: ":5,"))
        let bad = AdvancedMessage.frames[5].replacing(":5,", with: ":6,").replacing("offer", with: "ask")
        #expect(lab.rejection(of: bad) == .missingField)
        #expect(lab.validity(0) == .resyncing && lab.validity(1) == .valid && lab.counts(0).rejections.total == 1)
        // Its number was read, so nothing else is missing.
        let next = AdvancedMessage.frames[5].replacing(":5,", with: ":7,")
        #expect(try lab.frame(next) == .resubscribe(InstrumentID(0)))
        #expect(
            lab.resubscribeMessages() == [
                #"{"type":"unsubscribe","product_ids":["BTC-USD"],"channel":"level2"}"#,
                #"{"type":"subscribe","product_ids":["BTC-USD"],"channel":"level2"}"#,
            ])
        try lab.frame(AdvancedMessage.frames[0].replacing(":0,", with: ":8,"))
        #expect(lab.validity(0) == .valid && lab.isBalanced)
    }

    /// The ids show that trades are missing; the books are whole.
    @Test func aTradeThatCannotBeReadLeavesTheBooks() throws {
        let lab = try Self.liveLab()
        let frames = [AdvancedMessage.trades[0], AdvancedMessage.ticker, AdvancedMessage.heartbeat]
        for (number, frame) in frames.enumerated() {
            let numbered = frame.replacing(/"sequence_num":\d+/, with: "\"sequence_num\":\(5 + number)")
            #expect(lab.rejection(of: String(numbered.dropLast(3))) == .truncated)
        }
        #expect(try lab.frame(AdvancedMessage.heartbeat.replacing(":0,", with: ":8,")) == .proceed)
        #expect(lab.validity() == .valid && lab.counts.gaps == 0 && lab.isBalanced)
    }

    /// No number from outside stops the session.
    @Test func frameNumbersAtTheEndOfTheirRange() throws {
        let lab = try Self.lab()
        let last = Int64.max - 1
        let event = #"{"type":"update","product_id":"BTC-USD","updates":[]}"#
        try lab.frame(AdvancedMessage.frames[0].replacing("\"sequence_num\":0", with: "\"sequence_num\":\(last - 1)"))
        try lab.frame(
            """
            {"channel":"l2_data","timestamp":"2026-08-24T22:34:14Z","sequence_num":\(last),"events":[\(event),\(event),\
            \(event),\(event)]}
            """)
        #expect(lab.books.isEmpty && lab.validity() == .valid)
        #expect(lab.rejection(of: AdvancedMessage.frames[2]) == nil && lab.isBalanced)
    }

    /// With several products in a frame, all that it says is lost.
    @Test func aFrameOfSeveralProducts() throws {
        let lab = try Self.liveLab()
        func frame(_ number: Int, _ side: String) -> String {
            """
            {"channel":"l2_data","timestamp":"2026-08-24T22:34:14Z","sequence_num":\(number),"events":[\
            {"type":"snapshot","product_id":"ETH-USD","updates":[{"side":"bid","event_time":"1970-01-01T00:00:00Z",\
            "price_level":"10","new_quantity":"1"},{"side":"\(side)","price_level":"11","new_quantity":"2"},\
            {"side":"bid","event_time":"1970-01-01T00:00:00Z","price_level":"9","new_quantity":"3"}]},\
            {"type":"update","product_id":"BTC-USD","updates":[]},{"type":"update","product_id":"DOGE-USD",\
            "updates":[]},{"type":"update","product_id":"ETH-USD","updates":[{"side":"bid","price_level":"9",\
            "new_quantity":"0"}]}]}
            """
        }
        try lab.frame(frame(5, "offer"))
        #expect(lab.books.map(\.instrument.index) == [1, 1] && lab.validity(1) == .valid)
        #expect(lab.bids(1) == [[1_000, 100_000_000]])
        #expect(lab.asks(1) == [[1_100, 200_000_000]])
        // A time that makes no sense is the frame's.
        #expect(lab.books.allSatisfy { $0.times.venue.nanoseconds == nanoseconds("2026-08-24T22:34:14Z") })
        #expect(lab.rejection(of: frame(6, "?")) == .missingField)
        #expect(lab.validity(0) == .resyncing && lab.validity(1) == .resyncing && lab.isBalanced)
    }

    /// A frame cut off at any byte is refused, and the books that it may have changed are not trusted after the next one.
    @Test(arguments: 0..<AdvancedMessage.all.count) func aMessageCutOffAtAnyByte(place: Int) throws {
        let text = AdvancedMessage.all[place]
        let number = try #require(text.firstRange(of: /"sequence_num":\d+/))
        let bytes = Array(text.replacingCharacters(in: number, with: #""sequence_num":5"#).utf8)
        let isBook = text.contains("l2_data")
        for length in 0..<bytes.count {
            let lab = try Self.liveLab()
            #expect(throws: VenueError.self) { try lab.frame(Array(bytes[..<length])) }
            #expect(lab.counts.rejections.total == 1 && lab.batch.isEmpty)
            try lab.frame(AdvancedMessage.heartbeat.replacing(":0,", with: ":6,"))
            if isBook { #expect(lab.validity() == .resyncing) }
            #expect(lab.isBalanced)
        }
    }

    @Test func numbersThatMakeNoSense() throws {
        let lab = try Self.liveLab()
        let update = AdvancedMessage.frames[5]
        try lab.frame(update.replacing("0.02536216", with: "0.-10000").replacing("78857.75", with: "1e30"))
        #expect(lab.counts(0).refusedLevels == 2 && lab.validity() == .valid)
        #expect(lab.asks().map { $0[0] } == [7_885_606, 7_885_775])
        for number in ["-1", "9223372036854775807", "1e30", "0.5", "\"x\"", "null"] {
            #expect(
                lab.rejection(of: update.replacing("\"sequence_num\":5", with: "\"sequence_num\":\(number)")) != nil)
        }
        #expect(lab.rejection(of: update.replacing("\"sequence_num\"", with: "\"number\"")) == .missingField)
        #expect(lab.rejection(of: update.replacing("\"channel\"", with: "\"c\"")) == .missingField)
        #expect(lab.rejection(of: AdvancedMessage.trades[0].replacing("SELL", with: "NONE")) == .missingField)
        #expect(lab.isBalanced)
    }

    @Test func keysComeInAnyOrder() throws {
        let lab = try Self.lab()
        try lab.frame(
            """
            {"events":[{"updates":[{"new_quantity":"1","price_level":"10","side":"bid"}],"product_id":"BTC-USD",\
            "type":"snapshot"}],"sequence_num":7,"timestamp":"2026-08-24T22:34:14Z","more":[],"channel":"l2_data"}
            """)
        #expect(lab.bids() == [[1_000, 100_000_000]] && lab.books.first?.updateID == 7)
        #expect(lab.books.first?.times.venue.nanoseconds == nanoseconds("2026-08-24T22:34:14Z"))
        try lab.frame(
            """
            {"events":[{"trades":[{"side":"BUY","time":"2026-08-24T22:34:14Z","size":"1","price":"10","trade_id":3,\
            "product_id":"BTC-USD"}],"type":"update"}],"channel":"market_trades","sequence_num":8}
            """)
        #expect(lab.trades.map(\.id) == [3] && lab.trades.first?.aggressor == .sell && lab.isBalanced)
    }

    @Test func otherSymbolsAreCounted() throws {
        let lab = try Self.lab()
        for (number, frame) in [AdvancedMessage.frames[0], AdvancedMessage.trades[0], AdvancedMessage.ticker]
            .enumerated()
        {
            let numbered = frame.replacing(/"sequence_num":\d+/, with: "\"sequence_num\":\(number)")
            try lab.frame(numbered.replacing("BTC-USD", with: "DOGE-USD").replacing("snapshot", with: "update"))
        }
        #expect(lab.counts.unknownStreams == 3 && lab.isBalanced)
    }

    @Test(arguments: testSeeds) func flippedBytesAreSurvived(seed: UInt64) throws {
        var random = Random(seed: seed)
        let lab = try Self.liveLab()
        var messages: UInt64 = 5
        for round in 0..<4_000 {
            var bytes = Array(AdvancedMessage.all[round % AdvancedMessage.all.count].utf8)
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                bytes[Int.random(in: bytes.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            do throws(VenueError) { try lab.frame(bytes) } catch {}
            #expect(lab.isBalanced && lab.counts.messages > messages)
            messages = lab.counts.messages
        }
        #expect(lab.counts.rejections.total > 1_000)
        lab.session.connectionClosed(at: Timestamp(nanoseconds: 2))
        lab.session.connectionOpened(at: Timestamp(nanoseconds: 2))
        for frame in AdvancedMessage.frames { #expect(try lab.frame(frame) == .proceed) }
        #expect(lab.validity() == .valid)
    }

    /// A whole book of 5 MB takes time in proportion to its length.
    @Test func aWholeBookIsSortedInLinearTime() throws {
        func snapshot(_ count: Int) -> [UInt8] {
            let rows = (1...count).map { rank in
                let (side, price) = rank % 2 == 0 ? ("bid", 5_000_000 - rank) : ("offer", 5_000_000 + rank)
                return """
                    {"side":"\(side)","event_time":"2026-08-24T22:34:13.483122Z","price_level":"\(price)",\
                    "new_quantity":"0.5"}
                    """
            }
            return Array(
                """
                {"channel":"l2_data","timestamp":"2026-08-24T22:34:13.793Z","sequence_num":0,"events":[{"type":\
                "snapshot","product_id":"BTC-USD","updates":[\(rows.joined(separator: ","))]}]}
                """.utf8)
        }
        let clock = ContinuousClock()
        let durations = try [5_000, 40_000].map { count in
            let lab = try Self.lab()
            let bytes = snapshot(count)
            // The shortest of three: other work on the host only lengthens them.
            var shortest = Duration.seconds(1_000)
            for _ in 0..<3 { shortest = min(shortest, try clock.measure { _ = try lab.frame(bytes) }) }
            #expect(lab.book().bids.count == count / 2 && lab.book().asks.count == count / 2)
            #expect(
                lab.book().bids.best?.price == Price(499_999_800) && lab.book().asks.best?.price == Price(500_000_100))
            return shortest
        }
        // Eight times as long a text; in square time it would take 64 times as long.
        #expect(durations[1] < durations[0] * 24)
    }
}
