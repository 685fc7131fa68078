import Microstructure
import RealModule

/// Arrival times of market orders, and of limit orders and cancellations: a self-exciting point process of two kinds.
///
/// A market order makes further market orders more likely, both immediately and for seconds, and raises book activity;
/// a limit order or cancellation makes further ones more likely. Exponential kernels, so the state is three numbers and
/// an arrival O(1). Sources: Hawkes (1971), Biometrika 58; simulated by thinning, Ogata (1981), IEEE Trans. Inf. Theory
/// 27.
struct HawkesArrivals: Sendable {
    enum Kind: Sendable {
        case market, order
        /// An arrival of the constant rate drawn together with the others.
        case other
        /// No arrival up to the horizon.
        case none
    }

    struct Arrival: Sendable {
        var waitSeconds: Double
        var kind: Kind
    }

    /// Share of market orders triggered by other market orders: within milliseconds, and within seconds.
    static let fastBranching = 0.66
    static let slowBranching = 0.17
    /// Share of limit orders and cancellations triggered by other ones.
    static let orderBranching = 0.88
    /// Decay rates of the excitations, per second.
    static let fastDecay = 40.0
    static let slowDecay = 0.35
    static let orderDecay = 12.0
    /// Limit orders and cancellations directly triggered by a market order, if the flow is busy enough.
    static let ordersPerMarketOrder = 4.0

    private let marketBase: Double
    private let orderBase: Double
    private let ordersPerMarketOrder: Double
    private var fast: Double
    private var slow: Double
    private var orders: Double

    /// Requires rates above 0; both are long-run means per second.
    init(marketRate: Double, orderRate: Double) {
        marketBase = marketRate * (1 - Self.fastBranching - Self.slowBranching)
        let fresh = orderRate * (1 - Self.orderBranching)
        // At most half the fresh orders, so that a book without trades stays active.
        ordersPerMarketOrder = min(Self.ordersPerMarketOrder, 0.5 * fresh / marketRate)
        orderBase = fresh - ordersPerMarketOrder * marketRate
        // Start from the stationary state, not from rest.
        fast = marketRate * Self.fastBranching
        slow = marketRate * Self.slowBranching
        orders = orderRate - orderBase
    }

    /// The next arrival, or `.none` at the horizon.
    ///
    /// - Parameters:
    ///   - market: multiplies the spontaneous rate of market orders.
    ///   - other: a further constant rate per second.
    mutating func next(
        market: Double, other: Double, horizonSeconds: Double, using random: inout SplitMix64
    ) -> Arrival {
        let marketBase = marketBase * market
        var wait = 0.0
        while true {
            // All rates only fall until the next arrival.
            let bound = marketBase + orderBase + other + fast + slow + orders
            let step = random.exponential() / bound
            guard wait + step < horizonSeconds else {
                decay(horizonSeconds - wait)
                return Arrival(waitSeconds: horizonSeconds, kind: .none)
            }
            wait += step
            decay(step)
            var place = random.uniform() * bound - (marketBase + fast + slow)
            if place < 0 {
                excite(1)
                orders += ordersPerMarketOrder * Self.orderDecay
                return Arrival(waitSeconds: wait, kind: .market)
            }
            place -= orderBase + orders
            if place < 0 {
                orders += Self.orderBranching * Self.orderDecay
                return Arrival(waitSeconds: wait, kind: .order)
            }
            if place < other { return Arrival(waitSeconds: wait, kind: .other) }
        }
    }

    /// News has struck: excites as if `count` market orders had arrived.
    mutating func excite(_ count: Double) {
        fast += count * Self.fastBranching * Self.fastDecay
        slow += count * Self.slowBranching * Self.slowDecay
    }

    private mutating func decay(_ seconds: Double) {
        fast *= Double.exp(-Self.fastDecay * seconds)
        slow *= Double.exp(-Self.slowDecay * seconds)
        orders *= Double.exp(-Self.orderDecay * seconds)
    }
}
