/// How well detected change points agree with those that human annotators marked.
///
/// A change point is the index of the first observation after the change; the beginning, 0, counts as one in every set.
/// Source: van den Burg, Williams (2020), An evaluation of change point detection algorithms, arXiv 2003.06222.
public enum ChangePointScore {
    /// The F-measure: precision against the change points of all annotators together, recall as the mean over them.
    /// In [0, 1].
    ///
    /// A detected point is a hit within `margin` observations of a marked one; each detected point counts once, and
    /// each marked point takes the closest unused one.
    public static func fMeasure(of found: [Int], annotations: [[Int]], margin: Int = 5) -> Double {
        precondition(!annotations.isEmpty && margin >= 0)
        let found = Set(found).union([0])
        let marked = annotations.map { Set($0).union([0]) }
        let all = marked.reduce(into: Set<Int>()) { $0.formUnion($1) }
        let precision = Double(hits(found, in: all, margin)) / Double(found.count)
        let recall =
            marked.reduce(0.0) { $0 + Double(hits(found, in: $1, margin)) / Double($1.count) } / Double(marked.count)
        return precision + recall > 0 ? 2 * precision * recall / (precision + recall) : 0
    }

    /// The covering metric: how much of each annotator's segments the best-fitting detected segment covers (Jaccard),
    /// weighted by length, as the mean over annotators. In [0, 1].
    public static func cover(of found: [Int], annotations: [[Int]], count: Int) -> Double {
        precondition(!annotations.isEmpty && count > 0)
        let segments = partition(found, count)
        let covers = annotations.map { marked in
            partition(marked, count).reduce(0.0) { sum, segment in
                let best = segments.map { overlap(segment, $0) }.max() ?? 0
                return sum + Double(segment.count) * best
            } / Double(count)
        }
        return covers.reduce(0, +) / Double(covers.count)
    }

    private static func hits(_ found: Set<Int>, in marked: Set<Int>, _ margin: Int) -> Int {
        var left = found.sorted()
        var hits = 0
        for point in marked.sorted() {
            let closest = left.indices.min { (abs(left[$0] - point), left[$0]) < (abs(left[$1] - point), left[$1]) }
            guard let closest, abs(left[closest] - point) <= margin else { continue }
            left.remove(at: closest)
            hits += 1
        }
        return hits
    }

    private static func partition(_ points: [Int], _ count: Int) -> [Range<Int>] {
        let edges = [0] + Set(points).filter { 0 < $0 && $0 < count }.sorted() + [count]
        return zip(edges, edges.dropFirst()).map { $0..<$1 }
    }

    private static func overlap(_ left: Range<Int>, _ right: Range<Int>) -> Double {
        let common = min(left.upperBound, right.upperBound) - max(left.lowerBound, right.lowerBound)
        let union = max(left.upperBound, right.upperBound) - min(left.lowerBound, right.lowerBound)
        return Double(max(0, common)) / Double(union)
    }
}
