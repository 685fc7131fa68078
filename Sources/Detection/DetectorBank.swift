public import Microstructure
import RealModule

/// All detectors of one market: feature vectors in, signals out.
///
/// Every detector of the profile watches one column (`DetectorSpecification`), its events are looked for in many columns
/// together (`EventWatch`), and the evidence of all is added up
/// (`EnsembleScore`). The profile sets the rule that turns evidence into a signal:
///
/// - **Thresholds** (the classic profile): a detector that crosses its own threshold makes a *candidate* of its type.
///   It becomes a signal if the score of all that agree, of any type, exceeds the dynamic threshold (a quantile of the
///   scores of the vectors before) and the last signal of its type is at least a cooldown ago.
/// - **Budget** (a calibrated profile): the summed evidence in nats of all agreeing detectors must exceed a threshold
///   controlled to the requested signal rate (`BudgetThreshold`). The heaviest detector gives the type. One episode is
///   one signal: before the next, evidence must fall below a part of the threshold, and the drift detectors restart.
///
/// A candidate that is held back is counted and never published later. Deterministic: signals depend on the vectors
/// alone. O(detectors + dynamic threshold window) a vector; allocates only for a signal. `Codable`: a decoded bank
/// continues bit for bit where the encoded one stopped.
public struct DetectorBank: Sendable, Codable {
    public let venue: Venue
    public let symbol: String
    public let profile: Profile
    /// Score of the last valid vector, in [0, 1), for the side with more evidence.
    public private(set) var score = 0.0
    /// The score that the next candidate must exceed, in [0, 1); 0 in a classic profile before the first valid vector.
    public private(set) var dynamicThreshold = 0.0
    /// Evidence behind `score`: nats with a budget, squared ratios without.
    public private(set) var evidence = 0.0
    /// Id of the schema of the last `bind`.
    public private(set) var schemaID: UInt64

    /// With a budget: the evidence has exceeded the threshold and not yet fallen back. The episode's signal was
    /// published or held back by a cooldown; no other follows before the episode ends.
    public var isInEpisode: Bool { budgetThreshold != nil && !isArmed }

    /// The used part of the day's budget (`BudgetThreshold.use`); `nil` without a budget.
    public var budgetUse: Double? { budgetThreshold?.use }

    private var columnCount: Int
    private let scale: Double
    private var monitors: [ColumnMonitor] = []
    private var events: EventDetector?
    private var driftGate: SignalGate
    private var burstGate: SignalGate
    private var regimeGate: SignalGate
    private var scores: RollingQuantile
    private var budgetThreshold: BudgetThreshold?
    private var isArmed = true
    private var tally = DetectorCounts()
    private var bookEpoch: UInt64?

    /// The members' keys in checkpoints, independent of later property renames.
    private enum CodingKeys: String, CodingKey {
        case venue, symbol, profile, score, dynamicThreshold, evidence, schemaID, columnCount, scale
        case monitors = "channels"
        case driftGate, burstGate, regimeGate, scores, budgetThreshold, isArmed, tally, bookEpoch, events
    }

