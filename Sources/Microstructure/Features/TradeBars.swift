/// One second of trades compared with the second before.
struct TradeBar: Sendable {
    /// Close minus previous close, in price units.
    let priceChange: Int64
    /// ln(close / previous close).
    let logReturn: Double
    /// Bought minus sold, in the base asset.
    let signedVolume: Double
    /// Σp·q, in the quote asset; 0 in a second without trades.
    let dollarVolume: Double
    /// Σb·√(p·q) with b = +1 for a buyer's trade, −1 for a seller's.
    let signedRootDollarVolume: Double

    static let silent = TradeBar(
        priceChange: 0, logReturn: 0, signedVolume: 0, dollarVolume: 0, signedRootDollarVolume: 0)
}

/// The last completed UTC-aligned one-second bars of trades, which the price-impact measures share.
///
/// A bar closes at its last trade, or at the previous close if it has no trade. The second of the first trade is
/// incomplete: it gives the first close and no bar. Bars do not use the book, so a new book epoch changes nothing.
/// O(1) a trade, O(completed bars, at most the kept number) an advance.
struct TradeBars: Sendable {
    private static let widthNanoseconds: Int64 = 1_000_000_000

    private let priceScale: DecimalScale
    private let quantityScale: DecimalScale
    private var bars: RingBuffer<TradeBar>
    /// The second that the clock is in; `nil` before the first trade.
    private var second: Int64?
    private var close: Int64 = 0
    private var previousClose: Int64?
    private var net: Int128 = 0
    private var dollarVolume = 0.0
    private var signedRootDollarVolume = 0.0

    init(limit: Int, priceScale: DecimalScale, quantityScale: DecimalScale) {
        bars = RingBuffer(limit: limit, filler: .silent)
        self.priceScale = priceScale
        self.quantityScale = quantityScale
    }

    var count: Int { bars.count }

    /// The bar `offset` places after the oldest. Requires `offset < count`.
    subscript(offset: Int) -> TradeBar { bars[offset] }

    /// Takes a trade at the clock's time. A trade at a price of zero or less has no return and is ignored.
    mutating func process(_ trade: Trade, at now: Timestamp) {
        let price = trade.price.mantissa
        guard price > 0 else { return }
        if second == nil { second = now.bucket(width: Self.widthNanoseconds) }
        close = price
        let size = Int128(trade.quantity.mantissa)
        let dollars = priceScale.value(Int128(price)) * quantityScale.value(size)
        let isBuy = trade.aggressor == .buy
        net += isBuy ? size : -size
        dollarVolume += dollars
        signedRootDollarVolume += isBuy ? dollars.squareRoot() : -dollars.squareRoot()
    }

    /// Moves the clock; true if a bar was completed.
    mutating func advance(to now: Timestamp) -> Bool {
        guard let last = second else { return false }
        let current = now.bucket(width: Self.widthNanoseconds)
        guard current > last else { return false }
        second = current
        defer {
            previousClose = close
            net = 0
            dollarVolume = 0
            signedRootDollarVolume = 0
        }
        guard let previousClose else { return appendSilent(current - last - 1) }
        bars.append(
            TradeBar(
                // Both are positive, so that the difference cannot overflow.
                priceChange: close - previousClose,
                logReturn: LogReturn.value(from: Int128(previousClose), to: Int128(close)),
                signedVolume: quantityScale.value(net), dollarVolume: dollarVolume,
                signedRootDollarVolume: signedRootDollarVolume))
        _ = appendSilent(current - last - 1)
        return true
    }

    /// Appends seconds without trades. A number above the kept bars makes no difference.
    private mutating func appendSilent(_ count: Int64) -> Bool {
        for _ in 0..<min(count, Int64(bars.limit)) { bars.append(.silent) }
        return count > 0
    }
}

extension TradeBars {
    /// Slope of the least-squares line, with intercept, of `y` on `x` over the bars; NaN below `minimum` bars and if
    /// all x are equal. O(bars).
    @inline(__always)
    func slope(of y: (TradeBar) -> Double, on x: (TradeBar) -> Double, minimum: Int) -> Double {
        guard count >= minimum else { return .nan }
        var (meanX, meanY) = (0.0, 0.0)
        var varies = false
        let first = x(self[0])
        bars.forEach { bar in
            varies = varies || x(bar) != first
            meanX += x(bar)
            meanY += y(bar)
        }
        guard varies else { return .nan }
        meanX /= Double(count)
        meanY /= Double(count)
        var (covariance, variance) = (0.0, 0.0)
        bars.forEach { bar in
            let deviation = x(bar) - meanX
            covariance += deviation * (y(bar) - meanY)
            variance += deviation * deviation
        }
        return covariance / variance
    }
}
