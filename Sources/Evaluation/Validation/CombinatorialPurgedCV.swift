/// Tests every choice of `tested` of `groups` groups once, purged as in `PurgedKFold`, and joins the results to paths:
/// complete histories in which each label is tested once, by models that were not trained on it.
/// Source: López de Prado (2018), Advances in Financial Machine Learning, ch. 12.
public struct CombinatorialPurgedCV: Sendable {
    /// Most splits; 16 groups with 8 tested give 12,870.
    public static let splitLimit = 20_000

    public let groups: [[Int]]
    public let splits: [DataSplit]
    /// One entry a path: the split that tests each group. `(k/N)·C(N, k)` paths, pairwise different.
    public let paths: [[Int]]

    /// - Parameters:
    ///   - groups: N, 2 to the number of labels.
    ///   - tested: k, 1 to N − 1. Requires `C(N, k)` of at most `splitLimit`.
    public init(_ spans: [LabelSpan], groups count: Int, tested: Int, embargo: Double = 0.01) {
        precondition(tested >= 1 && tested < count && count < Int.bitWidth)
        let labels = LabelGroups(spans, count: count, embargo: embargo)
        var chosen: [[Int]] = []
        func choose(_ taken: [Int], from first: Int) {
            guard taken.count < tested else {
                chosen.append(taken)
                return
            }
            precondition(chosen.count <= Self.splitLimit)
            for group in first..<count where count - group >= tested - taken.count {
                choose(taken + [group], from: group + 1)
            }
        }
        choose([], from: 0)
        groups = labels.groups
        splits = chosen.map { asked in
            labels.split(test: asked, training: (0..<count).filter { !asked.contains($0) })
        }
        // The n-th path takes, for each group, the n-th split that tests it.
        let answering = (0..<count).map { group in chosen.indices.filter { chosen[$0].contains(group) } }
        paths = answering[0].indices.map { path in answering.map { $0[path] } }
    }
}
