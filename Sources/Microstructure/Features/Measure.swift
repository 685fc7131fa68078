/// A group of columns that are computed together: a small struct that sees what happens and writes its values.
///
/// The requirements that a measure does not need have empty defaults. Measures are concrete members of
/// `MeasureSet`; the protocol is never used as a type of its own.
protocol Measure: Sendable {
    /// Names of the columns, in the order in which `write` puts them.
    var columns: [String] { get }
    /// The clock moved to `market.now`.
    mutating func advance(_ market: borrowing MarketState)
    /// A valid book update arrived; `market.book` is the book after it.
    mutating func processBook(_ market: borrowing MarketState)
    /// A trade arrived at `market.now`; `market.trades` contains it.
    mutating func process(_ trade: Trade, _ market: borrowing MarketState)
    /// A new life of the book begins: forget what looks back at the old one.
    mutating func startEpoch()
    /// Puts one value a column. Called once a vector.
    mutating func write(_ market: borrowing MarketState, into row: inout FeatureRow)
}

extension Measure {
    mutating func advance(_ market: borrowing MarketState) {}
    mutating func processBook(_ market: borrowing MarketState) {}
    mutating func process(_ trade: Trade, _ market: borrowing MarketState) {}
    mutating func startEpoch() {}
}

/// What the engine asks of all measures at once.
enum MeasureStep {
    case declare
    case advance
    case book
    case trade(Trade)
    case startEpoch
    case write
}

extension Measure {
    @inline(__always)
    mutating func perform(_ step: MeasureStep, market: borrowing MarketState, row: inout FeatureRow) {
        switch step {
        case .declare: row.declare(columns)
        case .advance: advance(market)
        case .book: processBook(market)
        case .trade(let trade): process(trade, market)
        case .startEpoch: startEpoch()
        case .write: write(market, into: &row)
        }
    }
}
