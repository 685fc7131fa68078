/// A limit order book by price, in integers: built from a snapshot, updated by deltas.
///
/// The book does not know a venue's sequence rules; the venue session decides which deltas apply.
public struct OrderBook: Sendable, Equatable {
    public private(set) var bids = BookSide(.bid)
    public private(set) var asks = BookSide(.ask)
    /// The venue's id of the last applied change.
    public private(set) var updateID: Int64 = 0
    /// Levels dropped because a side was full; always the levels furthest from the best price.
    public private(set) var trimmedLevels: UInt64 = 0
    /// Most levels kept a side. Beyond it the levels furthest from the best are dropped and counted.
    public let levelLimit: Int

    /// - Parameter levelLimit: twice the deepest snapshot that a venue provides (Binance: 5,000).
    public init(levelLimit: Int = 10_000) {
        precondition(levelLimit > 0)
        self.levelLimit = levelLimit
    }

    /// Is the best ask at or below the best bid? That is impossible in a market, so the book is wrong.
    public var isCrossed: Bool {
        guard let bid = bids.best, let ask = asks.best else { return false }
        return ask.price <= bid.price
    }

    /// Empties the book before a snapshot whose last change is `updateID` fills it.
    public mutating func reset(updateID: Int64) {
        bids.removeAll()
        asks.removeAll()
        self.updateID = updateID
    }

    /// Sets one bid level; a quantity of zero removes it.
    public mutating func setBid(_ price: Price, to quantity: Quantity) { bids.set(price, to: quantity) }

    /// Sets one ask level; a quantity of zero removes it.
    public mutating func setAsk(_ price: Price, to quantity: Quantity) { asks.set(price, to: quantity) }

    /// Sets many bid levels; faster if they come best first.
    public mutating func setBids(_ levels: [PriceLevel]) { bids.set(levels) }

    /// Sets many ask levels; faster if they come best first.
    public mutating func setAsks(_ levels: [PriceLevel]) { asks.set(levels) }

    /// Ends one delta or snapshot: the book now contains all changes up to `updateID`.
    ///
    /// - Parameter depth: levels a side to keep, if fewer than `levelLimit`.
    public mutating func commit(updateID: Int64, depth: Int = .max) {
        self.updateID = updateID
        let limit = min(levelLimit, depth)
        trimmedLevels += UInt64(bids.trim(to: limit) + asks.trim(to: limit))
    }
}
