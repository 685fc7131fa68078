import TestSupport
import Testing

@testable import Microstructure

/// What a book by order is, without any cleverness: queues as arrays.
private struct ArrayBook {
    struct Order: Equatable {
        var id: UInt64
        var quantity: Int64
    }

    struct Place: Hashable {
        var side: BookSide.Kind
        var price: Int64
    }

    var queues: [Place: [Order]] = [:]
    var places: [UInt64: Place] = [:]
    /// Orders with nothing left, or without a price.
    var idle: [UInt64: Order] = [:]

    mutating func take(_ id: UInt64) -> Order? {
        guard let place = places.removeValue(forKey: id) else { return nil }
        if let order = idle.removeValue(forKey: id) { return order }
        let index = queues[place]!.firstIndex { $0.id == id }!
        let order = queues[place]!.remove(at: index)
        if queues[place]!.isEmpty { queues[place] = nil }
        return order
    }

    mutating func put(_ id: UInt64, _ side: BookSide.Kind, _ price: Int64, _ quantity: Int64) {
        let place = Place(side: side, price: price)
        places[id] = place
        let order = Order(id: id, quantity: quantity)
        if price == 0 || quantity == 0 { idle[id] = order } else { queues[place, default: []].append(order) }
    }

    mutating func resize(_ id: UInt64, to quantity: Int64) {
        let place = places[id]!
        if let index = queues[place]?.firstIndex(where: { $0.id == id }), quantity > 0,
            quantity <= queues[place]![index].quantity
        {
            queues[place]![index].quantity = quantity
        } else {
            _ = take(id)
            put(id, place.side, place.price, quantity)
        }
    }
}

extension OrderBookByOrder {
    fileprivate func ids(_ side: BookSide.Kind, at price: Int64) -> [UInt64] {
        var ids: [UInt64] = []
        forEachOrder(side, at: Price(price)) { ids.append($0.id) }
        return ids
    }

    @discardableResult
    fileprivate mutating func take(
        _ action: OrderUpdate.Action, _ id: UInt64, _ side: BookSide.Kind, _ price: Int64, _ quantity: Int64,
        at milliseconds: Int64 = 0, reason: OrderUpdate.Reason = .unknown
    ) -> OrderOutcome {
        let time = Timestamp(nanoseconds: milliseconds * 1_000_000)
        return process(
            OrderUpdate(
                instrument: InstrumentID(0), times: EventTimes(venue: time, receive: time), id: id, action: action,
                reason: reason, side: side, price: Price(price), quantity: Quantity(quantity)))
    }
}

extension OrderOutcome {
    fileprivate var effect: OrderEffect? {
        if case .applied(let effect) = self { effect } else { nil }
    }
}

