/// Detects unusual volume: `volume_z_w` = (trade_volume_w − mean)/sd, with the mean and sample deviation of the volumes
/// of the last 120 completed UTC-aligned buckets of w seconds, where empty buckets count as 0.
///
/// NaN before 20 completed buckets and if sd = 0. O(1) a vector and a completed bucket; O(buckets) a completed bucket
/// while the history contains an absurd volume.
struct VolumeScore: Measure {
    let columns: [Column]
    /// Their places in `MarketState.trades`.
    private let windows: [Int]
    private var histories: [BucketHistory]

    init(_ parameters: FeatureParameters) {
        columns = parameters.windowColumns("volume_z", unit: .standardDeviations) {
            "the traded volume over \($0) against its own past"
        }
        windows = parameters.tradeWindows(of: parameters.windowSeconds)
        histories = parameters.windowWidths.map { BucketHistory(width: $0, parameters) }
    }

    mutating func advance(_ market: borrowing MarketState) {
        for index in histories.indices { histories[index].advance(to: market.now) }
    }

    mutating func process(_ trade: Trade, _ market: borrowing MarketState) {
        for index in histories.indices { histories[index].add(trade.quantity) }
    }

    func write(_ market: borrowing MarketState, into row: inout FeatureRow) {
        for (index, window) in windows.enumerated() {
            row.put(histories[index].score(market.trades[window].volume))
        }
    }
}

/// Volumes of the last completed buckets of one width, in quantity units.
private struct BucketHistory: Sendable {
    private let width: Int64
    private let minimum: Int
    private var completed: RingBuffer<Int128>
    /// The current bucket, and the volume in it so far; `nil` before the first event.
    private var bucket: Int64?
    /// Start of the next bucket.
    private var end = Timestamp(nanoseconds: .min)
    private var volume: Int128 = 0
    /// The first bucket started at an unknown point, so it never counts.
    private var isPartial = true
    /// Volumes up to this limit, which no real market exceeds, keep n²·Σx² below 2¹²⁶.
    private let squareLimit: Int128
    /// Over the completed buckets: the sum, the sum of squares up to the limit, and the number beyond the limit.
    private var sum: Int128 = 0
    private var squares: Int128 = 0
    private var beyondLimit = 0
    /// n·sd of the completed buckets, the root of an exact sum: equal volumes have a deviation of exactly zero.
    private var scaledDeviation = 0.0

    init(width: Int64, _ parameters: FeatureParameters) {
        self.width = width
        minimum = parameters.volumeBucketMinimum
        completed = RingBuffer(limit: parameters.volumeBuckets, filler: 0)
        squareLimit = Int128(Int64.max) / Int128(parameters.volumeBuckets)
    }

    mutating func add(_ quantity: Quantity) { volume += Int128(quantity.mantissa) }

    mutating func advance(to now: Timestamp) {
        guard now >= end else { return }
        let current = now.bucket(width: width)
        let next = (current + 1).multipliedReportingOverflow(by: width)
        end = Timestamp(nanoseconds: next.overflow ? .max : next.partialValue)
        guard let last = bucket else { return bucket = current }
        guard current > last else { return }
        if !isPartial { complete(volume) }
        // Buckets without trades. A number above the kept buckets makes no difference.
        for _ in 0..<min(current - last - 1, Int64(completed.limit)) { complete(0) }
        bucket = current
        volume = 0
        isPartial = false
        summarise()
    }

    func score(_ windowVolume: Int128) -> Double {
        guard completed.count >= minimum, scaledDeviation > 0 else { return .nan }
        return Double(rounding: windowVolume * Int128(completed.count) - sum) / scaledDeviation
    }

    private mutating func complete(_ volume: Int128) {
        add(volume, times: 1)
        if let oldest = completed.append(volume) { add(oldest, times: -1) }
    }

    private mutating func add(_ volume: Int128, times sign: Int128) {
        sum += sign * volume
        if volume > squareLimit { beyondLimit += Int(sign) } else { squares += sign * volume * volume }
    }

    private mutating func summarise() {
        guard completed.count > 1 else { return }
        let count = Int128(completed.count)
        scaledDeviation = (differences(count) / Double(completed.count - 1)).squareRoot()
    }

    /// Σ(n·x − sum)² = n·(n·Σx² − sum²).
    private func differences(_ count: Int128) -> Double {
        guard beyondLimit > 0 else { return Double(rounding: count * squares - sum * sum) * Double(completed.count) }
        var total = 0.0
        completed.forEach { volume in
            let difference = Double(rounding: volume * count - sum)
            total += difference * difference
        }
        return total
    }
}
