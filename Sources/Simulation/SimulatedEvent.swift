import Microstructure

/// An event that a simulated market publishes, independent of any venue's format. Prices and sizes are in the units of
/// the market's listing (`priceUnit`, `quantityUnit`).
public struct SimulatedEvent: Sendable, Hashable {
    public enum Content: Sendable, Hashable {
        case depth(DepthChange)
        case trade(id: Int64, price: Price, quantity: Quantity, aggressor: AggressorSide)
        /// The best prices and their sizes after update `updateID`.
        case quote(updateID: Int64, bid: PriceLevel, ask: PriceLevel)
    }

    /// Offset at which the event is due, in ns since the market opened.
    public let due: Int64
    /// The venue's time at that offset.
    public let time: Timestamp
    public let content: Content
    /// The units of prices and sizes, in 10⁻⁸.
    public var priceUnit: Int64 = 1
    public var quantityUnit: Int64 = 1

    var units: (price: Int64, quantity: Int64) { (priceUnit, quantityUnit) }
}

/// The levels that changed from one published depth update to the next.
public struct DepthChange: Sendable, Hashable {
    /// The first and last book update contained; without a gap, `firstID` follows the previous `lastID`.
    public var firstID: Int64
    public var lastID: Int64
    /// The new size at each changed price; zero if the level is gone.
    public var bids: [PriceLevel]
    public var asks: [PriceLevel]
    /// One of several messages that make a change: the ids are the whole change's, which the last message has.
    public var isPart = false
}

/// A market's book at one moment.
public struct SimulatedBook: Sendable, Hashable {
    /// The last update contained.
    public var updateID: Int64
    /// Best first.
    public var bids: [PriceLevel]
    public var asks: [PriceLevel]
}