@Suite struct OrderBookByOrderTests {
    @Test(arguments: testSeeds) func equalsQueuesOfOrders(seed: UInt64) {
        var random = SplitMix64(testSeed: seed)
        var book = OrderBookByOrder(reserving: 1)
        var model = ArrayBook()
        var last: UInt64 = 0
        for step in 1...5_000 {
            let id = random.chance(0.5) ? last + 1 : UInt64(random.index(below: Int(last) + 3))
            let isKnown = model.places[id] != nil
            let side = model.places[id]?.side ?? (random.chance(0.5) ? .bid : .ask)
            // Crossed now and then, and market orders.
            let offset = Int64(random.index(below: 12))
            let price = random.chance(0.05) ? 0 : side == .bid ? 1_003 - offset : 1_000 + offset
            let quantity = Int64(random.index(below: 9))
            let action = OrderUpdate.Action.allCases[random.index(below: 4)]
            let outcome = book.take(action, id, side, price, quantity)
            switch (action, isKnown) {
            case _ where id == 0: #expect(outcome == .refused(.outOfRange))
            case (.add, true): #expect(outcome == .refused(.duplicate))
            case (.change, false): #expect(outcome == .refused(.unknownChange))
            case (.delete, false): #expect(outcome == .refused(.unknownDelete))
            case (.add, false), (.set, false):
                model.put(id, side, price, quantity)
                #expect(outcome.effect?.action == .add && outcome.effect?.after == Quantity(quantity))
            case (.delete, true):
                let place = model.places[id]
                let order = model.take(id)
                #expect(outcome.effect?.action == .delete && outcome.effect?.before.mantissa == order?.quantity)
                #expect(outcome.effect?.price.mantissa == place?.price)
            case (.change, true): model.resize(id, to: quantity)
            case (.set, true):
                if model.places[id]?.price == price {
                    model.resize(id, to: quantity)
                } else {
                    _ = model.take(id)
                    model.put(id, side, price, quantity)
                }
            }
            last = max(last, id)
            if step % 50 == 0 {
                #expect(book.agreesWithItsAggregate && book.count == model.places.count)
                for (place, queue) in model.queues {
                    #expect(book.ids(place.side, at: place.price) == queue.map(\.id))
                    let levels = place.side == .bid ? book.book.bids : book.book.asks
                    #expect(levels.quantity(at: Price(place.price)).mantissa == queue.reduce(0) { $0 + $1.quantity })
                }
                #expect(book.book.bids.count + book.book.asks.count == model.queues.count)
            }
        }
        #expect(book.counts.updates == book.counts.applied + book.counts.refused && book.counts.updates == 5_000)
        // Everything leaves, and what it stood in is free again.
        for id in model.places.keys.sorted() {
            book.take(.delete, id, model.places[id]!.side, 0, 0)
        }
        #expect(book.count == 0 && book.book.bids.isEmpty && book.book.asks.isEmpty && book.agreesWithItsAggregate)
    }

    @Test func anOrderLeavesWhereItStood() {
        var book = OrderBookByOrder()
        book.take(.add, 7, .bid, 100, 5)
        book.take(.add, 8, .bid, 99, 4)
        // The message has the price of the order that takes its place, 99.
        let effect = book.take(.delete, 7, .bid, 99, 5, reason: .cancelled).effect
        #expect(effect?.price == Price(100) && effect?.reason == .replaced)
        #expect(book.book.bids.count == 1 && book.best(.bid) == PriceLevel(price: Price(99), quantity: Quantity(4)))
        // Filled at another price: not replaced, since nothing is left.
        let filled = book.take(.delete, 8, .bid, 98, 0, reason: .filled).effect
        #expect(filled?.reason == .filled && filled?.before == Quantity(4) && book.count == 0)
    }

