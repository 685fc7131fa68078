/// The ids missing from a series of trades, in whichever order they come: a trade fetched later fills its gap.
struct TradeIDGaps {
    /// Most gaps kept open. Beyond it the oldest stays missing for good; trades are fetched within minutes.
    static let limit = 1_024

    /// Ids of the gaps, ascending.
    private var gaps: [ClosedRange<Int64>] = []
    private var last: Int64?
    /// Ids of gaps that are kept no longer.
    private var closed: Int64 = 0

    /// Number of ids missing.
    var missing: Int64 { gaps.reduce(closed) { $0 &+ ($1.upperBound - $1.lowerBound + 1) } }

    mutating func add(_ ids: ClosedRange<Int64>) {
        guard let last else {
            self.last = ids.upperBound
            return
        }
        guard ids.lowerBound <= last else {
            // Ids of a damaged tape may lie so far apart that their distance overflows.
            let (missed, overflow) = ids.lowerBound.subtractingReportingOverflow(last)
            if !overflow, missed > 1 {
                if gaps.count == Self.limit {
                    let oldest = gaps.removeFirst()
                    closed &+= oldest.upperBound - oldest.lowerBound + 1
                }
                gaps.append(last + 1...ids.lowerBound - 1)
            }
            self.last = ids.upperBound
            return
        }
        fill(ids)
        self.last = max(last, ids.upperBound)
    }

    /// Takes `ids` out of the gaps.
    private mutating func fill(_ ids: ClosedRange<Int64>) {
        let begin = gaps.firstIndex { $0.upperBound >= ids.lowerBound } ?? gaps.endIndex
        let end = gaps[begin...].firstIndex { $0.lowerBound > ids.upperBound } ?? gaps.endIndex
        guard begin < end else { return }
        var rest: [ClosedRange<Int64>] = []
        let (first, final) = (gaps[begin], gaps[end - 1])
        if first.lowerBound < ids.lowerBound { rest.append(first.lowerBound...ids.lowerBound - 1) }
        if final.upperBound > ids.upperBound { rest.append(ids.upperBound + 1...final.upperBound) }
        gaps.replaceSubrange(begin..<end, with: rest)
    }
}
