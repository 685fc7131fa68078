import Microstructure

/// How the streams of a market reach their receiver: which of a trade and the quote that contains it is first, and how
/// late trades come.
///
/// Feed it the events of one market in the order of their receipt. O(1) an event, and `facts` compares each order with the
/// decreases of half a second; its lists grow with the recording. A constant error of the receiver's clock does not matter.
public struct ArrivalFacts: Sendable {
    /// A decrease at a best price.
    private struct Decrease: Sendable {
        let received: Receipt
        let aggressor: AggressorSide
        let price: Price
        let before: Int64
        /// 0 if the price is gone.
        let after: Int64
    }

    /// When an event was received, and its number among all: several may have the same time.
    private struct Receipt: Sendable {
        let time: Timestamp
        let number: Int
    }

    /// One market order: consecutive trades of the same venue time and side.
    private struct Order: Sendable {
        let time: Int64
        let aggressor: AggressorSide
        let firstPrice: Price
        var lastPrice: Price
        /// Of the trades at the first price.
        var quantity: Int128 = 0
        var received: [Receipt] = []
    }

    /// Most time between a quote and a trade in it, in ns.
    private static let reach: Int64 = 250_000_000

    private var received = 0
    private var quote: Quote?
    private var decreases: [Decrease] = []
    private var orders: [Order] = []
    private var (atTouch, atOpposite, elsewhere) = (0, 0, 0)
    /// From venue time to receipt, in ns: of trades, and the least of trades and books.
    private var delays: [Int64] = []
    private var fastest = Int64.max

    public init() {}

    public mutating func process(_ now: Quote) {
        received += 1
        defer { quote = now }
        guard let quote else { return }
        for (aggressor, old, new) in [(AggressorSide.sell, quote.bid, now.bid), (.buy, quote.ask, now.ask)] {
            let isGone = aggressor == .sell ? new.price < old.price : new.price > old.price
            guard isGone || new.price == old.price && new.quantity < old.quantity else { continue }
            decreases.append(
                Decrease(
                    received: Receipt(time: now.times.receive, number: received), aggressor: aggressor,
                    price: old.price,
                    before: old.quantity.mantissa, after: isGone ? 0 : new.quantity.mantissa))
        }
    }

    public mutating func process(_ book: BookSnapshot) { note(book.times) }

    public mutating func process(_ trade: Trade) {
        guard !trade.isBackfilled else { return }
        received += 1
        delays.append(note(trade.times))
        if let quote {
            let isBuy = trade.aggressor == .buy
            let (touch, opposite) = isBuy ? (quote.ask.price, quote.bid.price) : (quote.bid.price, quote.ask.price)
            if trade.price == touch {
                atTouch += 1
            } else if isBuy ? trade.price <= opposite : trade.price >= opposite {
                atOpposite += 1
            } else {
                elsewhere += 1
            }
        }
        let time = trade.times.venue.nanoseconds
        if orders.last?.time != time || orders.last?.aggressor != trade.aggressor {
            orders.append(
                Order(time: time, aggressor: trade.aggressor, firstPrice: trade.price, lastPrice: trade.price))
        }
        let last = orders.count - 1
        orders[last].lastPrice = trade.price
        if trade.price == orders[last].firstPrice { orders[last].quantity += Int128(trade.quantity.mantissa) }
        orders[last].received.append(Receipt(time: trade.times.receive, number: received))
    }

    @discardableResult
    private mutating func note(_ times: EventTimes) -> Int64 {
        let delay = times.receive.nanoseconds(since: times.venue)
        fastest = min(fastest, delay)
        return delay
    }

    /// The facts, NaN where there are none. A trade's quote is known where exactly one decrease near it fits its order.
    public var facts: [StylizedFacts.Fact] {
        let trades = Double(atTouch + atOpposite + elsewhere)
        let (known, first) = quotesFirst
        let late = delays.map { Double(Int128($0) - Int128(fastest)) / 1e6 }.sorted()
        func quantile(_ share: Double) -> Double { Quantile.linear(late, share) ?? .nan }
        return [
            .init(name: "trades that came after the quote that contains them, share", value: first / known),
            .init(name: "trades at the touch of the last quote, share", value: Double(atTouch) / trades),
            .init(name: "trades at or through its opposite side, share", value: Double(atOpposite) / trades),
            .init(
                name: "receipt of a trade after its time, beyond the fastest message, median in ms",
                value: quantile(0.5)),
            .init(name: "the same, 75 %", value: quantile(0.75)),
            .init(name: "the same, 90 %", value: quantile(0.9)),
            .init(name: "the same, 99 %", value: quantile(0.99)),
        ]
    }

    /// Trades whose quote is known, and those of them that came after it.
    private var quotesFirst: (known: Double, first: Double) {
        var (known, first, begin) = (0, 0, 0)
        for order in orders {
            let from = order.received[0].time.advanced(byNanoseconds: -Self.reach)
            let until = order.received[0].time.advanced(byNanoseconds: Self.reach)
            while begin < decreases.count, decreases[begin].received.time < from { begin += 1 }
            var found: Int?
            var (place, count) = (begin, 0)
            while place < decreases.count, decreases[place].received.time <= until {
                if Self.fits(decreases[place], order) { (found, count) = (decreases[place].received.number, count + 1) }
                place += 1
            }
            guard count == 1, let found else { continue }
            known += order.received.count
            first += order.received.count { $0.number > found }
        }
        return (Double(known), Double(first))
    }

    private static func fits(_ decrease: Decrease, _ order: Order) -> Bool {
        guard decrease.aggressor == order.aggressor, decrease.price == order.firstPrice else { return false }
        return order.firstPrice == order.lastPrice
            ? Int128(decrease.before) - Int128(decrease.after) == order.quantity
            : decrease.after == 0 && Int128(decrease.before) == order.quantity
    }
}
