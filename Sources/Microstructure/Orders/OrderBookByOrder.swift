/// A venue's order book by single orders (L3), as its feed tells it: every resting order, in its queue, and the book by price
/// (`book`) that they sum up to.
///
/// `Simulation.MatchingBook` is a book of this kind inside an exchange, which matches and therefore never crosses. This one
/// believes what it is told:
///
/// - It takes the venue's ids, and takes an order out by its id and by the price that the book has stored: a deletion's own
///   price may be that of a fill or of the order's replacement.
/// - It may be crossed. Venues tell a match in several messages, and between them both orders are there.
/// - It tolerates deletions of orders that it does not have, and counts them.
/// - A snapshot may hold orders that are long gone (ghosts). One that the market crosses shows: if the book stays crossed for
///   longer than `crossingNanoseconds`, the best orders of the side last heard of longer ago are dropped and counted. One
///   that is never crossed stays until the next snapshot.
///
/// An update is O(1), and O(log levels) in `book`; dropping a ghost, which is rare, is O(orders at its price). No allocation once
/// the largest numbers of orders and levels were reached. An order takes 56 bytes and its place in the hash table 32 to 64.
public struct OrderBookByOrder: Sendable {
    /// Above it a price is refused; its key in a hash table needs one bit more.
    public static let priceLimit = Int64.max >> 1
    /// How long a book may be crossed, in the venue's time, before it holds a ghost. On Bitstamp a match takes one
    /// millisecond at most.
    public static let crossingNanoseconds: Int64 = 1_000_000_000

    /// Most orders at once; further ones are refused and counted. The default takes 128 MB at most; Bitstamp's BTC/USD has
    /// 6,500 orders.
    public let orderLimit: Int

    /// The book by price; its `updateID` counts updates. It may be crossed (see above), and never drops a level, since it
    /// cannot have more levels than there are orders.
    public private(set) var book: OrderBook
    public private(set) var counts = OrderCounts()
    /// Since when, in the venue's time, the best ask is not above the best bid; `nil` if it is.
    public private(set) var crossedSince: Timestamp?

    struct Order {
        var id: UInt64
        var price: Int64
        var quantity: Int64
        /// The venue's time when it was added; `.min` if it is from a snapshot.
        var added: Int64
        /// The venue's time when it was last heard of.
        var heard: Int64
        /// Its neighbours in the queue; `next` is the next free slot if this slot is free.
        var previous: Int32
        var next: Int32
        /// −1 if it does not rest: a market order, or nothing is left.
        var level: Int32
        var side: BookSide.Kind
    }

    /// The queue at a price.
    struct Level {
        var price: Int64
        var quantity: Int64
        var head: Int32
        /// The next free level if this one is free.
        var tail: Int32
        var orders: Int32
        var side: BookSide.Kind
    }

    static let none: Int32 = -1

    private(set) var orders: [Order] = []
    private var freeOrder = Self.none
    private(set) var slots: SlotTable
    private(set) var levels: [Level] = []
    private var freeLevel = Self.none
    private(set) var prices: SlotTable

    /// - Parameter capacity: orders for which there is room from the start.
    public init(orderLimit: Int = 1 << 20, reserving capacity: Int = 1 << 13) {
        precondition((1...Int(Int32.max)).contains(orderLimit) && capacity >= 1)
        self.orderLimit = orderLimit
        book = OrderBook(levelLimit: orderLimit)
        slots = SlotTable(reserving: capacity)
        prices = SlotTable(reserving: capacity)
        orders.reserveCapacity(capacity)
        levels.reserveCapacity(capacity)
    }

    /// The number of orders, resting or not.
    public var count: Int { slots.count }
    public var isCrossed: Bool { book.isCrossed }

    /// Empties the book before the orders of a snapshot are loaded. Counts stay.
    public mutating func reset() {
        orders.removeAll(keepingCapacity: true)
        levels.removeAll(keepingCapacity: true)
        slots.removeAll()
        prices.removeAll()
        freeOrder = Self.none
        freeLevel = Self.none
        book.reset(updateID: Int64(bitPattern: counts.updates))
        crossedSince = nil
    }

    /// Adds an order of a snapshot, behind those loaded at its price. Returns why it is refused, if it is.
    public mutating func load(
        _ id: UInt64, _ side: BookSide.Kind, _ price: Price, _ quantity: Quantity, at time: Timestamp
    ) -> OrderRefusal? {
        if let refusal = refusal(id, price, quantity) { return refusal }
        guard slots.slot(of: id) < 0 else { return .duplicate }
        guard count < orderLimit else { return .full }
        guard insert(id, side, price, quantity, added: .min, heard: time.nanoseconds) else { return .outOfRange }
        counts.loaded += 1
        followCrossing(at: time)
        return nil
    }

