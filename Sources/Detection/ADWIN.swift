public import Microstructure
import RealModule

/// ADWIN: a window that grows while its observations may share one mean, and drops its oldest part when they cannot.
///
/// The window of n observations is kept as buckets of 1, 2, 4, … observations, at most `bucketsPerSize` of each size.
/// At each border between buckets the means of the older part (n₀) and of the newer part (n₁) are compared with
/// `ε = √(2σ²L/m) + 2L/(3m)`, `1/m = 1/n₀ + 1/n₁`, `L = ln(2·ln n/δ)`, σ² the variance of the window. If one difference
/// exceeds its ε, ADWIN alarms and drops the oldest buckets until none does. It continues with the rest, without a
/// warm-up.
///
/// The statistic is the largest |difference|/ε, so the threshold is 1. The second term of ε comes from Bernstein's
/// inequality for observations in an interval of length 1. Standardised observations are unbounded, so δ is a setting
/// and not a guarantee. At `windowLimit` observations the oldest bucket is dropped. O(buckets) = O(log n) an
/// observation; allocates only when made or decoded.
/// Source: Bifet, Gavaldà (2007), Learning from time-changing data with adaptive windowing, SIAM SDM.
public struct ADWIN: ChangeDetector {
    /// δ, in (0, 1).
    public let delta: Double
    /// Fewest observations in each part for a comparison; at least 1.
    public let minimumSide: Int
    /// M, at least 1.
    public let bucketsPerSize: Int
    /// Most observations kept; at least 2.
    public let windowLimit: Int
    public private(set) var upper = 0.0
    public private(set) var lower = 0.0
    public var threshold: Double { 1 }

    /// Oldest, and therefore largest, bucket first.
    private var buckets: [Bucket]

    private struct Bucket: Sendable, Codable {
        var sum: Moments
        /// Time of the bucket's first observation.
        var start: Timestamp
    }

    /// Count, mean and sum of squared deviations of some observations.
    private struct Moments: Sendable, Codable {
        var count = 0.0
        var mean = 0.0
        var squares = 0.0

        /// Source: Chan, Golub, LeVeque (1983), The American Statistician 37.
        mutating func merge(_ other: Moments) {
            let total = count + other.count
            let difference = other.mean - mean
            squares += other.squares + difference * difference * count * other.count / total
            mean += difference * other.count / total
            count = total
        }
    }

    /// Requires the ranges given at the properties.
    public init(delta: Double = 0.002, minimumSide: Int = 5, bucketsPerSize: Int = 5, windowLimit: Int = 1 << 20) {
        precondition(delta > 0 && delta < 1 && minimumSide >= 1 && bucketsPerSize >= 1 && windowLimit >= 2)
        self.delta = delta
        self.minimumSide = minimumSide
        self.bucketsPerSize = bucketsPerSize
        self.windowLimit = windowLimit
        buckets = []
        reserve()
    }

    /// Observations in the window.
    public var count: Int { Int(window.count) }
    /// Mean of the window's observations; 0 if empty.
    public var mean: Double { window.mean }

    /// The onset of an alarm is the time of the first observation after the border at which the parts differ most.
    public mutating func process(_ z: Double, at time: Timestamp) -> Alarm? {
        guard z.magnitude <= Standardiser.magnitudeLimit else { return nil }
        buckets.append(Bucket(sum: Moments(count: 1, mean: z), start: time))
        compress()
        var whole = window
        if whole.count > Double(windowLimit) {
            buckets.removeFirst()
            whole = window
        }
        let border = compareParts(of: whole)
        guard larger > threshold else { return nil }
        let alarm = Alarm(
            direction: upper >= lower ? .up : .down, statistic: larger, onset: buckets[border].start)
        repeat {
            buckets.removeFirst()
            compareParts(of: window)
        } while larger > threshold
        return alarm
    }

    public mutating func reset() {
        buckets.removeAll(keepingCapacity: true)
        (upper, lower) = (0, 0)
    }

    private var window: Moments {
        var whole = Moments()
        for bucket in buckets { whole.merge(bucket.sum) }
        return whole
    }

    /// Merges the two oldest buckets of each size that has one too many, the smallest size first.
    private mutating func compress() {
        var end = buckets.count
        while end > bucketsPerSize {
            let size = buckets[end - 1].sum.count
            let oldest = end - bucketsPerSize - 1
            guard buckets[oldest].sum.count == size else { return }
            buckets[oldest].sum.merge(buckets[oldest + 1].sum)
            buckets.remove(at: oldest + 1)
            end = oldest + 1
        }
    }

    /// Sets both sides to their largest difference relative to its bound; returns where the newer part starts for the
    /// larger side.
    @discardableResult
    private mutating func compareParts(of whole: Moments) -> Int {
        (upper, lower) = (0, 0)
        var border = 0
        let smallest = Double(minimumSide)
        guard whole.count >= 2 * smallest, whole.count > 1 else { return border }
        let confidence = Double.log(2 * Double.log(whole.count) / delta)
        guard confidence > 0 else { return border }
        let spread = 2 * whole.squares / whole.count * confidence
        var older = Moments()
        for index in buckets.indices {
            older.merge(buckets[index].sum)
            let newerCount = whole.count - older.count
            guard newerCount >= smallest else { break }
            guard older.count >= smallest else { continue }
            // n·mean = n₀·mean₀ + n₁·mean₁, so the newer mean lies (mean − mean₀)·n/n₁ from the older one.
            let difference = (whole.mean - older.mean) * whole.count / newerCount
            let inverse = 1 / older.count + 1 / newerCount
            let ratio = difference / ((spread * inverse).squareRoot() + 2.0 / 3 * confidence * inverse)
            if ratio.magnitude > larger { border = index + 1 }
            if ratio > 0 { upper = max(upper, ratio) } else { lower = max(lower, -ratio) }
        }
        return border
    }

    /// Reserves room for every size up to the limit: M buckets of each, plus one during compression.
    private mutating func reserve() {
        let sizes = windowLimit.bitWidth - windowLimit.leadingZeroBitCount
        buckets.reserveCapacity((sizes + 1) * bucketsPerSize + 2)
    }
}

extension ADWIN {
    private enum CodingKeys: String, CodingKey {
        case delta, minimumSide, bucketsPerSize, windowLimit, upper, lower, buckets
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        delta = try container.decode(Double.self, forKey: .delta)
        minimumSide = try container.decode(Int.self, forKey: .minimumSide)
        bucketsPerSize = try container.decode(Int.self, forKey: .bucketsPerSize)
        windowLimit = try container.decode(Int.self, forKey: .windowLimit)
        upper = try container.decode(Double.self, forKey: .upper)
        lower = try container.decode(Double.self, forKey: .lower)
        buckets = try container.decode([Bucket].self, forKey: .buckets)
        reserve()
    }
}
