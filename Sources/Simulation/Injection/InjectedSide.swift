import Microstructure
import RealModule

/// One side of a recorded book with what injected traders add to it and take from it.
///
/// - *Added* orders rest at prices of the changed market and appear beside the recorded size there.
/// - *Taken* sizes are missing from recorded levels; half of what is missing is back after a second, all after ten.
///
/// O(levels) a view.
struct InjectedSide: Sendable {
    /// How recorded levels appear at one moment.
    struct View: Sendable, Equatable {
        /// Added to every price, in price units.
        var shift: Int64 = 0
        /// Factor on every recorded size.
        var factor = 1.0
    }

    /// Time after which half of a taken size is back.
    private static let refillHalfLifeSeconds = 1.0
    private static let refillNanoseconds: Int64 = 10_000_000_000
    /// Levels that no taker reaches, so that a side never empties.
    static let keptLevels = 5

    let kind: BookSide.Kind
    /// As recorded, best first.
    var recorded: [PriceLevel] = []
    var view = View()
    /// Orders of injected traders, by price.
    private(set) var added: [Int64: Int64] = [:]
    /// Missing sizes, by recorded price, and since when.
    private var taken: [Int64: (quantity: Double, since: Int64)] = [:]

    init(_ kind: BookSide.Kind) { self.kind = kind }

    /// Whether the side is as recorded, but for a shift of its prices and sizes.
    var isRecorded: Bool { added.isEmpty && taken.isEmpty }

    func isBetter(_ left: Int64, _ right: Int64) -> Bool { kind == .bid ? left > right : left < right }

    mutating func add(_ quantity: Int64, at price: Int64) { added[price, default: 0] += quantity }

    mutating func remove(_ quantity: Int64, at price: Int64) {
        let rest = (added[price] ?? 0) - quantity
        added[price] = rest > 0 ? rest : nil
    }

    /// Forgets what has come back by the offset `now` in ns.
    mutating func refill(at now: Int64) {
        guard !taken.isEmpty else { return }
        taken = taken.filter { now - $0.value.since < Self.refillNanoseconds }
    }

    private func missing(_ price: Int64, at now: Int64) -> Double {
        guard let entry = taken[price], now - entry.since < Self.refillNanoseconds else { return 0 }
        return entry.quantity * Double.exp2(-Double(now - entry.since) / 1e9 / Self.refillHalfLifeSeconds)
    }

    /// What is left of a recorded level.
    private func rest(_ level: PriceLevel, at now: Int64, _ flow: UsualFlow) -> Int64 {
        var quantity = level.quantity.mantissa
        if view.factor != 1 { quantity = flow.inLots(Double(quantity) * view.factor) }
        let missing = missing(level.price.mantissa, at: now)
        guard missing > 0 else { return quantity }
        let rest = Double(quantity) - missing
        return rest < Double(max(1, flow.lot)) ? 0 : min(quantity, flow.inLots(rest))
    }

    /// The levels of `levels` as they appear at `now`, best first, with the orders added. Never empty if `levels` is
    /// not.
    func appearance(of levels: [PriceLevel], at now: Int64, _ flow: UsualFlow) -> [PriceLevel] {
        var result: [PriceLevel] = []
        result.reserveCapacity(levels.count + added.count)
        var orders = added.sorted { isBetter($0.key, $1.key) }[...]
        for level in levels {
            var quantity = rest(level, at: now, flow)
            let price = level.price.mantissa + view.shift
            while let order = orders.first, isBetter(order.key, price) {
                result.append(PriceLevel(price: Price(order.key), quantity: Quantity(order.value)))
                orders.removeFirst()
            }
            if let order = orders.first, order.key == price {
                quantity += order.value
                orders.removeFirst()
            }
            guard quantity > 0 else { continue }
            result.append(PriceLevel(price: Price(price), quantity: Quantity(quantity)))
        }
        if result.isEmpty, let last = levels.last {
            result = [PriceLevel(price: Price(last.price.mantissa + view.shift), quantity: last.quantity)]
        }
        return Array(result.prefix(max(1, levels.count)))
    }

    func best(at now: Int64, _ flow: UsualFlow) -> PriceLevel? {
        // The best level lies within the first few; all are looked at only where takers have been through them.
        let near = Array(recorded.prefix(3))
        let levels = isRecorded ? near : recorded
        return appearance(of: levels, at: now, flow).first
    }

    /// Executes an order of `wanted` against the side, best prices first; returns the fills. `own` price: recorded sizes
    /// are taken before those of injected orders, which queue behind.
    mutating func take(_ wanted: Int64, at now: Int64, _ flow: UsualFlow) -> [PriceLevel] {
        var left = wanted
        var fills: [PriceLevel] = []
        let prices = Dictionary(
            recorded.map { ($0.price.mantissa + view.shift, $0) }, uniquingKeysWith: { first, _ in first })
        let levels = appearance(of: recorded, at: now, flow)
        for level in levels.dropLast(Self.keptLevels) where left > 0 {
            let price = level.price.mantissa
            let quantity = min(left, level.quantity.mantissa)
            var rest = quantity
            if let source = prices[price] {
                let part = min(rest, self.rest(source, at: now, flow))
                if part > 0 {
                    let already = missing(source.price.mantissa, at: now)
                    taken[source.price.mantissa] = (already + Double(part), now)
                    rest -= part
                }
            }
            if rest > 0 { remove(rest, at: price) }
            fills.append(PriceLevel(price: level.price, quantity: Quantity(quantity)))
            left -= quantity
        }
        return fills
    }
}