    /// Goes on from a checkpoint. Throws if it is damaged.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        venue = try container.decode(Venue.self, forKey: .venue)
        symbol = try container.decode(String.self, forKey: .symbol)
        profile = try container.decode(Profile.self, forKey: .profile)
        score = try container.decode(Double.self, forKey: .score)
        dynamicThreshold = try container.decode(Double.self, forKey: .dynamicThreshold)
        evidence = try container.decode(Double.self, forKey: .evidence)
        schemaID = try container.decode(UInt64.self, forKey: .schemaID)
        columnCount = try container.decode(Int.self, forKey: .columnCount)
        scale = try container.decode(Double.self, forKey: .scale)
        monitors = try container.decode([ColumnMonitor].self, forKey: .monitors)
        driftGate = try container.decode(SignalGate.self, forKey: .driftGate)
        burstGate = try container.decode(SignalGate.self, forKey: .burstGate)
        regimeGate = try container.decode(SignalGate.self, forKey: .regimeGate)
        scores = try container.decode(RollingQuantile.self, forKey: .scores)
        budgetThreshold = try container.decodeIfPresent(BudgetThreshold.self, forKey: .budgetThreshold)
        isArmed = try container.decode(Bool.self, forKey: .isArmed)
        tally = try container.decode(DetectorCounts.self, forKey: .tally)
        bookEpoch = try container.decodeIfPresent(UInt64.self, forKey: .bookEpoch)
        try profile.validate()
        guard let watch = profile.events else { return }
        let state = try container.decode(EventDetector.State.self, forKey: .events)
        events = EventDetector(watch, restoring: state, width: columnCount)
        guard events != nil else {
            throw DecodingError.dataCorruptedError(
                forKey: .events, in: container, debugDescription: "the events' state does not fit the profile")
        }
    }

    /// Throws if a parameter is out of its range, or if `schema` lacks a column that a detector watches.
    public init(
        venue: Venue, symbol: String, schema: FeatureSchema, profile: Profile = .classic
    ) throws(ProfileError) {
        try profile.validate()
        self.venue = venue
        self.symbol = symbol
        self.profile = profile
        schemaID = schema.id
        columnCount = schema.columns.count
        scale = profile.budget?.evidenceThreshold ?? 1
        scores = RollingQuantile(window: profile.dynamicThresholdWindow)
        driftGate = SignalGate(type: .drift, cooldownSeconds: profile.cooldownSeconds)
        burstGate = SignalGate(type: .burst, cooldownSeconds: profile.cooldownSeconds)
        regimeGate = SignalGate(type: .regimeChange, cooldownSeconds: profile.cooldownSeconds)
        if let budget = profile.budget {
            budgetThreshold = BudgetThreshold(
                calibrated: budget.evidenceThreshold, budgetPerDay: budget.signalsPerDay, gain: budget.gain)
            dynamicThreshold = 0.5
        }
        for detector in profile.detectors { monitors.append(try monitor(detector, of: schema)) }
        if let watch = profile.events { events = try EventDetector(watch, schema: schema) }
    }

    /// Takes vectors of `schema` from now on: every monitor finds its column by name, at any index, and keeps its
    /// learnt state. O(detectors × columns).
    ///
    /// Throws, and changes nothing, if the schema lacks a column that a detector watches, or if a column of that name
    /// has another source, side or unit.
    public mutating func bind(to schema: FeatureSchema) throws(ProfileError) {
        var places: [Int] = []
        for monitor in monitors {
            let feature = monitor.name.feature
            guard let index = schema.index(of: feature) else { throw .missingColumn(feature) }
            guard monitor.fits(schema.columns[index]) else { throw .changedColumn(feature) }
            places.append(index)
        }
        try events?.bind(to: schema)
        for (index, place) in places.enumerated() { monitors[index].move(to: place) }
        schemaID = schema.id
        columnCount = schema.columns.count
    }

    private func monitor(
        _ specification: DetectorSpecification, of schema: FeatureSchema
    ) throws(ProfileError) -> ColumnMonitor {
        let kind = specification.name.kind
        let feature = specification.name.feature
        guard let index = schema.index(of: feature) else { throw .missingColumn(feature) }
        let column = schema.columns[index]
        let standard =
            switch kind {
            case .cusum, .pageHinkley, .ewma: profile.driftThreshold
            case .adwin: 1.0
            case .burst: profile.burstThreshold
            case .regime: profile.regimeThreshold
            }
        let tailThreshold = profile.budget.flatMap { budget in
            specification.tail?.value(atNats: budget.evidenceThreshold)
        }
        let threshold = specification.threshold ?? tailThreshold ?? standard
        // With a budget the ensemble decides, and no detector restarts by itself.
        let own = profile.budget == nil ? threshold : Double.greatestFiniteMagnitude
        let detector: WatchingDetector =
            switch kind {
            case .cusum: .cusum(CUSUM(drift: profile.cusumDrift, threshold: own))
            // The mean has the moments' half-life; the slack is CUSUM's.
            case .pageHinkley:
                .pageHinkley(
                    PageHinkley(
                        delta: profile.cusumDrift, threshold: own,
                        forgetting: Double.exp2(-1 / profile.standardiserHalfLifeObservations)))
            case .ewma: .ewma(EWMAChart(weight: profile.ewmaWeight, threshold: own))
            // ADWIN always cuts its window by its own bound: the observations it dropped are no longer evidence.
            case .adwin: .adwin(ADWIN(delta: profile.adwinDelta))
            case .burst, .regime: .burst(Burst(threshold: own, rearmFraction: profile.burstRearmFraction))
            }
        // z-scores and probabilities already have a scale.
        let isStandardised = kind == .regime || kind == .burst && column.unit == .standardDeviations
        let isDrift = kind.signalType == .drift
        let halfLife = isDrift ? profile.standardiserHalfLifeObservations : profile.burstHalfLifeObservations
        return ColumnMonitor(
            specification, of: column, at: index, detector: detector, threshold: threshold,
            standardiser: isStandardised ? nil : standardiser(halfLife),
            // Bursts are outliers and clusters of outliers, so their input is neither winsorised nor whitened.
            whitener: isDrift
                ? Whitener(
                    order: profile.whiteningOrder, halfLifeObservations: halfLife,
                    warmUpObservations: profile.standardiserWarmUpObservations) : .none,
            clip: isDrift ? profile.winsorLimit ?? .infinity : .infinity)
    }

    private func standardiser(_ halfLifeObservations: Double) -> Standardiser {
        Standardiser(
            halfLifeObservations: halfLifeObservations,
            warmUpObservations: profile.standardiserWarmUpObservations, winsorLimit: profile.winsorLimit ?? .infinity)
    }

    /// Takes one vector of the schema, in receive order, and appends at most one signal a type to `signals`.
    ///
    /// A vector that is invalid, has another number of values than the schema, or comes from a clock with too large an
    /// error bound, changes only a count. A detector ignores NaN in its column; an infinity is counted and then ignored
    /// likewise. A new book epoch restarts the book-based detectors; trade-based detectors continue.
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
        guard profile.trustsClock(errorNanoseconds: clockErrorNanoseconds) else {
            tally.ignoredUnsureClock += 1
            return
        }
        if let bookEpoch, bookEpoch != header.epoch { resetBookDetectors() }
        bookEpoch = header.epoch

        let time = header.times.receive
        var ensemble = EnsembleScore(scale: scale)
        // In place, so that no monitor is copied on this path.
        var infiniteValues: UInt64 = 0
        var watching = monitors.mutableSpan
        for index in watching.indices {
            var value = values[watching[index].column]
            if value.magnitude > Standardiser.magnitudeLimit {
                infiniteValues += 1
                value = .nan
            }
            watching[index].process(value, at: time)
            watching[index].add(to: &ensemble)
        }
        tally.infiniteValues += infiniteValues
        if events != nil {
            events?.process(values, at: time)
            events?.add(to: &ensemble)
        }
        score = ensemble.score(side: .unsided)
        evidence = ensemble.weight(side: .unsided)

        let context = Context(ensemble: ensemble, header: header, clockError: clockErrorNanoseconds)
        if budgetThreshold == nil {
            decideByThresholds(context, into: &signals)
            scores.insert(score)
            dynamicThreshold = scores.quantile(profile.dynamicThresholdQuantile)
        } else {
            decideByBudget(context, into: &signals)
        }
    }

    /// Restarts the book-based detectors: for a caller that knows of a break that the book epoch does not show, such as
    /// a restart of the producer.
    public mutating func resetBookDetectors() {
        for index in monitors.indices where monitors[index].isBookBased { monitors[index].reset() }
        events?.resetBook()
        tally.bookResets += 1
    }

    public var counts: DetectorCounts {
        var counts = tally
        counts.drift = driftGate.counts
        counts.burst = burstGate.counts
        counts.regimeChange = regimeGate.counts
        return counts
    }

    /// Every detector's state, always in the same order. Allocates: use it for a dashboard, not for every vector.
    public var statistics: [DetectorStatistic] { monitors.map(\.statistic) }

    /// Calls `body` with every detector's name and statistics after the last vector, in the order of `statistics`;
    /// columns without a side report only the larger statistic. NaN while undefined.
    public func visitSides(_ body: (_ index: Int, _ name: DetectorName, _ upper: Double, _ lower: Double?) -> Void) {
        for (index, monitor) in monitors.enumerated() {
            if monitor.hasSide {
                body(index, monitor.name, monitor.upper, monitor.lower)
            } else {
                body(index, monitor.name, monitor.larger.magnitude, nil)
            }
        }
    }

    /// One vector's evidence and its source.
    private struct Context {
        let ensemble: EnsembleScore
        let header: FeatureHeader
        let clockError: Int64?
        var time: Timestamp { header.times.receive }
    }

    private mutating func decideByThresholds(_ context: Context, into signals: inout [Signal]) {
        let alarms = alarmCount
        guard alarms > 0 else { return }
        tally.alarms += alarms
        if let drift = leader(of: .drift), let alarm = monitors[drift].alarm {
            let direction = monitors[drift].hasSide ? alarm.direction : .unsided
            if driftGate.admit(
                score: context.ensemble.score(side: direction), threshold: dynamicThreshold, at: context.time)
            {
                signals.append(
                    signal(.drift, of: monitors[drift].name.feature, direction: direction, onset: alarm.onset, context))
            }
        }
        if let burst = leader(of: .burst), admit(.burst, at: context.time) {
            let onset = monitors.lazy.filter { $0.name.kind == .burst }.compactMap(\.burstOnset).min()
            signals.append(
                signal(
                    .burst, of: monitors[burst].name.feature, direction: .unsided, onset: onset ?? context.time, context
                ))
        }
        if let regime = leader(of: .regimeChange), admit(.regimeChange, at: context.time) {
            signals.append(
                signal(
                    .regimeChange, of: monitors[regime].name.feature, direction: .unsided, onset: context.time, context)
            )
        }
    }

    private var alarmCount: UInt64 {
        let monitors = monitors.span
        var count: UInt64 = 0
        for index in monitors.indices where monitors[index].alarm != nil { count += 1 }
        return count
    }

    /// Among the detectors of a type, the one whose alarm is furthest above its threshold.
    private func leader(of type: SignalType) -> Int? {
        var leader: Int?
        var largest = 0.0
        let monitors = monitors.span
        for index in monitors.indices
        where monitors[index].excess > largest && monitors[index].name.kind.signalType == type {
            (leader, largest) = (index, monitors[index].excess)
        }
        return leader
    }

    private mutating func decideByBudget(_ context: Context, into signals: inout [Signal]) {
        budgetThreshold?.advance(to: context.time)
        let threshold = budgetThreshold?.value ?? 0
        dynamicThreshold = threshold / (scale + threshold)
        guard evidence > threshold else {
            if evidence < threshold * profile.burstRearmFraction { isArmed = true }
            return
        }
        guard isArmed else { return }
        isArmed = false
        let side = context.ensemble.heavierSide
        let heaviest = monitors.indices.max { monitors[$0].weight(for: side) < monitors[$1].weight(for: side) }
        // One that contradicts the heavier side did not bring the evidence here.
        let finding = events?.finding.flatMap { $0.direction == .unsided || $0.direction == side ? $0 : nil }
        if let finding, finding.nats >= heaviest.map({ monitors[$0].weight(for: side) }) ?? 0 {
            guard admit(finding.type, at: context.time) else { return }
            signals.append(signal(finding, context))
        } else if let heaviest {
            let monitor = monitors[heaviest]
            let type = monitor.name.kind.signalType
            guard admit(type, at: context.time) else { return }
            signals.append(
                signal(
                    type, of: monitor.name.feature, direction: monitor.hasSide ? side : .unsided,
                    onset: monitor.onset(for: side) ?? context.time, context))
        }
        budgetThreshold?.spend()
        // Reported drift is not counted as evidence again.
        for index in monitors.indices where monitors[index].name.kind.signalType == .drift {
            monitors[index].forgetEvidence()
        }
    }

    private mutating func admit(_ type: SignalType, at time: Timestamp) -> Bool {
        switch type {
        case .burst: burstGate.admit(score: score, threshold: dynamicThreshold, at: time)
        case .regimeChange: regimeGate.admit(score: score, threshold: dynamicThreshold, at: time)
        default: driftGate.admit(score: score, threshold: dynamicThreshold, at: time)
        }
    }

    private func signal(
        _ type: SignalType, of feature: String, direction: Direction, onset: Timestamp, _ context: Context
    ) -> Signal {
        let side = direction == .unsided ? context.ensemble.heavierSide : direction
        let ensemble = context.ensemble
        let header = context.header
        let probability = profile.budget?.tail.map { Double.exp(-$0.nats(at: ensemble.weight(side: side))) }
        return Signal(
            id: Signal.makeID(detected: header.times.receive, symbol: symbol, type: type), venue: venue,
            symbol: symbol, type: type, feature: feature, direction: direction, score: ensemble.score(side: side),
            threshold: dynamicThreshold, probability: probability ?? .nan, onset: onset,
            detected: header.times.receive, venueTime: header.times.venue,
            evidence: monitors.compactMap { $0.evidence(for: side, in: ensemble) },
            validity: header.validity, clockErrorNanoseconds: context.clockError, bookEpoch: header.epoch)
    }

    /// The signal of an event: the columns that speak for it share its part of the score.
    private func signal(_ finding: EventDetector.Finding, _ context: Context) -> Signal {
        var signal = signal(
            finding.type, of: finding.parts.first?.feature ?? "", direction: finding.direction,
            onset: finding.onset ?? context.time, context)
        let side = finding.direction == .unsided ? context.ensemble.heavierSide : finding.direction
        let share = context.ensemble.share(of: finding.nats, side: side)
        signal.evidence += finding.parts.map { part in
            var part = part
            part.share *= share
            return part
        }
        signal.subtype = finding.kind
        signal.subtypeProbability = finding.kindProbability
        return signal
    }
}
