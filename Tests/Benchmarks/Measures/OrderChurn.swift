import Microstructure

/// A book by order of 6,500 orders, in which half of the events add an order and half take one out, three of four at once: as on
/// Bitstamp.
struct OrderChurn: Measure {
    private static let resting = 6_500

    private let updates: [OrderUpdate]
    private var book = OrderBookByOrder()

    init(_ market: Market) {
        var random = SplitMix64(seed: 1)
        var id: UInt64 = 2_002_347_637_329_922
        var alive: [OrderUpdate] = []
        var updates: [OrderUpdate] = []
        /// Ids count up with gaps, most orders are near the best price, and some far away.
        func order(_ number: Int) -> OrderUpdate {
            id += UInt64(1 + random.index(below: 40_000))
            let side: BookSide.Kind = random.chance(0.65) ? .bid : .ask
            let distance = Int64(random.exponential() * (random.chance(0.2) ? 20_000 : 300))
            let time = Timestamp(nanoseconds: Int64(number) * 5_000_000)
            return OrderUpdate(
                instrument: InstrumentID(0), times: EventTimes(venue: time, receive: time), id: id, action: .add,
                side: side, price: Price(side == .bid ? max(1, 7_831_800 - distance) : 7_831_900 + distance),
                quantity: Quantity(1 + Int64(random.exponential() * 10_000_000)))
        }
        for number in 0..<Self.resting {
            let order = order(number)
            alive.append(order)
            _ = book.load(order.id, order.side, order.price, order.quantity, at: order.times.venue)
        }
        while updates.count < market.size {
            var new = order(updates.count)
            updates.append(new)
            if random.chance(0.25) {
                let place = random.index(below: alive.count)
                swap(&alive[place], &new)
            }
            new.action = .delete
            updates.append(new)
        }
        self.updates = updates
    }

    mutating func run(_ items: Range<Int>) {
        for item in items { _ = book.process(updates[item]) }
    }
}
