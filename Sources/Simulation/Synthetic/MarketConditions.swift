import Microstructure

/// How the active events change a market's usual flow at one moment. Without events, all factors are 1 and all biases
/// 0.
struct MarketConditions: Sendable, Equatable {
    /// Factor on the spontaneous rate of market orders.
    var marketRate = 1.0
    /// −1 to 1: the share of market orders that go one way.
    var marketBias = 0.0
    /// −1 to 1: how far limit orders lean to the bid, and cancellations to the ask.
    var orderBias = 0.0
    var volatility = 1.0
    var spread = 1.0
    /// Factor on the size and number of the market makers' orders.
    var liquidity = 1.0
    /// Drift of the fair value, in basis points a second.
    var drift = 0.0
    /// Metaorder parts a second, buys and sells, for each usual market order a second.
    var buyParts = 0.0
    var sellParts = 0.0
    /// Orders added and immediately cancelled, for each usual limit order or cancellation.
    var stuffing = 0.0

    static let quiet = MarketConditions()

    /// Combines the events active at an offset of `time` ns.
    init(_ events: [PlantedEvent], at time: Int64) {
        for event in events { add(event, progress: Double(time - event.start) / Double(event.end - event.start)) }
    }

    private init() {}

    private mutating func add(_ event: PlantedEvent, progress: Double) {
        let sign = event.direction == .sell ? -1.0 : 1.0
        let seconds = Double(event.end - event.start) / 1e9
        switch event.type {
        case .sweep: break
        case .imbalanceDrift: orderBias += sign * event.size * min(1, 2 * progress)
        case .metaorder: part(sign, event.size)
        case .volumeBurst: marketRate *= event.size
        case .volatilityRegime: volatility *= event.size
        case .spreadRegime: spread *= event.size
        case .pumpAndDump:
            switch progress {
            case ..<0.3: part(sign, 1)
            case ..<0.5:
                marketRate *= 10
                marketBias += 0.8 * sign
                drift += sign * event.size / (0.2 * seconds)
            default:
                marketRate *= 4
                marketBias -= 0.5 * sign
                drift -= sign * 0.7 * event.size / (0.5 * seconds)
            }
        case .spoofing: marketBias += 0.3 * sign
        case .iceberg:
            marketRate *= 2
            marketBias -= 0.5 * sign
        case .quoteStuffing: stuffing += event.size
        case .flashCrash:
            switch progress {
            case ..<0.15:
                marketRate *= 8
                marketBias += 0.9 * sign
                liquidity *= 0.2
                drift += sign * event.size / (0.15 * seconds)
            case ..<0.6:
                marketRate *= 2
                liquidity *= 0.5
                drift -= sign * 0.8 * event.size / (0.45 * seconds)
            default: break
            }
        }
        marketBias = max(-1, min(1, marketBias))
        orderBias = max(-1, min(1, orderBias))
    }

    private mutating func part(_ sign: Double, _ size: Double) {
        if sign > 0 { buyParts += size } else { sellParts += size }
    }
}
