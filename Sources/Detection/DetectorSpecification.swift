/// The kinds of detectors that a profile may name.
public enum DetectorKind: String, Sendable, Hashable, Codable, CaseIterable {
    /// `CUSUM`, two-sided.
    case cusum
    /// `PageHinkley`, two-sided.
    case pageHinkley = "page_hinkley"
    /// `EWMAChart`.
    case ewma
    /// `ADWIN`.
    case adwin
    /// `Burst` of a standardised measure.
    case burst
    /// A column that is itself a probability, such as `regime_change_probability`.
    case regime

    /// The type of the signals that this kind leads.
    public var signalType: SignalType {
        switch self {
        case .cusum, .pageHinkley, .ewma, .adwin: .drift
        case .burst: .burst
        case .regime: .regimeChange
        }
    }
}

/// A detector and the column that it watches.
public struct DetectorName: Sendable, Hashable, Codable {
    public var kind: DetectorKind
    /// A column of the feature schema.
    public var feature: String

    public init(_ kind: DetectorKind, _ feature: String) {
        self.kind = kind
        self.feature = feature
    }

    /// Keys in profiles and checkpoints.
    private enum CodingKeys: String, CodingKey {
        case kind
        case feature = "metric"
    }
}

/// One detector of a profile.
public struct DetectorSpecification: Sendable, Hashable, Codable {
    public var name: DetectorName
    /// The detector's own threshold; `nil` uses the profile's threshold for its kind.
    public var threshold: Double?
    /// Maps the statistic to its surprise; `nil` weighs the statistic by its threshold instead.
    public var tail: TailTable?

    public init(_ kind: DetectorKind, _ feature: String, threshold: Double? = nil, tail: TailTable? = nil) {
        name = DetectorName(kind, feature)
        self.threshold = threshold
        self.tail = tail
    }

    /// One CUSUM a measure, one burst detector a window of volume and volatility, and the regime-change probability.
    ///
    /// Only one imbalance, since 5 and 10 levels share half their orders and would count the same evidence twice; ten
    /// levels, since the microprice already covers the touch. The one-second trade imbalance, since a longer window
    /// repeats the same trades in more vectors, and CUSUM needs independent input.
    public static let classic: [DetectorSpecification] =
        ["imbalance_10", "microprice_drift", "spread_compression", "trade_imbalance_1s"].map { .init(.cusum, $0) }
        + ["volume_z_1s", "volume_z_5s", "volume_z_30s"].map { .init(.burst, $0) }
        + ["realized_vol_1s", "realized_vol_5s", "realized_vol_30s"].map { .init(.burst, $0) }
        + [.init(.regime, "regime_change_probability")]

    /// The detectors whose tails a calibration learns: order flow besides the classic measures, and bursts of the
    /// traded volume, whose robust moments the bank keeps itself.
    public static let calibratable: [DetectorSpecification] =
        ["imbalance_10", "microprice_drift", "spread_compression", "trade_imbalance_1s", "ofi"].map {
            .init(.cusum, $0)
        }
        + ["trade_volume", "trade_count", "realized_vol"].flatMap { measure in
            ["1s", "5s", "30s"].map { .init(.burst, "\(measure)_\($0)") }
        }
        + [.init(.regime, "regime_change_probability")]
}
