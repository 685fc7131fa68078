import Microstructure
import RealModule

/// The order book of one synthetic market and all its traders; pure, seeded, without end.
///
/// - **Arrivals** of market orders, limit orders and cancellations excite each other (`HawkesArrivals`).
/// - **Takers** send market orders with lognormal sizes and long-memory signs (`OrderSigns`); each pushes the fair
///   value by the square root of its size.
/// - **Everybody else** adds limit orders at a power-law distance from the best price, and cancels.
/// - **Makers** know the fair value, which news moves (`PriceNews`). Once it leaves the spread by more than their
///   patience, they cancel mispriced orders, post new best prices and fill in behind; somebody faster may have swept
///   the stale orders. They also restore a best price that was consumed.
/// - **Planted events** modify all of this (`MarketConditions`), and some trade themselves (`PlantedOrders`).
///
/// Every order change is an update with its own id. The same parameters, rules and seed give the same happenings. O(1)
/// amortised a step, without allocation once warm; 1 to 2 µs.
public struct SyntheticBook: Sendable {
    /// A public event of a step.
    public enum Happening: Sendable, Hashable {
        case trade(price: Price, quantity: Quantity, aggressor: AggressorSide)
        /// The best prices or their sizes have changed with update `id`.
        case best(id: Int64, bid: PriceLevel, ask: PriceLevel)
    }

    /// Levels a side that a market order leaves standing.
    static let keptLevels = 5
    /// Levels a side that cancellations leave standing.
    static let shownLevels = 30
    /// How often conditions that change with time are evaluated, in ns.
    static let conditionInterval: Int64 = 100_000_000
    /// Makers keep their quotes while the fair value is at most this far from their mid price, in basis points.
    static let patience = 0.12
    /// Mean reaction time of makers, in seconds. In the recordings every third trade that is sent within 3 ms already
    /// finds the next price quoted.
    static let makerDelay = 0.0005
    /// Levels per basis point that makers fill in behind the best price, and the most at once.
    static let fillDensity = 8.0
    static let fillLimit = 60
    /// Distance of limit orders from the best price of their side, in basis points: its scale, and its largest.
    static let distanceScale = 6.0
    /// The share of limit orders that join the best price, and the mean rank of a level cancelled close to it.
    static let joinProbability = 0.12
    static let cancelledRank = 3.0
    static let distanceLimit = 80.0
    /// Push of a median-size market order, in basis points, and the largest multiple of it.
    static let impact = 0.012
    static let impactLimit = 30.0

    public let parameters: SyntheticParameters
    public internal(set) var book = MatchingBook()
    public internal(set) var updateID: Int64
    /// Offset of the next step, in ns.
    public private(set) var nextStep: Int64 = 0
    /// Orders added, removed or matched so far.
    public internal(set) var orderEvents: UInt64 = 0
    /// The public events of the steps since the last `clearHappenings`.
    public internal(set) var happenings: [Happening] = []
    /// Prices whose levels have changed since the last `clearChanges`; may contain duplicates.
    public internal(set) var changedBids: [Price] = []
    public internal(set) var changedAsks: [Price] = []

    var random: SplitMix64
    var conditions = MarketConditions.quiet
    /// In ticks, like the fair value.
    var quoteBid: Int64
    var quoteAsk: Int64
    private(set) var fairTicks: Double
    private var schedule: EventSchedule
    var planted = PlantedOrders()
    private var arrivals: HawkesArrivals
    private var news: PriceNews
    var signs: OrderSigns
    /// When makers will act, in ns; `.max` while they have nothing to do.
    private var makersAct: Int64 = .max
    private var nextArrival: Int64 = 0
    private var arrival = HawkesArrivals.Arrival(waitSeconds: 0, kind: .none)
    private var nextCondition: Int64 = 0
    var fills: [MatchingBook.Fill] = []
    let ticksPerBasisPoint: Double
    /// Delays are drawn apart, so that they do not change the market.
    let arrivalSeed: UInt64

