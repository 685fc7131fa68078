import Microstructure
import TestSupport
import Testing

@testable import Venues

/// A live book that takes over a deeper snapshot before its depth is exhausted.
@Suite struct ShadowBookTests {
    private static let fetch = VenueAction.fetchSnapshot(InstrumentID(0))

    /// The whole book as the venue has it, every tick of it filled, and what a request for a few levels would be answered.
    private struct Exchange {
        var bids: [Int64: Int64] = [:]
        var asks: [Int64: Int64] = [:]
        var id: Int64 = 10
        let depth: Int

        init(depth: Int, levels: Int64) {
            self.depth = depth
            for offset in 0..<levels {
                bids[1_000 - offset] = 5
                asks[1_001 + offset] = 7
            }
        }

        func best(_ isBid: Bool, _ count: Int) -> [(Int64, Int64)] {
            let side = (isBid ? bids : asks).sorted { isBid ? $0.key > $1.key : $0.key < $1.key }
            return side.prefix(count).map { ($0.key, $0.value) }
        }

        func snapshot() -> String {
            func list(_ isBid: Bool) -> String {
                best(isBid, depth).map { #"["\#($0.0)","\#($0.1)"]"# }.joined(separator: ",")
            }
            return #"{"lastUpdateId":\#(id),"bids":[\#(list(true))],"asks":[\#(list(false))]}"#
        }

        /// One change; size 0 removes.
        mutating func set(_ isBid: Bool, _ price: Int64, _ size: Int64) -> String {
            id += 1
            if isBid { bids[price] = size == 0 ? nil : size } else { asks[price] = size == 0 ? nil : size }
            let level = [("\(price)", "\(size)")]
            return update(id, isBid ? level : [], isBid ? [] : level)
        }
    }

    private static func lab(_ exchange: Exchange) throws -> Lab {
        var configuration = BinanceConfiguration(instruments: [.spot("BTCUSDT", price: 0, quantity: 0)])
        configuration.depthPublished = 4
        configuration.snapshotDepth = exchange.depth
        let lab = try Lab(configuration)
        lab.session.connectionOpened(.main, at: Timestamp(nanoseconds: 0))
        #expect(try lab.frame(depth(exchange.id, exchange.id)) == fetch)
        #expect(try lab.snapshot(exchange.snapshot()) == .proceed)
        return lab
    }

    private static func expectTrue(_ lab: Lab, _ exchange: Exchange) {
        for book in lab.books {
            #expect(book.updateID == exchange.id && book.validity == .valid)
            for (isBid, range) in [(true, book.bids), (false, book.asks)] {
                let levels = lab.batch.levels[range].map { [$0.price.mantissa, $0.quantity.mantissa] }
                #expect(levels == exchange.best(isBid, 4).map { [$0.0, $0.1] })
            }
        }
    }

    @Test func aBookTakesADeeperSnapshotBeforeItsDepthIsExhausted() throws {
        var exchange = Exchange(depth: 20, levels: 200)
        let lab = try Self.lab(exchange)
        // Below the eight best known levels (four published, four in reserve) lies the unknown.
        for removed in Int64(0)..<13 {
            let action = try lab.frame(exchange.set(true, 1_000 - removed, 0))
            #expect(action == (removed == 12 ? Self.fetch : .proceed), "\(removed)")
            Self.expectTrue(lab, exchange)
        }
        // The snapshot lies between two updates that come while it is under way; one of them beyond what was known.
        try lab.frame(exchange.set(true, 970, 11))
        let body = exchange.snapshot()
        try lab.frame(exchange.set(true, 960, 12))
        #expect(try lab.snapshot(body) == .proceed)
        #expect(lab.books.isEmpty)
        // Far beyond the first snapshot, the book is still the venue's own, and has not been lost.
        for removed in Int64(13)..<24 {
            #expect(try lab.frame(exchange.set(true, 1_000 - removed, 0)) == .proceed)
            Self.expectTrue(lab, exchange)
        }
        let counts = lab.counts()
        #expect(counts.widenings == 1 && counts.resyncs == 0 && counts.exhaustedBooks == 0 && lab.epoch() == 1)
        #expect(lab.isBalanced)
    }

    @Test func aSnapshotAheadOfTheStreamWaitsForIt() throws {
        var exchange = Exchange(depth: 20, levels: 200)
        let lab = try Self.lab(exchange)
        for removed in Int64(0)..<13 { try lab.frame(exchange.set(true, 1_000 - removed, 0)) }
        var late: [(String, Exchange)] = []
        for removed in Int64(13)..<15 { late.append((exchange.set(true, 1_000 - removed, 0), exchange)) }
        #expect(try lab.snapshot(exchange.snapshot()) == .proceed)
        for (text, then) in late {
            #expect(try lab.frame(text) == .proceed)
            Self.expectTrue(lab, then)
        }
        #expect(lab.counts().widenings == 0)
        #expect(try lab.frame(exchange.set(true, 985, 0)) == .proceed)
        #expect(lab.counts().widenings == 1 && lab.epoch() == 1 && lab.isBalanced)
    }

