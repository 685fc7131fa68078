import Microstructure

/// Pending orders and open positions of one symbol.
struct PositionBook: Sendable {
    /// An entry order that has not yet become a position.
    private struct Entry {
        var record: Int
        var decision: Decision
        var side: Side
        var due: Timestamp
        var resting: RestingOrder?
        var expires = Timestamp(nanoseconds: .max)
        var fill = Fill()
        var settlement = Settlement()
    }

    private struct Position {
        var decision: Decision
        var side: Side
        var quantity: Int64
        var remaining: Int64
        var barrier: TripleBarrier
        var entry: Settlement
        var entryNotional: Int128
        var exit = Settlement()
        var exitNotional = Int128(0)
        var exitQuotes = 0
        /// Why the position is being closed, and from when.
        var closing: (outcome: BarrierOutcome, due: Timestamp)?
        /// When the limit order at the target arrives at the venue.
        var targetDue: Timestamp
        var target: RestingOrder?
    }

    private(set) var trades: [TradeRecord] = []
    private(set) var partialEntries: UInt64 = 0
    private(set) var partialExits: UInt64 = 0
    private let configuration: BacktestConfiguration
    private let limits: BarrierLimits
    private let symbol: String
    private var entries: [Entry] = []
    private var positions: [Position] = []
    /// What the quotes and books so far contain; kept only for orders that rest.
    private var ledger = LevelLedger()

    init(_ configuration: BacktestConfiguration, symbol: String) {
        self.configuration = configuration
        limits = configuration.limits
        self.symbol = symbol
    }

    var isIdle: Bool { entries.isEmpty && positions.isEmpty }
    var openCount: Int { entries.count + positions.count }
    private var hasQueues: Bool { configuration.entryOrder == .limit || configuration.targetOrder == .limit }

    /// Sends an order; returns the reason if it cannot.
    mutating func enter(
        _ record: Int, _ decision: Decision, side: Side, due: Timestamp, hasCapital: Bool
    ) -> SkipReason? {
        guard openCount < configuration.maxOpenPositions else { return .positionLimit }
        guard hasCapital else { return .noCapital }
        entries.append(Entry(record: record, decision: decision, side: side, due: due))
        return nil
    }

    /// Notes a quote or a book that `market` has taken, or a gap.
    mutating func note(_ market: MarketView, book: BookSnapshot? = nil, quote: Quote? = nil, at time: Timestamp) {
        if hasQueues { ledger.process(market, book: book, quote: quote, at: time) }
    }

    /// Matches a trade against the resting orders.
    mutating func process(_ trade: Trade, account: inout Account, at time: Timestamp) {
        guard hasQueues else { return }
        let number = ledger.process(trade, at: time)
        for place in entries.indices {
            guard let filled = entries[place].resting?.process(trade, containedIn: number), filled > 0 else { continue }
            fillEntry(place, filled, &account)
        }
        for place in positions.indices {
            guard let filled = positions[place].target?.process(trade, containedIn: number), filled > 0 else {
                continue
            }
            fillTarget(place, filled, &account)
        }
        settleFull(account: &account, at: time)
    }

    /// Applies a quote to all orders and positions. Calls `skipped` for entries that failed.
    mutating func process(
        market: MarketView, account: inout Account, delay: (Timestamp) -> Int64, at time: Timestamp,
        skipped: (_ record: Int, SkipReason) -> Void
    ) {
        for place in positions.indices { leave(place, market: market, account: &account, delay: delay, at: time) }
        settleFull(account: &account, at: time)
        var place = 0
        while place < entries.count {
            guard time > entries[place].due else {
                place += 1
                continue
            }
            if configuration.entryOrder == .market {
                take(place, market: market, account: &account)
            } else {
                wait(place, market: market, account: &account, at: time)
            }
            let entry = entries[place]
            if let order = entry.resting, order.remaining > 0, time < entry.expires {
                place += 1
                continue
            }
            entries.remove(at: place)
            if entry.fill.quantity > 0 {
                open(entry, delay: delay, at: time)
            } else {
                skipped(entry.record, entry.resting == nil ? .noLiquidity : .notFilled)
            }
        }
    }

