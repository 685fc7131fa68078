public import Microstructure

/// The side of a position.
public enum Side: String, Sendable, Hashable, Codable, CaseIterable {
    case long, short

    /// +1 or −1.
    public var sign: Int64 { self == .long ? 1 : -1 }
    public var opposite: Side { self == .long ? .short : .long }
}

/// What ended a label or a position.
public enum BarrierOutcome: String, Sendable, Hashable, Codable, CaseIterable {
    case profitTarget = "profit_target"
    case stopLoss = "stop_loss"
    case timeLimit = "time_limit"
    /// The tape ended first.
    case endOfData = "end_of_data"
}

/// Which of three barriers the market reaches first: a profit target, a stop loss, or a holding time.
///
/// Uses executable prices: a long position closes at the bid, a short one at the ask. Prices are compared exactly.
/// Source: López de Prado (2018), Advances in Financial Machine Learning, ch. 3.
public struct TripleBarrier: Sendable, Equatable {
    public let side: Side
    public let entryPrice: Price
    public let entryTime: Timestamp
    /// The first price, in whole price units, at which the target is reached; never rounded towards the entry.
    public let targetPrice: Price
    public let stopPrice: Price
    private let deadline: Timestamp

    /// Requires a positive entry price.
    public init(side: Side, entryPrice: Price, entryTime: Timestamp, limits: BarrierLimits) {
        precondition(entryPrice.mantissa > 0)
        self.side = side
        self.entryPrice = entryPrice
        self.entryTime = entryTime
        deadline = entryTime.advanced(byNanoseconds: limits.maximumHoldingNanoseconds)
        let (up, down) =
            side == .long
            ? (limits.profitTarget.parts, limits.stopLoss.parts) : (limits.stopLoss.parts, limits.profitTarget.parts)
        let entry = Int128(entryPrice.mantissa)
        // Rounded away from the entry: a barrier counts only when the price reaches or passes it.
        let upper = (entry * Int128(Rate.one + up) + Int128(Rate.one) - 1) / Int128(Rate.one)
        let lower = entry * Int128(Rate.one - min(down, Rate.one)) / Int128(Rate.one)
        let (above, below) = (Price(Int64(clamping: upper)), Price(Int64(clamping: lower)))
        (targetPrice, stopPrice) = side == .long ? (above, below) : (below, above)
    }

    /// The barrier that the quote reaches; `nil` if none. If a quote after the holding time is also beyond a price
    /// barrier, the price barrier counts.
    public func process(bid: Price, ask: Price, at time: Timestamp) -> BarrierOutcome? {
        switch side {
        case .long:
            if bid >= targetPrice { return .profitTarget }
            if bid <= stopPrice { return .stopLoss }
        case .short:
            if ask <= targetPrice { return .profitTarget }
            if ask >= stopPrice { return .stopLoss }
        }
        return time >= deadline ? .timeLimit : nil
    }
}

/// Distances of the three barriers.
public struct BarrierLimits: Sendable, Hashable {
    public var profitTarget: Rate
    public var stopLoss: Rate
    public var maximumHoldingNanoseconds: Int64

    public init(profitTarget: Rate, stopLoss: Rate, maximumHoldingNanoseconds: Int64) {
        self.profitTarget = profitTarget
        self.stopLoss = stopLoss
        self.maximumHoldingNanoseconds = maximumHoldingNanoseconds
    }
}

/// A share in whole parts of a billion, so that products with integers stay exact: 0.1 % is 1,000,000.
public struct Rate: Sendable, Hashable {
    public static let one: Int64 = 1_000_000_000
    public let parts: Int64

    public init(parts: Int64) { self.parts = parts }

    /// The nearest whole number of parts. Requires a magnitude of at most 1,000.
    public init(_ share: Double) {
        precondition(share.magnitude <= 1_000)
        parts = Int64((share * Double(Self.one)).rounded())
    }

    public var share: Double { Double(parts) / Double(Self.one) }
}
