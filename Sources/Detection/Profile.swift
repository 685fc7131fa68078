/// The parameters of a `DetectorBank`.
///
/// The defaults are the *classic* profile: fixed thresholds in standard deviations, no calibration. At ten vectors
/// a second a drift threshold of 3 is crossed by chance every few seconds, and oftener on correlated measures; what
/// reaches a consumer is bounded by the dynamic threshold and the cooldown, not by a false-alarm rate.
public struct Profile: Sendable, Hashable {
    /// CUSUM threshold h, in standard deviations. 0.1 to 1000.
    public var driftThreshold: Double
    /// CUSUM drift k, in standard deviations: half the shift of the mean that it is tuned to. 0 to 10.
    public var cusumDrift: Double
    /// Excess that is a burst, in standard deviations. 0.1 to 1000.
    public var burstThreshold: Double
    /// A burst is over below this part of `burstThreshold`. 0.01 to 1.
    public var burstRearmFraction: Double
    /// Half-life of the moments that measures are standardised by, in vectors. 1 to 1,000,000.
    public var standardiserHalfLifeObservations: Double
    /// Vectors before a standardised measure is used at all. 2 to 1,000,000.
    public var standardiserWarmUpObservations: Int
    /// Least time between two signals of one type. 0 to 86,400.
    public var cooldownSeconds: Double
    /// Scores behind the dynamic threshold, in vectors. 1 to `RollingQuantile.windowLimit`.
    public var dynamicThresholdWindow: Int
    /// The dynamic threshold is this quantile of those scores. 0 to 1. At 0.95 a candidate must beat all but one
    /// vector in twenty: six recorded minutes of BTCUSDT, ten vectors a second, gave 8 drift and 8 burst signals.
    public var dynamicThresholdQuantile: Double

    public static let classic = Profile()

    public init(
        driftThreshold: Double = 3, cusumDrift: Double = 0.5, burstThreshold: Double = 2.5,
        burstRearmFraction: Double = 0.8, standardiserHalfLifeObservations: Double = 600,
        standardiserWarmUpObservations: Int = 100, cooldownSeconds: Double = 30, dynamicThresholdWindow: Int = 500,
        dynamicThresholdQuantile: Double = 0.95
    ) {
        self.driftThreshold = driftThreshold
        self.cusumDrift = cusumDrift
        self.burstThreshold = burstThreshold
        self.burstRearmFraction = burstRearmFraction
        self.standardiserHalfLifeObservations = standardiserHalfLifeObservations
        self.standardiserWarmUpObservations = standardiserWarmUpObservations
        self.cooldownSeconds = cooldownSeconds
        self.dynamicThresholdWindow = dynamicThresholdWindow
        self.dynamicThresholdQuantile = dynamicThresholdQuantile
    }

    /// Throws the first parameter, in the order of declaration, that lies outside its range.
    public func validate() throws(ProfileError) {
        try check("drift_threshold", driftThreshold, in: 0.1...1000)
        try check("cusum_drift", cusumDrift, in: 0...10)
        try check("burst_threshold", burstThreshold, in: 0.1...1000)
        try check("burst_rearm_fraction", burstRearmFraction, in: 0.01...1)
        try check("standardiser_half_life_observations", standardiserHalfLifeObservations, in: 1...1_000_000)
        try check("standardiser_warm_up_observations", Double(standardiserWarmUpObservations), in: 2...1_000_000)
        try check("cooldown_seconds", cooldownSeconds, in: 0...86_400)
        let windowLimit = Double(RollingQuantile.windowLimit)
        try check("dynamic_threshold_window", Double(dynamicThresholdWindow), in: 1...windowLimit)
        try check("dynamic_threshold_quantile", dynamicThresholdQuantile, in: 0...1)
    }

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
    /// The feature schema has no such column.
    case missingColumn(String)

    public var description: String {
        switch self {
        case .outOfRange(let parameter, let value, let accepted):
            "\(parameter) is \(value); accepted is \(accepted.lowerBound) to \(accepted.upperBound)"
        case .missingColumn(let column):
            "the feature schema has no column \(column), which a detector needs"
        }
    }
}