    /// Ends the tape: positions close at the last quote, in full at its best price.
    mutating func finish(
        market: MarketView, account: inout Account, at time: Timestamp, skipped: (_ record: Int, SkipReason) -> Void
    ) {
        for entry in entries {
            if entry.fill.quantity > 0 {
                open(entry, delay: { _ in 0 }, at: time)
            } else {
                skipped(entry.record, .endOfData)
            }
        }
        entries.removeAll()
        // After a gap at the end the last position has no price, so it closes at its entry price.
        for place in positions.indices where positions[place].remaining > 0 {
            let side = positions[place].side
            var fill = Fill()
            fill.add(
                price: market.isQuoted
                    ? (side == .long ? market.bid : market.ask) : positions[place].barrier.entryPrice,
                quantity: positions[place].remaining)
            positions[place].closing = (.endOfData, time)
            close(place, fill, fee: configuration.takerFee, slippage: configuration.slippage, &account)
        }
        settleFull(account: &account, at: time)
    }

    // MARK: Entries

    /// Quantity that `position_fraction` of the capital buys at a price.
    private func size(_ price: Price, _ account: Account) -> Int64 {
        let money = Double(account.initial) * configuration.positionFraction
        return Int64(min(4e18, (money / (Double(price.mantissa) * Double(Rate.one))).rounded(.down)))
    }

    private mutating func take(_ place: Int, market: MarketView, account: inout Account) {
        let side = entries[place].side
        let wanted = size(side == .long ? market.ask : market.bid, account)
        let fill = MarketOrder.execute(wanted, against: side == .long ? market.asks : market.bids)
        if fill.quantity < wanted { partialEntries += 1 }
        entries[place].fill = fill
        entries[place].settlement = account.settle(
            fill, side: side, fee: configuration.takerFee, slippage: configuration.slippage)
    }

    private mutating func wait(_ place: Int, market: MarketView, account: inout Account, at time: Timestamp) {
        let side = entries[place].side
        let own = side == .long ? market.bids : market.asks
        if let price = entries[place].resting?.price {
            let filled = entries[place].resting?.process(
                shown: ledger.shown(price, side), other: side == .long ? market.ask : market.bid,
                in: ledger.sight)
            if let filled, filled > 0 { fillEntry(place, filled, &account) }
            return
        }
        let quantity = size(own[0].price, account)
        guard quantity > 0 else { return }
        entries[place].resting = RestingOrder(
            side: side, price: own[0].price, quantity: quantity,
            // Implied sizes are unknown: assume an endless queue, so only a trade through the price fills.
            ahead: market.isImplied ? Int64.max : ledger.shown(own[0].price, side) ?? own[0].quantity.mantissa,
            model: configuration.queueModel, account: ledger.account(side, own[0].price), number: ledger.nextNumber)
        entries[place].expires = time.advanced(byNanoseconds: Int64(configuration.entryTimeoutSeconds * 1e9))
    }

    private mutating func fillEntry(_ place: Int, _ quantity: Int64, _ account: inout Account) {
        guard let order = entries[place].resting else { return }
        var fill = Fill()
        fill.add(price: order.price, quantity: quantity)
        entries[place].settlement += account.settle(
            fill, side: order.side, fee: configuration.makerFee, slippage: Rate(parts: 0))
        entries[place].fill.add(price: order.price, quantity: quantity)
    }

    private mutating func open(_ entry: Entry, delay: (Timestamp) -> Int64, at time: Timestamp) {
        let quantity = Int128(entry.fill.quantity)
        let average = (entry.fill.notional + (entry.side == .long ? quantity - 1 : 0)) / quantity
        positions.append(
            Position(
                decision: entry.decision, side: entry.side, quantity: entry.fill.quantity,
                remaining: entry.fill.quantity,
                barrier: TripleBarrier(
                    side: entry.side, entryPrice: Price(Int64(average)), entryTime: time, limits: limits),
                entry: entry.settlement, entryNotional: entry.fill.notional,
                targetDue: time.advanced(byNanoseconds: delay(time))))
    }

    // MARK: Exits

