import Microstructure
import TestSupport
import Testing

@testable import Venues

/// Two connections at once, missing trades, and silence.
@Suite struct ContinuityTests {
    private static let old = ConnectionID(0)
    private static let new = ConnectionID(1)

    /// A session whose book is valid at id 12, on the connection `old`.
    private func liveLab(_ change: (inout BinanceConfiguration) -> Void = { _ in }) throws -> Lab {
        var configuration = BinanceConfiguration(instruments: [.spot("BTCUSDT")])
        change(&configuration)
        let lab = try Lab(configuration)
        lab.session.connectionOpened(Self.old, at: Timestamp(nanoseconds: 0))
        try lab.frame(depth(8, 10))
        try lab.snapshot(snapshotBody(10))
        try lab.frame(depth(11, 12, bids: [("99.50", "3")]))
        #expect(lab.validity() == .valid)
        return lab
    }

    // MARK: Overlap

    @Test func theNewConnectionMayBeAheadOfTheOld() throws {
        let lab = try liveLab()
        lab.session.connectionOpened(Self.new, at: Timestamp(nanoseconds: 0))
        #expect(lab.awaitingHandover() == 1)
        #expect(try lab.frame(depth(15, 16), from: Self.new) == .proceed)
        #expect(lab.batch.isEmpty && lab.validity() == .valid && lab.pending() == 1)
        #expect(lab.awaitingHandover() == 1)
        // The old one brings what lies between, and with it all that waited.
        #expect(try lab.frame(depth(13, 14), from: Self.old) == .proceed)
        #expect(lab.books.map(\.updateID) == [14, 16])
        #expect(lab.awaitingHandover() == 1)
        #expect(try lab.frame(depth(15, 16), from: Self.old) == .proceed)
        #expect(lab.awaitingHandover() == 0)
        lab.session.connectionClosed(Self.old, at: Timestamp(nanoseconds: 0))
        try lab.frame(depth(17, 18), from: Self.new)
        #expect(lab.validity() == .valid && lab.epoch() == 1 && lab.counts().gaps == 0)
        #expect(lab.counts().depthIgnoredOld == 1 && lab.isBalanced)
    }

    @Test func aHoleIsProvenWhenBothAreBeyondIt() throws {
        let lab = try liveLab()
        lab.session.connectionOpened(Self.new, at: Timestamp(nanoseconds: 0))
        try lab.frame(depth(11, 12), from: Self.new)
        #expect(try lab.frame(depth(15, 16), from: Self.new) == .proceed)
        #expect(lab.validity() == .valid)
        #expect(try lab.frame(depth(15, 16), from: Self.old) == .fetchSnapshot(InstrumentID(0)))
        #expect(lab.validity() == .resyncing && lab.counts().gaps == 1 && lab.isBalanced)
        #expect(try lab.snapshot(snapshotBody(15)) == .proceed)
        #expect(lab.validity() == .valid && lab.epoch() == 2 && lab.isBalanced)
    }

    @Test func aMuteConnectionDoesNotHoldAHoleBack() throws {
        let lab = try liveLab()
        lab.session.connectionOpened(Self.new, at: Timestamp(nanoseconds: 0))
        #expect(try lab.frame(depth(20, 21), at: 1_000_000_000, from: Self.new) == .proceed)
        #expect(try lab.frame(depth(22, 23), at: 1_500_000_000, from: Self.new) == .proceed)
        #expect(try lab.frame(depth(24, 25), at: 2_000_000_000, from: Self.new) == .fetchSnapshot(InstrumentID(0)))
        #expect(try lab.snapshot(snapshotBody(20)) == .proceed)
        #expect(lab.validity() == .valid && lab.book().updateID == 25 && lab.isBalanced)
    }

