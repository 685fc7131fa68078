import Microstructure

/// Orders that a spoofer shows.
struct InjectedSpoof: Sendable {
    /// How many it shows.
    static let orders = 4

    let event: PlantedEvent
    /// Of each order, in size units.
    let size: Int64
    /// Their prices.
    var prices: [Int64] = []

    var side: BookSide.Kind { event.direction == .sell ? .ask : .bid }
}

/// An order that shows only part of itself.
struct InjectedIceberg: Sendable {
    let event: PlantedEvent
    let price: Int64
    let shown: Int64
    var hidden: Int64

    var side: BookSide.Kind { event.direction == .sell ? .ask : .bid }
}

extension InjectedMarket {
    // MARK: - Spoofing

    /// Levels that stay between a spoofer's order and the best price.
    private static let spoofDistance = 2

    /// Withdraws orders that the best price has come near, or that have left the known levels, and shows them again between.
    mutating func attendSpoofs() {
        for index in spoofs.indices {
            let side = spoofs[index].side == .bid ? bids : asks
            let prices = side.recorded.map { $0.price.mantissa + side.view.shift }
            guard prices.count > Self.spoofDistance else {
                // The best price has passed all that is known.
                withdraw(index)
                spoofs[index].prices = []
                continue
            }
            // Nearer than one, or further than the other, an order is shown anew.
            let (near, far) = (prices[Self.spoofDistance], prices[prices.count - 1])
            for price in spoofs[index].prices where side.isBetter(price, near) || side.isBetter(far, price) {
                remove(spoofs[index].size, at: price, spoofs[index].side)
            }
            spoofs[index].prices.removeAll { side.isBetter($0, near) || side.isBetter(far, $0) }
            let choices = prices.count - Self.spoofDistance
            while spoofs[index].prices.count < InjectedSpoof.orders {
                let price = prices[Self.spoofDistance + random.index(below: min(8, choices))]
                if spoofs[index].side == .bid {
                    bids.add(spoofs[index].size, at: price)
                } else {
                    asks.add(spoofs[index].size, at: price)
                }
                spoofs[index].prices.append(price)
            }
        }
    }

    mutating func withdraw(_ index: Int) {
        for price in spoofs[index].prices { remove(spoofs[index].size, at: price, spoofs[index].side) }
    }

    private mutating func remove(_ quantity: Int64, at price: Int64, _ side: BookSide.Kind) {
        if side == .bid { bids.remove(quantity, at: price) } else { asks.remove(quantity, at: price) }
    }

    // MARK: - Icebergs

    /// One iceberg rests at a time: a new one replaces it.
    mutating func showIceberg(_ event: PlantedEvent, _ usualSize: Double) {
        withdrawIceberg()
        guard let best else { return }
        let whole = flow.inLots(event.size * usualSize)
        let shown = min(whole, flow.inLots(0.2 * usualSize))
        let price = (event.direction == .sell ? best.ask : best.bid).price.mantissa
        iceberg = InjectedIceberg(event: event, price: price, shown: shown, hidden: whole)
        refillIceberg()
    }

    mutating func withdrawIceberg() {
        guard let iceberg else { return }
        let side = iceberg.side == .bid ? bids : asks
        remove(side.added[iceberg.price] ?? 0, at: iceberg.price, iceberg.side)
        self.iceberg = nil
    }

    /// When the shown part is taken, shows the next; when all is, the iceberg is gone.
    mutating func refillIceberg() {
        guard var iceberg else { return }
        let side = iceberg.side == .bid ? bids : asks
        guard side.added[iceberg.price] == nil else { return }
        let next = min(iceberg.shown, iceberg.hidden)
        guard next > 0 else { return self.iceberg = nil }
        iceberg.hidden -= next
        self.iceberg = iceberg
        if iceberg.side == .bid { bids.add(next, at: iceberg.price) } else { asks.add(next, at: iceberg.price) }
    }

    /// A recorded trade at the iceberg's price takes from it.
    mutating func meetIceberg(_ trade: Trade) {
        guard let iceberg, trade.price.mantissa == iceberg.price, (trade.aggressor == .sell) == (iceberg.side == .bid)
        else { return }
        let side = iceberg.side == .bid ? bids : asks
        var left = trade.quantity.mantissa
        let part = min(left, side.added[iceberg.price] ?? 0)
        remove(part, at: iceberg.price, iceberg.side)
        left -= part
        // What exceeds the shown part comes out of the reserve.
        self.iceberg?.hidden = max(0, iceberg.hidden - left)
        refillIceberg()
    }

    /// By how much prices move so that the market does not pass the iceberg; in price units.
    func holdForIceberg(bid: Int64, ask: Int64) -> Int64 {
        guard let iceberg else { return 0 }
        return iceberg.side == .bid
            ? max(0, iceberg.price + tick - ask) : min(0, iceberg.price - tick - bid)
    }
}
