import Microstructure

/// The parameters of a `DetectorBank`.
///
/// The defaults are the *classic* profile: fixed thresholds in standard deviations, no calibration. At ten vectors a
/// second, chance alone crosses a drift threshold of 3 every few seconds, and more often on correlated measures. The
/// dynamic threshold and the cooldown limit the published signals, but guarantee no false-alarm rate. A profile with a
/// `budget` controls the rate.
public struct Profile: Sendable, Hashable, Codable {
    public var name: String
    public var detectors: [DetectorSpecification]
    /// The events to look for, in all columns together; needs a budget. `nil` leaves it to the detectors.
    public var events: EventWatch?
    /// CUSUM threshold h, in standard deviations. 0.1 to 1000.
    public var driftThreshold: Double
    /// CUSUM drift k, in standard deviations: half the shift of the mean that it is tuned to. 0 to 10.
    public var cusumDrift: Double
    /// Weight of the newest observation in an EWMA chart. 0.001 to 1.
    public var ewmaWeight: Double
    /// ADWIN's δ. 1e-12 to 0.5.
    public var adwinDelta: Double
    /// Excess that counts as a burst, in standard deviations. 0.1 to 1000.
    public var burstThreshold: Double
    /// A burst ends below this part of `burstThreshold`, and so does an episode of a budget's evidence. 0.01 to 1.
    public var burstRearmFraction: Double
    /// Probability above which a regime counts as new. 0.01 to 1.
    public var regimeThreshold: Double
    /// Half-life of the moments that standardise drift inputs, in vectors. 1 to 10,000,000.
    public var standardiserHalfLifeObservations: Double
    /// Half-life of the moments that standardise burst inputs, in vectors. 1 to 10,000,000.
    public var burstHalfLifeObservations: Double
    /// Warm-up vectors before a standardised measure is used. 2 to 1,000,000.
    public var standardiserWarmUpObservations: Int
    /// Deviations to which an observation is winsorised before it joins the moments (and before a drift detector sees
    /// it); `nil` for ordinary moments. 1.5 to 1000.
    public var winsorLimit: Double?
    /// Order of the autoregression that whitens drift inputs, 0 (no whitening) to 2.
    public var whiteningOrder: Int
    /// Shortest time between two signals of one type. 0 to 86,400.
    public var cooldownSeconds: Double
    /// Scores behind the dynamic threshold, in vectors. 1 to `RollingQuantile.windowLimit`. Unused with a budget.
    public var dynamicThresholdWindow: Int
    /// The dynamic threshold is this quantile of those scores. 0 to 1. At 0.95 a candidate must beat all but one
    /// vector in twenty: six recorded minutes of BTCUSDT, ten vectors a second, gave 8 drift and 8 burst signals.
    public var dynamicThresholdQuantile: Double
    /// No signal while the clock's error bound exceeds this. 0.001 to 3600.
    public var clockErrorLimitSeconds: Double
    /// `nil` in the classic profile.
    public var budget: Budget?

    public static let classic = Profile()

    public init(
        name: String = "classic", detectors: [DetectorSpecification] = DetectorSpecification.classic,
        events: EventWatch? = nil, driftThreshold: Double = 3, cusumDrift: Double = 0.5, ewmaWeight: Double = 0.05,
        adwinDelta: Double = 0.002,
        burstThreshold: Double = 2.5,
        burstRearmFraction: Double = 0.8, regimeThreshold: Double = 0.7, standardiserHalfLifeObservations: Double = 600,
        burstHalfLifeObservations: Double = 600, standardiserWarmUpObservations: Int = 100, winsorLimit: Double? = nil,
        whiteningOrder: Int = 0, cooldownSeconds: Double = 30, dynamicThresholdWindow: Int = 500,
        dynamicThresholdQuantile: Double = 0.95, clockErrorLimitSeconds: Double = 60, budget: Budget? = nil
    ) {
        self.name = name
        self.detectors = detectors
        self.events = events
        self.driftThreshold = driftThreshold
        self.cusumDrift = cusumDrift
        self.ewmaWeight = ewmaWeight
        self.adwinDelta = adwinDelta
        self.burstThreshold = burstThreshold
        self.burstRearmFraction = burstRearmFraction
        self.regimeThreshold = regimeThreshold
        self.standardiserHalfLifeObservations = standardiserHalfLifeObservations
        self.burstHalfLifeObservations = burstHalfLifeObservations
        self.standardiserWarmUpObservations = standardiserWarmUpObservations
        self.winsorLimit = winsorLimit
        self.whiteningOrder = whiteningOrder
        self.cooldownSeconds = cooldownSeconds
        self.dynamicThresholdWindow = dynamicThresholdWindow
        self.dynamicThresholdQuantile = dynamicThresholdQuantile
        self.clockErrorLimitSeconds = clockErrorLimitSeconds
        self.budget = budget
    }

