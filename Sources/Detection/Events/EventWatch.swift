import Microstructure

/// What a profile knows of events: which columns to compare with their last minutes, and the signature of each kind of
/// event in these comparisons (`EventDetector`).
public struct EventWatch: Sendable, Hashable, Codable {
    public var columns: [ShiftedColumn]
    /// Ascending, in seconds.
    public var horizonSeconds: [Int]
    /// Half-life of the baselines, in seconds. 10 to 86,400.
    public var baselineHalfLifeSeconds: Double
    /// Half-life of a shift's unit, in seconds. 60 to 864,000.
    public var scaleHalfLifeSeconds: Double
    /// Whole seconds of a market before anything is found in it. 120 to 86,400.
    public var warmUpSeconds: Int
    public var signatures: [EventSignature]

    public init(
        columns: [ShiftedColumn] = ShiftedColumn.standard, horizonSeconds: [Int] = [1, 5, 15, 30, 60],
        baselineHalfLifeSeconds: Double = 1_800, scaleHalfLifeSeconds: Double = 1_800, warmUpSeconds: Int = 600,
        signatures: [EventSignature] = []
    ) {
        self.columns = columns
        self.horizonSeconds = horizonSeconds
        self.baselineHalfLifeSeconds = baselineHalfLifeSeconds
        self.scaleHalfLifeSeconds = scaleHalfLifeSeconds
        self.warmUpSeconds = warmUpSeconds
        self.signatures = signatures
    }

    public static let columnLimit = 128
    public static let signatureLimit = 256
    public static let longestHorizonSeconds = 600

    func validate() throws(ProfileError) {
        func check(_ parameter: String, _ value: Double, _ accepted: ClosedRange<Double>) throws(ProfileError) {
            guard accepted.contains(value) else {
                throw .outOfRange(parameter: "events.\(parameter)", value: value, accepted: accepted)
            }
        }
        try check("columns", Double(columns.count), 1...Double(Self.columnLimit))
        try check("horizon_seconds", Double(horizonSeconds.count), 1...16)
        for horizon in horizonSeconds {
            try check("horizon_seconds", Double(horizon), 1...Double(Self.longestHorizonSeconds))
        }
        guard zip(horizonSeconds, horizonSeconds.dropFirst()).allSatisfy(<) else { throw .horizonsNotAscending }
        try check("baseline_half_life_seconds", baselineHalfLifeSeconds, 10...86_400)
        try check("scale_half_life_seconds", scaleHalfLifeSeconds, 60...864_000)
        try check("warm_up_seconds", Double(warmUpSeconds), 120...86_400)
        try check("signatures", Double(signatures.count), 0...Double(Self.signatureLimit))
        for (index, column) in columns.enumerated() {
            guard !columns[..<index].contains(where: { $0.feature == column.feature }) else {
                throw .namedTwice("events.columns \(column.feature)")
            }
            guard let mirror = column.mirror else { continue }
            guard columns.contains(where: { $0.feature == mirror && $0.mirror == column.feature }) else {
                throw .unmatchedMirror(column.feature)
            }
        }
        for signature in signatures {
            guard [.drift, .burst, .regimeChange].contains(signature.type) else {
                throw .unknownType(signature.type.rawValue)
            }
        }
        for term in signatures.flatMap(\.terms) {
            guard columns.contains(where: { $0.feature == term.feature }) else { throw .missingColumn(term.feature) }
            guard horizonSeconds.contains(term.horizonSeconds) else {
                throw .outOfRange(
                    parameter: "events.signatures.horizon_seconds", value: Double(term.horizonSeconds),
                    accepted: Double(horizonSeconds[0])...Double(horizonSeconds[horizonSeconds.count - 1]))
            }
            try check("signatures.weight", term.weight, -1e6...1e6)
        }
    }
}

/// A column whose shifts are watched.
public struct ShiftedColumn: Sendable, Hashable, Codable {
    public var feature: String
    public var comparison: Comparison
    /// The column that is to sellers what this one is to buyers, such as `ask_depth_10` to `bid_depth_10`; `nil` if the
    /// column is its own mirror (its sign changes if it has a side).
    public var mirror: String?