    private mutating func leave(
        _ place: Int, market: MarketView, account: inout Account, delay: (Timestamp) -> Int64, at time: Timestamp
    ) {
        let side = positions[place].side
        let reached = positions[place].barrier.process(bid: market.bid, ask: market.ask, at: time)
        if configuration.targetOrder == .limit, time > positions[place].targetDue {
            rest(place, market: market, isReached: reached == .profitTarget, account: &account)
            if positions[place].remaining == 0 { return }
        }
        if positions[place].closing == nil, let reached,
            reached != .profitTarget || configuration.targetOrder == .market
        {
            positions[place].closing = (reached, time.advanced(byNanoseconds: delay(time)))
            return
        }
        guard let closing = positions[place].closing, time > closing.due else { return }
        let fill = MarketOrder.execute(
            positions[place].remaining, against: side == .long ? market.bids : market.asks)
        close(place, fill, fee: configuration.takerFee, slippage: configuration.slippage, &account)
        positions[place].exitQuotes += 1
        if positions[place].exitQuotes == 2 { partialExits += 1 }
    }

    /// Places the limit order at the target.
    private mutating func rest(_ place: Int, market: MarketView, isReached: Bool, account: inout Account) {
        let side = positions[place].side
        let price = positions[place].barrier.targetPrice
        if isReached {
            // The other side has reached the order's price.
            fillTarget(place, positions[place].remaining, &account)
            return
        }
        let shown = ledger.shown(price, side.opposite)
        if positions[place].target != nil {
            let filled = positions[place].target?.process(
                shown: shown, other: side == .long ? market.bid : market.ask, in: ledger.sight)
            if let filled, filled > 0 { fillTarget(place, filled, &account) }
        } else if let shown {
            // Assume that all size at the price is ahead of the order when the recorded levels first reach that far.
            positions[place].target = RestingOrder(
                side: side.opposite, price: price, quantity: positions[place].remaining,
                ahead: market.isImplied ? .max : shown, model: configuration.queueModel,
                account: ledger.account(side.opposite, price), number: ledger.nextNumber)
        }
    }

    private mutating func fillTarget(_ place: Int, _ quantity: Int64, _ account: inout Account) {
        var fill = Fill()
        fill.add(
            price: positions[place].barrier.targetPrice, quantity: min(quantity, positions[place].remaining))
        if fill.quantity == positions[place].remaining {
            positions[place].closing = (.profitTarget, positions[place].targetDue)
        }
        close(place, fill, fee: configuration.makerFee, slippage: Rate(parts: 0), &account)
    }

    private mutating func close(_ place: Int, _ fill: Fill, fee: Rate, slippage: Rate, _ account: inout Account) {
        positions[place].exit += account.settle(
            fill, side: positions[place].side.opposite, fee: fee, slippage: slippage)
        positions[place].exitNotional += fill.notional
        positions[place].remaining -= fill.quantity
    }

    /// Removes fully closed positions from the book.
    private mutating func settleFull(account: inout Account, at time: Timestamp) {
        guard positions.contains(where: { $0.remaining == 0 }) else { return }
        for position in positions where position.remaining == 0 {
            let held = time.nanoseconds(since: position.barrier.entryTime)
            let funding = account.charge(
                position.entry.value, ratePerDay: Rate(configuration.fundingRatePerDay), nanoseconds: held)
            let gain = (position.exit.value - position.entry.value) * Int128(position.side.sign)
            let fees = position.entry.fee + position.exit.fee
            let slippage = position.entry.slippage + position.exit.slippage
            let profit = gain - fees - slippage - funding
            let quantity = Double(position.quantity)
            // Converts an average price to the quote asset: money over quantity.
            let unit = account.unit / Double(Rate.one)
            let goods = account.goods(position.quantity)
            trades.append(
                TradeRecord(
                    id: position.decision.id, symbol: symbol, side: position.side, score: position.decision.score,
                    outcome: position.closing?.outcome ?? .endOfData,
                    signalTimeNanoseconds: position.decision.time.nanoseconds,
                    entryTimeNanoseconds: position.barrier.entryTime.nanoseconds,
                    exitTimeNanoseconds: time.nanoseconds, quantity: goods,
                    entryPrice: Double(rounding: position.entryNotional) / unit / goods,
                    exitPrice: Double(rounding: position.exitNotional) / unit / goods, fees: account.value(fees),
                    slippage: account.value(slippage), funding: account.value(funding),
                    profit: account.value(profit),
                    netReturn: quantity > 0 ? Double(rounding: profit) / Double(rounding: position.entry.value) : 0))
        }
        positions.removeAll { $0.remaining == 0 }
    }
}
