/// Toxicity of the order flow: `vpin` = Σ|Vᴮ−Vˢ|/(n·V) over the last n = 50 complete buckets of equal volume V; a trade
/// is split at a bucket's edge. In [0, 1]: 1 if each bucket was traded in one direction.
///
/// Sides are the trades' own aggressor sides, not inferred from prices. V is fixed once, so that n buckets hold the
/// market's volume in the warm-up: the volume of all trades before the first one that comes at least 60 s after the
/// first trade and has at least n before it, divided by n. That trade is the first in a bucket.
///
/// NaN before n complete buckets. Exact sums, O(1) a trade of any size.
/// Source: Easley, López de Prado, O'Hara (2012), Review of Financial Studies 25.
struct VPIN: Measure {
    private let warmUpNanoseconds: Int64
    private var imbalances: RingBuffer<Int128>
    private var imbalanceSum: Int128 = 0
    /// V in quantity units; `nil` in the warm-up.
    private var bucketVolume: Int128?
    private var firstTrade: Timestamp?
    private var warmUpVolume: Int128 = 0
    private var warmUpTrades = 0
    private var filled: Int128 = 0
    /// Bought minus sold in the bucket being filled.
    private var net: Int128 = 0

    init(_ parameters: FeatureParameters) {
        warmUpNanoseconds = Int64(parameters.vpinWarmUpSeconds) * 1_000_000_000
        imbalances = RingBuffer(limit: parameters.vpinBuckets, filler: 0)
    }

    var columns: [Column] {
        [Column("vpin", source: .trades, unit: .one, meaning: "the imbalance of trade in volume time (VPIN)")]
    }

    mutating func process(_ trade: Trade, _ market: borrowing MarketState) {
        let size = Int128(trade.quantity.mantissa)
        guard let bucketVolume = self.bucketVolume ?? fixBucketVolume(at: market.now) else {
            warmUpVolume += size
            warmUpTrades += 1
            return
        }
        let sign: Int128 = trade.aggressor == .buy ? 1 : -1
        let space = bucketVolume - filled
        guard size >= space else {
            filled += size
            net += sign * size
            return
        }
        complete(imbalance: (net + sign * space).magnitude)
        // The remainder may fill several whole buckets; a number above the kept buckets makes no difference.
        let (whole, rest) = (size - space).quotientAndRemainder(dividingBy: bucketVolume)
        for _ in 0..<Int(min(whole, Int128(imbalances.limit))) { complete(imbalance: bucketVolume.magnitude) }
        (filled, net) = (rest, sign * rest)
    }

    func write(_ market: borrowing MarketState, into row: inout FeatureRow) {
        guard imbalances.isFull, let bucketVolume else { return row.put(.nan) }
        row.put(Double(rounding: imbalanceSum) / Double(rounding: bucketVolume * Int128(imbalances.limit)))
    }

    private mutating func fixBucketVolume(at now: Timestamp) -> Int128? {
        let first = firstTrade ?? now
        firstTrade = first
        guard now.nanoseconds(since: first) >= warmUpNanoseconds, warmUpTrades >= imbalances.limit else { return nil }
        bucketVolume = max(1, warmUpVolume / Int128(imbalances.limit))
        return bucketVolume
    }

    private mutating func complete(imbalance: UInt128) {
        let imbalance = Int128(imbalance)
        imbalanceSum += imbalance - (imbalances.append(imbalance) ?? 0)
    }
}