    public init(_ feature: String, _ comparison: Comparison, mirror: String? = nil) {
        self.feature = feature
        self.comparison = comparison
        self.mirror = mirror
    }

    /// How the mean of a horizon is compared with the baseline.
    public enum Comparison: String, Sendable, Hashable, Codable {
        /// By their difference.
        case difference
        /// By the logarithm of their ratio: for what is never negative.
        case ratio
        /// Of the column's change a second, in basis points: by the difference. For prices.
        case growth
    }

    /// Of each measure its shortest window, since the horizons make the longer ones.
    public static let standard: [ShiftedColumn] =
        [
            "spread_bps", "trade_volume_1s", "trade_count_1s", "realized_vol_1s", "realized_vol_5s", "update_rate_1s",
            "quote_rate_1s", "best_price_change_rate_1s", "flicker_5s", "taker_count_1s", "largest_taker_1s",
            "sweep_prices_1s", "median_taker_50", "effective_spread_5s",
        ].map { .init($0, .ratio) }
        + ["depth_10", "additions_1s", "removals_1s", "depth_5bps", "depth_25bps"].flatMap { pair($0, .ratio) }
        + pair("replenishment_5s", .difference)
        + [
            "imbalance_5", "imbalance_10", "microprice_drift", "ofi", "mlofi_1", "mlofi_3", "mlofi_5", "mlofi_10",
            "ofi_integrated", "trade_imbalance_1s", "addition_imbalance_1s", "removal_imbalance_1s",
            "taker_imbalance_1s", "replenishment_imbalance_5s", "depth_imbalance_5bps", "depth_imbalance_25bps",
            "realized_spread_5s", "spread_compression", "resilience", "vpin", "regime_change_probability", "flow_z_1s",
            "flow_z_5s", "flow_z_30s", "flow_z_120s", "kyle_lambda", "amihud",
        ].map { .init($0, .difference) }
        + [.init("mid", .growth)]

    private static func pair(_ name: String, _ comparison: Comparison) -> [ShiftedColumn] {
        [
            .init("bid_\(name)", comparison, mirror: "ask_\(name)"),
            .init("ask_\(name)", comparison, mirror: "bid_\(name)"),
        ]
    }
}

/// How an event of one kind shows in the shifts: a weighted sum of the logarithms of shifts.
///
/// The direction of weights that separates two normal populations best (Fisher's discriminant): the mean shift of the
/// kind's events against the covariance of the shifts while nothing happens, which tells what the other shifts explain
/// already. Weights below 0 are such explanations: many updates are less of a surprise where there are many trades.
/// Source: Fisher (1936), Annals of Eugenics 7.
public struct EventSignature: Sendable, Hashable, Codable {
    public var kind: EventKind
    /// The type of the signals.
    public var type: SignalType
    /// Whether the kind has a side. The terms are those of buying pressure; selling is the mirror image.
    public var hasSide: Bool
    public var terms: [Term]
    /// Surprise of the sum; `nil` before a calibration.
    public var tail: TailTable?

    public init(kind: EventKind, type: SignalType, hasSide: Bool, terms: [Term], tail: TailTable? = nil) {
        self.kind = kind
        self.type = type
        self.hasSide = hasSide
        self.terms = terms
        self.tail = tail
    }

    /// One column over one horizon in one direction.
    public struct Term: Sendable, Hashable, Codable {
        public var feature: String
        public var horizonSeconds: Int
        /// Whether a rise counts, or a fall.
        public var isRise: Bool
        /// Mean of the logarithm's excess in events of the kind over its mean while nothing happens.
        public var excess: Double
        public var weight: Double

        public init(_ feature: String, horizonSeconds: Int, isRise: Bool, excess: Double, weight: Double) {
            self.feature = feature
            self.horizonSeconds = horizonSeconds
            self.isRise = isRise
            self.excess = excess
            self.weight = weight
        }
    }
}

/// What kind of event a signal reports, finer than its type. An open set, spelt as types are: a profile that is taught
/// other events knows other kinds.
public typealias EventKind = SignalType