    /// Applies one update; a refused one changes nothing but a count.
    public mutating func process(_ update: OrderUpdate) -> OrderOutcome {
        counts.updates += 1
        if let crossedSince, update.times.venue.nanoseconds(since: crossedSince) > Self.crossingNanoseconds {
            dropGhosts()
        }
        let outcome = apply(update)
        switch outcome {
        case .refused(let refusal): counts[refusal] += 1
        case .applied(let effect):
            switch effect.action {
            case .add: counts.added += 1
            case .delete: counts.deleted += 1
            case .change, .set: counts.changed += 1
            }
            followCrossing(at: update.times.venue)
        }
        book.commit(updateID: Int64(bitPattern: counts.updates))
        return outcome
    }

    @inline(__always)
    private func refusal(_ id: UInt64, _ price: Price, _ quantity: Quantity) -> OrderRefusal? {
        id != 0 && price.mantissa >= 0 && price.mantissa <= Self.priceLimit && quantity.mantissa >= 0
            ? nil : .outOfRange
    }

    @inline(__always)
    private mutating func apply(_ update: OrderUpdate) -> OrderOutcome {
        if let refusal = refusal(update.id, update.price, update.quantity) { return .refused(refusal) }
        let slot = slots.slot(of: update.id)
        guard slot >= 0 else { return applyToUnknown(update) }
        let order = orders[Int(slot)]
        guard order.side == update.side else { return .refused(.otherSide) }
        var effect = OrderEffect(
            action: .change, reason: update.reason, side: order.side, price: Price(order.price),
            before: Quantity(order.quantity), after: update.quantity,
            added: order.added == .min ? nil : Timestamp(nanoseconds: order.added))
        switch update.action {
        case .add: return .refused(.duplicate)
        case .change:
            guard change(slot, to: update.quantity.mantissa) else { return .refused(.outOfRange) }
        case .set where order.price == update.price.mantissa:
            guard change(slot, to: update.quantity.mantissa) else { return .refused(.outOfRange) }
        case .set:
            unlink(slot)
            orders[Int(slot)].price = update.price.mantissa
            orders[Int(slot)].quantity = update.quantity.mantissa
            guard link(slot) else {
                orders[Int(slot)].price = order.price
                orders[Int(slot)].quantity = order.quantity
                _ = link(slot)
                return .refused(.outOfRange)
            }
            effect.price = update.price
            effect.reason = .replaced
        case .delete:
            effect.action = .delete
            effect.after = .zero
            let isElsewhere = update.price.mantissa != order.price && update.price.mantissa != 0
            if isElsewhere, update.quantity > .zero, order.level >= 0 { effect.reason = .replaced }
            remove(slot)
            return .applied(effect)
        }
        orders[Int(slot)].heard = update.times.venue.nanoseconds
        return .applied(effect)
    }

    private mutating func applyToUnknown(_ update: OrderUpdate) -> OrderOutcome {
        switch update.action {
        case .change: return .refused(.unknownChange)
        case .delete: return .refused(.unknownDelete)
        case .add, .set: break
        }
        guard count < orderLimit else { return .refused(.full) }
        let time = update.times.venue
        guard
            insert(
                update.id, update.side, update.price, update.quantity, added: time.nanoseconds, heard: time.nanoseconds)
        else { return .refused(.outOfRange) }
        return .applied(
            OrderEffect(
                action: .add, reason: update.reason, side: update.side, price: update.price, before: .zero,
                after: update.quantity, added: time))
    }

    // MARK: Crossing

    @inline(__always)
    private mutating func followCrossing(at time: Timestamp) {
        guard book.isCrossed else {
            crossedSince = nil
            return
        }
        guard crossedSince == nil else { return }
        crossedSince = time
        counts.crossings += 1
    }

    /// Drops the best orders of one side, until the book is no longer crossed. Which side is the wrong one? That which the
    /// venue mentioned last longer ago; both, if both are of one snapshot.
    private mutating func dropGhosts() {
        while let bid = book.bids.best, let ask = book.asks.best, ask.price <= bid.price {
            let bids = prices.slot(of: Self.key(.bid, bid.price.mantissa))
            let asks = prices.slot(of: Self.key(.ask, ask.price.mantissa))
            let (bidTime, askTime) = (lastHeard(at: bids), lastHeard(at: asks))
            if bidTime <= askTime { removeAll(at: bids) }
            if askTime <= bidTime { removeAll(at: asks) }
        }
        crossedSince = nil
    }

    private func lastHeard(at level: Int32) -> Int64 {
        var time = Int64.min
        var slot = levels[Int(level)].head
        while slot != Self.none {
            time = max(time, orders[Int(slot)].heard)
            slot = orders[Int(slot)].next
        }
        return time
    }

    private mutating func removeAll(at level: Int32) {
        for _ in 0..<levels[Int(level)].orders {
            remove(levels[Int(level)].head)
            counts.ghosts += 1
        }
    }

