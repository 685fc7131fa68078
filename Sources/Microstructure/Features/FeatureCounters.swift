/// Events that a feature engine treated specially, counted since it was made.
public struct FeatureCounters: Sendable, Hashable {
    /// Events received before the engine's clock; processed at the clock's time.
    public var lateEvents: UInt64 = 0
    /// Events of another instrument; ignored.
    public var foreignEvents: UInt64 = 0
    /// Trades of negative size; ignored.
    public var invalidTrades: UInt64 = 0
    /// Trades fetched later; ignored, since they did not happen when they were received.
    public var backfilledTrades: UInt64 = 0
    /// Trades at a price of zero or less; included in volume but not in realised volatility.
    public var ignoredPrices: UInt64 = 0
    /// Trades, quotes and changes of the book that left a window early because `FeatureParameters.tradeLimit` was reached.
    public var earlyExpiries: UInt64 = 0

    public init() {}
}