    /// - Parameter seed: shared by markets that shall be correlated; the symbol makes each different.
    public init(_ parameters: SyntheticParameters, events rules: [PlantingRule] = [], seed: UInt64) {
        self.parameters = parameters
        var hash = StableHash()
        hash.combine(parameters.listing.symbol)
        hash.combine(seed)
        let own = hash.mixed
        random = SplitMix64(seed: own)
        arrivalSeed = own ^ 0x9FB2_1C65_1E98_DF25
        updateID = 1_000_000_000 + Int64(own % 1_000_000_000)
        ticksPerBasisPoint = parameters.ticksPerBasisPoint
        schedule = EventSchedule(rules, symbol: parameters.listing.symbol, seed: own ^ 0x5851_F42D_4C95_7F2D)
        arrivals = HawkesArrivals(marketRate: parameters.marketOrderRate, orderRate: parameters.orderRate)
        news = PriceNews(
            deviation: parameters.volatility, correlation: parameters.correlation, commonSeed: seed, ownSeed: ~own)
        signs = OrderSigns(using: &random)
        fairTicks = Double(parameters.startPriceTicks) + 0.5 * Double(parameters.spreadTicks)
        quoteBid = parameters.startPriceTicks
        quoteAsk = quoteBid + parameters.spreadTicks
        fillBook()
        clearHappenings()
        clearChanges()
    }

    /// Events begun so far and each rule's next event, in the order of their starts.
    public var events: [PlantedEvent] { schedule.history + schedule.coming }
    public var begunEvents: [PlantedEvent] { schedule.history }

    public mutating func clearHappenings() { happenings.removeAll(keepingCapacity: true) }

    public mutating func clearChanges() {
        changedBids.removeAll(keepingCapacity: true)
        changedAsks.removeAll(keepingCapacity: true)
    }

    /// Simulates the next event, at the offset `nextStep`.
    public mutating func step() {
        let now = nextStep
        let before = (book.bids.best, book.asks.best)
        if now >= nextCondition { changeConditions(now) }
        if now >= Self.nanoseconds(news.next) { strike(now) }
        if now >= makersAct {
            makersAct = .max
            makeMarket()
        }
        if now >= nextArrival { arrive(now) }
        // Makers restore a best price that is gone, whoever removed it.
        if book.asks.best.map({ $0.price.mantissa > quoteAsk }) ?? true
            || book.bids.best.map({ $0.price.mantissa < quoteBid }) ?? true
        {
            wakeMakers(now)
        }
        if let bid = book.bids.best, let ask = book.asks.best, before.0 != bid || before.1 != ask {
            happenings.append(.best(id: updateID, bid: bid, ask: ask))
        }
        nextStep = max(now, min(min(nextArrival, nextCondition), min(makersAct, Self.nanoseconds(news.next))))
    }

    private static func nanoseconds(_ seconds: Double) -> Int64 { Int64(seconds * 1e9) }

    // MARK: - Time

    private mutating func changeConditions(_ now: Int64) {
        let (begun, ended) = schedule.advance(to: now)
        for event in begun { begin(event, now) }
        for event in ended { end(event) }
        let wasQuiet = conditions == .quiet
        conditions = schedule.active.isEmpty ? .quiet : MarketConditions(schedule.active, at: now)
        attendPlanted()
        if conditions.drift != 0 {
            move(conditions.drift * Double(Self.conditionInterval) / 1e9, now)
        } else if !wasQuiet || conditions != .quiet {
            requote(now)
        }
        nextCondition =
            schedule.active.isEmpty ? schedule.nextChange : min(schedule.nextChange, now + Self.conditionInterval)
        // The next arrival was drawn under the previous conditions.
        if nextArrival > now, !wasQuiet || conditions != .quiet { draw(now) }
    }

    private mutating func strike(_ now: Int64) {
        let size = news.take(volatility: conditions.volatility)
        move(size, now)
        arrivals.excite(min(6, abs(size) / parameters.volatility))
        // A trader faster than the makers may take mispriced orders.
        let isUp = size > 0
        let limit = isUp ? quoteAsk - 1 : quoteBid + 1
        let best = book.best(isUp ? .ask : .bid)
        guard let best, isUp ? best.price.mantissa <= limit : best.price.mantissa >= limit, random.chance(0.5)
        else { return }
        let wanted = Double(best.quantity.mantissa) * (0.2 + 2 * random.exponential())
        take(isUp ? .buy : .sell, max(1, Int64(wanted)), limit: Price(limit))
    }

