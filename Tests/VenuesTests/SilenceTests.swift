import Microstructure
import Testing

@testable import Venues

/// What proves a stream mute, and that a proven failure teaches nothing.
@Suite struct SilenceTests {
    private static let second: Int64 = 1_000_000_000

    /// A market of one symbol that changes its best price with every step, a tenth of a second each: a quote, then depth
    /// that reaches it, and a trade. The streams can be muted.
    private final class Market {
        let lab: Lab
        private(set) var now: Int64 = 0
        private var id: Int64 = 12
        private var tradeID: Int64 = 0
        /// The bid moves between two prices.
        private var price: Int64 = 0

        init() throws {
            lab = try Lab(.spot("BTCUSDT"))
            lab.session.connectionOpened(.main, at: Timestamp(nanoseconds: 0))
            try lab.frame(depth(8, 10))
            try lab.snapshot(snapshotBody(10))
            try lab.frame(depth(11, 12))
        }

        /// Gives the book that a hole has ended a snapshot, so that the next round begins with a whole one.
        func recover() throws {
            if lab.validity() == .resyncing { try lab.snapshot(snapshotBody(id)) }
            try step(20)
            if lab.validity() != .valid { Issue.record("not valid at \(id)") }
        }

        /// - Parameter moves: whether the best bid changes, so that a quote says so.
        func step(_ steps: Int = 1, mute: Set<FeedChannel> = [], moves: Bool = true, seconds: Double = 0.1) throws {
            for _ in 0..<steps {
                now += Int64(seconds * 1e9)
                id += 1
                if moves { price = 1 - price }
                let size = "\(price + 1).00000000"
                if moves, !mute.contains(.quotes) {
                    try lab.frame(
                        #"{"u":\#(id),"s":"BTCUSDT","b":"100.00","B":"\#(size)","a":"101.00","A":"2"}"#, at: now)
                }
                if !mute.contains(.depth) {
                    let level = moves ? ("100.00", size) : ("90.00", "\(id)")
                    try lab.frame(depth(id, id, bids: [level]), at: now + 1_000_000)
                }
                tradeID += 1
                if !mute.contains(.trades) { try lab.frame(trade(tradeID), at: now) }
            }
        }
    }

    private func learnt() throws -> Market {
        let market = try Market()
        try market.step(200)
        for channel in FeedChannel.allCases {
            #expect(market.lab.silenceLimit(channel) == SilenceWatch.leastLimitNanoseconds)
        }
        return market
    }

    /// Twenty times mute is as visible as once.
    @Test(arguments: FeedChannel.allCases)
    func failuresThatReturnAreNoticedEachTime(_ channel: FeedChannel) throws {
        let market = try learnt()
        for round in 1...20 {
            try market.step(80, mute: [channel])
            #expect(market.lab.checkSilence(at: market.now), "round \(round)")
            #expect(market.lab.silentChannels() == ["\(channel)"])
            try market.step(40)
            #expect(market.lab.silentChannels() == [])
            #expect(market.lab.silenceLimit(channel) == SilenceWatch.leastLimitNanoseconds, "round \(round)")
            try market.recover()
        }
        if channel == .quotes { #expect(market.lab.counts().quoteGaps == 20) }
    }

    @Test func tradesFetchedWhileTheStreamWasMuteProveIt() throws {
        let market = try learnt()
        for round in 0..<20 {
            try market.step(80, mute: [.trades])
            // All that the stream kept to itself is had over REST, so that no id is missing when it talks again.
            let last = try #require(market.lab.lastTradeID())
            try market.lab.trades((1...80).map { last + $0 }, from: last + 1)
            try market.step(40)
            #expect(market.lab.silenceLimit(.trades) == SilenceWatch.leastLimitNanoseconds, "round \(round)")
        }
        #expect(market.lab.counts().missedTrades == 1_600 && market.lab.counts().backfilledTrades == 1_600)
    }

    /// A limit of a minute, since the market is slow; the streams that still talk convict the mute one in two seconds.
    @Test(arguments: [FeedChannel.depth, .quotes])
    func aWitnessNeedsNoLimit(_ channel: FeedChannel) throws {
        let market = try Market()
        try market.step(120, seconds: 15)
        #expect(market.lab.silenceLimit(channel)! > 50 * Self.second)
        #expect(!market.lab.checkSilence(at: market.now + 3 * Self.second))
        try market.step(1, mute: [channel])
        #expect(!market.lab.checkSilence(at: market.now + CrossStreamCheck.patienceNanoseconds))
        #expect(market.lab.checkSilence(at: market.now + CrossStreamCheck.patienceNanoseconds + 2_000_000))
        #expect(market.lab.silentChannels() == ["\(channel)"])
    }

    /// The best price stands still while the rest of the book moves: quotes have nothing to say, and the limit follows.
    @Test func quotesThatHaveNothingToSayAreNoFailure() throws {
        let market = try learnt()
        for _ in 0..<20 {
            try market.step(100, moves: false)
            try market.step(1)
        }
        #expect(market.lab.silenceLimit(.quotes)! > 40 * Self.second)
        #expect(!market.lab.checkSilence(at: market.now + 8 * Self.second) || market.lab.silentChannels() != ["quotes"])
        #expect(market.lab.counts().quoteGaps == 0)
    }

    /// A connection that was half open: all streams were mute, and the first to talk again on the new one is a quote.
    @Test func aQuoteAfterAHalfOpenConnectionTeachesNothing() throws {
        let market = try learnt()
        for _ in 0..<10 {
            try market.step(80, mute: Set(FeedChannel.allCases))
            try market.step(20)
            try market.recover()
        }
        #expect(market.lab.silenceLimit(.quotes) == SilenceWatch.leastLimitNanoseconds)
        #expect(market.lab.silenceLimit(.depth) == SilenceWatch.leastLimitNanoseconds)
        #expect(market.lab.silenceLimit(.trades) == SilenceWatch.leastLimitNanoseconds)
    }
}
