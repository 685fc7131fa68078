import Microstructure

/// The order book inside an exchange: every resting order, matched by price–time priority. `OrderBook` is the aggregated book
/// that an exchange publishes.
///
/// At each price the orders form a queue, and the oldest order is filled first. A reduced order keeps its place; an
/// order that grows or moves is a new order. All operations are O(1) except finding the price, O(log levels), and
/// adding or removing a level, which moves the levels between it and the best price. No allocation once the largest
/// number of orders was reached.
///
/// It never crosses: `add` refuses a price that would cross; the crossing part of an order is executed first
/// (`execute`).
public struct MatchingBook: Sendable {
    /// Names an order of this book; invalid in other books, and once the order has left.
    public struct OrderID: Sendable, Hashable {
        fileprivate let slot: Int32
        /// The number of earlier orders in this slot.
        fileprivate let tenant: UInt32
    }

    public struct Order: Sendable, Hashable {
        public let side: BookSide.Kind
        public let price: Price
        /// The resting size; above zero.
        public internal(set) var quantity: Quantity
    }

    /// The match of an incoming order with one resting order.
    public struct Fill: Sendable, Hashable {
        public let order: OrderID
        public let price: Price
        public let quantity: Quantity
        /// The size still resting; at zero the order has left the book.
        public let remaining: Quantity
    }

    /// Most orders at once. Further ones are refused.
    public static let orderLimit = 1 << 24

    /// A slot of the store: an order linked to its neighbours in the queue, or a free slot.
    private struct Slot {
        var order: Order
        var previous: Int32
        /// The next free slot, if this slot is free.
        var next: Int32
        var tenant: UInt32
        /// The slot's index in `live`; −1 if free.
        var place: Int32
    }

    private static let none: Int32 = -1

    public private(set) var bids = Side(.bid)
    public private(set) var asks = Side(.ask)
    private var slots: [Slot] = []
    private var free = Self.none
    /// The slots in use, in no order, so that a uniformly random order can be drawn in O(1).
    private var live: [Int32] = []

    public init() {}

    // Copying a side shares its storage, so the next change would copy it: code that alternates reads and changes
    // queries the book itself.

    public func best(_ side: BookSide.Kind) -> PriceLevel? { side == .bid ? bids.best : asks.best }
    /// The number of levels of a side.
    public func levelCount(_ side: BookSide.Kind) -> Int { side == .bid ? bids.count : asks.count }
    /// The level at `rank`, 0 being the best. Requires `rank < levelCount(side)`.
    public func level(_ side: BookSide.Kind, rank: Int) -> PriceLevel { side == .bid ? bids[rank] : asks[rank] }

    /// The number of orders on both sides.
    public var count: Int { live.count }

    /// The order at `index` of all orders, in an arbitrary but deterministic sequence. Requires `index < count`.
    public func id(at index: Int) -> OrderID {
        let slot = live[index]
        return OrderID(slot: slot, tenant: slots[Int(slot)].tenant)
    }

    /// `nil` once the order has left.
    public func order(_ id: OrderID) -> Order? { isLive(id) ? slots[Int(id.slot)].order : nil }

    /// The first, or last, order in the queue at `rank` of a side, 0 being the best price.
    public func first(_ side: BookSide.Kind, rank: Int) -> OrderID? { end(side, rank) { $0.head } }
    public func last(_ side: BookSide.Kind, rank: Int) -> OrderID? { end(side, rank) { $0.tail } }

    private func end(_ side: BookSide.Kind, _ rank: Int, _ which: (Side.Queue) -> Int32) -> OrderID? {
        let side = side == .bid ? bids : asks
        guard rank < side.count else { return nil }
        let slot = which(side.queue(rank: rank))
        return OrderID(slot: slot, tenant: slots[Int(slot)].tenant)
    }

