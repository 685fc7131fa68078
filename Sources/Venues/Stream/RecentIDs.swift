import Microstructure

/// The ids of an instrument's newest trades, for a venue whose ids are only distinct: a second connection, or a list of
/// past trades, repeats some.
struct RecentIDs: Sendable {
    /// Ids remembered; the oldest are dropped.
    static let limit = 4_096

    private var known: Set<Int64> = []
    private var order: [Int64] = []
    private var oldest = 0

    /// Ids of one sum of trades that are remembered.
    private static let sumLimit: Int64 = 1_000

    /// `false` if the trade is known already. The single trades of a sum become known too: a list may have them.
    mutating func insert(_ trade: Trade) -> Bool {
        for id in max(trade.firstID, trade.id - Self.sumLimit)..<trade.id { _ = insert(id) }
        return insert(trade.id)
    }

    func contains(_ id: Int64) -> Bool { known.contains(id) }

    /// `false` if the id is known already.
    mutating func insert(_ id: Int64) -> Bool {
        guard known.insert(id).inserted else { return false }
        guard order.count == Self.limit else {
            order.append(id)
            return true
        }
        known.remove(order[oldest])
        order[oldest] = id
        oldest = oldest + 1 == Self.limit ? 0 : oldest + 1
        return true
    }
}
