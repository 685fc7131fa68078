public import Microstructure

/// What an order met: how much of it, for how much. Exact: price units times quantity units.
public struct Fill: Sendable, Equatable {
    public var quantity = Int64(0)
    /// Σ price · quantity of the levels taken.
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

/// Orders that take.
public enum MarketOrder {
    /// Walks the levels of the other side, best first, until `quantity` is filled or the recorded levels are gone: what is
    /// left then is not filled. O(levels).
    public static func execute(_ quantity: Int64, against levels: [PriceLevel]) -> Fill {
        var fill = Fill()
        for level in levels {
            guard fill.quantity < quantity else { break }
            fill.add(price: level.price, quantity: min(level.quantity.mantissa, quantity - fill.quantity))
        }
        return fill
    }
}

/// What is believed of the place of a resting order when its level shrinks without a trade.
public enum QueueModel: String, Sendable, Codable, CaseIterable {
    /// Who leaves stood behind: only trades bring the order forward, and never more rests before it than rests at all.
    case conservative
    /// Who leaves stood anywhere: before and behind the order lose in proportion, rounded against it.
    case probabilistic
}

/// A limit order in the queue of its price. It fills when the recorded trades at its price have used up what rested before
/// it, or when the market has gone through its price.
///
/// The recorded market does not react to it. Sources: Rigtorp (2013), Estimating order queue position (proportional
/// model); Moallemi, Yuan (2017), A model for queue position valuation.
public struct RestingOrder: Sendable, Equatable {
    public let side: Side
    public let price: Price
    public private(set) var remaining: Int64
    /// What must trade at the price before the order does.
    public private(set) var ahead: Int64
    private let model: QueueModel
    /// What rested at the price at the last look, without what has traded since.
    private var shown: Int64

    /// - Parameters:
    ///   - side: `long` buys.
    ///   - ahead: what rests at the price when the order arrives.
    public init(side: Side, price: Price, quantity: Int64, ahead: Int64, model: QueueModel) {
        precondition(quantity > 0 && ahead >= 0)
        self.side = side
        self.price = price
        remaining = quantity
        self.ahead = ahead
        shown = ahead
        self.model = model
    }

    /// Takes a trade; returns how much of the order it fills.
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

    /// Takes what rests now at the order's price on its own side; `nil` where the record does not reach that far. `other`
    /// is the best price of the other side: at or through the order's price, the order is filled.
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