    /// Adds an order at the end of the queue at its price. Returns `nil`, and changes nothing, if it would cross, if
    /// its size is not above zero, or at `orderLimit`.
    public mutating func add(_ side: BookSide.Kind, _ price: Price, _ quantity: Quantity) -> OrderID? {
        let opposite = side == .bid ? asks.best?.price : bids.best?.price
        let meets = opposite.map { side == .bid ? $0 <= price : price <= $0 } ?? false
        guard !meets, quantity > .zero, live.count < Self.orderLimit else { return nil }
        let slot: Int32
        let order = Order(side: side, price: price, quantity: quantity)
        if free == Self.none {
            slot = Int32(slots.count)
            slots.append(
                Slot(order: order, previous: Self.none, next: Self.none, tenant: 0, place: Int32(live.count)))
        } else {
            slot = free
            free = slots[Int(slot)].next
            slots[Int(slot)].order = order
            slots[Int(slot)].next = Self.none
            slots[Int(slot)].place = Int32(live.count)
        }
        live.append(slot)
        let before = side == .bid ? bids.append(slot, price, quantity) : asks.append(slot, price, quantity)
        slots[Int(slot)].previous = before
        if before != Self.none { slots[Int(before)].next = slot }
        return OrderID(slot: slot, tenant: slots[Int(slot)].tenant)
    }

    /// Removes an order and returns it; `nil` if it has already left.
    @discardableResult
    public mutating func cancel(_ id: OrderID) -> Order? {
        guard isLive(id) else { return nil }
        let order = slots[Int(id.slot)].order
        let index = level(of: order)
        remove(id.slot, index)
        return order
    }

    /// Reduces an order, which keeps its place in the queue. Returns `false`, and changes nothing, if it has left or
    /// `quantity` is not between zero and the resting size.
    public mutating func reduce(_ id: OrderID, to quantity: Quantity) -> Bool {
        guard isLive(id) else { return false }
        let order = slots[Int(id.slot)].order
        guard quantity > .zero, quantity < order.quantity else { return false }
        let taken = order.quantity.mantissa - quantity.mantissa
        slots[Int(id.slot)].order.quantity = quantity
        let index = level(of: order)
        if order.side == .bid { bids.take(taken, at: index) } else { asks.take(taken, at: index) }
        return true
    }

    /// Fills an incoming order against the resting orders, best price first and oldest first at each price, and appends
    /// a fill for each resting order matched. Returns the unfilled size.
    ///
    /// - Parameter limit: the worst price that the incoming order accepts; `nil` accepts any.
    public mutating func execute(
        _ aggressor: AggressorSide, _ quantity: Quantity, limit: Price? = nil, into fills: inout [Fill]
    ) -> Quantity {
        var rest = quantity.mantissa
        let isBuy = aggressor == .buy
        while rest > 0, let best = isBuy ? asks.best : bids.best {
            if let limit, isBuy ? limit < best.price : best.price < limit { break }
            let index = (isBuy ? asks.count : bids.count) - 1
            let slot = isBuy ? asks.queue(rank: 0).head : bids.queue(rank: 0).head
            let resting = slots[Int(slot)].order.quantity.mantissa
            let taken = min(rest, resting)
            rest -= taken
            fills.append(
                Fill(
                    order: OrderID(slot: slot, tenant: slots[Int(slot)].tenant), price: best.price,
                    quantity: Quantity(taken), remaining: Quantity(resting - taken)))
            if taken == resting {
                remove(slot, index)
            } else {
                slots[Int(slot)].order.quantity = Quantity(resting - taken)
                if isBuy { asks.take(taken, at: index) } else { bids.take(taken, at: index) }
            }
        }
        return Quantity(rest)
    }

    /// The orders at a price, oldest first. O(orders at the price); for tests and displays.
    public func queue(_ side: BookSide.Kind, at price: Price) -> [Order] {
        let levels = side == .bid ? bids : asks
        guard let index = levels.index(of: price) else { return [] }
        var orders: [Order] = []
        var slot = levels.queue(rank: levels.count - 1 - index).head
        while slot != Self.none {
            orders.append(slots[Int(slot)].order)
            slot = slots[Int(slot)].next
        }
        return orders
    }

