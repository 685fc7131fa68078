import Microstructure
import RealModule

/// How far each watched column has moved from its last minutes, over several horizons, in its own usual deviations.
///
/// A column's values of a second are averaged. Once a second and for each horizon h, the mean of the last h seconds is
/// compared with a *baseline*, the exponentially weighted mean of the seconds that are older than the longest horizon, so
/// that an event under way does not become its own baseline at once. How is the column's
/// `ShiftedColumn.Comparison`: by a difference, or by the logarithm of a ratio. The *shift* is the result in units of its
/// usual size, which follows its mean magnitude. What an event adds to baseline and unit is limited to three deviations.
///
/// A second without a value says nothing: it counts as the baseline. A silence of more than ten seconds empties the
/// horizons; a new book epoch empties those of the columns that it resets. Baselines and scales stay, since the market is
/// the same. Shifts are 0 until the panel is warm, and a column's until it has been compared for half the warm-up: its first
/// comparison comes when its first value leaves the longest horizon.
///
/// O(columns) a vector; O(columns · horizons) a second, amortised; no allocation.
struct ShiftPanel: Sendable, Codable {
    let horizons: [Int]
    private let comparisons: [ShiftedColumn.Comparison]
    private let isBookBased: [Bool]
    /// Weight of the newest second in a baseline, and of the newest comparison in a scale.
    private let baselineWeight: Double
    private let scaleWeight: Double
    private let warmUpSeconds: Int
    /// Indices of the columns in the current vectors.
    private var places: [Int]
    /// The second that is being averaged, in s since 1970; `nil` before the first vector.
    private var second: Int64?
    private var sums: [Double]
    private var counts: [Int]
    /// The last mean of each column of which the growth is taken; NaN if unknown.
    private var lastMeans: [Double]
    /// Means of the last seconds, second by second: a ring as long as the longest horizon. The baseline where a second said
    /// nothing, which is then not known.
    private var ring: [Double]
    private var isKnown: [Bool]
    private var next = 0
    /// Sums of the ring over each horizon, horizon by horizon.
    private var horizonSums: [Double]
    private var baselines: [Double]
    private var variances: [Double]
    /// Seconds that each baseline has seen.
    private var ages: [Int]
    /// Column by column, a value a horizon.
    private var scales: [Double]
    /// Comparisons that each column's scales have seen.
    private var scaleAges: [Int]
    /// The shifts after the last whole second, column by column, a value a horizon.
    private(set) var shifts: [Double]
    /// What the shifts are in the columns' own units: differences, or logarithms of ratios.
    private(set) var excesses: [Double]

    /// Seconds before and after 1970 that a time in nanoseconds can reach.
    private static let secondLimit = Int64.max / 1_000_000_000 + 1
    /// Seconds of silence that are bridged. A clock that steps back counts as a longer silence.
    static let bridgedSeconds: Int64 = 10
    /// Deviations to which a second and a comparison are limited before they enter baseline and scale.
    private static let limit = 3.0
    /// Mean magnitude of a normal variable of deviation 1 is √(2/π).
    private static let deviationsPerMagnitude = (Double.pi / 2).squareRoot()
    /// Seconds that are taken as they are, before there is a deviation to limit them to.
    private static let unlimitedSeconds = 60

    init(_ watch: EventWatch, places: [Int], isBookBased: [Bool]) {
        horizons = watch.horizonSeconds
        comparisons = watch.columns.map(\.comparison)
        self.places = places
        self.isBookBased = isBookBased
        baselineWeight = 1 - Double.exp2(-1 / watch.baselineHalfLifeSeconds)
        scaleWeight = 1 - Double.exp2(-1 / watch.scaleHalfLifeSeconds)
        warmUpSeconds = watch.warmUpSeconds
        let count = places.count
        let longest = horizons[horizons.count - 1]
        sums = Array(repeating: 0, count: count)
        counts = Array(repeating: 0, count: count)
        lastMeans = Array(repeating: .nan, count: count)
        ring = Array(repeating: 0, count: count * longest)
        isKnown = Array(repeating: false, count: count * longest)
        horizonSums = Array(repeating: 0, count: count * horizons.count)
        baselines = Array(repeating: 0, count: count)
        variances = Array(repeating: 0, count: count)
        ages = Array(repeating: 0, count: count)
        scales = Array(repeating: 0, count: count * horizons.count)
        scaleAges = Array(repeating: 0, count: count)
        shifts = Array(repeating: 0, count: count * horizons.count)
        excesses = shifts
    }

    /// Whole seconds seen.
    private(set) var age = 0
    var isWarm: Bool { age >= warmUpSeconds }

    /// Whether the state, which may come from a damaged file, is one of this watch on vectors of `width` columns.
    func fits(_ watch: EventWatch, width: Int) -> Bool {
        let counters = counts + ages + scaleAges + [age]
        guard counters.allSatisfy({ (0...1 << 53).contains($0) }), places.allSatisfy({ (0..<width).contains($0) }),
            second.map({ (-Self.secondLimit...Self.secondLimit).contains($0) }) ?? true
        else { return false }
        let (count, longest) = (watch.columns.count, watch.horizonSeconds.last ?? 0)
        let wide = count * watch.horizonSeconds.count
        return horizons == watch.horizonSeconds && comparisons == watch.columns.map(\.comparison)
            && [
                places.count, isBookBased.count, sums.count, counts.count, lastMeans.count, baselines.count,
                variances.count, ages.count, scaleAges.count,
            ].allSatisfy { $0 == count }
            && ring.count == count * longest && isKnown.count == ring.count && (0..<max(1, longest)).contains(next)
            && [scales.count, shifts.count, excesses.count, horizonSums.count].allSatisfy { $0 == wide }
    }

