/// State of one detector, for a dashboard.
public struct DetectorStatistic: Sendable {
    /// Name of the detector's kind: a raw value of `DetectorKind`.
    public var detector: String
    /// The feature column that it watches.
    public var feature: String
    /// Statistic at the last valid vector, in standard deviations, before any reset by an alarm. Negative if a CUSUM's
    /// lower side is the larger, or a burst's measure lies below its mean. NaN while undefined or warming up.
    public var statistic: Double
    /// For an alarm the magnitude of `statistic` (for a burst: `statistic` itself) must exceed this.
    public var threshold: Double

    public init(detector: String, feature: String, statistic: Double, threshold: Double) {
        self.detector = detector
        self.feature = feature
        self.statistic = statistic
        self.threshold = threshold
    }
}

/// Counters of a `DetectorBank` since it was made.
public struct DetectorCounts: Sendable, Hashable, Codable {
    /// All vectors received.
    public var vectors: UInt64 = 0
    /// Vectors that were invalid.
    public var ignoredInvalid: UInt64 = 0
    /// Vectors with another number of values than the schema.
    public var ignoredMalformed: UInt64 = 0
    /// Vectors whose clock error bound exceeds the profile's limit.
    public var ignoredUnsureClock: UInt64 = 0
    /// Values of watched columns that were infinite or beyond `Standardiser.magnitudeLimit`, taken as NaN.
    public var infiniteValues: UInt64 = 0
    /// Resets of the book-based detectors.
    public var bookResets: UInt64 = 0
    /// Alarms of single detectors; several in one vector make one candidate. 0 with a budget, where only the ensemble
    /// alarms.
    public var alarms: UInt64 = 0
    public var drift = SignalCounts()
    public var burst = SignalCounts()
    public var regimeChange = SignalCounts()

    public init() {}

    /// The counts of every signal type that the bank emits.
    public var byType: [(type: SignalType, counts: SignalCounts)] {
        [(.drift, drift), (.burst, burst), (.regimeChange, regimeChange)]
    }
}
