import Microstructure

/// One column watched by one detector: standardises, whitens, detects and weighs.
struct ColumnMonitor: Sendable, Codable {
    let name: DetectorName
    /// Index of the column in the current vectors.
    private(set) var column: Int
    /// A new book epoch resets it (`Column.Source`).
    let isBookBased: Bool
    /// A rise is buying pressure and a fall is selling pressure (`Column.Side`).
    let hasSide: Bool
    /// Unit of the column when first watched; `nil` in a checkpoint from before units were stored.
    private let unit: Column.Unit?
    /// Threshold that evidence reports, even if the ensemble and not the monitor decides.
    let threshold: Double
    /// `nil` in a profile without calibration.
    private let tail: TailTable?
    private var standardiser: Standardiser?
    private var whitener: Whitener
    /// Observations are limited to this magnitude; infinite for bursts, which look for outliers.
    private let clip: Double
    private var detector: WatchingDetector
    /// Statistics of both sides at the last vector, before any reset after an alarm.
    private(set) var upper = Double.nan
    private(set) var lower = Double.nan
    /// The alarm of the last vector.
    private(set) var alarm: Alarm?
    /// Time of the last observation at which each side was too small to count as evidence.
    private var upperQuiet: Timestamp?
    private var lowerQuiet: Timestamp?
    private var upperWeight = 0.0
    private var lowerWeight = 0.0

    /// - Parameter index: the index of `column` in the vectors.
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

    /// Whether the state learnt from the monitor's column is valid for `column` too.
    func fits(_ column: Column) -> Bool {
        column.name == name.feature && column.source.isResetByBookEpoch == isBookBased
            && (column.side == .signed) == hasSide && (unit == nil || column.unit == unit)
    }

    /// Changes the index of the column.
    mutating func move(to column: Int) { self.column = column }

    var isWarm: Bool { standardiser?.isWarm ?? true }
    /// Ratio of the last vector's alarm to the threshold; 0 without an alarm.
    var excess: Double { alarm.map { $0.statistic / threshold } ?? 0 }
    /// The larger of both statistics, negated if it is the lower side's; NaN before the first.
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

    /// Start of the current burst; `nil` without one, and for other detector kinds.
    var burstOnset: Timestamp? { detector.burstOnset }

    /// Forgets everything learnt from the series.
    mutating func reset() {
        standardiser?.reset()
        whitener.reset()
        forgetEvidence()
        (upper, lower) = (.nan, .nan)
    }

    /// Restarts the evidence, but keeps the moments learnt from the series.
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

    /// The monitor's weight for `side` (`up` or `down`).
    func weight(for side: Direction) -> Double {
        guard hasSide else { return max(upperWeight, lowerWeight) }
        return side == .up ? upperWeight : lowerWeight
    }

    /// Estimated start of the evidence for `side`; `nil` if no observation was without evidence.
    func onset(for side: Direction) -> Timestamp? {
        let isUpper = hasSide ? side == .up : upperWeight >= lowerWeight
        return isUpper ? upperQuiet : lowerQuiet
    }

    /// The monitor's evidence for `side` (`up` or `down`), as added to `score`; `nil` if none.
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
