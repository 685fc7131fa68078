import Microstructure
import RealModule

/// How the order flow changes the book.
extension SyntheticBook {
    /// Fills an order against the book; returns the size filled. A market order leaves some levels standing, so that
    /// the book never empties.
    @discardableResult
    mutating func take(_ aggressor: AggressorSide, _ wanted: Int64, limit: Price?) -> Int64 {
        let quantity = takeable(aggressor, of: wanted)
        guard quantity > 0 else { return 0 }
        fills.removeAll(keepingCapacity: true)
        let rest = book.execute(aggressor, Quantity(quantity), limit: limit, into: &fills)
        guard !fills.isEmpty else { return 0 }
        updateID += 1
        orderEvents += UInt64(fills.count) + 1
        for fill in fills {
            happenings.append(.trade(price: fill.price, quantity: fill.quantity, aggressor: aggressor))
            note(aggressor == .buy ? .ask : .bid, fill.price)
        }
        refillIcebergs()
        return quantity - rest.mantissa
    }

    private func takeable(_ aggressor: AggressorSide, of wanted: Int64) -> Int64 {
        let side: BookSide.Kind = aggressor == .buy ? .ask : .bid
        var sum: Int64 = 0
        // Hardly any order reaches further than this.
        for rank in 0..<max(0, min(60, book.levelCount(side) - Self.keptLevels)) {
            sum += book.level(side, rank: rank).quantity.mantissa
            if sum >= wanted { return wanted }
        }
        return sum
    }

    /// A market order of the usual size.
    mutating func trade(_ aggressor: AggressorSide, _ now: Int64) {
        let size = parameters.marketOrderSizeSteps * Double.exp(parameters.marketOrderSizeDeviation * random.normal())
        execute(aggressor, Int64(min(size, 1e15)), now)
    }

    /// Executes a market order, and its effect on the fair value.
    mutating func execute(_ aggressor: AggressorSide, _ size: Int64, _ now: Int64) {
        let taken = take(aggressor, max(1, size), limit: nil)
        guard taken > 0 else { return }
        let push =
            Self.impact * min(Self.impactLimit, (Double(taken) / parameters.marketOrderSizeSteps).squareRoot())
        move(aggressor == .buy ? push : -push, now)
    }

    mutating func addSomething() {
        let side: BookSide.Kind = random.chance(0.5 + 0.5 * conditions.orderBias) ? .bid : .ask
        guard let best = book.best(side)?.price.mantissa else { return }
        var ticks: Int64 = 0
        if !random.chance(Self.joinProbability) {
            // Pareto with exponent 1, minus its minimum.
            let distance = Self.distanceScale * (1 / (1 - random.uniform()) - 1)
            ticks = 1 + Int64(min(Self.distanceLimit, distance) * ticksPerBasisPoint)
        }
        add(side, side == .bid ? best - ticks : best + ticks, orderSize())
    }

    mutating func cancelSomething() {
        guard book.count > 0 else { return }
        let id: MatchingBook.OrderID
        if random.chance(0.5) {
            // Orders close to the best price have short lives.
            let side: BookSide.Kind = random.chance(0.5 - 0.5 * conditions.orderBias) ? .bid : .ask
            let rank = Int(Self.cancelledRank * random.exponential())
            guard let last = book.last(side, rank: rank) else { return }
            id = last
        } else {
            id = book.id(at: random.index(below: book.count))
        }
        guard let order = book.order(id) else { return }
        // The last order at the best price is seldom cancelled: that would move the price.
        let isAlone =
            book.best(order.side)?.price == order.price
            && book.first(order.side, rank: 0) == book.last(order.side, rank: 0)
        guard book.levelCount(order.side) > Self.shownLevels, !isAlone || random.chance(0.02), !planted.contains(id)
        else { return }
        cancel(id)
    }

    /// Lognormal; one in four is as small as a market order.
    mutating func orderSize() -> Int64 {
        let isSmall = random.chance(0.45)
        let median = isSmall ? 0.4 * parameters.marketOrderSizeSteps : parameters.orderSizeSteps
        let size = median * Double.exp(parameters.orderSizeDeviation * random.normal())
        return max(1, Int64(min(size, 40 * parameters.makerSizeSteps)))
    }

    // MARK: - Single changes

    @discardableResult
    mutating func add(_ side: BookSide.Kind, _ price: Int64, _ size: Int64) -> MatchingBook.OrderID? {
        guard price > 0, let id = book.add(side, Price(price), Quantity(size)) else { return nil }
        updateID += 1
        orderEvents += 1
        note(side, Price(price))
        return id
    }

    mutating func cancel(_ id: MatchingBook.OrderID) {
        guard let order = book.cancel(id) else { return }
        updateID += 1
        orderEvents += 1
        note(order.side, order.price)
    }

    private mutating func note(_ side: BookSide.Kind, _ price: Price) {
        if side == .bid { changedBids.append(price) } else { changedAsks.append(price) }
    }

    /// Fills the book as if the market had been open for long.
    mutating func fillBook() {
        add(.bid, quoteBid, Int64(parameters.makerSizeSteps))
        add(.ask, quoteAsk, Int64(parameters.makerSizeSteps))
        while book.count < parameters.restingOrders {
            for side in [BookSide.Kind.bid, .ask] {
                let distance = min(Self.distanceLimit, 12 * random.exponential())
                let ticks = 1 + Int64(distance * ticksPerBasisPoint)
                add(side, side == .bid ? quoteBid - ticks : quoteAsk + ticks, orderSize())
            }
        }
    }
}
