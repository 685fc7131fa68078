import Microstructure

/// Resting orders of planted traders.
struct PlantedOrders: Sendable {
    struct Spoof: Sendable {
        let event: PlantedEvent
        var orders: [MatchingBook.OrderID] = []
    }

    struct Iceberg: Sendable {
        let event: PlantedEvent
        let side: BookSide.Kind
        let price: Price
        let shown: Int64
        var hidden: Int64
        var order: MatchingBook.OrderID?
    }

    var spoofs: [Spoof] = []
    var icebergs: [Iceberg] = []

    func contains(_ id: MatchingBook.OrderID) -> Bool {
        spoofs.contains { $0.orders.contains(id) } || icebergs.contains { $0.order == id }
    }

    /// The price that an iceberg keeps the market from passing; the strictest of several icebergs.
    func heldPrice(_ side: BookSide.Kind) -> Int64? {
        let prices = icebergs.filter { $0.side == side && $0.order != nil }.map(\.price.mantissa)
        return side == .bid ? prices.max() : prices.min()
    }
}

/// Actions of planted traders.
extension SyntheticBook {
    /// How many orders a spoofer shows.
    static let spoofOrders = 4

    mutating func begin(_ event: PlantedEvent, _ now: Int64) {
        switch event.type {
        case .sweep: execute(event.direction ?? .buy, Int64(event.size * parameters.makerSizeSteps), now)
        case .spoofing: planted.spoofs.append(.init(event: event))
        case .iceberg:
            let side: BookSide.Kind = event.direction == .sell ? .ask : .bid
            guard let best = book.best(side) else { return }
            let whole = max(2, Int64(event.size * parameters.makerSizeSteps))
            let shown = max(1, min(whole, Int64(0.2 * parameters.makerSizeSteps)))
            let order = add(side, best.price.mantissa, shown)
            planted.icebergs.append(
                .init(event: event, side: side, price: best.price, shown: shown, hidden: whole - shown, order: order))
        case .flashCrash:
            // Liquidity in the way is withdrawn: two of three orders of the side.
            let side: BookSide.Kind = event.direction == .buy ? .ask : .bid
            for index in stride(from: book.count - 1, through: 0, by: -1) where random.chance(2.0 / 3) {
                // A cancellation moves the last order to this index; iterating downwards misses none.
                let id = book.id(at: index)
                guard let order = book.order(id), order.side == side,
                    book.levelCount(side) > Self.shownLevels
                else { continue }
                cancel(id)
            }
        default: break
        }
    }

    mutating func end(_ event: PlantedEvent) {
        if let index = planted.spoofs.firstIndex(where: { $0.event == event }) {
            let spoof = planted.spoofs.remove(at: index)
            for id in spoof.orders { cancel(id) }
            // The purpose: the spoofer takes from the other side.
            take(event.direction == .buy ? .sell : .buy, max(1, Int64(parameters.makerSizeSteps)), limit: nil)
        }
        if let index = planted.icebergs.firstIndex(where: { $0.event == event }) {
            let iceberg = planted.icebergs.remove(at: index)
            if let id = iceberg.order { cancel(id) }
        }
    }

    /// Spoofers withdraw orders that the best price has come near, and show them again further away.
    mutating func attendPlanted() {
        for index in planted.spoofs.indices {
            let event = planted.spoofs[index].event
            let side: BookSide.Kind = event.direction == .sell ? .ask : .bid
            guard let best = book.best(side)?.price.mantissa else { continue }
            let near = max(1, Int64(0.1 * ticksPerBasisPoint))
            for id in planted.spoofs[index].orders {
                guard let order = book.order(id), abs(order.price.mantissa - best) < near else { continue }
                cancel(id)
            }
            planted.spoofs[index].orders.removeAll { book.order($0) == nil }
            while planted.spoofs[index].orders.count < Self.spoofOrders {
                let distance = near + 1 + Int64(random.uniform() * 0.4 * ticksPerBasisPoint)
                let size = max(1, Int64(event.size * parameters.makerSizeSteps / Double(Self.spoofOrders)))
                guard let id = add(side, side == .bid ? best - distance : best + distance, size) else { break }
                planted.spoofs[index].orders.append(id)
            }
        }
    }

    /// When an iceberg's shown part is taken, shows the next part at the end of the queue.
    mutating func refillIcebergs() {
        for index in planted.icebergs.indices {
            let iceberg = planted.icebergs[index]
            guard let id = iceberg.order, book.order(id) == nil else { continue }
            let next = min(iceberg.hidden, iceberg.shown)
            planted.icebergs[index].order = next > 0 ? add(iceberg.side, iceberg.price.mantissa, next) : nil
            planted.icebergs[index].hidden -= next
        }
    }

    mutating func plantedArrival(_ now: Int64) {
        let parts = (conditions.buyParts + conditions.sellParts) * parameters.marketOrderRate
        let stuffing = conditions.stuffing * parameters.orderRate
        if random.chance(parts / (parts + stuffing)) {
            let isBuy = random.chance(conditions.buyParts / (conditions.buyParts + conditions.sellParts))
            trade(isBuy ? .buy : .sell, now)
            return
        }
        let side: BookSide.Kind = random.chance(0.5) ? .bid : .ask
        guard book.levelCount(side) > 0 else { return }
        let level = book.level(side, rank: random.index(below: min(10, book.levelCount(side))))
        if let id = add(side, level.price.mantissa, orderSize()) { cancel(id) }
    }
}
