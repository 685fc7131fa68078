/// How restless the best prices are, by the venue's quotes: `quote_rate_w`, quotes a second; `best_price_change_rate_w`,
/// how often a second the best bid or the best ask moves; `flicker_w`, how often a second one of them comes back soon
/// (within `FeatureParameters.flickerMilliseconds`) to the price that it had before. All ≥ 0.
///
/// Quotes older than the last one are not counted (`BestPrices`). NaN while the epoch has no quotes, and until its
/// first is w old. Amortised O(windows) a quote.
struct QuoteActivity: Measure {
    /// The best price of one side.
    private struct Side: Sendable {
        private var price: Price?
        /// The price before, and when it was left.
        private var former: Price?
        private var left = Timestamp(nanoseconds: .min)

        /// Takes the price of the next quote: has it moved, and is it back?
        mutating func process(_ next: Price, at now: Timestamp, flickerNanoseconds: Int64) -> (
            hasMoved: Bool, isBack: Bool
        ) {
            guard let price else {
                self.price = next
                return (false, false)
            }
            guard next != price else { return (false, false) }
            let isBack = next == former && now.nanoseconds(since: left) <= flickerNanoseconds
            (former, left, self.price) = (price, now, next)
            return (true, isBack)
        }
    }

    let columns: [Column]
    private let seconds: [Int]
    private let widths: [Int64]
    private let longSeconds: [Int]
    private let flickerNanoseconds: Int64
    /// For each quote, how many best prices it moved.
    private var quotes: SlidingWindows<ExactSum>
    /// For each quote that brought a best price back, how many.
    private var flickers: SlidingWindows<ExactSum>
    private var bid = Side()
    private var ask = Side()
    /// When the epoch's first quote came.
    private var start: Timestamp?

    /// Quotes that left a window early because it was full.
    var earlyExpiries: UInt64 { quotes.earlyExpiries + flickers.earlyExpiries }

    init(_ parameters: FeatureParameters) {
        columns =
            parameters.windowColumns("quote_rate", source: .quotes, unit: .perSecond) {
                "the rate of quotes over \($0)"
            }
            + parameters.windowColumns("best_price_change_rate", source: .quotes, unit: .perSecond) {
                "the rate of changes of the best prices over \($0)"
            }
            + parameters.longWindowColumns("flicker", source: .quotes, unit: .perSecond) {
                "the rate of best prices that come back soon over \($0)"
            }
        seconds = parameters.windowSeconds
        widths = parameters.windowWidths
        longSeconds = parameters.longWindowSeconds
        flickerNanoseconds = Int64(parameters.flickerMilliseconds) * 1_000_000
        quotes = SlidingWindows(widths: widths, limit: parameters.tradeLimit)
        flickers = SlidingWindows(widths: parameters.longWindowWidths, limit: parameters.tradeLimit)
    }

    mutating func process(_ quote: Quote, _ market: borrowing MarketState) {
        guard market.bestPrices.update != .ignored else { return }
        if start == nil { start = market.now }
        let bid = bid.process(quote.bid.price, at: market.now, flickerNanoseconds: flickerNanoseconds)
        let ask = ask.process(quote.ask.price, at: market.now, flickerNanoseconds: flickerNanoseconds)
        quotes.append((bid.hasMoved ? 1 : 0) + (ask.hasMoved ? 1 : 0), at: market.now)
        let flickers: Int128 = (bid.isBack ? 1 : 0) + (ask.isBack ? 1 : 0)
        if flickers > 0 { self.flickers.append(flickers, at: market.now) }
    }

    mutating func startEpoch() {
        start = nil
        (bid, ask) = (Side(), Side())
        quotes.removeAll()
        flickers.removeAll()
    }

    mutating func write(_ market: borrowing MarketState, into row: inout FeatureRow) {
        quotes.advance(to: market.now)
        flickers.advance(to: market.now)
        let age = start.map { market.now.nanoseconds(since: $0) } ?? -1
        for (window, seconds) in seconds.enumerated() {
            row.put(book: age >= widths[window] ? Double(quotes.count(window)) / Double(seconds) : .nan)
        }
        for (window, seconds) in seconds.enumerated() {
            row.put(book: age >= widths[window] ? Double(rounding: quotes[window].value) / Double(seconds) : .nan)
        }
        for (window, seconds) in longSeconds.enumerated() {
            let isCovered = age >= Int64(seconds) * 1_000_000_000
            row.put(book: isCovered ? Double(rounding: flickers[window].value) / Double(seconds) : .nan)
        }
    }
}
