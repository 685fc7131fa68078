import Microstructure

/// Result of trading the signals. Money in the quote asset, ratios per period, returns on the initial capital.
public struct TradeSummary: Sendable, Codable {
    public private(set) var count = 0
    public private(set) var wins = 0
    public private(set) var winRateInterval: SignalSummary.Interval?
    public private(set) var profit = 0.0
    public private(set) var fees = 0.0
    public private(set) var slippage = 0.0
    public private(set) var funding = 0.0
    /// Gains over losses; `nil` without a loss.
    public private(set) var profitFactor: Double?
    public private(set) var meanNetReturn: Double?
    public private(set) var meanNetReturnInterval: SignalSummary.Interval?
    /// Win rate needed to break even with the average win and the average loss; `nil` without both.
    public private(set) var breakEvenOfAverages: Double?
    public private(set) var longestLosingRun = 0
    public private(set) var statistics: ReturnStatistics
    public private(set) var periodSeconds = 0.0
    public private(set) var totalReturn = 0.0
    public private(set) var sharpe: Double?
    public private(set) var sharpeInterval: SignalSummary.Interval?
    public private(set) var sortino: Double?
    /// Probability that the true Sharpe ratio is above 0, for a single trial.
    public private(set) var probabilisticSharpe: Double?
    /// Periods needed to tell the Sharpe ratio from 0 at 95 %.
    public private(set) var minimumTrackRecord: Double?
    public private(set) var maximumDrawdown = 0.0
    public private(set) var longestDrawdownSeconds = 0.0

    public var winRate: Double? { count > 0 ? Double(wins) / Double(count) : nil }

    /// - Parameters:
    ///   - drawdown: drawdown of the equity including moments within periods; `nil` uses the equity at period ends.
    public init(
        _ trades: [TradeRecord], returns: PeriodReturns, drawdown: Drawdown? = nil, seed: UInt64
    ) {
        count = trades.count
        wins = trades.count { $0.profit > 0 }
        winRateInterval = SignalSummary.Interval(Proportion.wilsonInterval(wins, of: count))
        profit = trades.reduce(0) { $0 + $1.profit }
        fees = trades.reduce(0) { $0 + $1.fees }
        slippage = trades.reduce(0) { $0 + $1.slippage }
        funding = trades.reduce(0) { $0 + $1.funding }
        let net = trades.map(\.netReturn)
        let (gains, losses) = (net.filter { $0 > 0 }, net.filter { $0 <= 0 })
        let lost = -trades.reduce(0) { $0 + min(0, $1.profit) }
        profitFactor = lost > 0 ? trades.reduce(0) { $0 + max(0, $1.profit) } / lost : nil
        if count > 0 {
            meanNetReturn = net.reduce(0, +) / Double(count)
            meanNetReturnInterval = SignalSummary.Interval(Bootstrap(seed: seed).meanInterval(net))
        }
        if !gains.isEmpty, !losses.isEmpty {
            let (won, lost) = (gains.reduce(0, +) / Double(gains.count), -losses.reduce(0, +) / Double(losses.count))
            breakEvenOfAverages = lost / (won + lost)
        }
        var run = 0
        for trade in trades {
            run = trade.profit > 0 ? 0 : run + 1
            longestLosingRun = max(longestLosingRun, run)
        }
        let covered = returns.covered
        statistics = ReturnStatistics(covered)
        periodSeconds = Double(returns.grid.periodNanoseconds) / 1e9
        totalReturn = covered.reduce(0, +)
        sharpe = statistics.sharpeRatio
        sortino = statistics.sortinoRatio
        probabilisticSharpe = statistics.probabilisticSharpeRatio()
        minimumTrackRecord = statistics.minimumTrackRecord()
        if sharpe != nil {
            sharpeInterval = SignalSummary.Interval(
                Bootstrap(resamples: 500, meanBlockLength: 5, seed: seed).sharpeInterval(covered))
        }
        var fall = drawdown ?? Drawdown()
        if drawdown == nil {
            var equity = 1.0
            fall.add(equity, atSeconds: returns.grid.start.seconds)
            for (period, value) in returns.values.enumerated() {
                equity += value
                fall.add(equity, atSeconds: returns.grid.time(of: period + 1).seconds)
            }
        }
        maximumDrawdown = fall.maximum
        longestDrawdownSeconds = fall.longestSeconds
    }
}
