/// Size resting within a distance of the mid M: `bid_depth_nbps` and `ask_depth_nbps`, sums over the bids from
/// M·(1 − n/10⁴) and the asks up to M·(1 + n/10⁴), in the base asset; `depth_imbalance_nbps` = (bid − ask)/(bid + ask), in
/// −1…1.
///
/// Of the levels that a book update carries, at most the best 20 a side: on a market with fine ticks these end before the
/// distance does. NaN unless both sides have a level and the mid is positive; the imbalance also if the band is empty.
/// O(levels) an update, exact sums.
struct DepthBands: Measure {
    let columns: [Column]
    private let basisPoints: [Int]
    private var values: [Double]

    init(_ parameters: FeatureParameters) {
        basisPoints = parameters.depthBandBasisPoints
        values = Array(repeating: .nan, count: 3 * basisPoints.count)
        columns = basisPoints.flatMap { distance in
            [
                Column(
                    "bid_depth_\(distance)bps", source: .book, unit: .baseCurrency,
                    meaning: "the size bid within \(distance) bps of the mid"),
                Column(
                    "ask_depth_\(distance)bps", source: .book, unit: .baseCurrency,
                    meaning: "the size asked within \(distance) bps of the mid"),
                Column(
                    "depth_imbalance_\(distance)bps", source: .book, side: .signed, unit: .one,
                    meaning: "the imbalance of the sizes within \(distance) bps of the mid"),
            ]
        }
    }

    /// Takes the levels of a valid book update, best first.
    mutating func process(bids: Span<PriceLevel>, asks: Span<PriceLevel>, _ market: borrowing MarketState) {
        guard !bids.isEmpty, !asks.isEmpty else { return forget() }
        let doubleMid = Int128(bids[0].price.mantissa) + Int128(asks[0].price.mantissa)
        guard doubleMid > 0 else { return forget() }
        let (allBids, allAsks) = (Self.total(bids), Self.total(asks))
        for (index, distance) in basisPoints.enumerated() {
            // |2p − 2M| ≤ 2M·n/10⁴ in whole numbers: the bounds of p, rounded towards the mid.
            let doubleDistance = doubleMid * Int128(distance) / 10_000
            let lowest = Price(Int64(clamping: (doubleMid - doubleDistance + 1) >> 1))
            let highest = Price(Int64(clamping: (doubleMid + doubleDistance) >> 1))
            let (bid, ask) = (
                allBids - Self.beyond(lowest, bids, isBid: true), allAsks - Self.beyond(highest, asks, isBid: false)
            )
            values[3 * index] = market.quantityScale.value(bid)
            values[3 * index + 1] = market.quantityScale.value(ask)
            values[3 * index + 2] =
                bid + ask > 0 ? Double(rounding: bid - ask) / Double(rounding: bid + ask) : .nan
        }
    }

    func write(_ market: borrowing MarketState, into row: inout FeatureRow) {
        for value in values { row.put(book: value) }
    }

    private mutating func forget() {
        for index in values.indices { values[index] = .nan }
    }

    private static func total(_ levels: Span<PriceLevel>) -> Int128 {
        var sum: Int128 = 0
        for rank in levels.indices { sum += Int128(levels[rank].quantity.mantissa) }
        return sum
    }

    /// The size of the levels that are worse than `bound`, which are the last.
    private static func beyond(_ bound: Price, _ levels: Span<PriceLevel>, isBid: Bool) -> Int128 {
        var sum: Int128 = 0
        var rank = levels.count - 1
        while rank >= 0 {
            let level = levels[rank]
            guard isBid ? level.price < bound : level.price > bound else { break }
            sum += Int128(level.quantity.mantissa)
            rank -= 1
        }
        return sum
    }
}
