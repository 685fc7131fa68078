/// The largest of the timed values in `(t−w, t]`, for every width w up to the one that it is made for.
///
/// Keeps only the values that no later one reaches: they descend, so that the largest of a window is its oldest. O(1) a
/// value, amortised, and O(log values) a question.
struct SlidingMaximum<Value: Comparable & Sendable>: Sendable {
    private struct Candidate: Sendable {
        var time: Timestamp
        var value: Value
    }

    private let width: Int64
    private var candidates: RingBuffer<Candidate>

    /// - Parameters:
    ///   - width: nanoseconds, positive.
    ///   - limit: most values kept. Beyond it the oldest leaves early.
    init(width: Int64, limit: Int) {
        precondition(width > 0)
        self.width = width
        candidates = RingBuffer(limit: limit)
    }

    /// Adds a value of `time`, which must not go backwards. A value that grows is added again at its old time.
    mutating func append(_ value: Value, at time: Timestamp) {
        while let last = candidates.last, last.value <= value { candidates.popLast() }
        candidates.append(Candidate(time: time, value: value))
    }

    /// Forgets what is older than the width.
    mutating func advance(to now: Timestamp) {
        while let first = candidates.first, now.nanoseconds(since: first.time) >= width { candidates.popFirst() }
    }

    /// The largest value younger than `window` nanoseconds, which must not exceed the width; `nil` if there is none.
    func maximum(over window: Int64, at now: Timestamp) -> Value? {
        var (lower, upper) = (0, candidates.count)
        while lower < upper {
            let middle = (lower + upper) / 2
            if now.nanoseconds(since: candidates[middle].time) >= window { lower = middle + 1 } else { upper = middle }
        }
        return lower < candidates.count ? candidates[lower].value : nil
    }
}
