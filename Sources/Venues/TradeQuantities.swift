import Microstructure

/// The sizes of the newest trades of an instrument, by id: what an aggregate of several trades holds of those that are
/// missing is its size less that of those that came. 16 bytes a trade.
struct TradeQuantities: Sendable {
    /// Ids remembered, the newest; a power of two. An aggregate that reaches beyond cannot be split any more.
    static let limit: Int64 = 1_024

    private struct Entry {
        var id: Int64 = -1
        var quantity: Int64 = 0
    }

    /// Each id has its place, which it shares with those `limit` before and after it. Empty before the first trade.
    private var recent: [Entry] = []

    /// Requires `id ≥ 0`.
    mutating func note(_ id: Int64, _ quantity: Quantity) {
        if recent.isEmpty { recent = Array(repeating: Entry(), count: Int(Self.limit)) }
        let place = Self.place(of: id)
        if id > recent[place].id { recent[place] = Entry(id: id, quantity: quantity.mantissa) }
    }

    /// The size of the trades `ids` together, less that of `except`; `nil` where one is not remembered, or the sum does
    /// not fit.
    func sum(of ids: ClosedRange<Int64>, except: ClosedRange<Int64>) -> Int64? {
        let wanted = ids.count - except.count
        guard wanted > 0 else { return 0 }
        guard wanted <= Self.limit, !recent.isEmpty else { return nil }
        var sum: Int64 = 0
        for id in ids where !except.contains(id) {
            let entry = recent[Self.place(of: id)]
            let (next, overflow) = sum.addingReportingOverflow(entry.quantity)
            guard entry.id == id, !overflow else { return nil }
            sum = next
        }
        return sum
    }

    private static func place(of id: Int64) -> Int { Int(id & (limit - 1)) }
}
