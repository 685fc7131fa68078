/// The lengths and limits of the measures. They are part of the schema's identity.
public struct FeatureParameters: Sendable, Hashable {
    /// Windows of the trade columns, in seconds, ascending; 1 to 8 windows of 1 s to one day.
    public let windowSeconds: [Int]
    /// Book updates that the mean spread looks back on, the current included. 1 to 65,536.
    public let spreadCompressionLength: Int
    /// Book updates before the mean spread is defined. 1 to `spreadCompressionLength`.
    public let spreadCompressionMinimum: Int
    /// Completed buckets that the volume's mean and deviation look back on. 2 to 4,096.
    public let volumeBuckets: Int
    /// Completed buckets before they are defined. 2 to `volumeBuckets`.
    public let volumeBucketMinimum: Int
    /// Most trades kept for the widest window. Beyond it the oldest leave before their time and are counted in
    /// `FeatureCounters.earlyExpiries`. A trade takes 16 bytes in each of two rings.
    public let tradeLimit: Int

    /// Requires the ranges given at the properties.
    public init(
        windowSeconds: [Int] = [1, 5, 30], spreadCompressionLength: Int = 100, spreadCompressionMinimum: Int = 20,
        volumeBuckets: Int = 120, volumeBucketMinimum: Int = 20, tradeLimit: Int = 1_048_576
    ) {
        precondition((1...8).contains(windowSeconds.count))
        precondition(windowSeconds.allSatisfy { (1...86_400).contains($0) })
        precondition(zip(windowSeconds, windowSeconds.dropFirst()).allSatisfy { $0 < $1 })
        precondition((1...65_536).contains(spreadCompressionLength))
        precondition((1...spreadCompressionLength).contains(spreadCompressionMinimum))
        precondition((2...4_096).contains(volumeBuckets))
        precondition((2...volumeBuckets).contains(volumeBucketMinimum))
        precondition(tradeLimit > 0)
        self.windowSeconds = windowSeconds
        self.spreadCompressionLength = spreadCompressionLength
        self.spreadCompressionMinimum = spreadCompressionMinimum
        self.volumeBuckets = volumeBuckets
        self.volumeBucketMinimum = volumeBucketMinimum
        self.tradeLimit = tradeLimit
    }

    /// The windows in nanoseconds.
    var windowWidths: [Int64] { windowSeconds.map { Int64($0) * 1_000_000_000 } }

    /// One column name a window: `prefix_1s`, `prefix_5s`, …
    func windowColumns(_ prefix: String) -> [String] { windowSeconds.map { "\(prefix)_\($0)s" } }

    /// Every parameter by name, for the schema's identity.
    var fields: [(name: String, values: [Int])] {
        [
            ("window_seconds", windowSeconds),
            ("spread_compression_length", [spreadCompressionLength]),
            ("spread_compression_minimum", [spreadCompressionMinimum]),
            ("volume_buckets", [volumeBuckets]),
            ("volume_bucket_minimum", [volumeBucketMinimum]),
            ("trade_limit", [tradeLimit]),
        ]
    }
}