    /// Moves the fair value by this many basis points; makers follow once it exceeds their patience.
    mutating func move(_ basisPoints: Double, _ now: Int64) {
        fairTicks *= Double.exp(basisPoints * 1e-4)
        // Keep room for both sides above zero.
        fairTicks = max(fairTicks, 100)
        requote(now)
    }

    private mutating func requote(_ now: Int64) {
        let spread = max(1, Int64((Double(parameters.spreadTicks) * conditions.spread).rounded()))
        let middle = 0.5 * Double(quoteBid + quoteAsk)
        let patience = max(0.6, Self.patience * ticksPerBasisPoint)
        if abs(fairTicks - middle) > patience || quoteAsk - quoteBid != spread {
            quoteBid = Int64((fairTicks - 0.5 * Double(spread)).rounded())
            if let held = planted.heldPrice(.bid) { quoteBid = max(quoteBid, held) }
            if let held = planted.heldPrice(.ask) { quoteBid = min(quoteBid, held - spread) }
            quoteAsk = quoteBid + spread
            wakeMakers(now)
        }
    }

    private mutating func wakeMakers(_ now: Int64) {
        guard makersAct == .max else { return }
        makersAct = now + max(1, Self.nanoseconds(Self.makerDelay * random.exponential()))
    }

    // MARK: - Makers

    private mutating func makeMarket() {
        // Withdraw mispriced orders, one by one.
        while let best = book.asks.best, best.price.mantissa < quoteAsk, let id = book.first(.ask, rank: 0) {
            cancel(id)
        }
        while let best = book.bids.best, best.price.mantissa > quoteBid, let id = book.first(.bid, rank: 0) {
            cancel(id)
        }
        fillIn(.bid, from: quoteBid)
        fillIn(.ask, from: quoteAsk)
    }

    /// Restores a missing best price of a side, and some orders behind it up to the old best price.
    private mutating func fillIn(_ side: BookSide.Kind, from price: Int64) {
        let best = book.best(side)?.price.mantissa
        let gap = best.map { side == .bid ? price - $0 : $0 - price } ?? Int64(20 * ticksPerBasisPoint)
        guard gap > 0 else { return }
        add(side, price, max(1, Int64(conditions.liquidity * parameters.makerSizeSteps * random.exponential())))
        let count = Self.fillDensity * conditions.liquidity * Double(gap) / ticksPerBasisPoint
        for _ in 0..<min(Self.fillLimit, Int(count + random.uniform())) where gap > 1 {
            let distance = 1 + Int64(random.uniform() * Double(gap - 1))
            add(side, side == .bid ? price - distance : price + distance, orderSize())
        }
    }

    // MARK: - Arrivals

    private mutating func draw(_ now: Int64) {
        arrival = arrivals.next(
            market: conditions.marketRate, other: plantedRate, horizonSeconds: 10, using: &random)
        nextArrival = now + max(1, Self.nanoseconds(arrival.waitSeconds))
    }

    private mutating func arrive(_ now: Int64) {
        switch arrival.kind {
        case .market: trade(signs.next(bias: conditions.marketBias, using: &random) ? .buy : .sell, now)
        case .order: random.chance(cancelProbability) ? cancelSomething() : addSomething()
        case .other: plantedArrival(now)
        case .none: break
        }
        draw(now)
    }

    /// Arrivals a second added by planted events.
    private var plantedRate: Double {
        (conditions.buyParts + conditions.sellParts) * parameters.marketOrderRate
            + conditions.stuffing * parameters.orderRate
    }

    /// Cancellations and limit orders balance when the book has its usual size.
    private var cancelProbability: Double { Double(book.count) / Double(book.count + parameters.restingOrders) }
}
