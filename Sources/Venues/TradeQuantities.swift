import Microstructure

/// The sizes of an instrument's newest trades, by id: the size of the missing trades in an aggregate is its size minus
/// the sizes of the trades received. 16 bytes a trade.
struct TradeQuantities: Sendable {
    /// Trades remembered; the oldest are dropped. An aggregate with older trades cannot be split any more.
    static let limit = 1_024

    // Not a `RingBuffer`, whose generic code in another module is slow: this runs for every trade.
    private struct Entry {
        let id: Int64
        let quantity: Int64
    }

    private var recent: [Entry] = []
    /// Index of the oldest trade once there are `limit`.
    private var oldest = 0

    mutating func note(_ id: Int64, _ quantity: Quantity) {
        let entry = Entry(id: id, quantity: quantity.mantissa)
        guard recent.count == Self.limit else { return recent.append(entry) }
        recent[oldest] = entry
        oldest = oldest + 1 == Self.limit ? 0 : oldest + 1
    }

    /// The total size of the trades `ids`, without `except`; `nil` if one is not remembered, or the sum overflows.
    func sum(of ids: ClosedRange<Int64>, except: ClosedRange<Int64>) -> Int64? {
        let wanted = ids.count - except.count
        guard wanted > 0 else { return 0 }
        guard wanted <= Self.limit else { return nil }
        var (found, sum): (Int, Int64) = (0, 0)
        // Each id is passed on once, and so is recorded once.
        for trade in recent where ids.contains(trade.id) && !except.contains(trade.id) {
            let (next, overflow) = sum.addingReportingOverflow(trade.quantity)
            guard !overflow else { return nil }
            (found, sum) = (found + 1, next)
        }
        return found == wanted ? sum : nil
    }
}
