/// Ten buckets of the imbalance I = Qᵇ/(Qᵇ+Qᵃ) with equally many observations each, symmetric about ½.
///
/// The sample is pooled with its mirror image 1−I, so a book and the same book with exchanged sides lie in buckets b
/// and 9−b. The edges are linear-interpolation quantiles, Hyndman and Fan's type 7.
struct ImbalanceBuckets: Sendable {
    static let count = 10

    /// The quantiles at 0.1, 0.2, 0.3, 0.4; the upper edges are their mirror images.
    private var lowerEdges = InlineArray<4, Double>(repeating: 0)

    /// Requires at least one pair, of positive sizes. O(n log n), allocates.
    init(_ quantities: [(bid: Int64, ask: Int64)]) {
        let pooled = quantities.flatMap { [Self.share($0.bid, of: $0), Self.share($0.ask, of: $0)] }.sorted()
        for edge in 0..<4 {
            let position = Double(edge + 1) / 10 * Double(pooled.count - 1)
            let below = Int(position)
            let above = min(below + 1, pooled.count - 1)
            lowerEdges[edge] = pooled[below] + (position - Double(below)) * (pooled[above] - pooled[below])
        }
    }

    /// The bucket of these best sizes: 0 for the heaviest ask, 9 for the heaviest bid. Sizes > 0.
    func bucket(bid: Int64, ask: Int64) -> Int {
        guard bid <= ask else { return Self.count - 1 - bucket(bid: ask, ask: bid) }
        let imbalance = Self.share(bid, of: (bid, ask))
        var bucket = 0
        while bucket < 4, lowerEdges[bucket] <= imbalance { bucket += 1 }
        return bucket
    }

    private static func share(_ part: Int64, of quantities: (bid: Int64, ask: Int64)) -> Double {
        Double(part) / Double(rounding: Int128(quantities.bid) + Int128(quantities.ask))
    }
}
