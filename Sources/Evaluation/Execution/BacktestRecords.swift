public import Detection
public import Microstructure

/// A signal as a backtest takes it.
public struct Decision: Sendable, Equatable {
    public var id: String
    /// When the signal was out: nothing of it acts before.
    public var time: Timestamp
    /// `nil` of a signal that says nothing about the direction.
    public var side: Side?
    public var score: Double
    public var type: SignalType

    public init(id: String, time: Timestamp, side: Side?, score: Double, type: SignalType) {
        self.id = id
        self.time = time
        self.side = side
        self.score = score
        self.type = type
    }
}

/// Why a signal was not traded.
public enum SkipReason: String, Sendable, Codable, CaseIterable {
    case noSide = "no_side"
    case belowMinScore = "below_min_score"
    case shortNotAllowed = "short_not_allowed"
    case positionLimit = "position_limit"
    case noCapital = "no_capital"
    /// Nothing rested on the other side.
    case noLiquidity = "no_liquidity"
    /// The limit order waited in vain.
    case notFilled = "not_filled"
    case endOfData = "end_of_data"
}

/// What the market did after a signal, traded or not: the triple-barrier label of one unit, at the best prices.
public struct Label: Sendable, Equatable, Codable {
    public var outcome: BarrierOutcome
    public var entryTimeNanoseconds: Int64
    public var exitTimeNanoseconds: Int64
    /// In the quote asset.
    public var entryPrice: Double
    public var exitPrice: Double
    /// Before and after fees and slippage of both sides, as shares of the entry.
    public var grossReturn: Double
    public var netReturn: Double

    /// The meta-label: was acting on the signal right, costs paid?
    public var isHit: Bool { netReturn > 0 }

    public var span: LabelSpan {
        LabelSpan(
            start: Timestamp(nanoseconds: entryTimeNanoseconds), end: Timestamp(nanoseconds: exitTimeNanoseconds))
    }
}

/// A signal and what became of it.
public struct SignalOutcome: Sendable, Equatable, Codable {
    public var id: String
    public var symbol: String
    public var type: String
    public var side: Side?
    public var score: Double
    public var timeNanoseconds: Int64
    /// `nil` without a side, or where no quote came after it.
    public var label: Label?
    /// Seconds from the signal to the moment when the price was `move_pct` away from where it stood 30 seconds before the
    /// signal; negative where it was there already, `nil` where it never came there.
    public var leadSeconds: Double?
    /// `nil` where it was traded.
    public var skipped: SkipReason?
}

/// A position from entry to exit. Money is in the quote asset.
public struct TradeRecord: Sendable, Equatable, Codable {
    public var id: String
    public var symbol: String
    public var side: Side
    public var score: Double
    public var outcome: BarrierOutcome
    public var signalTimeNanoseconds: Int64
    public var entryTimeNanoseconds: Int64
    public var exitTimeNanoseconds: Int64
    /// In the base asset.
    public var quantity: Double
    /// Averages of what was paid, without fees and slippage.
    public var entryPrice: Double
    public var exitPrice: Double
    public var fees: Double
    public var slippage: Double
    public var funding: Double
    /// After all costs.
    public var profit: Double
    /// `profit` over the entry's value.
    public var netReturn: Double
}

/// What a run met.
public struct BacktestCounts: Sendable, Equatable, Codable {
    public var events: UInt64 = 0
    public var signals: UInt64 = 0
    /// Entries that found fewer goods on the recorded levels than they asked for.
    public var partialEntries: UInt64 = 0
    /// Exits that needed more than one quote.
    public var partialExits: UInt64 = 0
    /// Signals and moves beyond the limit of records: not in the results.
    public var dropped: UInt64 = 0
    /// Moments without a usable quote: a hole of the book, a crossed book.
    public var unquotedEvents: UInt64 = 0
    /// Events older than one before: taken at the clock.
    public var lateEvents: UInt64 = 0
    /// Did trades have to stand in for quotes?
    public var hasImpliedQuotes = false

    public init() {}
}
