/// All measures. A new one is a file of its own, a member here and a line in `run`; the order in `run` is the
/// order of the columns.
struct MeasureSet: Sendable {
    private var touch = Touch()
    private var imbalance = BookImbalance()
    private var microprice = Microprice()
    private var spreadCompression: SpreadCompression
    private var depth = Depth()
    private var tradeFlow: TradeFlow
    private var volumeScore: VolumeScore
    private(set) var realizedVolatility: RealizedVolatility
    private var timeOfDay = TimeOfDay()

    init(_ parameters: FeatureParameters) {
        spreadCompression = SpreadCompression(parameters)
        tradeFlow = TradeFlow(parameters)
        volumeScore = VolumeScore(parameters)
        realizedVolatility = RealizedVolatility(parameters)
    }

    /// Asks every measure to perform `step`.
    @inline(__always)
    mutating func run(_ step: MeasureStep, market: borrowing MarketState, row: inout FeatureRow) {
        touch.perform(step, market: market, row: &row)
        imbalance.perform(step, market: market, row: &row)
        microprice.perform(step, market: market, row: &row)
        spreadCompression.perform(step, market: market, row: &row)
        depth.perform(step, market: market, row: &row)
        tradeFlow.perform(step, market: market, row: &row)
        volumeScore.perform(step, market: market, row: &row)
        realizedVolatility.perform(step, market: market, row: &row)
        timeOfDay.perform(step, market: market, row: &row)
    }
}
