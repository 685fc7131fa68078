import Microstructure

/// The parameters of one synthetic market. Rates are means per second of market time without planted events.
public struct SyntheticParameters: Sendable, Equatable {
    public var listing: Listing
    /// Start price, in ticks.
    public var startPriceTicks: Int64
    /// Spontaneous limit orders and cancellations of both sides; the market makers' orders come on top.
    public var orderRate: Double
    /// Market orders of both sides.
    public var marketOrderRate: Double
    /// Sizes are lognormal: the median in steps, and the deviation of the logarithm.
    public var orderSizeSteps: Double
    public var orderSizeDeviation: Double
    public var marketOrderSizeSteps: Double
    public var marketOrderSizeDeviation: Double
    /// Size that market makers post at a new best price, in steps.
    public var makerSizeSteps: Double
    /// Standard deviation of a second's move, in basis points.
    public var volatility: Double
    /// The spread that market makers keep, in ticks.
    public var spreadTicks: Int64
    /// Orders of both sides around which the book settles.
    public var restingOrders: Int
    /// The common part of the variance of news, 0 to 1.
    public var correlation: Double

    /// Parameters like the recorded market for BTC and ETH (the article Synthetic compares their `StylizedFacts`), of
    /// the right magnitude for SOL, and generic at price 1 for any other symbol.
    public init(symbol: String) {
        let assets = Listing.assets(of: symbol)
        /// Price in the quote asset, tick and step in 10⁻⁸, median orders in the base asset.
        let (price, tick, step): (Double, Int64, Int64) =
            switch assets.base {
            case "BTC": (61_800, 1_000_000, 1_000)
            case "ETH": (2_680, 1_000_000, 10_000)
            case "SOL": (150, 1_000_000, 100_000)
            default: (1, 1_000, 10_000_000)
            }
        // Sizes in the quote asset.
        let (order, orderDeviation, market, marketDeviation, maker): (Double, Double, Double, Double, Double) =
            switch assets.base {
            case "BTC": (3_000, 1.7, 200, 2.1, 90_000)
            case "ETH": (1_100, 1.7, 110, 2.3, 15_000)
            default: (300, 2.0, 60, 2.4, 4_000)
            }
        func steps(_ value: Double) -> Double { value / price * 1e8 / Double(step) }
        listing = Listing(
            symbol: symbol, baseAsset: assets.base, quoteAsset: assets.quote, tickSize: tick, stepSize: step)
        startPriceTicks = Int64((price * 1e8 / Double(tick)).rounded())
        orderRate = assets.base == "BTC" ? 400 : assets.base == "ETH" ? 320 : 200
        marketOrderRate = assets.base == "BTC" ? 7 : 3
        orderSizeSteps = steps(order)
        orderSizeDeviation = orderDeviation
        marketOrderSizeSteps = steps(market)
        marketOrderSizeDeviation = marketDeviation
        makerSizeSteps = steps(maker)
        volatility = assets.base == "BTC" ? 1.3 : assets.base == "ETH" ? 1.1 : 1.5
        spreadTicks = 1
        restingOrders = assets.base == "BTC" ? 1_000 : 1_200
        correlation = 0.7
    }

    /// Moves the market to another price; its orders keep their worth in the quote asset.
    public mutating func moveStart(to price: Double) {
        let ticks = max(1_000, Int64((price * 1e8 / Double(listing.tickSize)).rounded()))
        let factor = Double(startPriceTicks) / Double(ticks)
        startPriceTicks = ticks
        orderSizeSteps = max(1, orderSizeSteps * factor)
        marketOrderSizeSteps = max(1, marketOrderSizeSteps * factor)
        makerSizeSteps = max(1, makerSizeSteps * factor)
    }

    /// Scales the flow by `factor`. The book keeps its depth.
    public mutating func scaleRates(by factor: Double) {
        orderRate *= factor
        marketOrderRate *= factor
    }

    /// Ticks per basis point of the start price.
    public var ticksPerBasisPoint: Double { Double(startPriceTicks) * 1e-4 }
}
