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

/// A place in a queue.
private struct QueuePlace: Sendable, Equatable {
    /// Quantity that must trade before the order fills.
    var ahead: Int64
    /// Quantity traded after what was ahead.
    var reached = Int64(0)

    /// Takes what happened to the price.
    mutating func apply(_ step: QueueAccount.Step, _ model: QueueModel) {
        guard !step.isOld else { return }
        let used = min(ahead, step.traded)
        ahead -= used
        reached += step.traded - used
        guard let (before, after) = step.change else { return }
        let left = before - step.traded
        if model == .probabilistic, left > after { ahead -= Int64(Int128(left - after) * Int128(ahead) / Int128(left)) }
        ahead = min(ahead, after)
    }
}

/// A limit order in the queue of its price. It fills once recorded trades at its price have consumed the quantity ahead
/// of it, or once the market has traded through its price.
///
/// Trades, and the quotes and books that already contain them, may come in either order (`QueueAccount`); the place in
/// the queue is recounted from the steps of the last second. The recorded market does not react to the order. Sources:
/// Rigtorp (2013), Estimating order queue position (proportional model); Moallemi, Yuan (2017), A model for queue
/// position valuation.
public struct RestingOrder: Sendable, Equatable {
    public let side: Side
    public let price: Price
    public private(set) var remaining: Int64
    /// Quantity that must trade at the price before this order fills.
    public var ahead: Int64 { place.ahead }
    private let model: QueueModel
    private let quantity: Int64
    /// The number of the first decrease after its arrival, and venue time of the newest book then.
    private let arrival: (number: Int, bookTime: Timestamp)
    /// Size at the price, as last shown.
    private var shown: Int64
    private var account: QueueAccount
    /// The place before the account's steps, and after them.
    private var settled: QueuePlace
    private var place: QueuePlace

    /// - Parameters:
    ///   - side: `long` buys.
    ///   - ahead: size resting at the price when the order arrives.
    public init(side: Side, price: Price, quantity: Int64, ahead: Int64, model: QueueModel) {
        self.init(
            side: side, price: price, quantity: quantity, ahead: ahead, model: model, account: QueueAccount(),
            number: 0)
    }

    /// - Parameters:
    ///   - account: what lately happened at the price.
    ///   - number: of the first decrease after the arrival.
    init(
        side: Side, price: Price, quantity: Int64, ahead: Int64, model: QueueModel, account: QueueAccount, number: Int
    ) {
        precondition(quantity > 0 && ahead >= 0)
        self.side = side
        self.price = price
        self.quantity = quantity
        remaining = quantity
        shown = ahead
        self.model = model
        self.account = account
        arrival = (number, account.bookTime)
        settled = QueuePlace(ahead: ahead)
        place = settled
    }

    public static func == (left: RestingOrder, right: RestingOrder) -> Bool {
        left.side == right.side && left.price == right.price && left.remaining == right.remaining
            && left.place == right.place && left.shown == right.shown && left.account == right.account
    }

    /// Takes a trade; returns the quantity of the order that it fills.
    public mutating func process(_ trade: Trade) -> Int64 { process(trade, containedIn: nil) }

    /// - Parameter number: of the newest decrease, at the trade's price, that contains the trade; `nil` if none does.
    mutating func process(_ trade: Trade, containedIn number: Int?) -> Int64 {
        let isAgainst = (trade.aggressor == .sell) == (side == .long)
        guard isAgainst, remaining > 0,
            // It happened before the book that the order found.
            trade.times.venue.advanced(byNanoseconds: QueueAccount.timeTolerance) >= arrival.bookTime
        else { return 0 }
        if side == .long ? trade.price < price : trade.price > price {
            return number.map { $0 < arrival.number } ?? false ? 0 : fill(remaining)
        }
        guard trade.price == price else { return 0 }
        settle(at: trade.times.receive)
        account.trade(max(0, trade.quantity.mantissa), venueTime: trade.times.venue, at: trade.times.receive)
        return recount()
    }

    /// Takes the current size at the order's price on its own side; `nil` if the recorded levels do not reach that far.
    /// `other` is the best price of the other side: if it is at or through the order's price, the order is filled.
    public mutating func process(shown now: Int64?, other: Price) -> Int64 {
        process(shown: now, other: other, in: QueueAccount.Sight())
    }

    /// - Parameter sight: the quote or book that shows it.
    mutating func process(shown now: Int64?, other: Price, in sight: QueueAccount.Sight) -> Int64 {
        guard remaining > 0 else { return 0 }
        if side == .long ? other <= price : other >= price { return fill(remaining) }
        if let now {
            if now < shown { account.decrease(from: shown, to: now, in: sight) }
            shown = now
        }
        if let book = sight.book { account.close(with: book) }
        if let time = sight.time { settle(at: time) }
        return recount()
    }

    /// Counts for good what can be matched no more.
    private mutating func settle(at time: Timestamp) {
        while let step = account.popExpired(at: time) { settled.apply(step, model) }
    }

    private mutating func recount() -> Int64 {
        place = settled
        for step in account.steps { place.apply(step, model) }
        return fill(max(0, min(place.reached, quantity) - (quantity - remaining)))
    }

    private mutating func fill(_ quantity: Int64) -> Int64 {
        remaining -= quantity
        return quantity
    }
}
