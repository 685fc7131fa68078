import Microstructure

/// Events that can be planted into a synthetic market. Each case explains its `size`.
public enum PlantedEventType: String, Sendable, Hashable, CaseIterable {
    /// Limit orders lean increasingly to one side; cancellations to the other. `size`: how far, 0 to 1.
    case imbalanceDrift = "imbalance_drift"
    /// A large order worked in parts: market orders of one side added to the usual flow. `size`: parts per usual market
    /// order.
    case metaorder
    /// One market order that takes several levels at once. `size`: factor on the usual size at the best price.
    case sweep
    /// Market orders of both sides. `size`: factor on the usual rate.
    case volumeBurst = "volume_burst"
    /// `size`: factor on the usual volatility of the news.
    case volatilityRegime = "volatility_regime"
    /// `size`: factor on the usual spread.
    case spreadRegime = "spread_regime"
    /// Quiet buying, then a rise in a fifth of the time under a storm of buying, then the fall. `size`: the rise, in
    /// basis points. Reversed with `sell`.
    case pumpAndDump = "pump_and_dump"
    /// Large orders shown near the best price that are withdrawn when it comes near, and traders who believe them; at
    /// the end the spoofer takes from the other side. `size`: factor on the usual size at the best price.
    case spoofing
    /// One order at the best price that shows only part of itself, refilled from a reserve, and takers who trade
    /// against it. `size`: the whole order, as a factor on the usual size at the best price.
    case iceberg
    /// Orders added and immediately cancelled. `size`: factor on the usual rate of limit orders and cancellations.
    case quoteStuffing = "quote_stuffing"
    /// Liquidity vanishes, the price falls in a seventh of the time and recovers for four fifths. `size`: the fall, in
    /// basis points. Upwards with `buy`.
    case flashCrash = "flash_crash"

    /// The sizes that a specification may request.
    public var sizes: ClosedRange<Double> {
        switch self {
        case .imbalanceDrift: 0.01...1
        case .metaorder, .volumeBurst, .volatilityRegime: 0.1...100
        case .spreadRegime: 1...1_000
        case .pumpAndDump, .flashCrash: 1...5_000
        case .spoofing: 0.1...1_000
        case .iceberg, .sweep: 1...10_000
        case .quoteStuffing: 0.1...1_000
        }
    }

    /// The direction if the specification names none; `nil` draws it at random.
    var usualDirection: AggressorSide? {
        switch self {
        case .pumpAndDump: .buy
        case .flashCrash: .sell
        default: nil
        }
    }

    /// Whether the type has a direction.
    public var hasDirection: Bool {
        switch self {
        case .volumeBurst, .volatilityRegime, .spreadRegime, .quoteStuffing: false
        default: true
        }
    }
}

/// Ground truth: which event was planted where and when.
public struct PlantedEvent: Sendable, Hashable {
    public let type: PlantedEventType
    /// Offsets in ns since the market opened.
    public let start: Int64
    public let end: Int64
    public let size: Double
    /// The side of the pressure; `nil` if the type has no direction.
    public let direction: AggressorSide?
}

/// One line of a specification's events.
public struct PlantingRule: Sendable, Hashable {
    public enum Timing: Sendable, Hashable {
        /// At these moments.
        case atSeconds([Double])
        /// Repeatedly: the pause before each event, drawn uniformly.
        case everySeconds(ClosedRange<Double>)
    }

    public var type: PlantedEventType
    /// `nil` plants it in every market, each at its own random moments.
    public var symbol: String?
    public var timing: Timing
    public var lengthSeconds: ClosedRange<Double>
    /// Sizes, used in turn.
    public var sizes: [Double]
    /// `nil` uses the type's usual direction, or a random one.
    public var direction: AggressorSide?

    public init(
        _ type: PlantedEventType, symbol: String? = nil, timing: Timing, lengthSeconds: ClosedRange<Double>,
        sizes: [Double], direction: AggressorSide? = nil
    ) {
        self.type = type
        self.symbol = symbol
        self.timing = timing
        self.lengthSeconds = lengthSeconds
        self.sizes = sizes
        self.direction = direction
    }
}

/// The planted events of one market in time order. Each rule has its own generator: event times depend neither on the
/// flow nor on the other rules.
struct EventSchedule: Sendable {
    /// Events remembered; above it the oldest half is dropped.
    static let historyLimit = 1_024

    private struct Planter: Sendable {
        let rule: PlantingRule
        var random: SplitMix64
        var planted = 0
        var next: PlantedEvent?

        init(_ rule: PlantingRule, seed: UInt64, index: Int) {
            self.rule = rule
            random = SplitMix64(seed: seed ^ (UInt64(index + 1) &* 0x9E37_79B9_7F4A_7C15))
            plan(after: 0)
        }

        mutating func plan(after time: Int64) {
            func draw(_ range: ClosedRange<Double>, _ random: inout SplitMix64) -> Int64 {
                Int64((range.lowerBound + random.uniform() * (range.upperBound - range.lowerBound)) * 1e9)
            }
            let start: Int64
            switch rule.timing {
            case .atSeconds(let moments):
                guard planted < moments.count else {
                    next = nil
                    return
                }
                start = Int64(moments[planted] * 1e9)
            case .everySeconds(let pause): start = time + draw(pause, &random)
            }
            let length = draw(rule.lengthSeconds, &random)
            let lot: AggressorSide = random.chance(0.5) ? .buy : .sell
            next = PlantedEvent(
                type: rule.type, start: start, end: start + length, size: rule.sizes[planted % rule.sizes.count],
                direction: rule.type.hasDirection ? rule.direction ?? rule.type.usualDirection ?? lot : nil)
            planted += 1
        }
    }

    private var planters: [Planter]
    /// Events under way, in the order of their starts.
    private(set) var active: [PlantedEvent] = []
    /// Events begun so far, oldest first.
    private(set) var history: [PlantedEvent] = []
    /// When the next event begins or ends.
    private(set) var nextChange: Int64 = .max

    init(_ rules: [PlantingRule], symbol: String, seed: UInt64) {
        planters = rules.enumerated().filter { $1.symbol == nil || $1.symbol == symbol }
            .map { Planter($1, seed: seed, index: $0) }
        schedule()
    }

    /// The next event of each rule.
    var coming: [PlantedEvent] { planters.compactMap(\.next).sorted { $0.start < $1.start } }

    /// Advances to `time`; returns the events that have begun and those that have ended, each in order.
    mutating func advance(to time: Int64) -> (begun: [PlantedEvent], ended: [PlantedEvent]) {
        guard time >= nextChange else { return ([], []) }
        var begun: [PlantedEvent] = []
        for index in planters.indices {
            while let next = planters[index].next, next.start <= time {
                begun.append(next)
                planters[index].plan(after: next.end)
            }
        }
        begun.sort { $0.start < $1.start }
        if history.count + begun.count > Self.historyLimit { history.removeFirst(history.count / 2) }
        history += begun
        active += begun
        let ended = active.filter { $0.end <= time }
        active.removeAll { $0.end <= time }
        schedule()
        return (begun, ended)
    }

    private mutating func schedule() {
        nextChange = min(
            planters.compactMap { $0.next?.start }.min() ?? .max, active.map(\.end).min() ?? .max)
    }
}
