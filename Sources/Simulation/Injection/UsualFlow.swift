import Microstructure
import RealModule

/// What a recorded market usually does: the units in which the sizes of injected events are stated. Means over the
/// recorded, unchanged events with a half-life of one minute. O(1) an event, no allocation once warm.
struct UsualFlow: Sendable {
    private static let halfLifeSeconds = 60.0
    /// Taker orders whose sizes are remembered.
    private static let orderLimit = 256

    private struct Mean: Sendable {
        private var sum = 0.0
        private var weight = 0.0

        mutating func add(_ value: Double) {
            sum += value
            weight += 1
        }

        mutating func fade(_ factor: Double) {
            sum *= factor
            weight *= factor
        }

        var value: Double? { weight > 0 ? sum / weight : nil }
    }

    private var takersPerSecond = Mean()
    private var updatesPerSecond = Mean()
    private var sizeAtBest = Mean()
    private var spreads = Mean()
    private var squaredMoves = Mean()
    private var second: Int64?
    private var takers = 0
    private var firstUpdateID: Int64?
    private var lastUpdateID: Int64?
    private var lastMid: Double?
    private var mid: Double?
    /// The order that the last trade belongs to: trades of one side and venue time are one order's.
    private var order: (time: Timestamp, side: AggressorSide, quantity: Int64)?
    private var orderSizes: [Int64] = []
    private var nextOrder = 0
    /// The largest number of units that divides every size so far: the market's lot, once it has been seen.
    private(set) var lot: Int64 = 0

    /// Taker orders a second.
    var takerRate: Double { takersPerSecond.value ?? 0 }
    /// Changes of the venue's book a second, by its update ids.
    var updateRate: Double { updatesPerSecond.value ?? 0 }
    /// Mean size at the best prices, in size units; `nil` before the first book.
    var bestSize: Double? { sizeAtBest.value }
    /// In price units.
    var spread: Double { spreads.value ?? 0 }
    /// Standard deviation of one-second moves, in basis points.
    var volatility: Double { (squaredMoves.value ?? 0).squareRoot() }

    /// Follows the clock; seconds without an event count as nothing.
    mutating func advance(to time: Timestamp) {
        let now = time.bucket(width: 1_000_000_000)
        guard let second else { return self.second = now }
        guard now > second else { return }
        // Of a long silence only one minute counts.
        for _ in 0..<min(now - second, 60) { closeSecond() }
        self.second = now
    }

    private mutating func closeSecond() {
        let factor = Double.exp2(-1 / Self.halfLifeSeconds)
        takersPerSecond.fade(factor)
        updatesPerSecond.fade(factor)
        sizeAtBest.fade(factor)
        spreads.fade(factor)
        squaredMoves.fade(factor)
        takersPerSecond.add(Double(takers))
        takers = 0
        if let first = firstUpdateID, let last = lastUpdateID { updatesPerSecond.add(Double(max(0, last - first))) }
        firstUpdateID = lastUpdateID
        if let lastMid, let mid, lastMid > 0, mid > 0 {
            let move = 1e4 * Double.log(mid / lastMid)
            squaredMoves.add(move * move)
        }
        lastMid = mid
    }

    mutating func process(_ trade: Trade) {
        note(lot: trade.quantity.mantissa)
        if let open = order, open.time == trade.times.venue, open.side == trade.aggressor {
            order?.quantity = open.quantity.addingReportingOverflow(trade.quantity.mantissa).partialValue
            return
        }
        takers += 1
        if let order, order.quantity > 0 {
            if orderSizes.count < Self.orderLimit {
                orderSizes.append(order.quantity)
            } else {
                orderSizes[nextOrder] = order.quantity
                nextOrder = nextOrder + 1 == Self.orderLimit ? 0 : nextOrder + 1
            }
        }
        order = (trade.times.venue, trade.aggressor, trade.quantity.mantissa)
    }

    mutating func process(bid: PriceLevel, ask: PriceLevel, updateID: Int64) {
        note(lot: bid.quantity.mantissa)
        note(lot: ask.quantity.mantissa)
        sizeAtBest.add(0.5 * (Double(bid.quantity.mantissa) + Double(ask.quantity.mantissa)))
        spreads.add(Double(ask.price.mantissa) - Double(bid.price.mantissa))
        mid = 0.5 * (Double(bid.price.mantissa) + Double(ask.price.mantissa))
        // A new book may number its changes anew.
        if let last = lastUpdateID, updateID < last { return }
        if firstUpdateID == nil { firstUpdateID = updateID }
        lastUpdateID = updateID
    }

    /// A new life of the book: its ids may begin anew.
    mutating func startEpoch() { (firstUpdateID, lastUpdateID) = (nil, nil) }

    /// The size of a recent taker order.
    func orderSize(using random: inout SplitMix64) -> Int64? {
        orderSizes.isEmpty ? nil : orderSizes[random.index(below: orderSizes.count)]
    }

    /// The nearest whole number of lots, at least one.
    func inLots(_ quantity: Double) -> Int64 {
        let lot = max(1, lot)
        return max(1, Int64(min(quantity / Double(lot), 1e15).rounded())) * lot
    }

    private mutating func note(lot quantity: Int64) {
        var (a, b) = (lot, quantity)
        while b > 0 { (a, b) = (b, a % b) }
        lot = a
    }
}
