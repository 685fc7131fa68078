public import Detection
public import Microstructure

/// A signal as the backtest receives it.
public struct Decision: Sendable, Equatable {
    public var id: String
    /// When the signal was published; it has no effect earlier.
    public var time: Timestamp
    /// `nil` if the signal has no direction.
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
    /// The other side of the book was empty.
    case noLiquidity = "no_liquidity"
    /// The limit order timed out unfilled.
    case notFilled = "not_filled"
    case endOfData = "end_of_data"
}

/// What the market did after a signal, traded or not: the triple-barrier label for one unit, at the best prices.
public struct Label: Sendable, Equatable, Codable {
    public var outcome: BarrierOutcome
    public var entryTimeNanoseconds: Int64
    public var exitTimeNanoseconds: Int64
    /// In the quote asset.
    public var entryPrice: Double
    public var exitPrice: Double
    /// Return before and after fees and slippage of both sides, as shares of the entry price.
    public var grossReturn: Double
    public var netReturn: Double

    /// The meta-label: was acting on the signal profitable after costs?
    public var isHit: Bool { netReturn > 0 }

    public var span: LabelSpan {
        LabelSpan(
            start: Timestamp(nanoseconds: entryTimeNanoseconds), end: Timestamp(nanoseconds: exitTimeNanoseconds))
    }
}

/// A signal and its result.
public struct SignalOutcome: Sendable, Equatable, Codable {
    public var id: String
    public var symbol: String
    public var type: String
    public var side: Side?
    public var score: Double
    public var timeNanoseconds: Int64
    /// `nil` if the signal has no side, or no quote followed it.
    public var label: Label?
    /// Seconds from the signal until the price was `move_pct` away from its level 30 seconds before the signal;
    /// negative if it was there before the signal, `nil` if it never got there.
    public var leadSeconds: Double?
    /// `nil` if the signal was traded.
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
    /// Average prices paid, without fees and slippage.
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

/// Unusual cases of a run, counted.
public struct BacktestCounts: Sendable, Equatable, Codable {
    public var events: UInt64 = 0
    public var signals: UInt64 = 0
    /// Entries that the recorded levels could fill only in part.
    public var partialEntries: UInt64 = 0
    /// Exits that needed more than one quote.
    public var partialExits: UInt64 = 0
    /// Signals and moves beyond the record limit; they are missing from the results.
    public var dropped: UInt64 = 0
    /// Times without a usable quote: a gap in the book, or a crossed book.
    public var unquotedEvents: UInt64 = 0
    /// Events older than an earlier one; processed at the clock's time.
    public var lateEvents: UInt64 = 0
    /// Were quotes implied from trades?
    public var hasImpliedQuotes = false

    public init() {}
}
