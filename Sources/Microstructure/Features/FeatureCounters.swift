/// What a feature engine had to set aside, counted since it was made.
public struct FeatureCounters: Sendable, Hashable {
    /// Received before the engine's clock; taken at the clock.
    public var lateEvents: UInt64 = 0
    /// Of another instrument; ignored.
    public var foreignEvents: UInt64 = 0
    /// Trades of negative size; ignored.
    public var invalidTrades: UInt64 = 0
    /// Trades fetched after the fact; ignored, since they did not happen when they were received.
    public var backfilledTrades: UInt64 = 0
    /// Trades at a price of zero or less; they count as volume but not towards realised volatility.
    public var ignoredPrices: UInt64 = 0
    /// Trades and order flows that left a window before their time because `FeatureParameters.tradeLimit` was reached.
    public var earlyExpiries: UInt64 = 0

    public init() {}
}
