import Microstructure

/// All detectors of one market: feature vectors in, signals out.
///
/// **Drift**: a CUSUM each on `imbalance_10`, `microprice_drift`, `spread_compression` and `trade_imbalance_1s`,
/// standardised online. One imbalance, since 5 and 10 levels share half their orders and would count the same
/// evidence twice; ten levels, since the touch is already in the microprice. The one-second trade imbalance, since
/// a longer window hands the same trades to more vectors, and CUSUM wants independent ones.
///
/// **Burst**: a threshold with hysteresis on `volume_z_{1,5,30}s` and on `realized_vol_{1,5,30}s`, the latter
/// standardised online.
///
/// An alarm makes a *candidate* of its type. Its score (`EnsembleScore`) adds up all detectors that agree, of either
/// type; it becomes a signal if the score exceeds the dynamic threshold (a quantile of the scores of the vectors
/// before) and the last signal of its type is at least a cooldown ago. An alarm that is held back is counted and
/// not revived.
///
/// Deterministic: signals are a function of the vectors alone. O(detectors + dynamic threshold window) a vector;
/// allocates only for a signal.
public struct DetectorBank: Sendable {
    public let venue: Venue
    public let symbol: String
    public let profile: Profile
    /// Score of the last valid vector, in [0, 1): that of the side for which more speaks.
    public private(set) var score = 0.0
    /// What the score of the next candidate must exceed, in [0, 1); 0 before the first valid vector.
    public private(set) var dynamicThreshold = 0.0

    private let columnCount: Int
    private var drifts: [DriftChannel] = []
    private var bursts: [BurstChannel] = []
    private var driftGate: SignalGate
    private var burstGate: SignalGate
    private var scores: RollingQuantile
    private var tally = DetectorCounts()
    private var bookEpoch: UInt64?

    private static let driftMetrics: [(metric: String, isBookBased: Bool, hasSide: Bool)] = [
        ("imbalance_10", true, true), ("microprice_drift", true, true), ("spread_compression", true, false),
        ("trade_imbalance_1s", false, true),
    ]
    private static let burstMetrics: [(metric: String, isStandardised: Bool)] = [
        ("volume_z_1s", true), ("volume_z_5s", true), ("volume_z_30s", true),
        ("realized_vol_1s", false), ("realized_vol_5s", false), ("realized_vol_30s", false),
    ]

    /// Throws where a parameter is out of its range, or where `schema` lacks a column that a detector watches.
    public init(
        venue: Venue, symbol: String, schema: FeatureSchema, profile: Profile = .classic
    ) throws(ProfileError) {
        try profile.validate()
        self.venue = venue
        self.symbol = symbol
        self.profile = profile
        columnCount = schema.names.count
        scores = RollingQuantile(window: profile.dynamicThresholdWindow)
        driftGate = SignalGate(type: .drift, cooldownSeconds: profile.cooldownSeconds)
        burstGate = SignalGate(type: .burst, cooldownSeconds: profile.cooldownSeconds)
        for (metric, isBookBased, hasSide) in Self.driftMetrics {
            drifts.append(
                DriftChannel(
                    column: try Self.column(metric, in: schema), metric: metric, isBookBased: isBookBased,
                    hasSide: hasSide, profile: profile))
        }
        for (metric, isStandardised) in Self.burstMetrics {
            bursts.append(
                BurstChannel(
                    column: try Self.column(metric, in: schema), metric: metric, isStandardised: isStandardised,
                    profile: profile))
        }
    }

