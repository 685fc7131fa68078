/// What became of an order update in an `OrderBookByOrder`.
public enum OrderOutcome: Sendable, Hashable {
    case applied(OrderEffect)
    case refused(OrderRefusal)
}

/// What an update did to one order of the book.
public struct OrderEffect: Sendable, Hashable {
    /// `.add`, `.change` or `.delete`; a `.set` becomes one of these.
    public var action: OrderUpdate.Action
    /// The update's, refined by what the book knows of the order.
    public var reason: OrderUpdate.Reason
    public var side: BookSide.Kind
    /// Where the order rests, or rested; zero for a market order.
    public var price: Price
    /// The order's size before and after the update.
    public var before: Quantity
    public var after: Quantity
    /// When the venue added it; `nil` if it was there before the book began.
    public var added: Timestamp?
}

/// Why an update changes nothing.
public enum OrderRefusal: UInt8, Sendable, Hashable, CaseIterable {
    /// A deletion of an order that the book does not have: it was deleted before, dropped as a ghost, or lost.
    case unknownDelete
    /// A change of such an order.
    case unknownChange
    /// An order that is there already is added.
    case duplicate
    /// The order is on the other side.
    case otherSide
    /// The id is zero, or a price or size is below zero, above `OrderBookByOrder.priceLimit`, or too large to be summed up.
    case outOfRange
    /// The book is at its limit of orders.
    case full
}

/// How many updates had which outcome. Each update has one: `updates` = `added` + `changed` + `deleted` + `refused`.
public struct OrderCounts: Sendable, Equatable {
    public internal(set) var updates: UInt64 = 0
    public internal(set) var added: UInt64 = 0
    public internal(set) var changed: UInt64 = 0
    public internal(set) var deleted: UInt64 = 0
    /// Orders of snapshots; they are no updates.
    public internal(set) var loaded: UInt64 = 0
    /// Orders dropped because the book stayed crossed.
    public internal(set) var ghosts: UInt64 = 0
    /// How often the best bid came to or above the best ask.
    public internal(set) var crossings: UInt64 = 0
    private var refusals = InlineArray<6, UInt64>(repeating: 0)

    public init() {}

    public var applied: UInt64 { added + changed + deleted }
    public var refused: UInt64 { OrderRefusal.allCases.reduce(0) { $0 + self[$1] } }

    public internal(set) subscript(refusal: OrderRefusal) -> UInt64 {
        get { refusals[Int(refusal.rawValue)] }
        set { refusals[Int(refusal.rawValue)] = newValue }
    }

    public static func == (left: Self, right: Self) -> Bool {
        left.updates == right.updates && left.added == right.added && left.changed == right.changed
            && left.deleted == right.deleted && left.loaded == right.loaded && left.ghosts == right.ghosts
            && left.crossings == right.crossings && OrderRefusal.allCases.allSatisfy { left[$0] == right[$0] }
    }
}

/// What an order has before it until it is filled.
public struct QueuePosition: Sendable, Hashable {
    /// Orders and size before it at its own price.
    public var ordersAhead: Int
    public var quantityAhead: Quantity
    /// Size at better prices of its side.
    public var quantityBetter: Quantity
    /// Orders and size at its price, itself included.
    public var orders: Int
    public var quantity: Quantity
}
