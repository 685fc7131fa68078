import Runtime
import Evaluation
import Foundation
import Microstructure

/// `report.html`: one file that needs nothing else, with the pictures inside.
struct BacktestPage {
    private static let style = """
        body{font:14px/1.45 sans-serif;color:#222;max-width:1080px;margin:24px auto;padding:0 16px}
        h1{font-size:22px;margin:0 0 4px}h2{font-size:17px;margin:28px 0 8px;border-bottom:1px solid #ddd}
        table{border-collapse:collapse;font-size:13px}td,th{padding:3px 10px;text-align:right;border-bottom:1px solid #eee}
        td:first-child,th:first-child{text-align:left}.verdict{background:#fff7e0;border-left:4px solid #e0a800;padding:8px 14px}
        .verdict li{margin:3px 0}.grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,480px),1fr));gap:12px}.grid>div{min-width:0}
        svg{width:100%;height:auto}.quiet{color:#666;font-size:13px}.wide{overflow-x:auto}
        """

    private let report: BacktestReport
    private let run: BacktestRun

    init(_ report: BacktestReport, run: BacktestRun) {
        self.report = report
        self.run = run
    }

    var html: String {
        let charts = BacktestCharts(report, run)
        let title =
            "Backtest of \(report.symbols.prefix(6).joined(separator: ", "))"
            + (report.symbols.count > 6 ? " and \(report.symbols.count - 6) more" : "")
        return """
            <!DOCTYPE html>
            <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
            <title>\(escaped(title))</title><style>\(Self.style)</style></head><body>
            <h1>\(escaped(title))</h1>
            <div class="quiet">profile \(escaped(report.profile)) · data \(report.dataset) · trial \(report.trial), one of \
            \(report.ledger.trials) on this data</div>
            <h2>What this run shows, and what it does not</h2>
            <div class="verdict"><ul>\(report.verdicts.map { "<li>\(escaped($0))</li>" }.joined())</ul></div>
            <h2>Trades</h2>\(figures)
            \(charts.equity)
            <h2>Signals on the price</h2>\(charts.prices)
            <h2>Signals</h2><div class="grid"><div>\(charts.barriers)</div><div>\(charts.precision)</div>\
            <div>\(charts.roc)</div><div>\(charts.reliability)</div><div>\(charts.leads)</div><div>\(validation)</div></div>
            <h2>Moves of \(percent(report.configuration.movePct)) against signals</h2>\(moves)
            \(comparison)
            <h2>By symbol</h2><div class="wide">\(symbols)</div>
            <h2>Settings and data</h2>\(settings)
            </body></html>

            """
    }

    // MARK: Tables

    private var figures: String {
        let trades = report.trades
        return table(
            [
                "trades", "won", "profit", "fees", "slippage", "funding", "total return", "Sharpe a period", "95 %",
                "Sortino",
                "DSR (N = \(report.ledger.trials))", "PBO", "max. drawdown", "longest",
            ],
            [
                [
                    "\(trades.count)", percent(trades.winRate), number(trades.profit), number(trades.fees),
                    number(trades.slippage), number(trades.funding), percent(trades.totalReturn, "%+.4f %%"),
                    number(trades.sharpe), interval(trades.sharpeInterval), number(trades.sortino),
                    number(report.ledger.deflatedSharpe), number(report.ledger.overfitting?.probability),
                    percent(trades.maximumDrawdown, "%.4f %%"), "\(number(trades.longestDrawdownSeconds)) s",
                ]
            ])
            + "<p class=\"quiet\">Profit, fees and slippage are in the quote asset of each symbol, and returns are on its "
            + "initial capital of \(number(report.configuration.initialCapital)).</p>"
    }

    private var validation: String {
        guard let cross = report.signals.crossValidation else {
            return "<p class=\"quiet\">Too few labels for a cross-validation (\(report.signals.labelled)).</p>"
        }
        let matrix = cross.confusion
        let areas = cross.pathAreas.map { number($0) }.joined(separator: ", ")
        let forward = cross.walkForwardAreas.map { number($0) }.joined(separator: ", ")
        return "<h3>Out of sample</h3>"
            + table(
                ["\(cross.folds) purged folds, \(cross.purged) training labels purged", ""],
                [
                    ["Brier score", number(cross.calibration.brierScore)],
                    [
                        "= reliability − resolution + uncertainty + within bins",
                        [
                            cross.calibration.reliability, cross.calibration.resolution, cross.calibration.uncertainty,
                            cross.calibration.withinBins,
                        ].map { number($0) }.joined(separator: ", "),
                    ],
                    ["expected calibration error", number(cross.calibration.expectedCalibrationError)],
                    ["area under ROC", number(cross.ranking?.areaUnderROC)],
                    ["areas of the combinatorial paths", areas.isEmpty ? "too few labels" : areas],
                    ["areas walked forward", forward.isEmpty ? "-" : forward],
                    [
                        "acting at the break-even probability: right, wrong",
                        "\(matrix.truePositives), \(matrix.falsePositives)",
                    ],
                    ["not acting: right, wrong", "\(matrix.trueNegatives), \(matrix.falseNegatives)"],
                ])
    }

