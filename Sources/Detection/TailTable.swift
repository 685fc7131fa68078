import RealModule

/// How surprising a statistic is under normal behaviour: `−ln P(X > x)` in nats, learnt from a sample.
///
/// Between knots it is linear in x, which is exact for an exponential tail. Beyond the last knot the slope of the last
/// decade continues, since a CUSUM's statistic, a reflected random walk, has an exponential tail. Below the first knot,
/// the median, the surprise is 0. O(log knots), no allocation.
/// Source: Asmussen (2003), Applied Probability and Queues, chapter XIII (Cramér–Lundberg).
public struct TailTable: Sendable, Hashable, Codable {
    /// Values of the statistic, ascending.
    public let values: [Double]
    /// `−ln P(X > value)`, ascending, in nats.
    public let nats: [Double]

    /// Largest surprise of any statistic: a probability of 1e-130.
    public static let natsLimit = 300.0
    /// Most knots of a table.
    public static let knotLimit = 256

    /// `nil` if the knots are not finite, not ascending, fewer than two or more than `knotLimit`.
    public init?(values: [Double], nats: [Double]) {
        guard values.count == nats.count, (2...Self.knotLimit).contains(values.count),
            (values + nats).allSatisfy(\.isFinite), nats[0] >= 0,
            zip(values, values.dropFirst()).allSatisfy(<), zip(nats, nats.dropFirst()).allSatisfy(<)
        else { return nil }
        self.values = values
        self.nats = nats
    }

    /// Rejects knots that `init(values:nats:)` rejects.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let values = try container.decode([Double].self, forKey: .values)
        let nats = try container.decode([Double].self, forKey: .nats)
        guard let table = TailTable(values: values, nats: nats) else {
            throw DecodingError.dataCorruptedError(
                forKey: .values, in: container,
                debugDescription: "values and nats of a tail must ascend, 2 to \(Self.knotLimit) of each")
        }
        self = table
    }

    /// Learns the tail of `sample` (any order; NaN ignored): knots at equal steps of probability from the median on, as
    /// long as `smallestTail` values lie beyond. `nil` if the sample has fewer than two different knots, as for a
    /// constant. O(n log n).
    public init?(sample: [Double], smallestTail: Int = 10, knotsPerDecade: Int = 10) {
        let sorted = sample.filter { !$0.isNaN }.sorted()
        var values: [Double] = []
        var nats: [Double] = []
        var beyond = Double(sorted.count) / 2
        let step = Double.exp10(-1 / Double(knotsPerDecade))
        while beyond >= Double(smallestTail) {
            let value = sorted[sorted.count - 1 - Int(beyond)]
            // Among equal values keep the last: its tail counts only strictly larger values.
            if let last = values.last, value <= last {
                values.removeLast()
                nats.removeLast()
            }
            values.append(value)
            nats.append(-Double.log(beyond / Double(sorted.count)))
            beyond *= step
        }
        self.init(values: values, nats: nats)
    }

    /// Nats of surprise at `x`, 0 to `natsLimit`; 0 for NaN.
    public func nats(at x: Double) -> Double {
        guard x > values[0] else { return 0 }
        let last = values.count - 1
        guard x < values[last] else { return min(Self.natsLimit, nats[last] + (x - values[last]) * lastSlope) }
        var (low, high) = (0, last)
        while high - low > 1 {
            let middle = (low + high) / 2
            if values[middle] <= x { low = middle } else { high = middle }
        }
        let share = (x - values[low]) / (values[high] - values[low])
        return nats[low] + share * (nats[high] - nats[low])
    }

    /// The statistic at which the surprise is `nats`: the inverse of `nats(at:)` from the first knot on.
    public func value(atNats target: Double) -> Double {
        let last = values.count - 1
        guard target < nats[last] else { return values[last] + (target - nats[last]) / lastSlope }
        guard target > nats[0] else { return values[0] }
        var index = 1
        while nats[index] < target { index += 1 }
        let share = (target - nats[index - 1]) / (nats[index] - nats[index - 1])
        return values[index - 1] + share * (values[index] - values[index - 1])
    }

    /// A factor of ten in probability, with room for rounding.
    private static let decade = 2.31

    /// Slope over the last decade, in nats a unit of x.
    private var lastSlope: Double {
        let last = values.count - 1
        var first = last - 1
        while first > 0, nats[last] - nats[first - 1] < Self.decade { first -= 1 }
        return (nats[last] - nats[first]) / (values[last] - values[first])
    }
}
