import Microstructure
import Testing

@testable import Venues

/// The limit of a silence before it is learnt: an active symbol that stops is STALE within seconds, a thin one is quiet.
@Suite struct EarlySilenceTests {
    private static let second: Int64 = 1_000_000_000

    private func limitSeconds(after intervals: [Double]) -> Double {
        var early = EarlySilence()
        for interval in intervals { early.process(Int64(interval * 1e9)) }
        return Double(early.limit) / 1e9
    }

    /// The values that its documentation states.
    @Test func theLimitFollowsFromTheRateSoFar() {
        func steady(_ count: Int, _ interval: Double = 0.1) -> Double {
            limitSeconds(after: Array(repeating: interval, count: count))
        }
        #expect(steady(0) == 60 && steady(1) == 60)
        #expect(abs(steady(3) - 24.65) < 0.05 && abs(steady(10) - 6.05) < 0.01 && abs(steady(50) - 4.05) < 0.01)
        // Never below the least limit, however fast the stream.
        #expect(steady(99, 0.05) >= 2 && steady(99, 0.001) >= 2)
        // The longest silence so far, four times, where that is more than a minute.
        #expect(steady(1, 90) == 360 && steady(2, 13) == 60 && steady(5, 3_000) == 3_600)
    }

    /// Thirty trades of one order say no more about the time to the next than one.
    @Test func aBurstCountsOnce() {
        let burst = Array(repeating: 0.0005, count: 30)
        #expect(limitSeconds(after: burst) == 60)
        #expect(limitSeconds(after: [0.2] + burst) == limitSeconds(after: [0.2 + 0.015]))
    }

    /// Each symbol has had one depth update, at time 0, and its snapshot; update 11 is the next.
    private func openLab(_ symbols: String...) throws -> Lab {
        let lab = try Lab(BinanceConfiguration(instruments: symbols.map { .spot($0) }))
        lab.session.connectionOpened(.main, at: Timestamp(nanoseconds: 0))
        for (index, symbol) in symbols.enumerated() {
            try lab.frame(depth(8, 10, of: symbol), at: 0)
            try lab.snapshot(snapshotBody(10), for: index, at: 0)
        }
        return lab
    }

    /// Two symbols on a connection; one brings depth every 100 ms and falls mute after a few messages.
    @Test(arguments: [3, 5, 10, 40, 66, 89, 99, 130]) func anActiveSymbolThatStopsIsStaleWithinSeconds(
        messages: Int
    ) throws {
        let lab = try openLab("BTCUSDT", "ETHUSDT")
        var now: Int64 = 0
        var stopped: Int64 = 0
        var found: Int64?
        for step in 1...700 {
            now += Self.second / 10
            let id = Int64(10 + step)
            for (index, symbol) in ["BTCUSDT", "ETHUSDT"].enumerated() where index == 0 || step <= messages {
                try lab.frame(depth(id, id, of: symbol), at: now)
                if index == 1 { stopped = now }
            }
            guard step % 10 == 0 else { continue }
            let isFound = lab.session.checkSilence(of: InstrumentID(1), at: Timestamp(nanoseconds: now))
            if isFound { found = now - stopped }
            let isNeighbourSilent = lab.session.checkSilence(of: InstrumentID(0), at: Timestamp(nanoseconds: now))
            #expect(!isNeighbourSilent)
            #expect(lab.validity(0) == .valid && lab.validity(1) == (found == nil ? .valid : .stale))
        }
        let silence = try #require(found)
        #expect(silence <= (messages < 5 ? 60 : messages < 10 ? 32 : 7) * Self.second)
        #expect(silence > SilenceWatch.leastLimitNanoseconds)
        let silent = lab.session.silentChannels(of: InstrumentID(1))
        #expect(silent == SilentChannels(.depth))
        // It speaks again and nothing is missing: it was the market, and the book is VALID at once.
        let next = Int64(11 + messages)
        try lab.frame(depth(next, next, of: "ETHUSDT"), at: now)
        #expect(lab.validity(1) == .valid && lab.counts(1).staleSilences == 1)
    }

    /// An update every 13 s, the market of the fault report.
    @Test func aThinMarketIsValidAndQuiet() throws {
        #expect(try staleSilences(of: Array(repeating: 13, count: 20)) == 0)
        // The first interval is longer than anything known before; it widens the limit.
        #expect(try staleSilences(of: Array(repeating: 90, count: 20)) == 1)
    }

    /// Updates at random with a mean of 6 s, over 200 markets: the first hundred updates and the first learnt limits.
    @Test func aRandomThinMarketIsRarelyStale() throws {
        var random = Random(seed: 70)
        var stale: UInt64 = 0
        for _ in 0..<200 {
            stale += try staleSilences(
                of: (0..<120).map { _ in 6 * Self.exponential(Double.random(in: 0..<1, using: &random)) })
        }
        // 24,000 intervals, of which 60 s are exceeded by 4.5 · 10⁻⁵.
        #expect(stale <= 3)
    }

    /// The inverse of the exponential distribution's probability, by a series.
    private static func exponential(_ probability: Double) -> Double {
        var (power, sum) = (1.0, 0.0)
        for index in 1...4_000 {
            power *= probability
            sum += power / Double(index)
        }
        return sum
    }

    /// How often a market whose depth comes at these intervals is found silent, asked once a second.
    private func staleSilences(of intervals: [Double]) throws -> UInt64 {
        let lab = try openLab("BTCUSDT")
        var (now, id): (Int64, Int64) = (0, 10)
        for interval in intervals {
            let end = now + Int64(interval * 1e9)
            for time in stride(from: now, to: end, by: Int(Self.second)) { _ = lab.checkSilence(at: time) }
            now = end
            id += 1
            try lab.frame(depth(id, id), at: now)
            #expect(lab.validity() == .valid)
        }
        return lab.counts().staleSilences
    }

    /// Depth goes on, the best prices stand still and nobody trades: no failure, though trades are asked for.
    @Test func quotesAndTradesMayPauseWhileDepthGoesOn() throws {
        let lab = try openLab("BTCUSDT")
        try lab.frame(#"{"u":11,"s":"BTCUSDT","b":"100.00","B":"1.0","a":"101.00","A":"2"}"#, at: 0)
        try lab.frame(trade(1), at: 0)
        for step: Int64 in 1...1_250 {
            let now = step * Self.second / 10
            try lab.frame(depth(10 + step, 10 + step, bids: [("90.00", "\(step)")]), at: now)
            #expect(!lab.checkSilence(at: now))
            #expect(lab.wantsProbe(at: now) == (now > 60 * Self.second))
        }
        #expect(lab.validity() == .valid)
    }
}
