/// All measures. A new measure needs its own file, a member here and a line in `run`; the order in `run` is the order
/// of the columns.
struct MeasureSet: Sendable {
    private var touch = Touch()
    private var imbalance = BookImbalance()
    private var microprice = Microprice()
    private var stoikovMicroprice: StoikovMicroprice
    private var spreadCompression: SpreadCompression
    private var depth = Depth()
    private(set) var orderFlowImbalance: OrderFlowImbalance
    private var multiLevelOrderFlow: MultiLevelOrderFlow
    private var tradeFlow: TradeFlow
    private var volumeScore: VolumeScore
    private(set) var realizedVolatility: RealizedVolatility
    private var vpin: VPIN
    private var kyleLambda: KyleLambda
    private var amihudIlliquidity: AmihudIlliquidity
    private var rollSpread: RollSpread
    private var hasbrouckLambda: HasbrouckLambda
    private var timeOfDay = TimeOfDay()
    private var regimeChange: RegimeChange

    init(_ parameters: FeatureParameters) {
        stoikovMicroprice = StoikovMicroprice(parameters)
        spreadCompression = SpreadCompression(parameters)
        orderFlowImbalance = OrderFlowImbalance(parameters)
        multiLevelOrderFlow = MultiLevelOrderFlow(parameters)
        tradeFlow = TradeFlow(parameters)
        volumeScore = VolumeScore(parameters)
        realizedVolatility = RealizedVolatility(parameters)
        vpin = VPIN(parameters)
        kyleLambda = KyleLambda(parameters)
        amihudIlliquidity = AmihudIlliquidity(parameters)
        rollSpread = RollSpread(parameters)
        hasbrouckLambda = HasbrouckLambda(parameters)
        regimeChange = RegimeChange(parameters)
    }

    /// Columns of all measures, in the order of their values.
    var columns: [Column] {
        mutating get {
            var row = FeatureRow()
            run(.declare, market: MarketState(FeatureParameters()), row: &row)
            return row.columns
        }
    }

    /// Makes every measure perform a step that writes nothing.
    @inline(__always)
    mutating func run(_ step: MeasureStep, market: borrowing MarketState) {
        var row = FeatureRow()
        run(step, market: market, row: &row)
    }

    /// Makes every measure perform `step`.
    @inline(__always)
    mutating func run(_ step: MeasureStep, market: borrowing MarketState, row: inout FeatureRow) {
        touch.perform(step, market: market, row: &row)
        imbalance.perform(step, market: market, row: &row)
        microprice.perform(step, market: market, row: &row)
        stoikovMicroprice.perform(step, market: market, row: &row)
        spreadCompression.perform(step, market: market, row: &row)
        depth.perform(step, market: market, row: &row)
        orderFlowImbalance.perform(step, market: market, row: &row)
        multiLevelOrderFlow.perform(step, market: market, row: &row)
        tradeFlow.perform(step, market: market, row: &row)
        volumeScore.perform(step, market: market, row: &row)
        realizedVolatility.perform(step, market: market, row: &row)
        vpin.perform(step, market: market, row: &row)
        kyleLambda.perform(step, market: market, row: &row)
        amihudIlliquidity.perform(step, market: market, row: &row)
        rollSpread.perform(step, market: market, row: &row)
        hasbrouckLambda.perform(step, market: market, row: &row)
        timeOfDay.perform(step, market: market, row: &row)
        regimeChange.perform(step, market: market, row: &row)
    }
}
