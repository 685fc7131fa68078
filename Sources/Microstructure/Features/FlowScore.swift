/// The pressure of takers against what is usual: `flow_z_w` = (bought − sold in `(t−w, t]`)/σ_w, in standard deviations,
/// where σ_w is the root of the mean square of the signed volume of w whole seconds.
///
/// The mean runs over the sums of w seconds that end with each whole UTC second so far, and fades: from the 3,600th sum on,
/// a new one has a weight of 1/3600. A slow drift, small in any second, stands out over the longest window. Seconds
/// without trades count as 0; of a silence at most 3,600 of them. NaN before 60 sums and if all were 0. Exact sums,
/// O(windows) a second and a vector.
struct FlowScore: Measure {
    /// The second moment of one window's sums.
    private struct WindowMoments: Sendable {
        let seconds: Int
        var sum: Int128 = 0
        /// How many sums were seen, up to the memory.
        var count = 0
        var meanSquare = 0.0
    }

    let columns: [Column]
    /// Their places in `MarketState.trades`.
    private let windows: [Int]
    private let memory: Int
    private let minimum: Int
    /// Signed volumes of the last whole seconds, in quantity units.
    private var bars: RingBuffer<Int128>
    private var moments: [WindowMoments]
    /// The current second, and the signed volume in it so far; `nil` before the first event.
    private var second: Int64?
    /// Start of the next second.
    private var end = Timestamp(nanoseconds: .min)
    private var net: Int128 = 0
    /// The first second began at an unknown point, so it never counts.
    private var isPartial = true

    init(_ parameters: FeatureParameters) {
        let seconds = parameters.flowScoreWindowSeconds
        columns = seconds.map { seconds in
            Column(
                "flow_z_\(seconds)s", source: .trades, side: .signed, unit: .standardDeviations,
                meaning: "the signed trade volume over \(seconds) s against its own volatility")
        }
        windows = parameters.tradeWindows(of: seconds)
        memory = parameters.flowScoreMemorySeconds
        minimum = parameters.flowScoreMinimum
        bars = RingBuffer(limit: seconds[seconds.count - 1], filler: 0)
        moments = seconds.map { WindowMoments(seconds: $0) }
    }

    mutating func advance(_ market: borrowing MarketState) {
        guard market.now >= end else { return }
        let current = market.now.bucket(width: 1_000_000_000)
        let next = (current + 1).multipliedReportingOverflow(by: 1_000_000_000)
        end = Timestamp(nanoseconds: next.overflow ? .max : next.partialValue)
        guard let last = second else { return second = current }
        guard current > last else { return }
        if !isPartial { complete(net) }
        for _ in 0..<min(current - last - 1, Int64(memory)) { complete(0) }
        (second, net, isPartial) = (current, 0, false)
    }

    mutating func process(_ trade: Trade, _ market: borrowing MarketState) {
        let size = Int128(trade.quantity.mantissa)
        net += trade.aggressor == .buy ? size : -size
    }

    func write(_ market: borrowing MarketState, into row: inout FeatureRow) {
        for (index, window) in windows.enumerated() {
            let moments = moments[index]
            let isDefined = moments.count >= minimum && moments.meanSquare > 0
            let net = Double(rounding: market.trades[window].net)
            row.put(isDefined ? net / moments.meanSquare.squareRoot() : .nan)
        }
    }

    private mutating func complete(_ net: Int128) {
        for index in moments.indices {
            var window = moments[index]
            let isFull = bars.count >= window.seconds
            window.sum += net - (isFull ? bars[bars.count - window.seconds] : 0)
            if bars.count + 1 >= window.seconds {
                window.count = min(window.count + 1, memory)
                let sum = Double(rounding: window.sum)
                window.meanSquare += (sum * sum - window.meanSquare) / Double(window.count)
            }
            moments[index] = window
        }
        bars.append(net)
    }
}
