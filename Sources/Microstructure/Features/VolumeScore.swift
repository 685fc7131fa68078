/// Is there unusually much trade: `volume_z_w` = (trade_volume_w − mean)/sd, with the mean and sample deviation of
/// the volumes of the last 120 completed UTC-aligned buckets of w seconds, empty ones being 0.
///
/// NaN before 20 completed buckets and where sd = 0. O(1) a vector, O(buckets) when a bucket completes.
struct VolumeScore: Measure {
    let columns: [String]
    private var histories: [BucketHistory]

    init(_ parameters: FeatureParameters) {
        columns = parameters.windowColumns("volume_z")
        histories = parameters.windowWidths.map { BucketHistory(width: $0, parameters) }
    }

    mutating func advance(_ market: borrowing MarketState) {
        for index in histories.indices { histories[index].advance(to: market.now) }
    }

    mutating func process(_ trade: Trade, _ market: borrowing MarketState) {
        for index in histories.indices { histories[index].add(trade.quantity) }
    }

    func write(_ market: borrowing MarketState, into row: inout FeatureRow) {
        for index in histories.indices { row.put(histories[index].score(market.trades[index].volume)) }
    }
}

/// Volumes of the last completed buckets of one width, in quantity units.
private struct BucketHistory: Sendable {
    private let width: Int64
    private let minimum: Int
    private var completed: RingBuffer<Int128>
    /// The bucket that the clock is in, and what traded in it so far; `nil` before the first event.
    private var bucket: Int64?
    private var volume: Int128 = 0
    /// The first bucket was entered at an unknown point, so it never counts.
    private var isPartial = true
    /// n, the sum, and sqrt(Σ(n·x − sum)²/(n−1)) = n·sd of the completed buckets. The differences are exact, so
    /// that equal volumes have a deviation of exactly zero.
    private var sum: Int128 = 0
    private var scaledDeviation = 0.0

    init(width: Int64, _ parameters: FeatureParameters) {
        self.width = width
        minimum = parameters.volumeBucketMinimum
        completed = RingBuffer(limit: parameters.volumeBuckets, filler: 0)
    }

    mutating func add(_ quantity: Quantity) { volume += Int128(quantity.mantissa) }

    mutating func advance(to now: Timestamp) {
        let current = now.bucket(width: width)
        guard let last = bucket else { return bucket = current }
        guard current > last else { return }
        if !isPartial { completed.append(volume) }
        // Buckets in which nothing came. More of them than are remembered make no difference.
        for _ in 0..<min(current - last - 1, Int64(completed.limit)) { completed.append(0) }
        bucket = current
        volume = 0
        isPartial = false
        summarise()
    }

    func score(_ windowVolume: Int128) -> Double {
        guard completed.count >= minimum, scaledDeviation > 0 else { return .nan }
        return Double(rounding: windowVolume * Int128(completed.count) - sum) / scaledDeviation
    }

    private mutating func summarise() {
        guard completed.count > 1 else { return }
        let count = Int128(completed.count)
        sum = 0
        for index in 0..<completed.count { sum += completed[index] }
        var squares = 0.0
        for index in 0..<completed.count {
            let difference = Double(rounding: completed[index] * count - sum)
            squares += difference * difference
        }
        scaledDeviation = (squares / Double(completed.count - 1)).squareRoot()
    }
}
