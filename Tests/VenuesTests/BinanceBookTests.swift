import Microstructure
import Testing

@testable import Venues

/// The rules by which a book is kept, one by one.
@Suite struct BinanceBookTests {
    private let fetch = VenueAction.fetchSnapshot(InstrumentID(0))

    /// A session whose book is valid at id 12: snapshot at 10, then the update 11…12.
    private func liveLab() throws -> Lab {
        let lab = try Lab(.spot("BTCUSDT"))
        try lab.frame(depth(8, 10))
        try lab.snapshot(snapshotBody(10))
        try lab.frame(depth(11, 12, bids: [("99.50", "3")]))
        #expect(lab.validity() == .valid)
        return lab
    }

    @Test func snapshotIsAskedForOnceByTheFirstUpdate() throws {
        let lab = try Lab(.spot("BTCUSDT"))
        #expect(lab.validity() == .stale)
        lab.session.connectionOpened(at: Timestamp(nanoseconds: 0))
        #expect(lab.validity() == .resyncing)
        #expect(try lab.frame(trade(1)) == .proceed)
        #expect(try lab.frame(depth(1, 2)) == fetch)
        #expect(try lab.frame(depth(3, 4)) == .proceed)
        #expect(lab.pending() == 2 && lab.epoch() == 0 && lab.books.isEmpty)
        #expect(lab.isBalanced)
    }

    @Test func heldUpdatesAreAppliedWithTheirOwnTimes() throws {
        let lab = try Lab(.spot("BTCUSDT"))
        try lab.frame(depth(1, 3, time: 1_000), at: 11)
        try lab.frame(depth(4, 6, bids: [("100.00", "7")], time: 2_000), at: 22)
        try lab.frame(depth(7, 9, asks: [("100.50", "0.5")], time: 3_000), at: 33)
        // Newer than the first update, and in the middle of the second.
        #expect(try lab.snapshot(snapshotBody(5), at: 99) == .proceed)

        let books = lab.books
        #expect(books.map(\.updateID) == [6, 9])
        #expect(books.map(\.times.receive.nanoseconds) == [22, 33])
        #expect(books.map(\.times.venue.nanoseconds) == [2_000_000_000, 3_000_000_000])
        #expect(books.allSatisfy { $0.validity == .valid && $0.epoch == 1 })
        #expect(lab.batch.levels[books[0].bids].map(\.quantity) == [Quantity(700_000_000), Quantity(500_000_000)])
        #expect(lab.batch.levels[books[1].asks].map(\.price) == [Price(10_050), Price(10_100), Price(11_000)])
        #expect(lab.validity() == .valid && lab.epoch() == 1 && lab.pending() == 0)
        let counts = lab.counts()
        #expect(counts.depthApplied == 2 && counts.depthCoveredBySnapshot == 1 && counts.depthBuffered == 3)
        #expect(lab.isBalanced)
    }

    @Test func snapshotThatCoversAllWaitsForTheUpdateThatStraddlesIt() throws {
        let lab = try Lab(.spot("BTCUSDT"))
        try lab.frame(depth(1, 3))
        try lab.frame(depth(4, 6))
        #expect(try lab.snapshot(snapshotBody(10)) == .proceed)
        #expect(lab.batch.isEmpty && lab.epoch() == 1 && lab.validity() == .resyncing)
        #expect(try lab.frame(depth(7, 9)) == .proceed)
        #expect(lab.batch.isEmpty && lab.validity() == .resyncing)
        #expect(try lab.frame(depth(10, 11)) == .proceed)
        #expect(lab.books.count == 1 && lab.validity() == .valid)
        #expect(lab.counts().depthCoveredBySnapshot == 3 && lab.counts().gaps == 0 && lab.isBalanced)
    }

    @Test func snapshotOlderThanTheFirstUpdateIsFetchedAgain() throws {
        let lab = try Lab(.spot("BTCUSDT"))
        try lab.frame(depth(20, 25))
        #expect(try lab.snapshot(snapshotBody(10)) == fetch)
        #expect(try lab.snapshot(snapshotBody(19)) == fetch)
        #expect(lab.epoch() == 0 && lab.book().bids.isEmpty && lab.pending() == 1)
        #expect(try lab.snapshot(snapshotBody(20)) == .proceed)
        #expect(lab.validity() == .valid && lab.epoch() == 1)
        #expect(lab.counts().snapshotsTooOld == 2 && lab.counts().snapshots == 1 && lab.isBalanced)
    }

