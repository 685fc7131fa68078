/// The lengths and limits of the measures. They are part of the schema's identity.
public struct FeatureParameters: Sendable, Hashable {
    /// Windows of the trade columns and of the rates, in seconds, ascending; 1 to 8 windows of 1 s to one day.
    public let windowSeconds: [Int]
    /// Windows of the columns that take several trades or quotes to mean something, in seconds, ascending; 1 to 8 windows
    /// of 1 s to one day.
    public let longWindowSeconds: [Int]
    /// Number of book updates in the mean spread, including the current one. 1 to 65,536.
    public let spreadCompressionLength: Int
    /// Book updates before the mean spread is defined. 1 to `spreadCompressionLength`.
    public let spreadCompressionMinimum: Int
    /// Number of completed buckets in the volume's mean and deviation. 2 to 4,096.
    public let volumeBuckets: Int
    /// Completed buckets before these are defined. 2 to `volumeBuckets`.
    public let volumeBucketMinimum: Int
    /// Most trades, quotes and changes of the book kept by a measure for its widest window. Beyond it the oldest leave
    /// early and are counted in `FeatureCounters.earlyExpiries`. A trade takes up to 64 bytes in each of nine rings, a
    /// quote 32 in each of five, a change of the book 80 in one.
    public let tradeLimit: Int
    /// Windows of the order-flow columns, in seconds, ascending; 1 to 8 windows of 1 s to one day.
    public let orderFlowWindowSeconds: [Int]
    /// Number of book updates in the mean depth behind the integrated order flow. 1 to 65,536.
    public let integratedFlowDepthLength: Int
    /// Number of flow vectors between two fits of the integrated order flow. At least 2.
    public let integratedFlowInterval: Int
    /// Flow vectors after which the weight of the past is halved. At least `integratedFlowInterval`.
    public let integratedFlowMemory: Int
    /// Number of book transitions between two fits of Stoikov's micro-price. 10 to 65,536.
    public let micropriceInterval: Int
    /// Book transitions after which the weight of the past is halved. At least `micropriceInterval`.
    public let micropriceMemory: Int
    /// Number of buckets in VPIN. 1 to 4,096.
    public let vpinBuckets: Int
    /// Seconds of trades that determine a bucket's volume. 1 to 86,400.
    public let vpinWarmUpSeconds: Int
    /// Number of one-second bars in the price-impact columns. 3 to 4,096.
    public let impactBars: Int
    /// Bars before these are defined. 3 to `impactBars`.
    public let impactBarMinimum: Int
    /// Seconds that a regime is expected to last. At least 2.
    public let regimeMeanLength: Int
    /// Longest run length that counts as a recent change, from 0.
    public let regimeRecentLength: Int
    /// Number of one-second returns that set the standardisation of the regime's returns. At least 2.
    public let regimeWarmUp: Int
    /// Further returns before the regime columns are defined. At least 1.
    public let regimeMinimum: Int
    /// Run lengths kept. 2 to 65,536.
    public let regimeStateLimit: Int
    /// Milliseconds within which a best price that comes back has flickered. 1 to 60,000.
    public let flickerMilliseconds: Int
    /// Number of takers in the median size. 1 to 4,096.
    public let takerMedianLength: Int
    /// Distances from the mid within which depth is summed, in basis points, ascending; 1 to 8 of 1 to 10,000.
    public let depthBandBasisPoints: [Int]
    /// Seconds after a sweep at which the depth is compared. 1 to 3,600.
    public let resilienceSeconds: Int
    /// Seconds after a trade at which the realised spread takes the mid. 1 to 3,600.
    public let realizedSpreadSeconds: Int
    /// Windows of the normalised signed volume, in seconds, ascending; 1 to 8 windows of 1 s to one day.
    public let flowScoreWindowSeconds: [Int]
    /// Number of sums behind its volatility at which the past begins to fade. 1 to 1,000,000.
    public let flowScoreMemorySeconds: Int
    /// Sums before the volatility is defined. 1 to `flowScoreMemorySeconds`.
    public let flowScoreMinimum: Int