    private func isLive(_ id: OrderID) -> Bool {
        slots.indices.contains(Int(id.slot)) && slots[Int(id.slot)].tenant == id.tenant
            && slots[Int(id.slot)].place != Self.none
    }

    private func level(of order: Order) -> Int {
        guard let index = order.side == .bid ? bids.index(of: order.price) : asks.index(of: order.price) else {
            preconditionFailure("an order without its level")
        }
        return index
    }

    private mutating func remove(_ slot: Int32, _ index: Int) {
        let tenant = slots[Int(slot)]
        if tenant.previous != Self.none { slots[Int(tenant.previous)].next = tenant.next }
        if tenant.next != Self.none { slots[Int(tenant.next)].previous = tenant.previous }
        if tenant.order.side == .bid {
            bids.unlink(tenant.order.quantity, tenant.previous, tenant.next, at: index)
        } else {
            asks.unlink(tenant.order.quantity, tenant.previous, tenant.next, at: index)
        }
        let place = Int(tenant.place)
        let moved = live[live.count - 1]
        live[place] = moved
        slots[Int(moved)].place = Int32(place)
        live.removeLast()
        slots[Int(slot)].place = Self.none
        slots[Int(slot)].tenant &+= 1
        slots[Int(slot)].previous = Self.none
        slots[Int(slot)].next = free
        free = slot
    }
}

extension MatchingBook {
    /// One side: the aggregated levels (`BookSide`), and the queue of orders at each price.
    public struct Side: Sendable {
        fileprivate struct Queue: Sendable {
            var head: Int32
            var tail: Int32
            var orders: Int32
        }

        public var kind: BookSide.Kind { levels.kind }
        private var levels: BookSide
        /// Worst price first, like the stored levels.
        private var queues: [Queue] = []

        fileprivate init(_ kind: BookSide.Kind) { levels = BookSide(kind) }

        public var count: Int { queues.count }
        public var isEmpty: Bool { queues.isEmpty }
        public var best: PriceLevel? { levels.best }

        /// The level at `rank`, 0 being the best. Requires `rank < count`.
        public subscript(rank: Int) -> PriceLevel { levels[rank] }

        /// The size resting at `price`, zero where there is none. O(log n).
        public func quantity(at price: Price) -> Quantity { levels.quantity(at: price) }

        /// The number of orders at `rank`.
        public func orders(rank: Int) -> Int { Int(queue(rank: rank).orders) }

        fileprivate func queue(rank: Int) -> Queue { queues[queues.count - 1 - rank] }

        fileprivate func index(of price: Price) -> Int? { levels.storedIndex(of: price) }

        /// Returns the slot of the previous order in the queue, −1 if there is none.
        fileprivate mutating func append(_ slot: Int32, _ price: Price, _ quantity: Quantity) -> Int32 {
            let (index, isNew) = levels.add(quantity, at: price)
            guard !isNew else {
                queues.insert(Queue(head: slot, tail: slot, orders: 1), at: index)
                return MatchingBook.none
            }
            let before = queues[index].tail
            queues[index].tail = slot
            queues[index].orders += 1
            return before
        }

        fileprivate mutating func take(_ quantity: Int64, at index: Int) { levels.take(quantity, atStored: index) }

        fileprivate mutating func unlink(_ quantity: Quantity, _ previous: Int32, _ next: Int32, at index: Int) {
            guard queues[index].orders > 1 else {
                queues.remove(at: index)
                levels.remove(atStored: index)
                return
            }
            queues[index].orders -= 1
            if previous == MatchingBook.none { queues[index].head = next }
            if next == MatchingBook.none { queues[index].tail = previous }
            levels.take(quantity.mantissa, atStored: index)
        }
    }
}
