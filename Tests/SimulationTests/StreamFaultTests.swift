import Microstructure
import Testing

@testable import Simulation

/// The truth and the faults of venues that send their books in the stream.
@Suite struct StreamFaultTests {
    private static let dialects: [any VenueDialect] = [
        StreamDialect<KrakenWriter>(), StreamDialect<CoinbaseWriter>(), StreamDialect<BybitWriter>(),
        StreamDialect<OKXWriter>(), StreamDialect<BitstampWriter>(), StreamDialect<BitfinexWriter>(),
    ]

    private func market(_ dialect: any VenueDialect) -> any SimulatedMarket {
        let specification = SyntheticSpecification.demonstration(symbols: ["BTCUSDT"], seed: 5)
        return dialect.serve(
            SyntheticMarket(
                specification.markets[0], events: specification.events, seed: 5, startTime: Timestamp(nanoseconds: 0)),
            delays: .none)
    }

    /// A venue that publishes some levels passes over changes of the others, and one that sends a message a level has
    /// books between two changes: neither may make the truth lose the book.
    @Test(arguments: dialects.indices) func theTruthFollowsTheStream(of place: Int) throws {
        let dialect = Self.dialects[place]
        var market = market(dialect)
        var truth = TruthBook()
        let start = try #require(market.book(limit: .max))
        #expect(truth.process(snapshot: start).isEmpty)
        var (records, parts) = (0, 0)
        while records < 400, let due = market.nextDue {
            guard let frame = try market.nextFrame(dueBy: due), frame.kind == .depth else { continue }
            let change = try #require(dialect.depthChange(in: frame))
            let made = truth.process(change)
            let record = try #require(made, "after \(records)")
            records += 1
            if change.isPart {
                parts += 1
            } else {
                let book = try #require(market.book(limit: TruthBook.depth))
                #expect(record == .init(updateID: book.updateID, bids: book.bids, asks: book.asks))
                #expect(record == truth.record(at: change.lastID))
            }
        }
        #expect((parts > 100) == (place == 5))
    }

    @Test(
        arguments: zip(
            0..<5,
            [
                #""bids":[{"price":101.01,"qty":1}"#, #""changes":[["buy","101.01","1"]"#, #""b":[["101.01","1"]"#,
                #""bids":[["101.01","1","0","1"]"#, #""bids":[["101.01","1"]"#,
            ]))
    func aCrossedBookIsABidInTheVenuesWords(of place: Int, text: String) throws {
        let dialect = Self.dialects[place]
        var market = market(dialect)
        var edited: [MarketFrame] = []
        while edited.count < 50, let due = market.nextDue {
            guard let frame = try market.nextFrame(dueBy: due) else { continue }
            let crossed = dialect.crossed(frame, ask: 10_001_000_000)
            #expect((crossed != nil) == (frame.kind == .depth))
            guard let crossed else { continue }
            edited.append(crossed)
            // The level is added, and nothing else.
            let level = Array(text.drop { $0 != "[" }.dropFirst().utf8)
            let added = try #require(crossed.bytes.firstRange(of: level))
            let isAlone = crossed.bytes.count - frame.bytes.count == level.count
            var rest = crossed.bytes
            rest.removeSubrange(added.lowerBound..<added.upperBound + (isAlone ? 0 : 1))
            #expect(rest == frame.bytes)
        }
        #expect(edited.allSatisfy { $0.bytes.firstRange(of: Array(text.utf8)) != nil })
    }

    @Test func aLateBookStrikesTheBookOfItsSymbol() {
        var plan = FaultPlan()
        #expect(plan.arm(Fault(.lateSnapshot, symbol: "ETHUSDT")) == 1)
        #expect(plan.strike(symbol: "ETHUSDT", channel: .depth) == nil)
        #expect(plan.advance(to: 1).isEmpty)
        #expect(plan.strike(snapshotOf: "BTCUSDT") == nil)
        #expect(plan.strike(snapshotOf: "ETHUSDT")?.fault.milliseconds == 1_500)
        #expect(plan.strike(snapshotOf: "ETHUSDT") == nil)
    }
}