    // MARK: The store

    static func key(_ side: BookSide.Kind, _ price: Int64) -> UInt64 {
        UInt64(bitPattern: price) &<< 1 | (side == .ask ? 1 : 0)
    }

    /// Returns `false`, and changes nothing, if the level's size would overflow.
    private mutating func insert(
        _ id: UInt64, _ side: BookSide.Kind, _ price: Price, _ quantity: Quantity, added: Int64, heard: Int64
    ) -> Bool {
        let order = Order(
            id: id, price: price.mantissa, quantity: quantity.mantissa, added: added, heard: heard,
            previous: Self.none, next: Self.none, level: Self.none, side: side)
        let slot: Int32
        if freeOrder == Self.none {
            slot = Int32(orders.count)
            orders.append(order)
        } else {
            slot = freeOrder
            freeOrder = orders[Int(slot)].next
            orders[Int(slot)] = order
        }
        guard link(slot) else {
            orders[Int(slot)].next = freeOrder
            freeOrder = slot
            return false
        }
        slots.insert(id, slot)
        return true
    }

    private mutating func remove(_ slot: Int32) {
        unlink(slot)
        slots.remove(orders[Int(slot)].id)
        orders[Int(slot)].next = freeOrder
        freeOrder = slot
    }

    /// Puts an order at the end of the queue at its price, if it rests. Returns `false`, and changes nothing, if the level's
    /// size would overflow.
    private mutating func link(_ slot: Int32) -> Bool {
        let order = orders[Int(slot)]
        guard order.price > 0, order.quantity > 0 else { return true }
        let key = Self.key(order.side, order.price)
        var place = prices.slot(of: key)
        if place < 0 {
            place = newLevel(order.side, order.price)
            prices.insert(key, place)
        }
        let level = levels[Int(place)]
        let (quantity, overflows) = level.quantity.addingReportingOverflow(order.quantity)
        // Only a level that was there can overflow, so none is left without orders.
        guard !overflows else { return false }
        orders[Int(slot)].level = place
        orders[Int(slot)].previous = level.tail
        orders[Int(slot)].next = Self.none
        if level.tail == Self.none {
            levels[Int(place)].head = slot
        } else {
            orders[Int(level.tail)].next = slot
        }
        levels[Int(place)].tail = slot
        levels[Int(place)].orders = level.orders &+ 1
        levels[Int(place)].quantity = quantity
        publish(order.side, order.price, quantity)
        return true
    }

    private mutating func newLevel(_ side: BookSide.Kind, _ price: Int64) -> Int32 {
        let level = Level(price: price, quantity: 0, head: Self.none, tail: Self.none, orders: 0, side: side)
        guard freeLevel != Self.none else {
            levels.append(level)
            return Int32(levels.count - 1)
        }
        let place = freeLevel
        freeLevel = levels[Int(place)].tail
        levels[Int(place)] = level
        return place
    }

    private mutating func unlink(_ slot: Int32) {
        let order = orders[Int(slot)]
        guard order.level != Self.none else { return }
        let place = Int(order.level)
        if order.previous == Self.none {
            levels[place].head = order.next
        } else {
            orders[Int(order.previous)].next = order.next
        }
        if order.next == Self.none {
            levels[place].tail = order.previous
        } else {
            orders[Int(order.next)].previous = order.previous
        }
        orders[Int(slot)].level = Self.none
        levels[place].orders &-= 1
        let quantity = levels[place].quantity &- order.quantity
        levels[place].quantity = quantity
        publish(order.side, order.price, quantity)
        guard levels[place].orders == 0 else { return }
        prices.remove(Self.key(order.side, order.price))
        levels[place].tail = freeLevel
        freeLevel = order.level
    }

    /// Gives an order another size. A smaller one keeps its place; a larger one goes to the end of the queue. Returns `false`,
    /// and changes nothing, if the level's size would overflow.
    private mutating func change(_ slot: Int32, to quantity: Int64) -> Bool {
        let order = orders[Int(slot)]
        guard order.level != Self.none, quantity > 0, quantity <= order.quantity else {
            unlink(slot)
            orders[Int(slot)].quantity = quantity
            guard link(slot) else {
                orders[Int(slot)].quantity = order.quantity
                _ = link(slot)
                return false
            }
            return true
        }
        orders[Int(slot)].quantity = quantity
        levels[Int(order.level)].quantity &-= order.quantity &- quantity
        publish(order.side, order.price, levels[Int(order.level)].quantity)
        return true
    }

    @inline(__always)
    private mutating func publish(_ side: BookSide.Kind, _ price: Int64, _ quantity: Int64) {
        if side == .bid {
            book.setBid(Price(price), to: Quantity(quantity))
        } else {
            book.setAsk(Price(price), to: Quantity(quantity))
        }
    }
}