    @Test func updateBehindTheSnapshotByAHoleStartsAgain() throws {
        let lab = try Lab(.spot("BTCUSDT"))
        try lab.frame(depth(1, 3))
        try lab.snapshot(snapshotBody(10))
        #expect(try lab.frame(depth(12, 13)) == fetch)
        #expect(lab.counts().gaps == 1 && lab.counts().resyncs == 1 && lab.validity() == .resyncing)
        #expect(lab.isBalanced)
    }

    @Test func holeEndsTheBookAndTheNextSnapshotHealsIt() throws {
        let lab = try liveLab()
        #expect(try lab.frame(depth(14, 15, bids: [("98.00", "1")]), at: 50) == fetch)
        #expect(lab.batch.isEmpty && lab.validity() == .resyncing && lab.pending() == 1)
        #expect(lab.book().bids.isEmpty && lab.book().asks.isEmpty)
        #expect(try lab.frame(depth(16, 17, bids: [("97.00", "2")])) == .proceed)

        #expect(try lab.snapshot(snapshotBody(14)) == .proceed)
        #expect(lab.books.map(\.updateID) == [15, 17])
        #expect(lab.books.first?.times.receive == Timestamp(nanoseconds: 50))
        #expect(lab.books.allSatisfy { $0.epoch == 2 })
        // The level of the first life is gone: nothing of the old book is merged into the new.
        #expect(lab.book().bids.quantity(at: Price(9_950)) == .zero)
        #expect(lab.book().bids.quantity(at: Price(9_700)) == Quantity(200_000_000))
        let counts = lab.counts()
        #expect(counts.gaps == 1 && counts.resyncs == 1 && counts.snapshots == 2 && counts.depthDropped == 0)
        #expect(lab.isBalanced)
    }

    @Test func holeAmongHeldUpdatesDropsWhatCannotBeJoined() throws {
        let lab = try Lab(.spot("BTCUSDT"))
        try lab.frame(depth(1, 3))
        try lab.frame(depth(4, 6))
        #expect(try lab.frame(depth(8, 12)) == .proceed)
        #expect(lab.pending() == 1 && lab.counts().gaps == 1 && lab.counts().depthDropped == 2)
        #expect(try lab.snapshot(snapshotBody(5)) == fetch)
        #expect(try lab.snapshot(snapshotBody(10)) == .proceed)
        #expect(lab.validity() == .valid && lab.isBalanced)
    }

