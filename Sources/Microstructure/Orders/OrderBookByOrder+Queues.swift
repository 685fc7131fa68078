/// What the book knows of its orders.
extension OrderBookByOrder {
    /// An order that the book has.
    public struct RestingOrder: Sendable, Hashable {
        public let id: UInt64
        public let side: BookSide.Kind
        /// Zero for a market order.
        public let price: Price
        public let quantity: Quantity
        /// When the venue added it; `nil` if it is from a snapshot.
        public let added: Timestamp?
    }

    private func resting(_ slot: Int32) -> RestingOrder {
        let order = orders[Int(slot)]
        return RestingOrder(
            id: order.id, side: order.side, price: Price(order.price), quantity: Quantity(order.quantity),
            added: order.added == .min ? nil : Timestamp(nanoseconds: order.added))
    }

    /// O(1).
    public func order(_ id: UInt64) -> RestingOrder? {
        let slot = id == 0 ? Self.none : slots.slot(of: id)
        return slot < 0 ? nil : resting(slot)
    }

    public func best(_ side: BookSide.Kind) -> PriceLevel? { side == .bid ? book.bids.best : book.asks.best }

    /// The number of orders at a price. O(1).
    public func orderCount(_ side: BookSide.Kind, at price: Price) -> Int {
        guard let level = level(side, price) else { return 0 }
        return Int(levels[level].orders)
    }

    /// Passes the orders at a price, the first in the queue first. O(orders).
    public func forEachOrder(_ side: BookSide.Kind, at price: Price, _ body: (RestingOrder) -> Void) {
        guard let level = level(side, price) else { return }
        var slot = levels[level].head
        while slot != Self.none {
            body(resting(slot))
            slot = orders[Int(slot)].next
        }
    }

    /// Where an order stands; `nil` if it does not rest. Orders of a snapshot stand as they came. O(orders ahead at its price
    /// + better levels).
    public func position(of id: UInt64) -> QueuePosition? {
        let slot = id == 0 ? Self.none : slots.slot(of: id)
        guard slot >= 0, orders[Int(slot)].level != Self.none else { return nil }
        let order = orders[Int(slot)]
        let level = levels[Int(order.level)]
        var ahead = (orders: 0, quantity: Int64(0))
        var before = order.previous
        while before != Self.none {
            ahead.orders += 1
            ahead.quantity &+= orders[Int(before)].quantity
            before = orders[Int(before)].previous
        }
        var better: Int64 = 0
        let side = order.side == .bid ? book.bids : book.asks
        for rank in 0..<side.count {
            let other = side[rank]
            guard other.price.mantissa != order.price else { break }
            better = better.addingReportingOverflow(other.quantity.mantissa).partialValue
        }
        return QueuePosition(
            ordersAhead: ahead.orders, quantityAhead: Quantity(ahead.quantity), quantityBetter: Quantity(better),
            orders: Int(level.orders), quantity: Quantity(level.quantity))
    }

    private func level(_ side: BookSide.Kind, _ price: Price) -> Int? {
        guard price.mantissa > 0, price.mantissa <= Self.priceLimit else { return nil }
        let level = prices.slot(of: Self.key(side, price.mantissa))
        return level < 0 ? nil : Int(level)
    }

    /// Whether the levels' sizes are the sums of their orders', all above zero, and `book` has the same levels and no others.
    /// O(orders + levels · log levels); for tests and audits.
    public var agreesWithItsAggregate: Bool {
        var resting = 0
        var found = 0
        for side in [book.bids, book.asks] {
            found += side.count
            for rank in 0..<side.count {
                guard agreesWithItsAggregate(side.kind, at: side[rank].price) else { return false }
                resting += orderCount(side.kind, at: side[rank].price)
            }
        }
        return found == prices.count && resting <= count
    }

    /// The same of one price. O(orders at the price + log levels).
    public func agreesWithItsAggregate(_ side: BookSide.Kind, at price: Price) -> Bool {
        let published = (side == .bid ? book.bids : book.asks).quantity(at: price)
        guard let level = level(side, price) else { return published == .zero }
        var sum: Int64 = 0
        var number = 0
        var isSound = true
        forEachOrder(side, at: price) { order in
            isSound = isSound && order.quantity > .zero && order.price == price && order.side == side
            sum &+= order.quantity.mantissa
            number += 1
        }
        return isSound && number > 0 && sum == published.mantissa && sum == levels[level].quantity
            && number == Int(levels[level].orders)
    }
}