    /// Requires the ranges given at the properties.
    public init(
        windowSeconds: [Int] = [1, 5, 30], spreadCompressionLength: Int = 100, spreadCompressionMinimum: Int = 20,
        volumeBuckets: Int = 120, volumeBucketMinimum: Int = 20, tradeLimit: Int = 1_048_576,
        orderFlowWindowSeconds: [Int] = [1, 5], integratedFlowDepthLength: Int = 100,
        integratedFlowInterval: Int = 100, integratedFlowMemory: Int = 20_000, micropriceInterval: Int = 500,
        micropriceMemory: Int = 100_000, vpinBuckets: Int = 50, vpinWarmUpSeconds: Int = 60, impactBars: Int = 60,
        impactBarMinimum: Int = 20, regimeMeanLength: Int = 300, regimeRecentLength: Int = 5, regimeWarmUp: Int = 60,
        regimeMinimum: Int = 20, regimeStateLimit: Int = 512, longWindowSeconds: [Int] = [5, 30],
        flickerMilliseconds: Int = 1_000, takerMedianLength: Int = 50, depthBandBasisPoints: [Int] = [5, 25],
        resilienceSeconds: Int = 1, realizedSpreadSeconds: Int = 5, flowScoreWindowSeconds: [Int] = [1, 5, 30, 120],
        flowScoreMemorySeconds: Int = 3_600, flowScoreMinimum: Int = 60
    ) {
        for windows in [windowSeconds, longWindowSeconds, orderFlowWindowSeconds, flowScoreWindowSeconds] {
            precondition((1...8).contains(windows.count))
            precondition(windows.allSatisfy { (1...86_400).contains($0) })
            precondition(zip(windows, windows.dropFirst()).allSatisfy { $0 < $1 })
        }
        precondition((1...65_536).contains(spreadCompressionLength))
        precondition((1...spreadCompressionLength).contains(spreadCompressionMinimum))
        precondition((2...4_096).contains(volumeBuckets))
        precondition((2...volumeBuckets).contains(volumeBucketMinimum))
        precondition(tradeLimit > 0)
        precondition((1...65_536).contains(integratedFlowDepthLength))
        precondition(integratedFlowInterval >= 2 && integratedFlowMemory >= integratedFlowInterval)
        precondition((10...65_536).contains(micropriceInterval) && micropriceMemory >= micropriceInterval)
        precondition((1...4_096).contains(vpinBuckets) && (1...86_400).contains(vpinWarmUpSeconds))
        precondition((3...4_096).contains(impactBars) && (3...impactBars).contains(impactBarMinimum))
        precondition(regimeMeanLength >= 2 && regimeRecentLength >= 0 && regimeWarmUp >= 2 && regimeMinimum >= 1)
        precondition((2...65_536).contains(regimeStateLimit))
        precondition((1...60_000).contains(flickerMilliseconds) && (1...4_096).contains(takerMedianLength))
        precondition((1...8).contains(depthBandBasisPoints.count))
        precondition(depthBandBasisPoints.allSatisfy { (1...10_000).contains($0) })
        precondition(zip(depthBandBasisPoints, depthBandBasisPoints.dropFirst()).allSatisfy { $0 < $1 })
        precondition((1...3_600).contains(resilienceSeconds) && (1...3_600).contains(realizedSpreadSeconds))
        precondition((1...1_000_000).contains(flowScoreMemorySeconds))
        precondition((1...flowScoreMemorySeconds).contains(flowScoreMinimum))
        self.windowSeconds = windowSeconds
        self.longWindowSeconds = longWindowSeconds
        self.spreadCompressionLength = spreadCompressionLength
        self.spreadCompressionMinimum = spreadCompressionMinimum
        self.volumeBuckets = volumeBuckets
        self.volumeBucketMinimum = volumeBucketMinimum
        self.tradeLimit = tradeLimit
        self.orderFlowWindowSeconds = orderFlowWindowSeconds
        self.integratedFlowDepthLength = integratedFlowDepthLength
        self.integratedFlowInterval = integratedFlowInterval
        self.integratedFlowMemory = integratedFlowMemory
        self.micropriceInterval = micropriceInterval
        self.micropriceMemory = micropriceMemory
        self.vpinBuckets = vpinBuckets
        self.vpinWarmUpSeconds = vpinWarmUpSeconds
        self.impactBars = impactBars
        self.impactBarMinimum = impactBarMinimum
        self.regimeMeanLength = regimeMeanLength
        self.regimeRecentLength = regimeRecentLength
        self.regimeWarmUp = regimeWarmUp
        self.regimeMinimum = regimeMinimum
        self.regimeStateLimit = regimeStateLimit
        self.flickerMilliseconds = flickerMilliseconds
        self.takerMedianLength = takerMedianLength
        self.depthBandBasisPoints = depthBandBasisPoints
        self.resilienceSeconds = resilienceSeconds
        self.realizedSpreadSeconds = realizedSpreadSeconds
        self.flowScoreWindowSeconds = flowScoreWindowSeconds
        self.flowScoreMemorySeconds = flowScoreMemorySeconds
        self.flowScoreMinimum = flowScoreMinimum
    }