    mutating func move(to places: [Int]) { self.places = places }

    /// Takes one valid vector. Returns whether it completed a second, so that the shifts are new.
    mutating func process(_ values: Span<Double>, at time: Timestamp) -> Bool {
        let now = time.bucket(width: 1_000_000_000)
        var isComplete = false
        if let second, now != second {
            isComplete = true
            close()
            let silent = now - second - 1
            if silent > Self.bridgedSeconds || silent < 0 {
                empty(onlyBook: false)
            } else {
                for _ in 0..<silent { close() }
            }
            compare()
        }
        second = now
        for column in places.indices {
            let value = values[places[column]]
            // A value that no market has (`Standardiser.magnitudeLimit`) is none.
            guard value.magnitude <= Standardiser.magnitudeLimit else { continue }
            sums[column] += value
            counts[column] += 1
        }
        return isComplete
    }

    /// A new book epoch begins.
    mutating func resetBook() { empty(onlyBook: true) }

    private mutating func empty(onlyBook: Bool) {
        let count = places.count
        for column in places.indices where isBookBased[column] || !onlyBook {
            for place in stride(from: column, to: ring.count, by: count) {
                (ring[place], isKnown[place]) = (baselines[column], false)
            }
            (sums[column], counts[column], lastMeans[column]) = (0, 0, .nan)
        }
        sumAnew()
    }

    /// The second under way ends.
    private mutating func close() {
        age += 1
        let count = places.count
        let row = next * count
        for column in places.indices {
            // What leaves the longest horizon enters the baseline.
            if isKnown[row + column] { learn(ring[row + column], column) }
            var value = counts[column] > 0 ? sums[column] / Double(counts[column]) : .nan
            if comparisons[column] == .growth, !value.isNaN {
                let last = lastMeans[column]
                lastMeans[column] = value
                value = last > 0 && value > 0 ? 1e4 * Double.log(value / last) : .nan
            }
            // The first value is the baseline until older ones are there.
            if ages[column] == 0, !value.isNaN { baselines[column] = value }
            sums[column] = value.isNaN ? baselines[column] : value
            isKnown[row + column] = !value.isNaN
            counts[column] = 0
        }
        slide(row)
        next = next + 1 == longest ? 0 : next + 1
        // Rounding errors do not outlive the ring.
        if next == 0 { sumAnew() }
    }

    private var longest: Int { horizons[horizons.count - 1] }

    /// Moves every horizon by the second in `sums`, puts that into the ring, and empties `sums`.
    private mutating func slide(_ row: Int) {
        let count = places.count
        let longest = longest
        for (rank, horizon) in horizons.enumerated() {
            let old = (next >= horizon ? next - horizon : next - horizon + longest) * count
            for column in 0..<count { horizonSums[rank * count + column] += sums[column] - ring[old + column] }
        }
        for column in 0..<count {
            ring[row + column] = sums[column]
            sums[column] = 0
        }
    }

    private mutating func sumAnew() {
        let count = places.count
        for (rank, horizon) in horizons.enumerated() {
            for column in 0..<count { horizonSums[rank * count + column] = 0 }
            for back in 1...horizon {
                let row = (next >= back ? next - back : next - back + longest) * count
                for column in 0..<count { horizonSums[rank * count + column] += ring[row + column] }
            }
        }
    }

    private mutating func learn(_ value: Double, _ column: Int) {
        ages[column] += 1
        let weight = max(baselineWeight, 1 / Double(ages[column]))
        var step = value - baselines[column]
        let limit = Self.limit * variances[column].squareRoot()
        // A column that has never moved sets no limit: it would stay where it is for ever.
        if ages[column] > Self.unlimitedSeconds, limit > 0 { step = min(max(step, -limit), limit) }
        baselines[column] += weight * step
        variances[column] += weight * (step * step - variances[column])
    }

    /// Compares the horizons with the baselines.
    private mutating func compare() {
        let count = places.count
        // A horizon that is not filled yet, or a baseline of nothing, would make too small a unit.
        for column in places.indices where ages[column] > 0 {
            let baseline = baselines[column]
            scaleAges[column] += 1
            let isWarm = isWarm && scaleAges[column] >= warmUpSeconds / 2
            let weight = max(scaleWeight, 1 / Double(scaleAges[column]))
            for (rank, horizon) in horizons.enumerated() {
                let place = column * horizons.count + rank
                let mean = horizonSums[rank * count + column] / Double(horizon)
                let y = comparisons[column].value(of: mean, against: baseline)
                let scale = scales[place]
                var magnitude = y.magnitude
                if isWarm, scale > 0 {
                    shifts[place] = y / scale
                    magnitude = min(magnitude, Self.limit * scale)
                } else {
                    shifts[place] = 0
                }
                excesses[place] = y
                // The first comparison that is not 0 is the unit until more have come.
                scales[place] += (scale > 0 ? weight : 1) * (magnitude * Self.deviationsPerMagnitude - scale)
            }
        }
    }
}

extension ShiftedColumn.Comparison {
    /// Share of the baseline that is added to both sides of a ratio, so that nothing against little is no infinity.
    private static let floor = 0.1

    /// The mean as a multiple of the baseline; `nil` where no ratio is meant.
    func factor(of excess: Double) -> Double? {
        self == .ratio ? max(0, (1 + Self.floor) * Double.exp(excess) - Self.floor) : nil
    }

    @inline(__always)
    func value(of mean: Double, against baseline: Double) -> Double {
        switch self {
        case .difference, .growth: return mean - baseline
        case .ratio:
            let (mean, baseline) = (max(0, mean), max(0, baseline))
            let floor = Self.floor * baseline
            return baseline > 0 ? Double.log((mean + floor) / (baseline + floor)) : 0
        }
    }
}
