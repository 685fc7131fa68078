import Microstructure

/// One column watched by one detector: standardised, whitened, judged, weighed.
struct ColumnMonitor: Sendable, Codable {
    let name: DetectorName
    /// Where the column lies in the vectors that come now.
    private(set) var column: Int
    /// A new book epoch resets it (`Column.Source`).
    let isBookBased: Bool
    /// A rise is buying pressure and a fall is selling pressure (`Column.Side`).
    let hasSide: Bool
    /// What the column was in when it was first watched; `nil` in a checkpoint from before units were kept.
    private let unit: Column.Unit?
    /// What the evidence compares with, also where the ensemble and not the monitor decides.
    let threshold: Double
    /// `nil` in a profile without calibration.
    private let tail: TailTable?
    private var standardiser: Standardiser?
    private var whitener: Whitener
    /// Observations beyond it count as it; infinite for bursts, which are about outliers.
    private let clip: Double
    private var detector: WatchingDetector
    /// Statistics of both sides at the last vector, before the reset that follows an alarm.
    private(set) var upper = Double.nan
    private(set) var lower = Double.nan
    /// The alarm of the last vector.
    private(set) var alarm: Alarm?
    /// Last observation at which each side was below what counts as evidence.
    private var upperQuiet: Timestamp?
    private var lowerQuiet: Timestamp?
    private var upperWeight = 0.0
    private var lowerWeight = 0.0

    /// - Parameter index: the place of `column` in the vectors.
    init(
        _ specification: DetectorSpecification, of column: Column, at index: Int, detector: WatchingDetector,
        threshold: Double, standardiser: Standardiser?, whitener: Whitener, clip: Double
    ) {
        name = specification.name
        self.column = index
        isBookBased = column.source.isResetByBookEpoch
        hasSide = column.side == .signed
        unit = column.unit
        self.threshold = threshold
        tail = specification.tail
        self.standardiser = standardiser
        self.whitener = whitener
        self.clip = clip
        self.detector = detector
    }

    /// Whether what was learnt of the column that the monitor has watched holds for `column` too.
    func fits(_ column: Column) -> Bool {
        column.name == name.feature && column.source.isResetByBookEpoch == isBookBased
            && (column.side == .signed) == hasSide && (unit == nil || column.unit == unit)
    }

    /// The column lies there from now on.
    mutating func move(to column: Int) { self.column = column }

    var isWarm: Bool { standardiser?.isWarm ?? true }
    /// How far the alarm of the last vector lies above the threshold, as a ratio; 0 without one.
    var excess: Double { alarm.map { $0.statistic / threshold } ?? 0 }
    /// The larger of both statistics, negative where that is the lower one; NaN before the first.
    var larger: Double { lower > upper ? -lower : upper }

    mutating func process(_ value: Double, at time: Timestamp) {
        var z = whitener.process(standardiser?.process(value) ?? value)
        if z.magnitude > clip { z = z < 0 ? -clip : clip }
        alarm = detector.process(z, at: time, upper: &upper, lower: &lower)
        if let alarm {
            if alarm.direction == .down { lower = alarm.statistic } else { upper = alarm.statistic }
        }
        upperWeight = weight(of: upper)
        lowerWeight = weight(of: lower)
        if upperWeight == 0 { upperQuiet = time }
        if lowerWeight == 0 { lowerQuiet = time }
    }

    /// Since when the burst lasts; `nil` while there is none, and for other kinds.
    var burstOnset: Timestamp? { detector.burstOnset }

    /// Forgets what was learnt of the series.
    mutating func reset() {
        standardiser?.reset()
        whitener.reset()
        forgetEvidence()
        (upper, lower) = (.nan, .nan)
    }

    /// Begins to gather evidence anew, from what was learnt of the series.
    mutating func forgetEvidence() {
        detector.reset()
        alarm = nil
        (upperWeight, lowerWeight) = (0, 0)
        (upperQuiet, lowerQuiet) = (nil, nil)
    }

    func add(to score: inout EnsembleScore) {
        if hasSide {
            score.add(weight: upperWeight, side: .up)
            score.add(weight: lowerWeight, side: .down)
        } else {
            score.add(weight: max(upperWeight, lowerWeight), side: .unsided)
        }
    }

    /// What the monitor weighs for `side` (`up` or `down`).
    func weight(for side: Direction) -> Double {
        guard hasSide else { return max(upperWeight, lowerWeight) }
        return side == .up ? upperWeight : lowerWeight
    }

    /// Where the evidence for `side` is estimated to have begun; `nil` where there never was an observation without any.
    func onset(for side: Direction) -> Timestamp? {
        let isUpper = hasSide ? side == .up : upperWeight >= lowerWeight
        return isUpper ? upperQuiet : lowerQuiet
    }

    /// What the monitor says for `side` (`up` or `down`), as it was added to `score`; `nil` if nothing.
    func evidence(for side: Direction, in score: EnsembleScore) -> Evidence? {
        let weight = weight(for: side)
        guard weight > 0 else { return nil }
        let statistic = hasSide ? (side == .up ? upper : -lower) : larger
        return Evidence(
            detector: name.kind.rawValue, feature: name.feature, statistic: statistic, threshold: threshold,
            share: score.share(of: weight, side: side))
    }

    var statistic: DetectorStatistic {
        DetectorStatistic(
            detector: name.kind.rawValue, feature: name.feature, statistic: isWarm ? larger : .nan, threshold: threshold
        )
    }

    private func weight(of statistic: Double) -> Double {
        guard let tail else { return EnsembleScore.weight(of: statistic, threshold: threshold) }
        let nats = tail.nats(at: statistic)
        return nats >= EnsembleScore.leastNats ? nats : 0
    }
}