    @Test func aSnapshotThatCannotBeUsedIsAskedForAgain() throws {
        var exchange = Exchange(depth: 20, levels: 200)
        let old = exchange.snapshot()
        let lab = try Self.lab(exchange)
        for removed in Int64(0)..<13 { try lab.frame(exchange.set(true, 1_000 - removed, 0)) }
        #expect(try lab.snapshot(old) == Self.fetch)
        #expect(lab.session.snapshotFailed(for: InstrumentID(0), at: Timestamp(nanoseconds: 1)) == Self.fetch)
        #expect(lab.validity() == .valid && lab.counts().snapshotsTooOld == 1 && lab.counts().snapshotsFailed == 1)
        #expect(throws: VenueError.self) { try lab.snapshot("{") }
        #expect(try lab.snapshot(exchange.snapshot()) == .proceed)
        #expect(try lab.frame(exchange.set(true, 987, 0)) == .proceed)
        #expect(lab.counts().widenings == 1)
        // One that nobody waits for any more.
        #expect(try lab.snapshot(exchange.snapshot()) == .proceed)
        #expect(lab.counts().snapshotsIgnored == 1 && lab.isBalanced)
    }

    @Test func twoBooksThatDifferAreBothGivenUp() throws {
        var exchange = Exchange(depth: 20, levels: 200)
        let lab = try Self.lab(exchange)
        for removed in Int64(0)..<13 { try lab.frame(exchange.set(true, 1_000 - removed, 0)) }
        var other = exchange
        other.bids[986] = 999
        #expect(try lab.snapshot(other.snapshot()) == .proceed)
        // The snapshot's id is that of the newest update: the next one lets the two meet.
        #expect(try lab.frame(exchange.set(false, 1_050, 1)) == Self.fetch)
        #expect(lab.books.isEmpty && lab.validity() == .resyncing && lab.counts().refutedBooks == 1)
        #expect(lab.counts().resyncs == 1 && lab.isBalanced)
        #expect(try lab.snapshot(exchange.snapshot()) == .proceed)
        #expect(try lab.frame(exchange.set(false, 1_051, 1)) == .proceed)
        Self.expectTrue(lab, exchange)
        #expect(lab.books.count == 1 && lab.validity() == .valid && lab.epoch() == 2)
    }

    @Test func aHoleMeanwhileEndsTheBookAsEver() throws {
        var exchange = Exchange(depth: 20, levels: 200)
        let lab = try Self.lab(exchange)
        for removed in Int64(0)..<13 { try lab.frame(exchange.set(true, 1_000 - removed, 0)) }
        _ = exchange.set(true, 987, 0)
        #expect(try lab.frame(exchange.set(true, 986, 0)) == Self.fetch)
        #expect(lab.validity() == .resyncing && lab.counts().gaps == 1)
        #expect(try lab.snapshot(exchange.snapshot()) == .proceed)
        Self.expectTrue(lab, exchange)
        #expect(lab.epoch() == 2 && lab.counts().widenings == 0 && lab.isBalanced)
    }

    /// A market that wanders through many snapshots, its snapshots late and ahead by chance: no book is ever wrong, and
    /// most of the time none is lost.
    @Test func aWanderingMarketKeepsItsBook() throws {
        let seed = testSeed
        print("seed \(seed)")
        var random = Random(seed: seed)
        var (widenings, losses): (UInt64, UInt64) = (0, 0)
        for _ in 0..<4 {
            var exchange = Exchange(depth: 40, levels: 400)
            let lab = try Self.lab(exchange)
            var request: Int?
            for step in 0..<2_000 {
                // It falls for a while, then rises, a level at a time.
                let isFalling = step / 500 % 2 == 0
                let (bid, ask) = (exchange.best(true, 1)[0].0, exchange.best(false, 1)[0].0)
                let text =
                    switch Int.random(in: 0...3, using: &random) {
                    case 0: exchange.set(isFalling, isFalling ? bid : ask, 0)
                    case 1 where ask - bid > 1: exchange.set(!isFalling, isFalling ? ask - 1 : bid + 1, 3)
                    case 2: exchange.set(true, bid - Int64.random(in: 0...60, using: &random), Int64(step % 3))
                    default: exchange.set(false, ask + Int64.random(in: 0...60, using: &random), Int64(step % 3))
                    }
                if exchange.bids.count < 10 || exchange.asks.count < 10 { break }
                let action = try lab.frame(text)
                Self.expectTrue(lab, exchange)
                if action == Self.fetch { request = step + Int.random(in: 0...3, using: &random) }
                if let due = request, step >= due {
                    request = nil
                    if try lab.snapshot(exchange.snapshot()) == Self.fetch { request = step + 1 }
                    Self.expectTrue(lab, exchange)
                }
                #expect(lab.isBalanced)
            }
            widenings += lab.counts().widenings
            losses += lab.counts().resyncs
            #expect(lab.counts().refutedBooks == 0)
        }
        #expect(widenings > 10 && losses * 5 < widenings, "\(widenings) widenings, \(losses) losses")
    }
}

/// A depth update of one id.
private func update(_ id: Int64, _ bids: [(String, String)], _ asks: [(String, String)]) -> String {
    depth(id, id, bids: bids, asks: asks)
}
