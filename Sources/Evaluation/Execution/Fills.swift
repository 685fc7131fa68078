public import Microstructure

/// The filled quantity of an order and its notional. Exact: price units times quantity units.
public struct Fill: Sendable, Equatable {
    public var quantity = Int64(0)
    /// Σ price · quantity over the levels taken.
    public var notional = Int128(0)
    /// Levels touched.
    public var levels = 0

    public init() {}

    mutating func add(price: Price, quantity taken: Int64) {
        quantity += taken
        notional += Int128(price.mantissa) * Int128(taken)
        levels += 1
    }
}

/// Orders that take liquidity.
public enum MarketOrder {
    /// Walks the levels of the other side, best first, until `quantity` is filled or no recorded level is left; any
    /// remainder stays unfilled. O(levels).
    public static func execute(_ quantity: Int64, against levels: [PriceLevel]) -> Fill {
        var fill = Fill()
        for level in levels {
            guard fill.quantity < quantity else { break }
            fill.add(price: level.price, quantity: min(level.quantity.mantissa, quantity - fill.quantity))
        }
        return fill
    }
}

/// Assumption about a resting order's queue position when its level shrinks without a trade.
public enum QueueModel: String, Sendable, Codable, CaseIterable {
    /// Cancellations come from behind: only trades advance the order, but no more than the level's size is ahead.
    case conservative
    /// Cancellations come from anywhere: ahead and behind shrink in proportion, rounded against the order.
    case probabilistic
}

/// A limit order in the queue of its price. It fills once recorded trades at its price have consumed the quantity ahead
/// of it, or once the market has traded through its price.
///
/// The recorded market does not react to it. Sources: Rigtorp (2013), Estimating order queue position (proportional
/// model); Moallemi, Yuan (2017), A model for queue position valuation.
public struct RestingOrder: Sendable, Equatable {
    public let side: Side
    public let price: Price
    public private(set) var remaining: Int64
    /// Quantity that must trade at the price before this order fills.
    public private(set) var ahead: Int64
    private let model: QueueModel
    /// Size at the price at the last book update, less the trades since.
    private var shown: Int64

    /// - Parameters:
    ///   - side: `long` buys.
    ///   - ahead: size resting at the price when the order arrives.
    public init(side: Side, price: Price, quantity: Int64, ahead: Int64, model: QueueModel) {
        precondition(quantity > 0 && ahead >= 0)
        self.side = side
        self.price = price
        remaining = quantity
        self.ahead = ahead
        shown = ahead
        self.model = model
    }

    /// Takes a trade; returns the quantity of the order that it fills.
    public mutating func process(_ trade: Trade) -> Int64 {
        let isAgainst = (trade.aggressor == .sell) == (side == .long)
        guard isAgainst, remaining > 0 else { return 0 }
        if side == .long ? trade.price < price : trade.price > price { return fill(remaining) }
        guard trade.price == price else { return 0 }
        let quantity = max(0, trade.quantity.mantissa)
        let used = min(ahead, quantity)
        ahead -= used
        shown = max(0, shown - quantity)
        return fill(min(remaining, quantity - used))
    }

    /// Takes the current size at the order's price on its own side; `nil` if the recorded levels do not reach that far.
    /// `other` is the best price of the other side: if it is at or through the order's price, the order is filled.
    public mutating func process(shown now: Int64?, other: Price) -> Int64 {
        guard remaining > 0 else { return 0 }
        if side == .long ? other <= price : other >= price { return fill(remaining) }
        guard let now else { return 0 }
        if model == .probabilistic, shown > 0, now < shown {
            let gone = Int128(shown - now) * Int128(ahead) / Int128(shown)
            ahead -= Int64(gone)
        }
        ahead = min(ahead, now)
        shown = now
        return 0
    }

    private mutating func fill(_ quantity: Int64) -> Int64 {
        remaining -= quantity
        return quantity
    }
}
