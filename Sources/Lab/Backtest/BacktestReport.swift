import Detection
import Evaluation
import Foundation
import Microstructure

/// All results of a run: written as `report.json`, shown by `report.html`.
struct BacktestReport: Encodable {
    struct TapeLine: Encodable {
        let name, hash: String
        let bytes: Int
        let firstTimeNs, lastTimeNs: Int64
    }

    struct EquityPoint: Encodable {
        let timeNs: Int64
        /// Equity as a multiple of the initial capital; 1 at the start.
        let equity: Double
        let drawdown: Double
    }

    /// The same configuration with another profile.
    struct Comparison: Encodable {
        let profile: String
        let signals: SignalSummary
        let trades: TradeSummary
        let recall: BacktestOutcome.Recall
        /// This run's return minus the other's, per period; both resampled in the same blocks.
        let meanReturnDifference: Double?
        let meanReturnDifferenceInterval: SignalSummary.Interval?
        let sharpeDifferenceInterval: SignalSummary.Interval?
    }

    let profile: String
    let configuration: BacktestConfiguration
    let dataset: String
    let trial: String
    let tapes: [TapeLine]
    let symbols: [String]
    /// Verdicts on this run, above all what it does not show.
    let verdicts: [String]
    let signals: SignalSummary
    let trades: TradeSummary
    let recall: BacktestOutcome.Recall
    let ledger: TrialLedger.Verdict
    let comparison: Comparison?
    let markets: [BacktestOutcome.MarketPart]
    let problems: [String]
    let equity: [EquityPoint]
    let tradeList: [TradeRecord]
    let signalList: [SignalOutcome]

    init(
        _ outcome: BacktestOutcome, run: BacktestRun, tapes: TapeSet, profile: Profile, dataset: String, trial: String,
        ledger: TrialLedger.Verdict, against other: (profile: Profile, outcome: BacktestOutcome)?
    ) {
        self.profile = profile.name
        configuration = outcome.configuration
        self.dataset = dataset
        self.trial = trial
        self.tapes = tapes.tapes.map {
            TapeLine(
                name: $0.name, hash: TapeSet.text($0.hash), bytes: $0.byteCount,
                firstTimeNs: $0.extent.lowerBound.nanoseconds, lastTimeNs: $0.extent.upperBound.nanoseconds)
        }
        symbols = Set(run.markets.map(\.symbol)).sorted()
        signals = outcome.signalSummary
        trades = outcome.tradeSummary
        recall = outcome.recall
        self.ledger = ledger
        markets = outcome.parts
        problems = run.problems
        equity = Self.equity(outcome.returns)
        tradeList = outcome.trades
        signalList = outcome.signals
        comparison = other.map { Self.compare(outcome, $0.profile, $0.outcome) }
        verdicts = BacktestVerdicts.lines(outcome, ledger: ledger, comparison: comparison)
    }

    func json() throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return Array(try encoder.encode(self)) + [UInt8(ascii: "\n")]
    }

    private static func equity(_ returns: PeriodReturns) -> [EquityPoint] {
        var (value, peak) = (1.0, 1.0)
        return returns.values.indices.map { period in
            value += returns.values[period]
            peak = max(peak, value)
            return EquityPoint(
                timeNs: returns.grid.time(of: period + 1).nanoseconds, equity: value, drawdown: 1 - value / peak)
        }
    }

    private static func compare(
        _ outcome: BacktestOutcome, _ profile: Profile, _ other: BacktestOutcome
    ) -> Comparison {
        let (left, right) = (outcome.returns.covered, other.returns.covered)
        let bootstrap = Bootstrap(meanBlockLength: 5, seed: outcome.configuration.seed)
        let differences = zip(left, right).map { $0 - $1 }
        let sharpe = bootstrap.interval(count: differences.count) { places in
            guard let own = ReturnStatistics(places.map { left[$0] }).sharpeRatio,
                let theirs = ReturnStatistics(places.map { right[$0] }).sharpeRatio
            else { return nil }
            return own - theirs
        }
        return Comparison(
            profile: profile.name, signals: other.signalSummary, trades: other.tradeSummary, recall: other.recall,
            meanReturnDifference: differences.isEmpty
                ? nil : differences.reduce(0, +) / Double(differences.count),
            meanReturnDifferenceInterval: SignalSummary.Interval(bootstrap.meanInterval(differences)),
            sharpeDifferenceInterval: SignalSummary.Interval(sharpe))
    }
}

