/// The best prices, one state after the other.
///
/// They are those of the quotes if there are any, else those of the book; the two are never mixed. The first quote of an
/// epoch therefore restarts the sequence. So does the first book update whose best prices have differed from the last
/// quote's for five seconds without a new quote: the quotes have stopped, and the book takes over. A crossed, locked or
/// one-sided state, and an untrusted book, break the chain: the next state is only a starting point. So does an update
/// id that goes back: a quote with an older id is ignored, unless no quote was accepted for five seconds, since ids then
/// restart. O(1).
struct BestPrices: Sendable {
    /// What the last quote or book update was to the sequence.
    enum Update: Sendable {
        /// A quote that is too old, or a book beside quotes.
        case ignored
        /// The first state from another source: states before it do not count.
        case restarted
        case accepted
    }

    /// Silence after which quotes are no longer expected, and ids may have restarted.
    static let silenceLimitNanoseconds: Int64 = 5_000_000_000

    private(set) var update = Update.ignored
    /// The state now; `nil` if it is unknown, crossed, locked or one-sided.
    private(set) var current: BidAsk?
    /// The state before `current`; `nil` if that is only a starting point.
    private var previous: BidAsk?
    private var usesQuotes = false
    private var lastQuoteID = Int64.min
    private var lastQuoteTime = Timestamp(nanoseconds: .min)
    /// Best prices of the last quote, even if the chain broke.
    private var lastQuote: BidAsk?
    /// When the book first differed from the last quote; `nil` while they agree or before a comparison.
    private var differsSince: Timestamp?

    /// The change that the last quote or book update made; `nil` if it was ignored or only a starting point.
    var step: (from: BidAsk, to: BidAsk)? {
        guard update != .ignored, let previous, let current else { return nil }
        return (previous, current)
    }

    mutating func process(_ quote: Quote, at now: Timestamp) {
        update = .accepted
        if !usesQuotes {
            restart()
            usesQuotes = true
        }
        if quote.updateID < lastQuoteID {
            // Two overlapping connections may deliver the same change twice, but only briefly.
            guard hasExpired(lastQuoteTime, now) else { return update = .ignored }
            current = nil
        }
        (lastQuoteID, lastQuoteTime, differsSince) = (quote.updateID, now, nil)
        lastQuote = BidAsk(bid: quote.bid, ask: quote.ask)
        follow(bid: quote.bid, ask: quote.ask)
    }

    mutating func process(_ book: borrowing BookTop, at now: Timestamp) {
        update = .accepted
        if usesQuotes {
            guard haveQuotesStopped(book, now) else { return update = .ignored }
            restart()
        }
        guard let bid = book.bestBid, let ask = book.bestAsk else { return current = nil }
        follow(bid: bid, ask: ask)
    }

    /// The next state will not continue the last one.
    mutating func breakChain() { current = nil }

    mutating func startEpoch() { restart() }

    private mutating func restart() {
        update = .restarted
        usesQuotes = false
        (current, lastQuote, differsSince) = (nil, nil, nil)
        lastQuoteID = .min
    }

    private mutating func follow(bid: PriceLevel, ask: PriceLevel) {
        previous = current
        let isProper = bid.quantity > .zero && ask.quantity > .zero && bid.price < ask.price
        current = isProper ? BidAsk(bid: bid, ask: ask) : nil
    }

    /// Have the book's best prices differed from the last quote's for too long?
    private mutating func haveQuotesStopped(_ book: borrowing BookTop, _ now: Timestamp) -> Bool {
        let (bid, ask) = (book.bestBid, book.bestAsk)
        guard bid != lastQuote?.bid || ask != lastQuote?.ask else {
            differsSince = nil
            return false
        }
        let since = differsSince ?? now
        differsSince = since
        return hasExpired(since, now)
    }

    private func hasExpired(_ time: Timestamp, _ now: Timestamp) -> Bool {
        now.nanoseconds(since: time) >= Self.silenceLimitNanoseconds
    }
}
