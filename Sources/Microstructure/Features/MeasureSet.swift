/// All measures. A new measure needs its own file, a member here and a line in `run`; the order in `run` is the order
/// of the columns. One that takes more levels than `MarketState.book` keeps needs a line in `process` too.
struct MeasureSet: Sendable {
    /// Most levels a side that measures of the whole book take: those of a book update that its publisher was not told to
    /// make deeper.
    static let levelLimit = 20

    private var touch = Touch()
    private var imbalance = BookImbalance()
    private var microprice = Microprice()
    private var stoikovMicroprice: StoikovMicroprice
    private var spreadCompression: SpreadCompression
    private var depth = Depth()
    private var orderFlowImbalance: OrderFlowImbalance
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
    private var updateRate: UpdateRate
    private var quoteActivity: QuoteActivity
    private var bookFlow: BookFlow
    private var takerFlow: TakerFlow
    private var replenishment: Replenishment
    private var depthBands: DepthBands
    private var resilience: Resilience
    private var transactionCost: TransactionCost
    private var flowScore: FlowScore

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
        updateRate = UpdateRate(parameters)
        quoteActivity = QuoteActivity(parameters)
        bookFlow = BookFlow(parameters)
        takerFlow = TakerFlow(parameters)
        replenishment = Replenishment(parameters)
        depthBands = DepthBands(parameters)
        resilience = Resilience(parameters)
        transactionCost = TransactionCost(parameters)
        flowScore = FlowScore(parameters)
    }

    /// What left a window of a measure early because it was full. The rings of trades and takers are no fuller than that
    /// of `MarketState.trades`, which is counted there.
    var earlyExpiries: UInt64 {
        orderFlowImbalance.earlyExpiries + updateRate.earlyExpiries + quoteActivity.earlyExpiries
            + bookFlow.earlyExpiries + replenishment.earlyExpiries + transactionCost.earlyExpiries
    }

    /// Columns of all measures, in the order of their values.
    var columns: [Column] {
        mutating get {
            var row = FeatureRow()
            run(.declare, market: MarketState(FeatureParameters()), row: &row)
            return row.columns
        }
    }

    /// Takes the levels of a valid book update, best first; `market` has it already. O(levels).
    ///
    /// Only for those measures that take more than `market.book` keeps, since to keep them would mean to copy them.
    mutating func process(bids: Span<PriceLevel>, asks: Span<PriceLevel>, market: borrowing MarketState) {
        bookFlow.process(bids: bids, asks: asks, market)
        depthBands.process(bids: bids, asks: asks, market)
        resilience.process(bids: bids, asks: asks)
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
        updateRate.perform(step, market: market, row: &row)
        quoteActivity.perform(step, market: market, row: &row)
        bookFlow.perform(step, market: market, row: &row)
        takerFlow.perform(step, market: market, row: &row)
        replenishment.perform(step, market: market, row: &row)
        depthBands.perform(step, market: market, row: &row)
        resilience.perform(step, market: market, row: &row)
        transactionCost.perform(step, market: market, row: &row)
        flowScore.perform(step, market: market, row: &row)
    }
}
