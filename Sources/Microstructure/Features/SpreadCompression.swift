/// The spread relative to its recent mean: `spread_compression` = S / mean(S) over the last 100 two-sided book updates
/// of this epoch, including the current one. Below 1 the spread is tighter than usual; range 0…100 in an uncrossed
/// book.
///
/// NaN before 20 updates, in a one-sided book, and if the mean is not positive. O(1), exact sum.
struct SpreadCompression: Measure {
    private let minimum: Int
    /// Spreads in price units; they may need 65 bits.
    private var spreads: RingBuffer<Int128>
    private var sum: Int128 = 0
    private var current = Double.nan

    init(_ parameters: FeatureParameters) {
        minimum = parameters.spreadCompressionMinimum
        spreads = RingBuffer(limit: parameters.spreadCompressionLength, filler: 0)
    }

    var columns: [Column] {
        [Column("spread_compression", source: .book, unit: .one, meaning: "the spread against its recent mean")]
    }

    mutating func processBook(_ market: borrowing MarketState) {
        current = .nan
        guard let spread = market.book.spread else { return }
        sum += spread - (spreads.append(spread) ?? 0)
        guard spreads.count >= minimum, sum > 0 else { return }
        current = Double(rounding: spread) * Double(spreads.count) / Double(rounding: sum)
    }

    mutating func startEpoch() {
        spreads.removeAll()
        sum = 0
        current = .nan
    }

    func write(_ market: borrowing MarketState, into row: inout FeatureRow) {
        row.put(book: current)
    }
}
