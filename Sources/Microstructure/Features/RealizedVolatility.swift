/// How far the trade price travelled: `realized_vol_w` = sqrt(Σ ln(pᵢ/pᵢ₋₁)²) over the trades i in `(t−w, t]`; pᵢ₋₁ is
/// the previous trade's price, inside the window or not. Dimensionless, ≥ 0, not annualised.
///
/// NaN until two trades had a price; then 0 while the price does not move. Prices ≤ 0 are ignored and counted.
/// O(windows) amortised. Source: Andersen, Bollerslev, Diebold, Labys (2003), Econometrica 71.
struct RealizedVolatility: Measure {
    let columns: [Column]
    private let windowCount: Int
    /// Squared returns. Zero returns, the most frequent, are not stored.
    private var squares: SlidingWindows<CompensatedSum>
    private var lastPrice: Int64?
    private var hasReturn = false
    private(set) var ignoredPrices: UInt64 = 0

    init(_ parameters: FeatureParameters) {
        columns = parameters.windowColumns("realized_vol", unit: .one) { "the realised volatility over \($0)" }
        windowCount = parameters.windowSeconds.count
        squares = SlidingWindows(widths: parameters.windowWidths, limit: parameters.tradeLimit)
    }

    mutating func advance(_ market: borrowing MarketState) { squares.advance(to: market.now) }

    mutating func process(_ trade: Trade, _ market: borrowing MarketState) {
        let price = trade.price.mantissa
        guard price > 0 else { return ignoredPrices += 1 }
        defer { lastPrice = price }
        guard let lastPrice else { return }
        hasReturn = true
        guard price != lastPrice else { return }
        let logReturn = LogReturn.value(from: Int128(lastPrice), to: Int128(price))
        squares.append(logReturn * logReturn, at: market.now)
    }

    func write(_ market: borrowing MarketState, into row: inout FeatureRow) {
        for window in 0..<windowCount {
            // A sum of squares is never negative, except by rounding next to a return many orders larger.
            row.put(hasReturn ? max(0, squares[window].value).squareRoot() : .nan)
        }
    }
}
