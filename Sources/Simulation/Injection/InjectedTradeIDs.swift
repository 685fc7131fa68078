/// The ids of a market's trades after injected ones have come between them: unique, and contiguous where the recorded
/// ones are.
struct InjectedTradeIDs: Sendable {
    /// Recorded ids above `last` are `count` higher.
    private var splits: [(last: Int64, count: Int64)] = []
    private var greatest: Int64?

    /// The id of a recorded trade. O(1) for the newest ones, O(injected) for late ones.
    func id(of recorded: Int64) -> Int64 {
        recorded + (splits.last { recorded > $0.last }?.count ?? 0)
    }

    mutating func note(_ recorded: Int64) { greatest = max(greatest ?? recorded, recorded) }

    /// An id for a trade that comes now; `nil` before the first recorded trade.
    mutating func next() -> Int64? {
        guard let greatest else { return nil }
        if let last = splits.last, last.last == greatest {
            splits[splits.count - 1].count += 1
        } else {
            splits.append((greatest, (splits.last?.count ?? 0) + 1))
        }
        return greatest + splits[splits.count - 1].count
    }
}