    /// Whatever two connections drop, double and delay: the book is VALID only as one that got everything.
    @Test func randomOverlapsNeverGiveAWrongBook() throws {
        let seed = testSeed
        print("seed \(seed)")
        var random = Random(seed: seed)
        for _ in 0..<200 {
            let reference = try liveLab()
            let lab = try liveLab()
            lab.session.connectionOpened(Self.new, at: Timestamp(nanoseconds: 0))
            var truths: [Int64: OrderBook] = [12: reference.book()]
            var frames: [String] = []
            var id: Int64 = 13
            for _ in 0..<60 {
                let last = id + Int64.random(in: 0...3, using: &random)
                let price = "9\(Int.random(in: 0...9, using: &random)).00"
                let text = depth(id, last, bids: [(price, "\(Int.random(in: 0...5, using: &random))")])
                try reference.frame(text)
                truths[last] = reference.book()
                frames.append(text)
                id = last + 1
            }
            var next = [0, Int.random(in: 0...10, using: &random)]
            while next[0] < frames.count || next[1] < frames.count {
                let lane = Int.random(in: 0...1, using: &random)
                guard next[lane] < frames.count else { continue }
                let index = next[lane]
                next[lane] += 1
                if Int.random(in: 0..<20, using: &random) == 0 { continue }
                try lab.frame(frames[index], from: ConnectionID(lane))
                for book in lab.books where book.validity == .valid {
                    let truth = try #require(truths[book.updateID])
                    #expect(
                        lab.batch.levels[book.bids].map(\.price) == (0..<truth.bids.count).map { truth.bids[$0].price })
                }
                #expect(lab.isBalanced)
            }
        }
    }

    @Test func quotesOfTheSlowerConnectionAreDropped() throws {
        let lab = try liveLab()
        func quote(_ id: Int64) -> String {
            #"{"u":\#(id),"s":"BTCUSDT","b":"100.00","B":"1","a":"101.00","A":"1"}"#
        }
        try lab.frame(quote(20))
        try lab.frame(quote(20), from: Self.new)
        try lab.frame(quote(19), from: Self.new)
        try lab.frame(quote(21), from: Self.new)
        #expect(lab.counts().quotes == 2 && lab.counts().oldQuotes == 2 && lab.isBalanced)
    }

    // MARK: The limits of a snapshot

    @Test func levelsThatNoSnapshotHasToldOfEndTheBook() throws {
        let lab = try liveLab {
            $0.depthPublished = 2
            $0.snapshotDepth = 2
        }
        // The best bid goes; the second best published would be one of which nothing is known.
        #expect(try lab.frame(depth(13, 13, bids: [("99.50", "0")])) == .proceed)
        #expect(try lab.frame(depth(14, 14, bids: [("100.00", "0")])) == .fetchSnapshot(InstrumentID(0)))
        #expect(lab.counts().exhaustedBooks == 1 && lab.batch.isEmpty && lab.validity() == .resyncing && lab.isBalanced)
    }

    // MARK: Trades

    @Test func missingTradesAreAskedForAndHandedOnOnce() throws {
        let lab = try liveLab()
        #expect(try lab.frame(trade(100)) == .proceed)
        #expect(try lab.frame(trade(105)) == .fetchTrades(InstrumentID(0)))
        #expect(lab.firstMissingTrade() == 101)
        // One is only late.
        #expect(try lab.frame(trade(103)) == .proceed)
        #expect(lab.missingTrades() == 3)
        try lab.trades([101, 102, 103, 104, 105, 106], from: 101)
        #expect(lab.tradeIDs == [101, 102, 104])
        #expect(lab.firstMissingTrade() == nil)
        try lab.frame(trade(104))
        try lab.frame(trade(106))
        let counts = lab.counts()
        #expect(counts.missedTrades == 4 && counts.lateTrades == 1 && counts.backfilledTrades == 3)
        #expect(counts.duplicateTrades == 1 && counts.unfilledTrades == 0 && counts.trades == 4)
    }

    @Test func whatTheVenueDoesNotHaveIsUnfilled() throws {
        let lab = try liveLab()
        for id: Int64 in [100, 200] { try lab.frame(trade(id)) }
        // The older ones are gone for good; the newer ones may come a moment later.
        try lab.trades([150, 151], from: 101)
        #expect(lab.counts().unfilledTrades == 49 && lab.counts().backfilledTrades == 2)
        #expect(lab.firstMissingTrade() == 152)
        try lab.trades([], from: 152, isFinal: true)
        #expect(lab.counts().unfilledTrades == 97 && lab.missingTrades() == 0)
    }

    @Test func aHoleBeyondTheLimitIsFilledAtItsNewEnd() throws {
        let lab = try liveLab { $0.backfillLimit = 10 }
        for id: Int64 in [100, 200] { try lab.frame(trade(id)) }
        #expect(lab.firstMissingTrade() == 190)
        #expect(lab.counts().unfilledTrades == 89 && lab.counts().missedTrades == 99)
    }

    /// A test network that was set back, a simulator that was started again: its trades are not duplicates of the old ones.
    @Test func aVenueThatCountsAnewIsHeard() throws {
        let lab = try liveLab()
        func trade(_ id: Int64, milliseconds: Int64) -> String {
            #"{"e":"trade","E":1,"s":"BTCUSDT","t":\#(id),"p":"100.50","q":"0.25","T":\#(milliseconds),"m":true}"#
        }
        for id: Int64 in [1_000, 1_002] { try lab.frame(trade(id, milliseconds: 1_700_000_000_000)) }
        // Late, twice, or by a clock that is a little off: of the same series.
        try lab.frame(trade(1_000, milliseconds: 1_700_000_009_000))
        #expect(lab.tradeIDs.isEmpty && lab.counts().duplicateTrades == 1 && lab.missingTrades() == 1)
        try lab.frame(trade(7, milliseconds: 1_700_000_060_000))
        #expect(lab.tradeIDs == [7] && lab.lastTradeID() == 7)
        try lab.frame(trade(8, milliseconds: 1_700_000_060_001))
        #expect(lab.tradeIDs == [8] && lab.counts().duplicateTrades == 1 && lab.counts().restartedSeries == 1)
        // What was missing of the old series is not to be had any more, and stated.
        #expect(lab.missingTrades() == 0 && lab.counts().missedTrades == 1 && lab.counts().unfilledTrades == 1)
        #expect(lab.isBalanced)
    }

    @Test func quotesOfAVenueThatCountsAnewAreHeard() throws {
        let lab = try liveLab()
        func quote(_ id: Int64) -> String {
            #"{"u":\#(id),"s":"BTCUSDT","b":"100.00","B":"1","a":"101.00","A":"1"}"#
        }
        try lab.frame(quote(1_000))
        lab.session.connectionClosed(Self.old, at: Timestamp(nanoseconds: 0))
        lab.session.connectionOpened(Self.old, at: Timestamp(nanoseconds: 0))
        try lab.frame(quote(5))
        #expect(lab.counts().quotes == 2 && lab.counts().oldQuotes == 0 && lab.isBalanced)
    }

    @Test func theTradeSequenceAgreesWithASetOfIDs() {
        let seed = testSeed
        print("seed \(seed)")
        var random = Random(seed: seed)
        for _ in 0..<300 {
            var sequence = TradeSequence()
            var seen: Set<Int64> = []
            var givenUp: UInt64 = 0
            for _ in 0..<100 {
                let id = Int64.random(in: 1...80, using: &random)
                let arrival = sequence.process(
                    id, at: Timestamp(nanoseconds: id), limit: 1_000, givenUp: &givenUp)
                let isLate = !seen.isEmpty && id > seen.min()! && id < seen.max()! && !seen.contains(id)
                switch arrival {
                case .newest: #expect(seen.isEmpty || id > seen.max()!)
                case .late: #expect(isLate)
                case .duplicate: #expect(seen.contains(id) || id < seen.min()!)
                }
                if arrival != .duplicate { seen.insert(id) }
                let missing = seen.isEmpty ? 0 : Int(seen.max()! - seen.min()!) + 1 - seen.count
                #expect(sequence.missing == missing && givenUp == 0)
            }
        }
    }

    // MARK: Silence

    private static let second: Int64 = 1_000_000_000

    /// Depth every 100 ms and a trade every 200 ms for 40 s.
    private func busyLab() throws -> (lab: Lab, now: Int64) {
        let lab = try liveLab()
        var now: Int64 = 0
        for step in 0..<400 {
            now += Self.second / 10
            try lab.frame(depth(Int64(13 + step), Int64(13 + step)), at: now)
            if step % 2 == 0 { try lab.frame(trade(Int64(1_000 + step / 2)), at: now) }
        }
        return (lab, now)
    }

    @Test func aMuteDepthStreamIsStaleUntilItTalks() throws {
        let (lab, start) = try busyLab()
        let limit = try #require(lab.silenceLimit(.depth))
        #expect(limit == SilenceWatch.leastLimitNanoseconds)
        #expect(!lab.checkSilence(at: start + limit))
        #expect(lab.checkSilence(at: start + limit + 1))
        #expect(lab.validity() == .stale && lab.silentChannels() == ["depth"])
        #expect(!lab.checkSilence(at: start + limit + 2))
        try lab.frame(depth(413, 413), at: start + limit + Self.second)
        #expect(lab.validity() == .valid && lab.counts().staleSilences == 1)
        #expect(lab.books.map(\.validity) == [.valid])
    }

    /// A host's clock that is set forward makes no stream mute, and one that is set back hides none.
    @Test(arguments: [3_600, -3_600]) func aSilenceIsAsLongAsItWasWhenTheClockIsSet(seconds: Int64) throws {
        let (lab, start) = try busyLab()
        let step = seconds * Self.second
        lab.session.clockMoved(by: step)
        let limit = try #require(lab.silenceLimit(.depth))
        #expect(!lab.checkSilence(at: start + step + limit))
        #expect(lab.checkSilence(at: start + step + limit + 1))
        try lab.frame(depth(413, 413), at: start + step + limit + 2)
        #expect(lab.validity() == .valid)
    }

    @Test func aBookBesideAMuteTradeStreamIsStale() throws {
        let (lab, start) = try busyLab()
        for step: Int64 in 0..<60 {
            try lab.frame(depth(413 + step, 413 + step), at: start + (step + 1) * Self.second / 10)
        }
        let later = start + 6 * Self.second
        #expect(lab.wantsProbe(at: later))
        #expect(lab.checkSilence(at: later))
        try lab.frame(depth(473, 473), at: later)
        #expect(lab.books.map(\.validity) == [.stale] && lab.validity() == .stale)
        // The venue has none: the market is quiet.
        // Each time doubles the limit of two seconds.
        lab.session.confirmQuiet(of: InstrumentID(0))
        #expect(lab.validity() == .valid && lab.wantsProbe(at: later))
        lab.session.confirmQuiet(of: InstrumentID(0))
        #expect(!lab.wantsProbe(at: later))
        // It has some: the stream is mute, and the trades are not lost.
        try lab.trades([1_200, 1_201], from: 1_200)
        #expect(lab.tradeIDs == [1_200, 1_201] && lab.counts().backfilledTrades == 2)
    }

    @Test func aLimitAdaptsToTheMarketAndNotToFailures() {
        var watch = SilenceWatch()
        var now: Int64 = 0
        func arrive(after interval: Int64, _ silence: SilenceWatch.Silence = .own) {
            now += interval
            watch.arrived(at: Timestamp(nanoseconds: now), after: silence)
        }
        for _ in 0..<99 { arrive(after: 1_000_000) }
        // Not learnt yet: the limit is that of a stream of which little is known.
        #expect(watch.limit == nil && watch.silence(at: Timestamp(nanoseconds: now + 60 * Self.second)) <= 1)
        for _ in 0..<1_000 { arrive(after: 1_000_000) }
        #expect(watch.limit == SilenceWatch.leastLimitNanoseconds)
        // A failure's silence teaches nothing.
        for _ in 0..<50 { arrive(after: 100 * Self.second, .failure) }
        for _ in 0..<100 { arrive(after: 1_000_000) }
        #expect(watch.limit == SilenceWatch.leastLimitNanoseconds)
        // A market that has become slow does.
        for _ in 0..<200 { arrive(after: 10 * Self.second) }
        let limit = watch.limit ?? 0
        #expect((40 * Self.second...60 * Self.second).contains(limit))
        // Old experience fades.
        for _ in 0..<200_000 { arrive(after: 1_000_000) }
        #expect(watch.limit == SilenceWatch.leastLimitNanoseconds)
    }
}
