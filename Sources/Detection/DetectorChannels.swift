import Microstructure

/// One measure watched for drift: standardised, then summed by a CUSUM.
struct DriftChannel: Sendable {
    static let detector = "cusum"

    let column: Int
    let metric: String
    /// It looks back at the book, so that a new book epoch resets it.
    let isBookBased: Bool
    /// A rise is buying pressure and a fall is selling pressure.
    let hasSide: Bool
    private var standardiser: Standardiser
    private var cusum: CUSUM
    /// Statistics of both sides at the last vector, before the reset that follows an alarm.
    private(set) var upper = 0.0
    private(set) var lower = 0.0
    /// The alarm of the last vector.
    private(set) var alarm: Alarm?

    init(column: Int, metric: String, isBookBased: Bool, hasSide: Bool, profile: Profile) {
        self.column = column
        self.metric = metric
        self.isBookBased = isBookBased
        self.hasSide = hasSide
        standardiser = Standardiser(profile: profile)
        cusum = CUSUM(drift: profile.cusumDrift, threshold: profile.driftThreshold)
    }

    var threshold: Double { cusum.threshold }
    var isWarm: Bool { standardiser.isWarm }

    mutating func process(_ value: Double, at time: Timestamp) {
        alarm = cusum.process(standardiser.process(value), at: time)
        (upper, lower) = (cusum.upper, cusum.lower)
        if let alarm {
            if alarm.direction == .up { upper = alarm.statistic } else { lower = alarm.statistic }
        }
    }

    mutating func reset() {
        standardiser.reset()
        cusum.reset()
        (upper, lower) = (0, 0)
        alarm = nil
    }

    func add(to score: inout EnsembleScore) {
        let (rise, fall) = (weight(of: upper), weight(of: lower))
        if hasSide {
            score.add(weight: rise, side: .up)
            score.add(weight: fall, side: .down)
        } else {
            score.add(weight: max(rise, fall), side: .none)
        }
    }

    /// What the channel says for `side` (`up` or `down`), as it was added to `score`; `nil` if nothing.
    func evidence(for side: Direction, in score: EnsembleScore) -> Evidence? {
        let statistic = hasSide ? (side == .up ? upper : -lower) : larger
        let weight = weight(of: statistic.magnitude)
        guard weight > 0 else { return nil }
        return Evidence(
            detector: Self.detector, metric: metric, statistic: statistic, threshold: threshold,
            share: score.share(of: weight, side: side))
    }

    /// The larger of both statistics, negative where that is the lower one.
    var larger: Double { upper >= lower ? upper : -lower }

    private func weight(of statistic: Double) -> Double {
        EnsembleScore.weight(of: statistic, threshold: threshold)
    }
}

/// One measure watched for bursts; measures that are no z-scores yet are standardised first.
struct BurstChannel: Sendable {
    static let detector = "burst"

    let column: Int
    let metric: String
    private var standardiser: Standardiser?
    private var burst: Burst
    /// Input of the last vector in standard deviations; NaN where undefined.
    private(set) var excess = Double.nan
    /// The alarm of the last vector.
    private(set) var alarm: Alarm?

    init(column: Int, metric: String, isStandardised: Bool, profile: Profile) {
        self.column = column
        self.metric = metric
        standardiser = isStandardised ? nil : Standardiser(profile: profile)
        burst = Burst(threshold: profile.burstThreshold, rearmFraction: profile.burstRearmFraction)
    }

    var threshold: Double { burst.threshold }
    /// Since when the burst lasts; `nil` while there is none.
    var onset: Timestamp? { burst.onset }

    mutating func process(_ value: Double, at time: Timestamp) {
        excess = standardiser?.process(value) ?? value
        alarm = burst.process(excess, at: time)
    }

    func add(to score: inout EnsembleScore) {
        score.add(weight: EnsembleScore.weight(of: excess, threshold: threshold), side: .none)
    }

    /// What the channel says, as it was added to `score`; `nil` if nothing.
    func evidence(for side: Direction, in score: EnsembleScore) -> Evidence? {
        let weight = EnsembleScore.weight(of: excess, threshold: threshold)
        guard weight > 0 else { return nil }
        return Evidence(
            detector: Self.detector, metric: metric, statistic: excess, threshold: threshold,
            share: score.share(of: weight, side: side))
    }
}

extension Standardiser {
    fileprivate init(profile: Profile) {
        self.init(
            halfLifeObservations: profile.standardiserHalfLifeObservations,
            warmUpObservations: profile.standardiserWarmUpObservations)
    }
}