    @Test func aPlaceInTheQueueIsKeptByASmallerOrderOnly() {
        var book = OrderBookByOrder()
        for (id, quantity) in [(1, 5), (2, 6), (3, 7)] { book.take(.add, UInt64(id), .ask, 100, Int64(quantity)) }
        book.take(.add, 4, .ask, 99, 10)
        book.take(.change, 1, .ask, 100, 2)
        #expect(book.ids(.ask, at: 100) == [1, 2, 3])
        #expect(
            book.position(of: 3)
                == QueuePosition(
                    ordersAhead: 2, quantityAhead: Quantity(8), quantityBetter: Quantity(10), orders: 3,
                    quantity: Quantity(15)))
        book.take(.change, 2, .ask, 100, 9)
        #expect(book.ids(.ask, at: 100) == [1, 3, 2])
        // Moved to another price, it is the last there.
        let moved = book.take(.set, 1, .ask, 99, 2).effect
        #expect(moved?.reason == .replaced && moved?.price == Price(99) && book.ids(.ask, at: 99) == [4, 1])
        #expect(book.position(of: 1)?.ordersAhead == 1 && book.position(of: 5) == nil)
    }

    @Test func anOrderThatDoesNotRestIsKnown() {
        var book = OrderBookByOrder()
        book.take(.add, 1, .bid, 0, 5)
        book.take(.add, 2, .ask, 100, 0)
        #expect(book.count == 2 && book.book.bids.isEmpty && book.book.asks.isEmpty && book.position(of: 1) == nil)
        book.take(.change, 1, .bid, 101, 3)
        book.take(.change, 2, .ask, 100, 3)
        #expect(book.book.bids.isEmpty && book.best(.ask)?.quantity == Quantity(3))
        #expect(book.take(.delete, 1, .bid, 101, 0).effect?.price == .some(Price(0)) && book.counts.refused == 0)
    }

    @Test func whatMakesNoSenseIsRefusedAndCounted() {
        var book = OrderBookByOrder(orderLimit: 2)
        book.take(.add, 1, .bid, 100, .max)
        #expect(book.take(.add, 2, .bid, 100, 1) == .refused(.outOfRange))
        #expect(book.take(.delete, 1, .ask, 100, 1) == .refused(.otherSide))
        #expect(book.take(.add, 2, .ask, OrderBookByOrder.priceLimit + 1, 1) == .refused(.outOfRange))
        #expect(book.take(.add, 2, .ask, -1, 1) == .refused(.outOfRange))
        #expect(book.take(.add, 2, .ask, 101, -1) == .refused(.outOfRange))
        book.take(.add, 2, .ask, OrderBookByOrder.priceLimit, 1)
        #expect(book.take(.add, 3, .ask, 102, 1) == .refused(.full))
        // A move that would overflow leaves the order where it was.
        book.take(.delete, 2, .ask, 0, 0)
        book.take(.add, 2, .bid, 99, 1)
        #expect(book.take(.set, 2, .bid, 100, 1) == .refused(.outOfRange))
        #expect(book.ids(.bid, at: 99) == [2] && book.agreesWithItsAggregate)
        #expect(book.counts[.outOfRange] == 5 && book.counts[.otherSide] == 1 && book.counts[.full] == 1)
        #expect(book.counts.updates == book.counts.applied + book.counts.refused)
    }

    @Test func aMatchMayCrossAndAGhostMayNot() {
        var book = OrderBookByOrder()
        let start = Timestamp(nanoseconds: 0)
        let refusals = [
            book.load(1, .ask, Price(100), Quantity(5), at: start),
            book.load(2, .ask, Price(101), Quantity(5), at: start),
            book.load(3, .bid, Price(99), Quantity(5), at: start),
            book.load(3, .bid, Price(99), Quantity(5), at: start),
        ]
        #expect(refusals == [nil, nil, nil, .duplicate] && book.counts.loaded == 3 && book.counts.updates == 0)
        // A match in three messages.
        book.take(.add, 4, .bid, 100, 5, at: 10)
        #expect(book.isCrossed && book.crossedSince == Timestamp(nanoseconds: 10_000_000))
        book.take(.delete, 4, .bid, 100, 0, at: 10)
        #expect(!book.isCrossed && book.crossedSince == nil && book.counts.crossings == 1)
        // Order 1 was gone when the snapshot was made: a bid comes to rest at its price.
        book.take(.add, 5, .bid, 100, 2, at: 20)
        book.take(.add, 6, .bid, 98, 2, at: 1_020)
        #expect(book.isCrossed && book.counts.ghosts == 0)
        book.take(.add, 7, .bid, 98, 2, at: 1_021)
        #expect(!book.isCrossed && book.counts.ghosts == 1 && book.order(1) == nil && book.order(5) != nil)
        #expect(book.best(.ask) == PriceLevel(price: Price(101), quantity: Quantity(5)) && book.agreesWithItsAggregate)
        #expect(book.take(.delete, 1, .ask, 100, 5, at: 1_030) == .refused(.unknownDelete))
    }

    /// Of a snapshot that is crossed itself, no side can be believed.
    @Test func aCrossedSnapshotLosesBothSides() {
        var book = OrderBookByOrder()
        let start = Timestamp(nanoseconds: 0)
        for (id, side, price) in [(1, BookSide.Kind.bid, 101), (2, .bid, 99), (3, .ask, 100), (4, .ask, 102)] {
            #expect(book.load(UInt64(id), side, Price(Int64(price)), Quantity(1), at: start) == nil)
        }
        book.take(.add, 5, .bid, 90, 1, at: 1_001)
        #expect(book.counts.ghosts == 2 && book.best(.bid)?.price == Price(99) && book.best(.ask)?.price == Price(102))
        book.reset()
        #expect(book.count == 0 && book.best(.bid) == nil && book.agreesWithItsAggregate && book.counts.ghosts == 2)
    }
}
