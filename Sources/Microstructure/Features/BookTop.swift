/// The best levels of a book as a plain value, best first: what the book measures look at, and can keep.
struct BookTop: Sendable {
    /// Most levels kept a side.
    static let depth = 10

    private(set) var bids = InlineArray<10, PriceLevel>(repeating: PriceLevel(price: Price(0), quantity: .zero))
    private(set) var asks = InlineArray<10, PriceLevel>(repeating: PriceLevel(price: Price(0), quantity: .zero))
    private(set) var bidCount = 0
    private(set) var askCount = 0

    /// An empty book.
    init() {}

    /// Copies the best levels of `update`, whose ranges must lie inside `levels`. O(depth).
    mutating func fill(from update: BookUpdate, levels: Span<PriceLevel>) {
        bidCount = min(Self.depth, update.bids.count)
        askCount = min(Self.depth, update.asks.count)
        for rank in 0..<bidCount { bids[rank] = levels[update.bids.lowerBound + rank] }
        for rank in 0..<askCount { asks[rank] = levels[update.asks.lowerBound + rank] }
    }

    var bestBid: PriceLevel? { bidCount > 0 ? bids[0] : nil }
    var bestAsk: PriceLevel? { askCount > 0 ? asks[0] : nil }

    /// `ask − bid` in price units, exact; `nil` unless both sides have a level.
    var spread: Int128? {
        guard let bestBid, let bestAsk else { return nil }
        return Int128(bestAsk.price.mantissa) - Int128(bestBid.price.mantissa)
    }

    /// Size of the best `levels` bid levels, of those there are, in quantity units. Exact.
    func bidDepth(_ levels: Int) -> Int128 {
        var sum: Int128 = 0
        for rank in 0..<min(levels, bidCount) { sum += Int128(bids[rank].quantity.mantissa) }
        return sum
    }

    /// Size of the best `levels` ask levels, of those there are, in quantity units. Exact.
    func askDepth(_ levels: Int) -> Int128 {
        var sum: Int128 = 0
        for rank in 0..<min(levels, askCount) { sum += Int128(asks[rank].quantity.mantissa) }
        return sum
    }
}
