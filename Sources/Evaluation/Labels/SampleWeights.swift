import Microstructure

/// How much independent information each label has if labels overlap.
public enum SampleWeights {
    /// The mean over a label's life of 1/(number of labels alive), in (0, 1]; 1 for a label without overlap. O(n log
    /// n). A label is alive from its start until just before its end; a label of zero length counts at its start.
    ///
    /// Source: López de Prado (2018), Advances in Financial Machine Learning, ch. 4.
    public static func averageUniqueness(_ spans: [LabelSpan]) -> [Double] {
        let starts = spans.map(\.start).sorted()
        let ends = spans.map(\.end).sorted()
        let edges = Set(starts + ends).sorted()
        // alive[i]: labels alive from edge i on; integral[i]: integral of 1/alive up to edge i, in nanoseconds.
        var integral: [Double] = []
        var (begun, over, sum) = (0, 0, 0.0)
        var alive: [Int] = []
        for (place, edge) in edges.enumerated() {
            if place > 0, alive[place - 1] > 0 {
                sum += Double(edge.nanoseconds(since: edges[place - 1])) / Double(alive[place - 1])
            }
            integral.append(sum)
            while begun < starts.count, starts[begun] <= edge { begun += 1 }
            while over < ends.count, ends[over] <= edge { over += 1 }
            alive.append(begun - over)
        }
        func place(_ time: Timestamp) -> Int {
            var (low, high) = (0, edges.count)
            while low < high {
                let middle = (low + high) / 2
                if edges[middle] < time { low = middle + 1 } else { high = middle }
            }
            return low
        }
        return spans.map { span in
            let (first, last) = (place(span.start), place(span.end))
            guard first < last else { return 1 / Double(max(1, alive[first] + 1)) }
            return (integral[last] - integral[first]) / Double(span.end.nanoseconds(since: span.start))
        }
    }
}
