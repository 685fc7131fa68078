import Microstructure

/// The sizes of the newest trades of an instrument, by id: what an aggregate of several trades holds of those that are
/// missing is its size less that of those that came. 16 bytes a trade.
struct TradeQuantities: Sendable {
    /// Trades remembered; the oldest go. An aggregate that reaches beyond cannot be split any more.
    static let limit = 1_024

    // Not a `RingBuffer`, whose elements another module handles by their metadata: every trade comes by here.
    private struct Entry {
        let id: Int64
        let quantity: Int64
    }

    private var recent: [Entry] = []
    /// Where the oldest lies once there are `limit`.
    private var oldest = 0

    mutating func note(_ id: Int64, _ quantity: Quantity) {
        let entry = Entry(id: id, quantity: quantity.mantissa)
        guard recent.count == Self.limit else { return recent.append(entry) }
        recent[oldest] = entry
        oldest = oldest + 1 == Self.limit ? 0 : oldest + 1
    }

    /// The size of the trades `ids` together, less that of `except`; `nil` where one is not remembered, or the sum does
    /// not fit.
    func sum(of ids: ClosedRange<Int64>, except: ClosedRange<Int64>) -> Int64? {
        let wanted = ids.count - except.count
        guard wanted > 0 else { return 0 }
        guard wanted <= Self.limit else { return nil }
        var (found, sum): (Int, Int64) = (0, 0)
        // Each id is handed on once, and so is noted once.
        for trade in recent where ids.contains(trade.id) && !except.contains(trade.id) {
            let (next, overflow) = sum.addingReportingOverflow(trade.quantity)
            guard !overflow else { return nil }
            (found, sum) = (found + 1, next)
        }
        return found == wanted ? sum : nil
    }
}