    /// The windows in nanoseconds.
    var windowWidths: [Int64] { windowSeconds.map { Int64($0) * 1_000_000_000 } }
    var longWindowWidths: [Int64] { longWindowSeconds.map { Int64($0) * 1_000_000_000 } }

    /// The windows over which the market's trades are summed, for all measures together.
    var tradeWindowSeconds: [Int] { Set(windowSeconds + flowScoreWindowSeconds).sorted() }

    /// The places of some of these windows among `tradeWindowSeconds`.
    func tradeWindows(of seconds: [Int]) -> [Int] { seconds.compactMap { tradeWindowSeconds.firstIndex(of: $0) } }

    /// One column for each window: `prefix_1s`, `prefix_5s`, …; `meaning` receives the window's length.
    func windowColumns(
        _ prefix: String, source: Column.Source = .trades, side: Column.Side = .unsigned, unit: Column.Unit,
        meaning: (String) -> String
    ) -> [Column] {
        Self.columns(prefix, windowSeconds, source, side, unit, meaning)
    }

    /// One column for each long window.
    func longWindowColumns(
        _ prefix: String, source: Column.Source, side: Column.Side = .unsigned, unit: Column.Unit,
        meaning: (String) -> String
    ) -> [Column] {
        Self.columns(prefix, longWindowSeconds, source, side, unit, meaning)
    }

    private static func columns(
        _ prefix: String, _ windows: [Int], _ source: Column.Source, _ side: Column.Side, _ unit: Column.Unit,
        _ meaning: (String) -> String
    ) -> [Column] {
        windows.map { seconds in
            Column("\(prefix)_\(seconds)s", source: source, side: side, unit: unit, meaning: meaning("\(seconds) s"))
        }
    }

    /// Every parameter by name, for the schema's identity.
    var fields: [(name: String, values: [Int])] {
        [
            ("window_seconds", windowSeconds),
            ("spread_compression_length", [spreadCompressionLength]),
            ("spread_compression_minimum", [spreadCompressionMinimum]),
            ("volume_buckets", [volumeBuckets]),
            ("volume_bucket_minimum", [volumeBucketMinimum]),
            ("trade_limit", [tradeLimit]),
            ("order_flow_window_seconds", orderFlowWindowSeconds),
            ("integrated_flow_depth_length", [integratedFlowDepthLength]),
            ("integrated_flow_interval", [integratedFlowInterval]),
            ("integrated_flow_memory", [integratedFlowMemory]),
            ("microprice_interval", [micropriceInterval]),
            ("microprice_memory", [micropriceMemory]),
            ("vpin_buckets", [vpinBuckets]),
            ("vpin_warm_up_seconds", [vpinWarmUpSeconds]),
            ("impact_bars", [impactBars]),
            ("impact_bar_minimum", [impactBarMinimum]),
            ("regime_mean_length", [regimeMeanLength]),
            ("regime_recent_length", [regimeRecentLength]),
            ("regime_warm_up", [regimeWarmUp]),
            ("regime_minimum", [regimeMinimum]),
            ("regime_state_limit", [regimeStateLimit]),
            ("long_window_seconds", longWindowSeconds),
            ("flicker_milliseconds", [flickerMilliseconds]),
            ("taker_median_length", [takerMedianLength]),
            ("depth_band_basis_points", depthBandBasisPoints),
            ("resilience_seconds", [resilienceSeconds]),
            ("realized_spread_seconds", [realizedSpreadSeconds]),
            ("flow_score_window_seconds", flowScoreWindowSeconds),
            ("flow_score_memory_seconds", [flowScoreMemorySeconds]),
            ("flow_score_minimum", [flowScoreMinimum]),
        ]
    }
}
