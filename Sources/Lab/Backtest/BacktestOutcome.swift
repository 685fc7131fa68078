import Evaluation
import Microstructure

/// One configuration's result over all markets of a run.
struct BacktestOutcome {
    struct MarketPart: Encodable {
        let symbol, tape: String
        let counts: BacktestCounts
        let moves: Int
        let signals, labelled, hits, trades, wins: Int
        let meanNetReturn: Double?
        /// On the initial capital of the market.
        let totalReturn: Double
        let maximumDrawdown: Double
        let fees, slippage, profit: Double
    }

    /// Signals scored against moves of `move_pct`, by the rules of `EventScore`.
    struct Recall: Encodable {
        struct Level: Encodable {
            let withinSeconds: Double
            let found: Int
            let recall, precision, f1: Double?
        }

        let moves, missed, falseAlarms: Int
        let falseAlarmsPerDayPerMarket: Double?
        let levels: [Level]
    }

    let configuration: BacktestConfiguration
    let signals: [SignalOutcome]
    let trades: [TradeRecord]
    let returns: PeriodReturns
    let parts: [MarketPart]
    let recall: Recall
    let signalSummary: SignalSummary
    let tradeSummary: TradeSummary

    init(_ run: BacktestRun, configuration index: Int, configuration: BacktestConfiguration) {
        self.configuration = configuration
        let backtests = run.markets.map { $0.backtests[index] }
        signals = backtests.flatMap(\.outcomes)
        trades = backtests.flatMap(\.trades)
            .sorted { ($0.exitTimeNanoseconds, $0.id) < ($1.exitTimeNanoseconds, $1.id) }
        var returns = PeriodReturns(grid: run.grids[index])
        for backtest in backtests { returns.add(backtest.returns, weight: 1 / Double(backtests.count)) }
        self.returns = returns
        parts = zip(run.markets, backtests).map { market, backtest in
            let labels = backtest.outcomes.compactMap(\.label)
            return MarketPart(
                symbol: market.symbol, tape: market.tape, counts: backtest.counts, moves: backtest.moves.count,
                signals: backtest.outcomes.count, labelled: labels.count, hits: labels.count(where: \.isHit),
                trades: backtest.trades.count, wins: backtest.trades.count { $0.profit > 0 },
                meanNetReturn: labels.isEmpty
                    ? nil : labels.reduce(0) { $0 + $1.netReturn } / Double(labels.count),
                totalReturn: backtest.returns.values.reduce(0, +), maximumDrawdown: backtest.drawdown.maximum,
                fees: backtest.account.value(backtest.account.fees),
                slippage: backtest.account.value(backtest.account.slippage),
                profit: backtest.trades.reduce(0) { $0 + $1.profit })
        }
        recall = Self.recall(run, index, configuration)
        signalSummary = SignalSummary(signals, configuration: configuration)
        tradeSummary = TradeSummary(
            trades, returns: returns, drawdown: backtests.count == 1 ? backtests[0].drawdown : nil,
            seed: configuration.seed)
    }

    /// Identifies markets by index: the same symbol on two tapes is two markets.
    private static func recall(
        _ run: BacktestRun, _ index: Int, _ configuration: BacktestConfiguration
    ) -> Recall {
        var events: [EventScore.Event] = []
        var detections: [EventScore.Detection] = []
        var spans: [EventScore.Span] = []
        for (place, market) in run.markets.enumerated() {
            let (name, backtest) = ("\(place)", market.backtests[index])
            events += backtest.moves.map {
                EventScore.Event(
                    symbol: name, startNanoseconds: $0.start.nanoseconds, endNanoseconds: $0.confirmed.nanoseconds)
            }
            detections += backtest.outcomes.map {
                EventScore.Detection(symbol: name, timeNanoseconds: $0.timeNanoseconds)
            }
            if let first = backtest.firstTime, let last = backtest.lastTime {
                spans.append(
                    EventScore.Span(
                        symbol: name, startNanoseconds: first.nanoseconds, endNanoseconds: last.nanoseconds))
            }
        }
        let score = EventScore(
            events: events, detections: detections, spans: spans,
            rules: EventScore.Rules(
                withinSeconds: [10, 30, 60], slackSeconds: 30, excludedBeforeSeconds: 60, excludedAfterSeconds: 60))
        func defined(_ value: Double) -> Double? { value.isNaN ? nil : value }
        return Recall(
            moves: score.events, missed: score.events - (score.levels.last?.found ?? 0),
            falseAlarms: score.falseAlarms, falseAlarmsPerDayPerMarket: score.falseAlarmsPerDay,
            levels: score.levels.map {
                Recall.Level(
                    withinSeconds: $0.withinSeconds, found: $0.found, recall: defined($0.recall),
                    precision: defined($0.precision), f1: defined($0.fMeasure))
            })
    }
}
