/// The lengths and limits of the measures. They are part of the schema's identity.
public struct FeatureParameters: Sendable, Hashable {
    /// Windows of the trade columns, in seconds, ascending; 1 to 8 windows of 1 s to one day.
    public let windowSeconds: [Int]
    /// Number of book updates in the mean spread, including the current one. 1 to 65,536.
    public let spreadCompressionLength: Int
    /// Book updates before the mean spread is defined. 1 to `spreadCompressionLength`.
    public let spreadCompressionMinimum: Int
    /// Number of completed buckets in the volume's mean and deviation. 2 to 4,096.
    public let volumeBuckets: Int
    /// Completed buckets before these are defined. 2 to `volumeBuckets`.
    public let volumeBucketMinimum: Int
    /// Most trades, and most order flows, kept for their widest window. Beyond it the oldest leave early and are
    /// counted in `FeatureCounters.earlyExpiries`. A trade takes 16 bytes in each of two rings, a flow 32 in one.
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

    /// Requires the ranges given at the properties.
    public init(
        windowSeconds: [Int] = [1, 5, 30], spreadCompressionLength: Int = 100, spreadCompressionMinimum: Int = 20,
        volumeBuckets: Int = 120, volumeBucketMinimum: Int = 20, tradeLimit: Int = 1_048_576,
        orderFlowWindowSeconds: [Int] = [1, 5], integratedFlowDepthLength: Int = 100,
        integratedFlowInterval: Int = 100, integratedFlowMemory: Int = 20_000, micropriceInterval: Int = 500,
        micropriceMemory: Int = 100_000, vpinBuckets: Int = 50, vpinWarmUpSeconds: Int = 60, impactBars: Int = 60,
        impactBarMinimum: Int = 20, regimeMeanLength: Int = 300, regimeRecentLength: Int = 5, regimeWarmUp: Int = 60,
        regimeMinimum: Int = 20, regimeStateLimit: Int = 512
    ) {
        for windows in [windowSeconds, orderFlowWindowSeconds] {
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
        self.windowSeconds = windowSeconds
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
    }

    /// The windows in nanoseconds.
    var windowWidths: [Int64] { windowSeconds.map { Int64($0) * 1_000_000_000 } }

    /// One trade column for each window: `prefix_1s`, `prefix_5s`, …; `meaning` receives the window's length.
    func windowColumns(
        _ prefix: String, side: Column.Side = .unsigned, unit: Column.Unit, meaning: (String) -> String
    ) -> [Column] {
        windowSeconds.map { seconds in
            Column("\(prefix)_\(seconds)s", source: .trades, side: side, unit: unit, meaning: meaning("\(seconds) s"))
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
        ]
    }
}