/// What a run does not show, in words.
enum BacktestVerdicts {
    /// Fewer trades or labels say nothing about a rate.
    private static let fewCases = 30
    /// With fewer trials, ranks are too coarse for a meaningful probability of overfitting.
    private static let fewTrials = 10

    static func lines(
        _ outcome: BacktestOutcome, ledger: TrialLedger.Verdict, comparison: BacktestReport.Comparison?
    ) -> [String] {
        let (signals, trades) = (outcome.signalSummary, outcome.tradeSummary)
        return costs(outcome) + profit(trades) + skill(signals) + trials(trades, ledger) + data(outcome)
            + (comparison.map(compared) ?? [])
    }

    private static func costs(_ outcome: BacktestOutcome) -> [String] {
        let (configuration, signals) = (outcome.configuration, outcome.signalSummary)
        let needed = configuration.breakEvenWinRate
        var lines = [
            String(
                format:
                    "Costs of %.3f %% a round trip turn barriers of +%.3f %% and −%.3f %% into %+.3f %% and %+.3f %%: "
                    + "%@",
                configuration.roundTripCost * 100, configuration.profitTargetPct * 100,
                configuration.stopLossPct * 100, (configuration.profitTargetPct - configuration.roundTripCost) * 100,
                -(configuration.stopLossPct + configuration.roundTripCost) * 100,
                needed < 1
                    ? String(format: "%.1f %% of trades must reach the target to break even.", needed * 100)
                    : "no share of winners can break even.")
        ]
        if let rate = signals.hitRate, let interval = signals.hitRateInterval {
            let text = String(
                format: "%.1f %% of %d labelled signals paid their costs (95 %% interval %.1f to %.1f %%): ",
                rate * 100,
                signals.labelled, interval.low * 100, interval.high * 100)
            lines.append(
                text
                    + (signals.labelled < fewCases
                        ? "so few labels carry no conclusion."
                        : interval.high < needed
                            ? "below what breaks even."
                            : interval.low > needed
                                ? "above what breaks even." : "not told apart from what breaks even."))
            if signals.effectiveLabels < 0.9 * Double(signals.labelled) {
                lines.append(
                    String(
                        format:
                            "The labels overlap: they tell as much as %.1f that do not, and the interval is too narrow.",
                        signals.effectiveLabels))
            }
        } else {
            lines.append("No signal could be labelled: nothing is shown about the signals.")
        }
        return lines
    }

    private static func profit(_ trades: TradeSummary) -> [String] {
        guard trades.count > 0 else { return ["No trade was made: nothing is shown about profit."] }
        var lines: [String] = []
        if trades.count < fewCases {
            lines.append(
                trades.count == 1
                    ? "One trade says nothing about a rate."
                    : "\(trades.count) trades are too few to say anything about a rate.")
        }
        // One trade has no spread to draw an interval from.
        if trades.count > 1, let mean = trades.meanNetReturn, let interval = trades.meanNetReturnInterval {
            let text = String(
                format: "The mean trade returned %+.4f %% after costs (95 %% interval %+.4f to %+.4f %%): ", mean * 100,
                interval.low * 100, interval.high * 100)
            lines.append(
                text
                    + (interval.low <= 0 && interval.high >= 0
                        ? "not significant."
                        : trades.count < fewCases
                            ? "the interval leaves out zero, but so few trades carry no conclusion."
                            : "a \(interval.low > 0 ? "gain" : "loss") that chance alone hardly explains."))
        }
        return lines
    }