    /// Takes one vector of the schema, in receive order, and appends at most one signal a type to `signals`.
    ///
    /// A vector that is not valid, or has another number of values than the schema, changes nothing but a count. NaN
    /// is ignored by the detector that watches it; an infinity is counted and then ignored likewise. A new book epoch
    /// makes the book-based detectors start again; the trade-based ones go on.
    /// - Parameter clockErrorNanoseconds: error bound of the clock behind the receive time, passed on to signals.
    public mutating func process(
        _ values: Span<Double>, header: FeatureHeader, clockErrorNanoseconds: Int64? = nil,
        into signals: inout [Signal]
    ) {
        tally.vectors += 1
        guard values.count == columnCount else {
            tally.ignoredMalformed += 1
            return
        }
        guard header.validity == .valid else {
            tally.ignoredInvalid += 1
            return
        }
        if let bookEpoch, bookEpoch != header.epoch { resetBookDetectors() }
        bookEpoch = header.epoch

        let time = header.times.receive
        var ensemble = EnsembleScore()
        let drift = detectDrift(values, at: time, into: &ensemble)
        let burst = detectBurst(values, at: time, into: &ensemble)
        score = ensemble.score(side: .none)

        if let drift, let alarm = drifts[drift].alarm {
            let direction = drifts[drift].hasSide ? alarm.direction : .none
            let score = ensemble.score(side: direction)
            if driftGate.admit(score: score, threshold: dynamicThreshold, at: time) {
                signals.append(
                    signal(
                        .drift, metric: drifts[drift].metric, direction: direction, ensemble: ensemble,
                        onset: alarm.onset, header: header, clockError: clockErrorNanoseconds))
            }
        }
        if let burst, burstGate.admit(score: score, threshold: dynamicThreshold, at: time) {
            signals.append(
                signal(
                    .burst, metric: bursts[burst].metric, direction: .none, ensemble: ensemble,
                    onset: bursts.lazy.compactMap(\.onset).min() ?? time, header: header,
                    clockError: clockErrorNanoseconds))
        }
        scores.insert(score)
        dynamicThreshold = scores.quantile(profile.dynamicThresholdQuantile)
    }

    /// Makes the book-based detectors start again: for a caller that knows of a break that the book epoch does not
    /// show, such as a restart of the producer.
    public mutating func resetBookDetectors() {
        for index in drifts.indices where drifts[index].isBookBased { drifts[index].reset() }
        tally.bookResets += 1
    }

    public var counts: DetectorCounts {
        var counts = tally
        counts.drift = driftGate.counts
        counts.burst = burstGate.counts
        return counts
    }

    /// Every detector's state, always in the same order. Allocates: for a dashboard, not for every vector.
    public var statistics: [DetectorStatistic] {
        drifts.map {
            DetectorStatistic(
                detector: DriftChannel.detector, metric: $0.metric, statistic: $0.isWarm ? $0.larger : .nan,
                threshold: $0.threshold)
        }
            + bursts.map {
                DetectorStatistic(
                    detector: BurstChannel.detector, metric: $0.metric, statistic: $0.excess, threshold: $0.threshold)
            }
    }

    /// The index of the alarm that lies furthest above the threshold, which all channels share.
    private mutating func detectDrift(
        _ values: Span<Double>, at time: Timestamp, into ensemble: inout EnsembleScore
    ) -> Int? {
        var leader: Int?
        var largest = 0.0
        for index in drifts.indices {
            drifts[index].process(usable(values[drifts[index].column]), at: time)
            drifts[index].add(to: &ensemble)
            guard let alarm = drifts[index].alarm else { continue }
            tally.alarms += 1
            if alarm.statistic > largest { (leader, largest) = (index, alarm.statistic) }
        }
        return leader
    }

    private mutating func detectBurst(
        _ values: Span<Double>, at time: Timestamp, into ensemble: inout EnsembleScore
    ) -> Int? {
        var leader: Int?
        var largest = 0.0
        for index in bursts.indices {
            bursts[index].process(usable(values[bursts[index].column]), at: time)
            bursts[index].add(to: &ensemble)
            guard let alarm = bursts[index].alarm else { continue }
            tally.alarms += 1
            if alarm.statistic > largest { (leader, largest) = (index, alarm.statistic) }
        }
        return leader
    }

    private mutating func usable(_ value: Double) -> Double {
        guard value.magnitude > Standardiser.magnitudeLimit else { return value }
        tally.infiniteValues += 1
        return .nan
    }

    private func signal(
        _ type: SignalType, metric: String, direction: Direction, ensemble: EnsembleScore, onset: Timestamp,
        header: FeatureHeader, clockError: Int64?
    ) -> Signal {
        let side = direction == .none ? ensemble.heavierSide : direction
        return Signal(
            id: Signal.makeID(detected: header.times.receive, symbol: symbol, type: type), venue: venue,
            symbol: symbol, type: type, metric: metric, direction: direction, score: ensemble.score(side: side),
            threshold: dynamicThreshold, probability: .nan, onset: onset, detected: header.times.receive,
            venueTime: header.times.venue,
            evidence: drifts.compactMap { $0.evidence(for: side, in: ensemble) }
                + bursts.compactMap { $0.evidence(for: side, in: ensemble) },
            validity: header.validity, clockErrorNanoseconds: clockError, bookEpoch: header.epoch)
    }

    private static func column(_ metric: String, in schema: FeatureSchema) throws(ProfileError) -> Int {
        guard let index = schema.index(of: metric) else { throw .missingColumn(metric) }
        return index
    }
}
