/// The best levels of a book as a plain value, best first, which the book measures read and can store.
struct BookTop: Sendable {
    /// Most levels kept a side.
    static let depth = 10

    private(set) var bids = InlineArray<10, PriceLevel>(repeating: PriceLevel(price: Price(0), quantity: .zero))
    private(set) var asks = InlineArray<10, PriceLevel>(repeating: PriceLevel(price: Price(0), quantity: .zero))
    private(set) var bidCount = 0
    private(set) var askCount = 0
    // Values that many measures need, computed once an update. Exact sizes in quantity units, over the existing levels.
    private(set) var bestBid: PriceLevel?
    private(set) var bestAsk: PriceLevel?
    /// Over the best five levels.
    private(set) var nearBidDepth: Int128 = 0
    private(set) var nearAskDepth: Int128 = 0
    /// Over all ten levels.
    private(set) var bidDepth: Int128 = 0
    private(set) var askDepth: Int128 = 0

    /// An empty book.
    init() {}

    /// Copies the best levels of `update`, whose ranges must lie inside `levels`. O(depth).
    mutating func fill(from update: BookSnapshot, levels: Span<PriceLevel>) {
        bidCount = min(Self.depth, update.bids.count)
        askCount = min(Self.depth, update.asks.count)
        let (newBids, newAsks) = (levels.extracting(update.bids), levels.extracting(update.asks))
        Self.copy(newBids, bidCount, to: &bids)
        Self.copy(newAsks, askCount, to: &asks)
        bestBid = bidCount > 0 ? newBids[0] : nil
        bestAsk = askCount > 0 ? newAsks[0] : nil
        (nearBidDepth, bidDepth) = Self.depths(newBids, bidCount)
        (nearAskDepth, askDepth) = Self.depths(newAsks, askCount)
    }

    // Uses a span: each subscript of an inline array may copy the whole array.
    private static func copy(_ levels: Span<PriceLevel>, _ count: Int, to side: inout InlineArray<10, PriceLevel>) {
        var side = side.mutableSpan
        for rank in 0..<count { side[rank] = levels[rank] }
    }

    /// The total size of the best five of `count` levels, and of all of them.
    private static func depths(_ levels: Span<PriceLevel>, _ count: Int) -> (near: Int128, all: Int128) {
        var near: Int128 = 0
        for rank in 0..<min(5, count) { near += Int128(levels[rank].quantity.mantissa) }
        var all = near
        for rank in min(5, count)..<count { all += Int128(levels[rank].quantity.mantissa) }
        return (near, all)
    }

    /// `ask − bid` in price units, exact; `nil` unless both sides have a level.
    @inline(__always)
    var spread: Int128? {
        guard let bestBid, let bestAsk else { return nil }
        return Int128(bestAsk.price.mantissa) - Int128(bestBid.price.mantissa)
    }
}
