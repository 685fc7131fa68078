import Microstructure

/// The sizes of the newest trades of an instrument, by id: what an aggregate of several trades holds of those that are
/// missing is its size less that of those that came. 16 bytes a trade.
struct TradeQuantities: Sendable {
    /// Trades remembered; the oldest go. An aggregate that reaches beyond cannot be split any more.
    static let limit = 1_024

    private var recent = RingBuffer<(id: Int64, quantity: Int64)>(limit: TradeQuantities.limit)

    mutating func note(_ id: Int64, _ quantity: Quantity) { recent.append((id, quantity.mantissa)) }

    /// The size of the trades `ids` together, less that of `except`; `nil` where one is not remembered, or the sum does
    /// not fit.
    func sum(of ids: ClosedRange<Int64>, except: ClosedRange<Int64>) -> Int64? {
        let wanted = ids.count - except.count
        guard wanted > 0 else { return 0 }
        guard wanted <= Self.limit else { return nil }
        var (found, sum): (Int, Int64) = (0, 0)
        // Each id is handed on once, and so is noted once.
        for offset in 0..<recent.count {
            let trade = recent[offset]
            guard ids.contains(trade.id), !except.contains(trade.id) else { continue }
            let (next, overflow) = sum.addingReportingOverflow(trade.quantity)
            guard !overflow else { return nil }
            (found, sum) = (found + 1, next)
        }
        return found == wanted ? sum : nil
    }
}
