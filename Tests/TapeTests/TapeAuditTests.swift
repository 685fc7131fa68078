import TestSupport
@testable import Tape
import Microstructure
import Testing

/// The trades that a tape lacks, by the venue's ids.
@Suite struct TapeAuditTests {
    @Test func fetchedTradesAreNotMissing() {
        var gaps = TradeIDGaps()
        for id in [100, 101, 105, 106, 110] as [Int64] { gaps.add(id...id) }
        #expect(gaps.missing == 6)
        for id in [104, 102] as [Int64] { gaps.add(id...id) }
        #expect(gaps.missing == 4)
        // An aggregate stands for several; copies and what came before the tape change nothing.
        gaps.add(107...109)
        gaps.add(102...102)
        gaps.add(1...50)
        #expect(gaps.missing == 1)
        gaps.add(111...200)
        gaps.add(90...205)
        #expect(gaps.missing == 0)
        gaps.add(207...207)
        #expect(gaps.missing == 1)
    }

    /// Whatever the order after the first and however the trades are combined, all that is missing is what never came.
    @Test(arguments: [1, 2, 3] as [UInt64]) func theOrderDoesNotMatter(seed: UInt64) {
        var random = SplitMix64(testSeed: seed)
        var pieces: [ClosedRange<Int64>] = []
        var next: Int64 = 1
        while next < 2_000 {
            let count = Int64(1 + random.index(below: 4))
            pieces.append(next...next + count - 1)
            next += count
        }
        let kept = pieces.filter { _ in random.index(below: 5) > 0 }
        var gaps = TradeIDGaps()
        gaps.add(0...0)
        for piece in kept.shuffled(using: &random) + kept { gaps.add(piece) }
        let most = kept.map(\.upperBound).max() ?? 0
        #expect(gaps.missing == most - kept.reduce(0) { $0 + Int64($1.count) })
    }

    @Test func absurdIDsAreSurvived() {
        var gaps = TradeIDGaps()
        for id in [.min, .max, 0, .max, .min] as [Int64] { gaps.add(id...id) }
        #expect(gaps.missing == 0)
        // Beyond the limit the oldest gaps stay missing.
        var many = TradeIDGaps()
        let count = Int64(TradeIDGaps.limit + 10)
        for id in 0...count { many.add(2 * id...2 * id) }
        #expect(many.missing == count)
        many.add(1...1)
        #expect(many.missing == count)
        many.add(2 * count - 1...2 * count - 1)
        #expect(many.missing == count - 1)
    }
}
