import Evaluation
import Microstructure
import TestSupport
import Testing

/// No split leaks, whatever the labels look like. Read off the definition, pair by pair.
@Suite struct SplitTests {
    /// Random labels: crowded or sparse, long or without a length, in any order.
    private func labels(_ random: inout SplitMix64) -> [LabelSpan] {
        let count = Int.random(in: 6...80, using: &random)
        let stretch = Int64.random(in: 10...5_000, using: &random)
        let longest = Int64.random(in: 0...stretch, using: &random)
        return (0..<count).map { _ in
            let start = Int64.random(in: 0...stretch, using: &random)
            let end = start + Int64.random(in: 0...longest, using: &random)
            return LabelSpan(start: Timestamp(nanoseconds: start), end: Timestamp(nanoseconds: end))
        }
    }

    private func leaks(_ split: DataSplit, _ spans: [LabelSpan], embargo: Int64) -> [String] {
        var found: [String] = []
        for test in split.test.map({ spans[$0] }) {
            for training in split.training.map({ spans[$0] }) {
                if test.start <= training.start && training.start <= test.end { found.append("starts in it") }
                if test.start <= training.end && training.end <= test.end { found.append("ends in it") }
                if training.start <= test.start && test.end <= training.end { found.append("covers it") }
                let quiet = training.start.nanoseconds(since: test.end)
                if quiet > 0 && quiet <= embargo { found.append("starts \(quiet) ns behind it") }
            }
        }
        return found
    }

    private func embargo(_ spans: [LabelSpan], _ share: Double) -> Int64 {
        let first = spans.map(\.start.nanoseconds).min() ?? 0
        let last = spans.map(\.end.nanoseconds).max() ?? 0
        return Int64(Double(last - first) * share)
    }

    @Test(arguments: testSeeds) func noFoldLeaks(seed: UInt64) {
        print("seed \(seed)")
        var random = SplitMix64(testSeed: seed)
        for _ in 0..<60 {
            let spans = labels(&random)
            let folds = Int.random(in: 2...6, using: &random)
            let share = Double.random(in: 0..<0.1, using: &random)
            let splits = PurgedKFold.splits(spans, folds: folds, embargo: share)
            #expect(splits.flatMap(\.test).sorted() == Array(spans.indices))
            for split in splits {
                #expect(Set(split.training).isDisjoint(with: split.test))
                let found = leaks(split, spans, embargo: embargo(spans, share))
                #expect(found.isEmpty, "seed \(seed), \(spans.count) labels, \(folds) folds: \(found.prefix(3))")
            }
        }
    }

    /// The check itself sees each of the three ways: it would not pass everything.
    @Test func theLeakCheckSeesLeaks() {
        func span(_ start: Int64, _ end: Int64) -> LabelSpan {
            LabelSpan(start: Timestamp(nanoseconds: start), end: Timestamp(nanoseconds: end))
        }
        let test = span(10, 20)
        for (other, way) in [
            (span(15, 30), "starts in it"), (span(5, 15), "ends in it"), (span(5, 30), "covers it"),
        ] {
            #expect(leaks(DataSplit(training: [1], test: [0]), [test, other], embargo: 0).contains(way))
            #expect(!PurgedKFold.splits([test, other], folds: 2, embargo: 0).contains { !$0.training.isEmpty })
        }
        #expect(!leaks(DataSplit(training: [1], test: [0]), [test, span(22, 30)], embargo: 2).isEmpty)
        #expect(leaks(DataSplit(training: [1], test: [0]), [test, span(23, 30)], embargo: 2).isEmpty)
    }

    /// Purging takes what it must and no more: far labels still teach.
    @Test func distantLabelsTeach() {
        let spans = (0..<10).map {
            LabelSpan(
                start: Timestamp(nanoseconds: Int64($0) * 100), end: Timestamp(nanoseconds: Int64($0) * 100 + 10))
        }
        for (fold, split) in PurgedKFold.splits(spans, folds: 5, embargo: 0.01).enumerated() {
            #expect(split.test == [2 * fold, 2 * fold + 1])
            #expect(split.training == (0..<10).filter { !split.test.contains($0) })
        }
    }

    @Test(arguments: testSeeds) func combinatorialPathsAreCompleteAndDifferent(seed: UInt64) {
        print("seed \(seed)")
        var random = SplitMix64(testSeed: seed)
        for _ in 0..<20 {
            let spans = labels(&random)
            let groups = Int.random(in: 2...6, using: &random)
            let tested = Int.random(in: 1..<groups, using: &random)
            let share = Double.random(in: 0..<0.05, using: &random)
            let made = CombinatorialPurgedCV(spans, groups: groups, tested: tested, embargo: share)
            func choose(_ n: Int, _ k: Int) -> Int { (0..<k).reduce(1) { $0 * (n - $1) / ($1 + 1) } }
            #expect(made.splits.count == choose(groups, tested))
            #expect(made.paths.count == tested * choose(groups, tested) / groups)
            #expect(Set(made.paths).count == made.paths.count)
            for path in made.paths {
                #expect(path.count == groups)
                var answered: [Int] = []
                for (group, split) in path.enumerated() {
                    #expect(Set(made.groups[group]).isSubset(of: made.splits[split].test))
                    answered += made.groups[group]
                }
                #expect(answered.sorted() == Array(spans.indices))
            }
            // Over all paths each answer is used once.
            let used = made.paths.flatMap { path in path.enumerated().map { [$0.offset, $0.element] } }
            #expect(Set(used).count == used.count && used.count == made.splits.count * tested)
            for split in made.splits {
                #expect(leaks(split, spans, embargo: embargo(spans, share)).isEmpty, "seed \(seed)")
            }
        }
    }

    @Test(arguments: testSeeds) func walkForwardKnowsOnlyThePast(seed: UInt64) {
        print("seed \(seed)")
        var random = SplitMix64(testSeed: seed)
        for _ in 0..<40 {
            let spans = labels(&random)
            let folds = Int.random(in: 2...6, using: &random)
            let window = Bool.random(using: &random) ? Int.random(in: 1...3, using: &random) : nil
            let splits = WalkForward.splits(spans, folds: folds, window: window)
            #expect(splits.count == folds - 1)
            for split in splits {
                let first = split.test.map { spans[$0].start }.min()
                #expect(split.training.allSatisfy { spans[$0].end < first ?? spans[$0].end })
                #expect(leaks(split, spans, embargo: 0).isEmpty, "seed \(seed)")
            }
        }
    }
}
