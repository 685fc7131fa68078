import Microstructure

/// A side. In an `Alarm`: the direction in which the input moved. In a `Signal`: the side of the market, where `up` is
/// buying pressure, and `unsided` means that the feature has no side (spread, volume, volatility).
public enum Direction: String, Sendable, Hashable, CaseIterable, Codable {
    case up
    case down
    case unsided = "none"
}

/// One detector's part in a signal.
public struct Evidence: Sendable, Hashable {
    /// Name of the detector's kind: a raw value of `DetectorKind`, or `shift` of an event's signature.
    public var detector: String
    /// The feature column that it watches.
    public var feature: String
    /// In standard deviations; negative where the feature fell. Its magnitude compares with `threshold`.
    public var statistic: Double
    /// For an alarm the magnitude of `statistic` must exceed this.
    public var threshold: Double
    /// The detector's part of the signal's score, in [0, 1). The shares of a signal sum to its score within rounding.
    public var share: Double
    /// Over how many seconds the feature was compared with its last minutes; `nil` if it was not.
    public var horizonSeconds: Int?
    /// Its mean over these seconds as a multiple of that of its last minutes; `nil` where no ratio is meant.
    public var factor: Double?

    public init(
        detector: String, feature: String, statistic: Double, threshold: Double, share: Double,
        horizonSeconds: Int? = nil, factor: Double? = nil
    ) {
        self.detector = detector
        self.feature = feature
        self.statistic = statistic
        self.threshold = threshold
        self.share = share
        self.horizonSeconds = horizonSeconds
        self.factor = factor
    }
}

/// An event detected in a market: what, when, how certain, and on what evidence.
///
/// A pure function of the feature vectors up to `detected`: live and replay give identical bits.
public struct Signal: Sendable {
    /// Unique among a venue's signals; lexicographic order is detection order. See `makeID`.
    public var id: String
    public var venue: Venue
    /// The venue's own spelling, e.g. `BTCUSDT`.
    public var symbol: String
    public var type: SignalType
    /// The feature column whose alarm is furthest above its threshold.
    public var feature: String
    public var direction: Direction
    /// In [0, 1): 0.5 means a single detector exactly at its threshold. See `EnsembleScore`.
    public var score: Double
    /// The dynamic threshold, in [0, 1), that the score exceeded.
    public var threshold: Double
    /// Tail probability under normal behaviour, in [0, 1]; NaN if the profile has none.
    public var probability: Double
    /// When the change is estimated to have begun.
    public var onset: Timestamp
    /// Receive time of the vector that completed the evidence.
    public var detected: Timestamp
    /// Venue time of the same vector.
    public var venueTime: Timestamp
    /// The detectors that agree, in the bank's order; detectors that contribute nothing are left out.
    public var evidence: [Evidence]
    public var validity: Validity
    /// Error bound of the clock behind `detected`, in nanoseconds; `nil` where unknown.
    public var clockErrorNanoseconds: Int64?
    public var bookEpoch: UInt64
    /// What kind of event it is, finer than the type; `nil` if the profile knows no kinds.
    public var subtype: EventKind?
    /// Probability of the subtype among all that the profile knows, if it is one of them; NaN without a subtype.
    public var subtypeProbability = Double.nan

    public init(
        id: String, venue: Venue, symbol: String, type: SignalType, feature: String, direction: Direction,
        score: Double, threshold: Double, probability: Double, onset: Timestamp, detected: Timestamp,
        venueTime: Timestamp, evidence: [Evidence], validity: Validity, clockErrorNanoseconds: Int64?,
        bookEpoch: UInt64
    ) {
        self.id = id
        self.venue = venue
        self.symbol = symbol
        self.type = type
        self.feature = feature
        self.direction = direction
        self.score = score
        self.threshold = threshold
        self.probability = probability
        self.onset = onset
        self.detected = detected
        self.venueTime = venueTime
        self.evidence = evidence
        self.validity = validity
        self.clockErrorNanoseconds = clockErrorNanoseconds
        self.bookEpoch = bookEpoch
    }

    /// 16 lower-case hexadecimal digits of the detected time in nanoseconds, then "-", the symbol, "-", the type.
    ///
    /// The digits order ids by time (from 1970 on). The cooldown, at least a nanosecond, makes them unique per symbol
    /// and type.
    public static func makeID(detected: Timestamp, symbol: String, type: SignalType) -> String {
        let digits = String(UInt64(bitPattern: detected.nanoseconds), radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits + "-" + symbol + "-" + type.rawValue
    }
}

extension Signal: Equatable {
    /// Compares bit for bit: a NaN probability equals itself, so that live and replay can be compared.
    public static func == (left: Signal, right: Signal) -> Bool {
        left.id == right.id && left.venue == right.venue && left.symbol == right.symbol && left.type == right.type
            && left.feature == right.feature && left.direction == right.direction
            && left.score.bitPattern == right.score.bitPattern
            && left.threshold.bitPattern == right.threshold.bitPattern
            && left.probability.bitPattern == right.probability.bitPattern
            && left.onset == right.onset && left.detected == right.detected && left.venueTime == right.venueTime
            && left.evidence == right.evidence && left.validity == right.validity
            && left.clockErrorNanoseconds == right.clockErrorNanoseconds && left.bookEpoch == right.bookEpoch
            && left.subtype == right.subtype
            && left.subtypeProbability.bitPattern == right.subtypeProbability.bitPattern
    }
}