    private var moves: String {
        let recall = report.recall
        return table(
            ["signal within", "found of \(recall.moves)", "recall", "precision", "F1"],
            recall.levels.map {
                [
                    "\(number($0.withinSeconds)) s", "\($0.found)", percent($0.recall), percent($0.precision),
                    number($0.f1),
                ]
            })
            + "<p class=\"quiet\">A move begins at the extreme from which the mid price turned; a signal from 30 s before it "
            + "on finds it. \(recall.falseAlarms) signals lie outside every move"
            + (recall.falseAlarmsPerDayPerMarket.map { ": \(number($0)) a day and market." } ?? ".") + "</p>"
    }

    private var comparison: String {
        guard let other = report.comparison else { return "" }
        func row(_ name: String, _ own: String, _ theirs: String) -> [String] { [name, own, theirs] }
        let (trades, signals) = (report.trades, report.signals)
        return "<h2>Against \(escaped(other.profile))</h2>"
            + table(
                ["", escaped(report.profile), escaped(other.profile)],
                [
                    row("signals", "\(signals.count)", "\(other.signals.count)"),
                    row("paid their costs", percent(signals.hitRate), percent(other.signals.hitRate)),
                    row("95 %", interval(signals.hitRateInterval), interval(other.signals.hitRateInterval)),
                    row(
                        "area under ROC", number(signals.ranking?.areaUnderROC),
                        number(other.signals.ranking?.areaUnderROC)),
                    row("trades", "\(trades.count)", "\(other.trades.count)"),
                    row(
                        "total return", percent(trades.totalReturn, "%+.4f %%"),
                        percent(other.trades.totalReturn, "%+.4f %%")),
                    row("Sharpe a period", number(trades.sharpe), number(other.trades.sharpe)),
                    row("moves missed", "\(report.recall.missed)", "\(other.recall.missed)"),
                    row("signals outside moves", "\(report.recall.falseAlarms)", "\(other.recall.falseAlarms)"),
                    row(
                        "mean return a period, difference", number(other.meanReturnDifference),
                        interval(other.meanReturnDifferenceInterval)),
                    row("Sharpe, difference", "", interval(other.sharpeDifferenceInterval)),
                ])
    }

    private var symbols: String {
        table(
            [
                "symbol", "tape", "events", "signals", "labelled", "paid costs", "mean net return", "trades", "won",
                "return",
                "max. drawdown", "moves",
            ],
            report.markets.map { part in
                [
                    escaped(part.symbol), escaped(part.tape), "\(part.counts.events)", "\(part.signals)",
                    "\(part.labelled)", "\(part.hits)", percent(part.meanNetReturn, "%+.3f %%"), "\(part.trades)",
                    "\(part.wins)", percent(part.totalReturn, "%+.4f %%"), percent(part.maximumDrawdown, "%.4f %%"),
                    "\(part.moves)",
                ]
            })
    }

    private var settings: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        let text = (try? encoder.encode(report.configuration)).map { String(decoding: $0, as: UTF8.self) } ?? ""
        let tapes = report.tapes.map { tape in
            [
                escaped(tape.name), tape.hash, "\(tape.bytes)",
                Moment.text(Timestamp(nanoseconds: tape.firstTimeNs)),
                Moment.text(Timestamp(nanoseconds: tape.lastTimeNs)),
            ]
        }
        let problems = report.problems.isEmpty ? "" : "<p>\(report.problems.map(escaped).joined(separator: "<br>"))</p>"
        return "<div class=\"wide\">" + table(["tape", "hash", "bytes", "from", "to"], tapes) + "</div>\(problems)"
            + "<details open><summary>configuration</summary><pre>\(escaped(text))</pre></details>"
    }

    // MARK: Words

    private func table(_ head: [String], _ rows: [[String]]) -> String {
        "<table><tr>" + head.map { "<th>\($0)</th>" }.joined() + "</tr>"
            + rows.map { "<tr>" + $0.map { "<td>\($0)</td>" }.joined() + "</tr>" }.joined() + "</table>"
    }

    private func escaped(_ text: String) -> String { SVGPicture.escaped(text) }
    private func number(_ value: Double?) -> String { value.map { String(format: "%.4g", $0) } ?? "-" }

    private func percent(_ value: Double?, _ format: String = "%.2f %%") -> String {
        value.map { String(format: format, $0 * 100) } ?? "-"
    }

    private func interval(_ value: SignalSummary.Interval?) -> String {
        value.map { String(format: "%.3g to %.3g", $0.low, $0.high) } ?? "-"
    }
}
