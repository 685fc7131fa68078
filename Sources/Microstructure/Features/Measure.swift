/// A group of columns that are computed together: a small struct that observes events and writes its values.
///
/// Requirements that a measure does not need have empty defaults. Measures are concrete members of `MeasureSet`; the
/// protocol is never used as an existential type.
protocol Measure: Sendable {
    /// In the order in which `write` puts the values.
    var columns: [Column] { get }
    /// The clock moved to `market.now`.
    mutating func advance(_ market: borrowing MarketState)
    /// A valid book update arrived; `market.book` is the book after it.
    mutating func processBook(_ market: borrowing MarketState)
    /// A quote arrived at `market.now`.
    mutating func process(_ quote: Quote, _ market: borrowing MarketState)
    /// The book is no longer trusted: the next book does not continue it.
    mutating func forgetBook()
    /// A trade arrived at `market.now`; `market.trades` contains it.
    mutating func process(_ trade: Trade, _ market: borrowing MarketState)
    /// A one-second bar of trades was completed; it is the last in `market.bars`.
    mutating func processBar(_ market: borrowing MarketState)
    /// A new book epoch begins: forget state from the old book.
    mutating func startEpoch()
    /// Puts one value a column. Called once a vector.
    mutating func write(_ market: borrowing MarketState, into row: inout FeatureRow)
}

extension Measure {
    mutating func advance(_ market: borrowing MarketState) {}
    mutating func processBook(_ market: borrowing MarketState) {}
    mutating func process(_ quote: Quote, _ market: borrowing MarketState) {}
    mutating func forgetBook() {}
    mutating func process(_ trade: Trade, _ market: borrowing MarketState) {}
    mutating func processBar(_ market: borrowing MarketState) {}
    mutating func startEpoch() {}
}

/// A call that the engine makes on all measures.
enum MeasureStep {
    case declare
    case advance
    case bar
    case book
    case forgetBook
    case quote(Quote)
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
        case .bar: processBar(market)
        case .book: processBook(market)
        case .forgetBook: forgetBook()
        case .quote(let quote): process(quote, market)
        case .trade(let trade): process(trade, market)
        case .startEpoch: startEpoch()
        case .write: write(market, into: &row)
        }
    }
}