    /// Starting point of a calibration that is taught events: no detector of single columns, and no signature yet.
    public static let untaught = Profile(
        name: "calibrated", detectors: [], events: EventWatch(), clockErrorLimitSeconds: 1)

    /// Starting point of a calibration of detectors of single columns: robust moments over ten minutes of vectors at ten a second for drifts and an
    /// hour for bursts, whitening, and the detectors of `DetectorSpecification.calibratable`.
    public static let uncalibrated = Profile(
        name: "calibrated", detectors: DetectorSpecification.calibratable, standardiserHalfLifeObservations: 6_000,
        burstHalfLifeObservations: 36_000, standardiserWarmUpObservations: 600, winsorLimit: 4, whiteningOrder: 2,
        clockErrorLimitSeconds: 1)

    /// The number of signals a day that a consumer accepts, and the evidence that a signal then needs.
    public struct Budget: Sendable, Hashable, Codable {
        /// Signals a day and symbol. 0.01 to 100,000.
        public var signalsPerDay: Double
        /// Nats of evidence that a signal needs; above 0, at most 10,000.
        public var evidenceThreshold: Double
        /// Rise of the threshold at one signal, as a share: see `BudgetThreshold`. 0 to 1.
        public var gain: Double
        /// With this gain, ten signals too many raise the threshold by a fifth.
        public static let standardGain = 0.02
        /// Surprise of the evidence itself, since detectors are dependent; `nil` if a signal has no probability.
        public var tail: TailTable?

        public init(
            signalsPerDay: Double, evidenceThreshold: Double, gain: Double = Budget.standardGain, tail: TailTable? = nil
        ) {
            self.signalsPerDay = signalsPerDay
            self.evidenceThreshold = evidenceThreshold
            self.gain = gain
            self.tail = tail
        }
    }

    /// Whether a clock's error bound is small enough for a detector; `nil`, an unknown bound, is accepted.
    public func trustsClock(errorNanoseconds: Int64?) -> Bool {
        Double(errorNanoseconds ?? 0) <= clockErrorLimitSeconds * 1e9
    }

