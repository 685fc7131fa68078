/// Indices of the training labels and of the test labels.
public struct DataSplit: Sendable, Equatable {
    public var training: [Int]
    public var test: [Int]

    public init(training: [Int], test: [Int]) {
        self.training = training
        self.test = test
    }
}

/// Groups of neighbouring labels, and which labels may train for each. Shared by the three ways of splitting.
struct LabelGroups {
    let spans: [LabelSpan]
    let embargoNanoseconds: Int64
    /// Label indices, sorted by start; sizes differ by one at most.
    let groups: [[Int]]
    /// Time span of each group: from its first start to its last end.
    private let extents: [LabelSpan]

    init(_ spans: [LabelSpan], count: Int, embargo: Double) {
        precondition(count >= 2 && count <= spans.count && (0..<1).contains(embargo))
        self.spans = spans
        let order = spans.indices.sorted { (spans[$0].start, spans[$0].end, $0) < (spans[$1].start, spans[$1].end, $1) }
        let groups = (0..<count).map {
            Array(order[($0 * order.count / count)..<(($0 + 1) * order.count / count)])
        }
        func extent(_ places: [Int]) -> LabelSpan {
            let end = places.map { spans[$0].end }.max() ?? spans[places[0]].end
            return LabelSpan(start: spans[places[0]].start, end: end)
        }
        self.groups = groups
        extents = groups.map(extent)
        let all = extent(order)
        embargoNanoseconds = Int64((Double(all.end.nanoseconds(since: all.start)) * embargo).rounded(.up))
    }

    /// May the label be used for training if `group` is tested? No if it overlaps the group's time span, or starts
    /// within the embargo after it.
    func mayTeach(_ place: Int, beside group: Int) -> Bool {
        let (span, asked) = (spans[place], extents[group])
        let quiet = asked.end.advanced(byNanoseconds: embargoNanoseconds)
        return !span.overlaps(asked) && !(span.start > asked.end && span.start <= quiet)
    }

    func split(test chosen: [Int], training: [Int]) -> DataSplit {
        DataSplit(
            training: training.flatMap { groups[$0] }
                .filter { place in chosen.allSatisfy { mayTeach(place, beside: $0) } }.sorted(),
            test: chosen.flatMap { groups[$0] }.sorted())
    }
}