    @Test func malformedUpdateIsFoundOutByTheNextOne() throws {
        let lab = try liveLab()
        let before = lab.book()
        #expect(throws: VenueError.self) {
            try lab.frame(depth(13, 14, bids: [("99.00", "1"), ("98.00", "oops")]))
        }
        // Not half applied.
        #expect(lab.book() == before && lab.validity() == .valid && lab.batch.isEmpty)
        #expect(lab.counts().rejections[.badNumber] == 1)
        #expect(try lab.frame(depth(15, 16)) == fetch)
        #expect(lab.validity() == .resyncing && lab.counts().gaps == 1 && lab.isBalanced)
    }

    @Test func duplicatesAreIgnoredAndReorderingIsAHole() throws {
        let lab = try liveLab()
        #expect(try lab.frame(depth(11, 12, bids: [("99.50", "0")])) == .proceed)
        #expect(lab.batch.isEmpty && lab.counts().depthIgnoredOld == 1)
        #expect(lab.book().bids.quantity(at: Price(9_950)) == Quantity(300_000_000))
        #expect(try lab.frame(depth(15, 16)) == fetch)
        #expect(try lab.frame(depth(13, 14)) == .proceed)
        #expect(lab.pending() == 1 && lab.counts().depthIgnoredOld == 2)
        #expect(try lab.snapshot(snapshotBody(15)) == .proceed)
        #expect(lab.validity() == .valid && lab.book().updateID == 16 && lab.isBalanced)
    }

    @Test func overlapIsAppliedAndCounted() throws {
        let lab = try liveLab()
        #expect(try lab.frame(depth(12, 14, bids: [("99.50", "4")])) == .proceed)
        #expect(lab.book().bids.quantity(at: Price(9_950)) == Quantity(400_000_000))
        #expect(lab.counts().overlaps == 1 && lab.counts().gaps == 0 && lab.validity() == .valid && lab.isBalanced)
    }

    @Test func removingAnUnknownLevelIsNormal() throws {
        let lab = try liveLab()
        let before = lab.book()
        #expect(try lab.frame(depth(13, 13, bids: [("1.00", "0.00000000")], asks: [("999.00", "0")])) == .proceed)
        #expect(lab.book().bids == before.bids && lab.book().asks == before.asks && lab.book().updateID == 13)
        #expect(lab.books.count == 1)
    }

    @Test func crossedBookIsNeverPublished() throws {
        let lab = try liveLab()
        #expect(try lab.frame(depth(13, 14, bids: [("101.00", "1")])) == fetch)
        #expect(lab.batch.isEmpty && lab.validity() == .resyncing && lab.book().bids.isEmpty)
        #expect(lab.counts().crossedBooks == 1 && lab.counts().resyncs == 1 && lab.pending() == 1)
        // The snapshot contains the change that crossed, and what resolved it.
        #expect(try lab.snapshot(snapshotBody(20, bid: "101.00", ask: "101.50")) == .proceed)
        #expect(try lab.frame(depth(21, 22)) == .proceed)
        #expect(lab.validity() == .valid && lab.epoch() == 2 && lab.isBalanced)
    }

    @Test func bookThatIsCrossedByAHeldUpdateIsFetchedAgain() throws {
        let lab = try Lab(.spot("BTCUSDT"))
        try lab.frame(depth(1, 5))
        try lab.frame(depth(6, 7, bids: [("105.00", "1")]))
        try lab.frame(depth(8, 9))
        #expect(try lab.snapshot(snapshotBody(4)) == fetch)
        #expect(lab.books.map(\.updateID) == [5] && lab.validity() == .resyncing && lab.pending() == 2)
        #expect(lab.isBalanced)
        #expect(try lab.snapshot(snapshotBody(8, bid: "105.00", ask: "106.00")) == .proceed)
        #expect(lab.books.map(\.updateID) == [9] && lab.epoch() == 2 && lab.isBalanced)
    }

    @Test func crossedSnapshotIsRefused() throws {
        let lab = try Lab(.spot("BTCUSDT"))
        try lab.frame(depth(1, 5))
        #expect(try lab.snapshot(snapshotBody(4, bid: "101.00", ask: "101.00")) == fetch)
        #expect(lab.counts().snapshotsCrossed == 1 && lab.epoch() == 0 && lab.book().bids.isEmpty)
    }

    @Test func failedAndUnwantedSnapshots() throws {
        let lab = try Lab(.spot("BTCUSDT"))
        let time = Timestamp(nanoseconds: 1)
        #expect(lab.session.snapshotFailed(for: InstrumentID(0), at: time) == .proceed)
        try lab.frame(depth(1, 5))
        #expect(lab.session.snapshotFailed(for: InstrumentID(0), at: time) == fetch)
        #expect(throws: VenueError.refused(code: -1003, message: "Too many requests.")) {
            try lab.snapshot("{\"code\":-1003,\"msg\":\"Too many requests.\"}")
        }
        #expect(
            throws: VenueError.rejected(
                Rejection(.missingField, in: .snapshot, of: InstrumentID(0), field: "asks", at: 30))
        ) { try lab.snapshot("{\"lastUpdateId\":5,\"bids\":[ ] }") }
        #expect(lab.session.snapshotFailed(for: InstrumentID(0), at: time) == fetch)
        #expect(throws: VenueError.unknownInstrument(InstrumentID(7))) { try lab.snapshot(snapshotBody(5), for: 7) }
        #expect(try lab.snapshot(snapshotBody(4)) == .proceed)
        let before = lab.book()
        #expect(try lab.snapshot(snapshotBody(400, bid: "50.00")) == .proceed)
        #expect(lab.book() == before && lab.epoch() == 1)
        let counts = lab.counts()
        #expect(counts.snapshotsFailed == 3 && counts.snapshotsIgnored == 1)
        #expect(counts.snapshotRejections[.missingField] == 1 && counts.snapshotRejections.total == 1)
    }

    @Test func closedConnectionMakesBooksStaleAndEpochsGoOn() throws {
        let lab = try liveLab()
        let time = Timestamp(nanoseconds: 5)
        lab.session.connectionOpened(at: time)
        #expect(lab.validity() == .valid, "a connection that overlaps the old one resets nothing")
        lab.session.connectionClosed(at: time)
        #expect(lab.validity() == .stale && lab.book().updateID == 12)
        lab.session.connectionOpened(at: time)
        #expect(lab.validity() == .resyncing)
        #expect(try lab.frame(depth(30, 31)) == fetch)
        #expect(lab.book().bids.isEmpty)
        lab.session.connectionClosed(at: time)
        #expect(lab.pending() == 0 && lab.counts().depthDropped == 1)
        #expect(try lab.snapshot(snapshotBody(31)) == .proceed)
        #expect(lab.epoch() == 1 && lab.counts().snapshotsIgnored == 1)
        lab.session.connectionOpened(at: time)
        #expect(try lab.frame(depth(40, 41)) == fetch)
        #expect(try lab.snapshot(snapshotBody(40)) == .proceed)
        #expect(lab.validity() == .valid && lab.epoch() == 2 && lab.books.first?.epoch == 2)
        #expect(lab.counts().resyncs == 1 && lab.isBalanced)
    }

    @Test func oldestHeldUpdatesAreDroppedAtTheLimitOfCount() throws {
        var configuration = BinanceConfiguration(instruments: [.spot("BTCUSDT")])
        configuration.pendingUpdateLimit = 3
        let lab = try Lab(configuration)
        for id in stride(from: Int64(1), to: 20, by: 2) { try lab.frame(depth(id, id + 1)) }
        #expect(lab.pending() == 3 && lab.counts().depthDropped == 7 && lab.isBalanced)
        // Reaches updates that are gone, so it cannot be continued.
        #expect(try lab.snapshot(snapshotBody(8)) == fetch)
        #expect(try lab.snapshot(snapshotBody(16)) == .proceed)
        #expect(lab.validity() == .valid && lab.book().updateID == 20 && lab.isBalanced)
    }

    @Test func oldestHeldUpdatesAreDroppedAtTheLimitOfBytes() throws {
        var configuration = BinanceConfiguration(instruments: [.spot("BTCUSDT")])
        let levels = (1...50).map { ("\($0).00", "1") }
        configuration.pendingByteLimit = 2_000
        let lab = try Lab(configuration)
        for id in Int64(1)...9 { try lab.frame(depth(id, id, bids: levels)) }
        #expect(lab.pending() == 2 && lab.counts().depthDropped == 7 && lab.isBalanced)
        configuration.pendingByteLimit = 1
        let tight = try Lab(configuration)
        for id in Int64(1)...9 { try tight.frame(depth(id, id, bids: levels)) }
        #expect(tight.pending() == 1 && tight.counts().depthDropped == 8, "the newest is always held")
        #expect(try tight.snapshot(snapshotBody(9, bid: "100.00")) == .proceed)
        #expect(try tight.frame(depth(10, 10)) == .proceed)
        #expect(tight.validity() == .valid && tight.isBalanced)
    }

    @Test func heldUpdatesKeepNoRoomToSpare() throws {
        var book = BinanceBook(InstrumentID(0), BinanceConfiguration(instruments: [.spot("BTCUSDT")]))
        var scratch = [PriceLevel(price: Price(1), quantity: Quantity(1))]
        scratch.reserveCapacity(10_000)
        let now = Timestamp(nanoseconds: 1)
        var events = EventBatch()
        let header = DepthHeader(first: 1, last: 2, times: EventTimes(venue: now, receive: now))
        _ = book.receive(header, bids: scratch, asks: scratch, from: .main, validity: .valid, into: &events)
        #expect(book.pending[0].bids == scratch && book.pending[0].bids.capacity < 100)
    }

    @Test func oneSymbolResynchronisesWhileTheOtherStaysValid() throws {
        let lab = try Lab(.spot("BTCUSDT"), .spot("ETHUSDT"))
        for (index, symbol) in ["BTCUSDT", "ETHUSDT"].enumerated() {
            try lab.frame(depth(1, 5, of: symbol))
            try lab.snapshot(snapshotBody(4), for: index)
        }
        #expect(lab.validity(0) == .valid && lab.validity(1) == .valid)
        #expect(try lab.frame(depth(9, 10, of: "ETHUSDT")) == .fetchSnapshot(InstrumentID(1)))
        #expect(try lab.frame(depth(6, 7, of: "BTCUSDT")) == .proceed)
        #expect(lab.books.map(\.instrument) == [InstrumentID(0)])
        #expect(lab.validity(0) == .valid && lab.validity(1) == .resyncing)
        #expect(lab.counts(0).gaps == 0 && lab.counts(1).gaps == 1 && lab.epoch(0) == 1 && lab.isBalanced)
    }

    @Test func publishedDepthAndBookLimitsHold() throws {
        var configuration = BinanceConfiguration(instruments: [.spot("BTCUSDT")])
        configuration.depthPublished = 3
        configuration.bookLevelLimit = 5
        let lab = try Lab(configuration)
        try lab.frame(depth(1, 1, bids: (1...9).map { ("9\($0).00", "1") }))
        try lab.snapshot("{\"lastUpdateId\":1,\"bids\":[],\"asks\":[]}")
        try lab.frame(depth(2, 2, bids: (1...9).map { ("9\($0).00", "1") }))
        let update = try #require(lab.books.first)
        #expect(lab.batch.levels[update.bids].map(\.price.mantissa) == [9_900, 9_800, 9_700] && update.asks.isEmpty)
        #expect(lab.book().bids.count == 5 && lab.book().trimmedLevels == 4)
    }
}
