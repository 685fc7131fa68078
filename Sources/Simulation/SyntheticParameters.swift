import RealModule

/// What a synthetic market is made of. Rates are per second of market time.
public struct SyntheticParameters: Sendable, Equatable {
    public var listing: Listing
    /// Where the price begins and towards which it is weakly drawn, in ticks.
    public var startPriceTicks: Int64
    /// Mean size of a limit order, in steps.
    public var orderSizeSteps: Double
    /// Limit orders and cancellations of both sides.
    public var orderRate = 120.0
    /// Market orders of both sides in quiet times.
    public var marketOrderRate = 8.0
    /// Typical distance of a patient limit order from the opposite best, in ticks.
    public var patientDistanceTicks: Double
    /// Levels a side about which the book settles; it keeps at most four times as many.
    public var levelsPerSide = 250
    /// Quiet time between two planted episodes, in seconds.
    public var episodeGapSeconds = 15.0...30.0
    public var episodeLengthSeconds = 3.0...5.0
    /// How many times more market orders an episode has.
    public var episodeIntensity = 6.0

    public init(
        listing: Listing, startPriceTicks: Int64, orderSizeSteps: Double, patientDistanceTicks: Double
    ) {
        self.listing = listing
        self.startPriceTicks = startPriceTicks
        self.orderSizeSteps = orderSizeSteps
        self.patientDistanceTicks = patientDistanceTicks
    }

    /// A market of the size of the real one for BTC, ETH and SOL; a generic one at price 1 for any other symbol.
    public init(symbol: String) {
        let assets = Listing.assets(of: symbol)
        /// Price in the quote asset, tick and step in 10⁻⁸, mean order in the base asset.
        let (price, tick, step, order): (Double, Int64, Int64, Double) =
            switch assets.base {
            case "BTC": (60_000, 1_000_000, 1_000, 0.15)
            case "ETH": (2_700, 1_000_000, 10_000, 2.5)
            case "SOL": (150, 1_000_000, 100_000, 30)
            default: (1, 1_000, 10_000_000, 1_000)
            }
        let ticks = Int64((price * 1e8 / Double(tick)).rounded())
        self.init(
            listing: Listing(
                symbol: symbol, baseAsset: assets.base, quoteAsset: assets.quote, tickSize: tick, stepSize: step),
            startPriceTicks: ticks, orderSizeSteps: order * 1e8 / Double(step),
            // A basis point, but enough ticks for as many levels as a depth feature looks at.
            patientDistanceTicks: max(8, Double(ticks) * 1e-4))
    }
}