    /// Throws the first parameter, in the order of declaration, that lies outside its range.
    public func validate() throws(ProfileError) {
        let fewest = events == nil ? 1 : 0
        guard (fewest...Self.detectorLimit).contains(detectors.count) else {
            throw .outOfRange(
                parameter: "detectors", value: Double(detectors.count),
                accepted: Double(fewest)...Double(Self.detectorLimit))
        }
        if let events {
            try events.validate()
            guard budget != nil else { throw .eventsNeedABudget }
            for signature in events.signatures where signature.tail == nil {
                throw .noTail(signature.kind.rawValue)
            }
        }
        for (index, detector) in detectors.enumerated() {
            guard !detectors[..<index].contains(where: { $0.name == detector.name }) else {
                throw .namedTwice("\(detector.name.kind.rawValue) \(detector.name.feature)")
            }
            guard budget == nil || detector.tail != nil else { throw .noTail(detector.name.feature) }
            if let threshold = detector.threshold { try check("threshold", threshold, in: 1e-9...1e12) }
        }
        try check("drift_threshold", driftThreshold, in: 0.1...1000)
        try check("cusum_drift", cusumDrift, in: 0...10)
        try check("ewma_weight", ewmaWeight, in: 0.001...1)
        try check("adwin_delta", adwinDelta, in: 1e-12...0.5)
        try check("burst_threshold", burstThreshold, in: 0.1...1000)
        try check("burst_rearm_fraction", burstRearmFraction, in: 0.01...1)
        try check("regime_threshold", regimeThreshold, in: 0.01...1)
        try check("standardiser_half_life_observations", standardiserHalfLifeObservations, in: 1...10_000_000)
        try check("burst_half_life_observations", burstHalfLifeObservations, in: 1...10_000_000)
        try check("standardiser_warm_up_observations", Double(standardiserWarmUpObservations), in: 2...1_000_000)
        if let winsorLimit { try check("winsor_limit", winsorLimit, in: 1.5...1000) }
        try check("whitening_order", Double(whiteningOrder), in: 0...2)
        try check("cooldown_seconds", cooldownSeconds, in: 0...86_400)
        let windowLimit = Double(RollingQuantile.windowLimit)
        try check("dynamic_threshold_window", Double(dynamicThresholdWindow), in: 1...windowLimit)
        try check("dynamic_threshold_quantile", dynamicThresholdQuantile, in: 0...1)
        try check("clock_error_limit_seconds", clockErrorLimitSeconds, in: 0.001...3600)
        guard let budget else { return }
        try check("signals_per_day", budget.signalsPerDay, in: 0.01...100_000)
        try check("evidence_threshold", budget.evidenceThreshold, in: 1e-6...10_000)
        try check("gain", budget.gain, in: 0...1)
    }

    /// Most detectors in a profile.
    public static let detectorLimit = 64

    private func check(
        _ parameter: String, _ value: Double, in accepted: ClosedRange<Double>
    ) throws(ProfileError) {
        guard accepted.contains(value) else {
            throw .outOfRange(parameter: parameter, value: value, accepted: accepted)
        }
    }
}

/// Why a `DetectorBank` cannot be made.
public enum ProfileError: Error, Hashable, CustomStringConvertible {
    /// `parameter` is spelt as in a configuration file: `drift_threshold`.
    case outOfRange(parameter: String, value: Double, accepted: ClosedRange<Double>)
    /// The feature schema lacks this column.
    case missingColumn(String)
    /// The schema's column of that name has another source, side or unit than the learnt one.
    case changedColumn(String)
    /// Two detectors of the same kind watch the same column.
    case namedTwice(String)
    /// With a budget, each detector needs a tail table.
    case noTail(String)
    /// The horizons of the events do not ascend.
    case horizonsNotAscending
    /// The column names a mirror that is not watched, or that names another one.
    case unmatchedMirror(String)
    /// A signature's type is none that a bank publishes.
    case unknownType(String)
    /// A profile that looks for events has no budget.
    case eventsNeedABudget

    public var description: String {
        switch self {
        case .outOfRange(let parameter, let value, let accepted):
            "\(parameter) is \(value); accepted is \(accepted.lowerBound) to \(accepted.upperBound)"
        case .missingColumn(let column):
            "the feature schema has no column \(column), which a detector needs"
        case .changedColumn(let column):
            "the column \(column) has another source, side or unit than the one that the detector has learnt from"
        case .namedTwice(let name):
            "the detector \(name) is named twice"
        case .horizonsNotAscending: "events.horizon_seconds must ascend"
        case .unmatchedMirror(let column):
            "events.columns: the mirror of \(column) must be a watched column whose mirror is \(column)"
        case .unknownType(let type):
            "the type of a signature is \(type); it must be drift, burst or regime_change"
        case .eventsNeedABudget: "a profile with events needs a budget; make it with microlab calibrate"
        case .noTail(let feature):
            "\(feature) has no tail, which a profile with a budget needs; make it with microlab calibrate"
        }
    }
}
