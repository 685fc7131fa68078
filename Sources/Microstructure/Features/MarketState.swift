/// State shared by several measures: the clock, the book's best levels and its best prices, the trades of the windows
/// and bars, the last taker.
struct MarketState: Sendable {
    let priceScale: DecimalScale
    let quantityScale: DecimalScale
    /// The engine's clock: the latest receive time seen. Never goes backwards.
    private(set) var now = Timestamp(nanoseconds: .min)
    /// The book of this epoch's last valid update; `isBookBelieved` says whether it exists and is trusted.
    private(set) var book = BookTop()
    /// The venue's time of that update: trades before it may be contained in the book.
    private(set) var bookVenueTime = Timestamp(nanoseconds: .min)
    /// The last update continues the one before: it is of the same epoch, and no untrusted book lies between the two.
    private(set) var isBookContinued = false
    /// The next update will continue the last one.
    private var isChained = false
    /// The venue's id of the last change in the book of the last update.
    private(set) var updateID: Int64 = 0
    private(set) var bestPrices = BestPrices()
    private var isBookKnown = false
    /// The last heartbeat said that the known book may be stale.
    private var isBookDoubted = false
    /// The smallest price step, in price units, from the last book update; at least 1.
    private(set) var tickSize: Int64 = 1
    /// The windows of `FeatureParameters.tradeWindowSeconds`.
    private(set) var trades: SlidingWindows<TradeSum>
    private(set) var bars: TradeBars
    /// The taker of the last trade; `nil` before the first trade.
    private(set) var taker: Taker?

    init(_ parameters: FeatureParameters, priceExponent: Int8 = 0, quantityExponent: Int8 = 0) {
        priceScale = DecimalScale(exponent: priceExponent)
        quantityScale = DecimalScale(exponent: quantityExponent)
        trades = SlidingWindows(
            widths: parameters.tradeWindowSeconds.map { Int64($0) * 1_000_000_000 }, limit: parameters.tradeLimit)
        bars = TradeBars(limit: parameters.impactBars, priceScale: priceScale, quantityScale: quantityScale)
    }

    enum Advance { case late, moved, completedBar }

    /// Moves the clock to `time`; returns `.late` and keeps the clock if `time` is in its past.
    mutating func advance(to time: Timestamp) -> Advance {
        guard time >= now else { return .late }
        now = time
        trades.advance(to: now)
        return bars.advance(to: now) ? .completedBar : .moved
    }

    mutating func process(_ update: BookSnapshot, levels: Span<PriceLevel>) {
        (isBookContinued, isChained) = (isChained, true)
        book.fill(from: update, levels: levels)
        bookVenueTime = update.times.venue
        updateID = update.updateID
        tickSize = max(1, update.tickSize)
        (isBookKnown, isBookDoubted) = (true, false)
        bestPrices.process(book, at: now)
    }

    mutating func process(_ quote: Quote) { bestPrices.process(quote, at: now) }

    mutating func process(_ trade: Trade) {
        let size = trade.quantity.mantissa
        trades.append(trade.aggressor == .buy ? size : -size, at: now)
        bars.process(trade, at: now)
        if taker?.add(trade) != true { taker = Taker(trade, at: now) }
    }

    /// A book of this epoch is known, and no later heartbeat contradicts it.
    var isBookBelieved: Bool { isBookKnown && !isBookDoubted }

    /// A book update is not to be trusted.
    mutating func forgetBook() {
        isBookKnown = false
        breakChains()
    }

    /// A new book epoch begins.
    mutating func startEpoch() {
        forgetBook()
        bestPrices.startEpoch()
    }

    /// Applies a heartbeat's validity: a doubt holds until the next valid heartbeat or book.
    mutating func process(_ validity: Validity) {
        isBookDoubted = validity != .valid
        if isBookDoubted { breakChains() }
    }

    private mutating func breakChains() {
        isChained = false
        bestPrices.breakChain()
    }
}

/// Sums of trade sizes, exact: the sum of 2⁶⁴ trades of the largest size still fits.
struct TradeSum: InvertibleSum {
    /// Bought minus sold, in quantity units.
    private(set) var net: Int128 = 0
    /// Bought plus sold, in quantity units.
    private(set) var volume: Int128 = 0

    /// Adds a size of at least `-Int64.max`, negative if the aggressor sold.
    mutating func add(_ signedSize: Int64) {
        net += Int128(signedSize)
        volume += Int128(signedSize.magnitude)
    }

    mutating func remove(_ signedSize: Int64) {
        net -= Int128(signedSize)
        volume -= Int128(signedSize.magnitude)
    }
}
