import Testing
import Venues

@testable import Ingest
import Microstructure

/// When the venue is asked whether symbols are listed and trade.
@Suite struct ListingBoardTests {
    private static let second: Int64 = 1_000_000_000

    private static func board(
        _ statuses: [TradingStatus], unlisted: [String] = [], intervalSeconds: Double = 300
    ) -> ListingBoard {
        let instrument = Instrument(venue: .binance, symbol: "X", priceExponent: 0, quantityExponent: 0)
        return ListingBoard(
            statuses.enumerated().map {
                VenueListing(symbol: "S\($0)", status: $1, instrument: .success(instrument))
            }, unlisted: unlisted.map { .init(symbol: $0, reason: "unknown") }, intervalSeconds: intervalSeconds, at: 0)
    }

    /// The first second, within the limit, at which a round begins.
    private static func due(_ board: inout ListingBoard, from start: Int64, limit: Int64 = 1_000) -> Int64? {
        (start...start + limit).first { board.beginIfDue([["S0"]], at: $0 * second) }
    }

    @Test func theStatusIsReadAtTheIntervalAndSoonerWhileAMarketStands() throws {
        var quiet = Self.board([.trading])
        let first = Self.due(&quiet, from: 0)
        #expect((270...330).contains(try #require(first)))
        var halted = Self.board([.trading, .halted])
        let sooner = Self.due(&halted, from: 0)
        #expect((27...33).contains(try #require(sooner)))
        // One round at a time.
        let second = Self.due(&halted, from: 100)
        #expect(second == nil)
        halted.abandon(at: 100 * Self.second)
        let again = Self.due(&halted, from: 100)
        #expect(again == 130)
    }

    @Test func aSilenceAsksAtOnceAndWaitsForTheAnswer() {
        var board = Self.board([.trading])
        let now = 100 * Self.second
        board.noteSilence(of: 0, at: now)
        #expect(!board.blamesConnection(for: 0, at: now))
        let isAsked = board.beginIfDue([["S0"]], at: now)
        #expect(isAsked && board.search?.next == ["S0"])
        _ = board.finish(at: now + Self.second)
        board.planNext(at: now + Self.second)
        #expect(board.blamesConnection(for: 0, at: now + Self.second))
        // The venue says that it does not trade: its silence is nobody's fault.
        board.markets[0].status = .halted
        #expect(!board.blamesConnection(for: 0, at: now + 60 * Self.second))
        // Without an answer, the connection is blamed after a few seconds.
        board.markets[0].status = .trading
        board.noteSilence(of: 0, at: now + 5 * Self.second)
        let isAskedAgain = board.beginIfDue([["S0"]], at: now + 5 * Self.second)
        #expect(!isAskedAgain)
        // The venue is asked ten seconds after the last question, and has three to answer.
        let isAskedLater = board.beginIfDue([["S0"]], at: now + 10 * Self.second)
        #expect(isAskedLater)
        #expect(!board.blamesConnection(for: 0, at: now + 12 * Self.second))
        #expect(board.blamesConnection(for: 0, at: now + 13 * Self.second))
    }

    /// The next round follows from what this round found: a market that stands is asked for every 30 s.
    @Test func aHaltThatARoundFindsBringsTheNextRoundForward() throws {
        var board = Self.board([.trading])
        let first = Self.due(&board, from: 0)
        let begin = try #require(first)
        _ = board.finish(at: begin * Self.second)
        board.markets[0].status = .halted
        board.planNext(at: begin * Self.second)
        let next = Self.due(&board, from: begin)
        #expect((27...33).contains(try #require(next) - begin))
    }

    /// A served market whose rules this version cannot read any more is still listed.
    @Test func unreadableRulesAreNoDelisting() {
        var search = ListingSearch([["A", "B"]])
        let rules = Instrument(venue: .binance, symbol: "A", priceExponent: 0, quantityExponent: 0)
        search.take([
            VenueListing(symbol: "A", status: .trading, instrument: .success(rules)),
            VenueListing(symbol: "B", status: .trading, instrument: .failure(.badConfiguration("filters"))),
        ])
        #expect(search.listings.map(\.symbol) == ["A"] && search.unlisted.map(\.symbol) == ["B"])
        #expect(search.answer(for: "B")?.status == .trading && search.answer(for: "C") == nil)
    }

    @Test func unlistedSymbolsAreAskedForAloneWithGrowingWaits() throws {
        let names = (0..<20).map { "U\($0)" }
        var board = Self.board([.trading], unlisted: names)
        var (moment, waits, asked): (Int64, [Int64], Set<String>) = (0, [], [])
        for _ in 0..<6 {
            let found = Self.due(&board, from: moment)
            let due = try #require(found)
            waits.append(due - moment)
            #expect(board.search?.next == ["S0"])
            board.search?.take([])
            while let batch = board.search?.next {
                #expect(batch.count == 1)
                asked.formUnion(batch)
                board.search?.refuse("unknown")
            }
            let ended = board.finish(at: due * Self.second)
            let answer = try #require(ended)
            let again = answer.unlisted.filter { $0.symbol != "S0" }
            #expect(again.count == ListingBoard.unlistedPerRound)
            board.keepUnlisted(again, asked: Set(again.map(\.symbol)))
            board.planNext(at: due * Self.second)
            moment = due
        }
        #expect(asked == Set(names) && Set(board.unlisted.map(\.symbol)) == Set(names))
        #expect((27...33).contains(waits[0]) && (54...66).contains(waits[1]) && waits[5] >= 270, "\(waits)")
    }
}
