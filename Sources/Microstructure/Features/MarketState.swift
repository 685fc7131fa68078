/// What several measures look at, kept once: the clock, the book's best levels, the trades of the windows.
struct MarketState: Sendable {
    let priceScale: DecimalScale
    let quantityScale: DecimalScale
    /// The engine's clock: the latest receive time seen. Never goes backwards.
    private(set) var now = Timestamp(nanoseconds: .min)
    /// The book of the last valid update of this epoch; `isBookKnown` says whether there is one.
    private(set) var book = BookTop()
    private(set) var isBookKnown = false
    private(set) var trades: SlidingWindows<TradeSum>

    init(_ parameters: FeatureParameters, priceExponent: Int8 = 0, quantityExponent: Int8 = 0) {
        priceScale = DecimalScale(exponent: priceExponent)
        quantityScale = DecimalScale(exponent: quantityExponent)
        trades = SlidingWindows(widths: parameters.windowWidths, limit: parameters.tradeLimit)
    }

    /// Moves the clock to `time`; false if that is in its past, and then the clock stays.
    mutating func advance(to time: Timestamp) -> Bool {
        guard time >= now else { return false }
        now = time
        trades.advance(to: now)
        return true
    }

    mutating func process(_ update: BookUpdate, levels: Span<PriceLevel>) {
        book.fill(from: update, levels: levels)
        isBookKnown = true
    }

    mutating func process(_ trade: Trade) {
        let size = trade.quantity.mantissa
        trades.append(trade.aggressor == .buy ? size : -size, at: now)
    }

    mutating func forgetBook() { isBookKnown = false }
}

/// Sizes of trades, exact: the sum of 2⁶⁴ trades of the largest size still fits.
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