    private static func skill(_ signals: SignalSummary) -> [String] {
        guard let ranking = signals.ranking else {
            return signals.labelled > 0 ? ["All labels came out alike: the score's order cannot be judged."] : []
        }
        var lines = [
            String(
                format: "The score's area under the ROC curve is %.3f (no skill: 0.500 ± %.3f): %@",
                ranking.areaUnderROC,
                1.96 * ranking.standardErrorWithoutSkill,
                ranking.isSkilled
                    ? "stronger signals were right more often."
                    : "no sign that stronger signals are right more often.")
        ]
        if let cross = signals.crossValidation?.ranking, !cross.isSkilled {
            lines.append(
                String(
                    format: "Out of sample, the fitted probability has an area of %.3f: no skill shown.",
                    cross.areaUnderROC))
        }
        return lines
    }

    private static func trials(_ trades: TradeSummary, _ ledger: TrialLedger.Verdict) -> [String] {
        var lines: [String] = []
        if let sharpe = trades.sharpe {
            var text = String(
                format:
                    "The Sharpe ratio is %+.4f a period of %g s, over %d periods, one of N = %d trials on this data",
                sharpe, trades.periodSeconds, trades.statistics.count, ledger.trials)
            if let deflated = ledger.deflatedSharpe {
                text += String(
                    format: "; deflated by them, %.1f %% likely to be above chance: %@", deflated * 100,
                    deflated >= 0.95 ? "significant." : "not significant.")
            } else {
                text += "; too little to deflate it by."
            }
            lines.append(text)
            if let needed = trades.minimumTrackRecord, needed > Double(trades.statistics.count) {
                lines.append(
                    String(
                        format: "It would take %.0f periods to tell such a ratio from zero; there are %d.", needed,
                        trades.statistics.count))
            }
        }
        if let overfitting = ledger.overfitting, overfitting.probability > 0.05 {
            lines.append(
                String(
                    format: "The trial that looks best on one half of the time is below the median on the other in "
                        + "%.0f %% of cases (probability of overfitting, %d trials)%@", overfitting.probability * 100,
                    overfitting.trials, overfitting.trials < fewTrials ? "; of so few trials it means little." : "."))
        }
        return lines
    }

    private static func data(_ outcome: BacktestOutcome) -> [String] {
        var lines: [String] = []
        let counts = outcome.parts.map(\.counts)
        if counts.contains(where: \.hasImpliedQuotes) {
            lines.append(
                "There is no book on the tape: bid and ask are taken from the last trades of either side, and orders of any "
                    + "size fill there. Real fills in a thin market are worse.")
        }
        let partial = counts.reduce(0) { $0 + $1.partialEntries }
        if partial > 0 { lines.append("\(partial) entries were larger than what rested on the recorded levels.") }
        if outcome.configuration.allowShort {
            lines.append("Short positions are taken as possible, without a fee for borrowing.")
        }
        let dropped = counts.reduce(0) { $0 + $1.dropped }
        if dropped > 0 { lines.append("\(dropped) signals or moves were beyond the limit and are left out.") }
        let ends = outcome.trades.count { $0.outcome == .endOfData }
        if ends > 0 {
            lines.append("\(ends) positions were open when their tape ended, and are closed at its last quote.")
        }
        return lines
    }

    private static func compared(_ other: BacktestReport.Comparison) -> [String] {
        guard let mean = other.meanReturnDifference, let interval = other.meanReturnDifferenceInterval else {
            return []
        }
        let isTold = interval.low > 0 || interval.high < 0
        return [
            String(
                format:
                    "Against %@ the mean return a period differs by %+.3g (paired 95 %% interval %+.3g to %+.3g): %@",
                other.profile, mean, interval.low, interval.high,
                isTold ? "a difference that chance alone hardly explains." : "not significant.")
        ]
    }
}
