import Runtime
import Wire
import ArgumentParser
import Detection
import Evaluation
import Foundation
import Microstructure

/// `microlab backtest`: the result of trading on the signals of tapes.
package struct BacktestCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "backtest",
        abstract: "Trades the signals of tapes at their real quotes, with delays and costs, and says what that shows.",
        discussion: """
            The signals are those of `detect`: features and detectors run as live. Writes report.html and report.json into \
            the folder --out. Every run is noted in the ledger of trials, by which Sharpe ratios are deflated; the same run \
            again counts once. The article Backtesting explains every figure.

            --config is a JSON object; what it does not name has its default: \
            {"initial_capital": 10000, "fee_rate": 0.001, "slippage_bps": 5, "profit_target_pct": 0.005, \
            "stop_loss_pct": 0.003, "max_holding_seconds": 300, "latency_ms": 100, …}; --show-config prints all.

            Exit code: 0; 64 usage; 65 the tapes hold no market data; 66 one cannot be opened; 73 a file cannot be created; \
            74 reading or writing failed; 78 profile or configuration is wrong; 1 a tape is damaged, and the report has the rest.
            """)

    @OptionGroup var trials: TrialOptions
    @Option(help: "calibrated, events, classic, or a profile's file.") var profile = "calibrated"
    @Option(help: "A second profile, side by side with paired intervals.") var against: String?
    @Option(help: "The configuration (JSON).") var config: String?
    @Option(help: "The folder to write to; it is made where it is absent.") var out: String?
    @Option(help: "Symbols to take, comma-separated (default: all).") var symbols: SymbolList?
    @Flag(help: "Print the configuration and end.") var showConfig = false
    @Flag(help: "Replace the reports if they exist.") var force = false

    package init() {}

    package func validate() throws {
        guard showConfig || (!trials.tapes.isEmpty && out != nil) else {
            throw ValidationError("needs a tape and --out FOLDER")
        }
    }

    package func run() async throws {
        do {
            try backtest()
        } catch {
            throw Lab.failure(error)
        }
    }

    private func backtest() throws {
        Interrupt.watch()
        let configuration = try BacktestSettings.load(config)
        if showConfig {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
            return try StandardOutput.show(String(decoding: try encoder.encode(configuration), as: UTF8.self))
        }
        let profile = try Lab.profile(profile)
        let other = try against.map { try Lab.profile($0) }
        let wanted = symbols.names
        let ledger = try TrialLedger(path: trials.ledger)
        let tapes = try TapeSet(trials.tapes)
        let dataset = BacktestSettings.datasetHash(tapes, wanted)
        let folder = out ?? "."
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        } catch {
            throw ImportError(.cannotCreate, "cannot create \(folder): \(FileProblem.reason(of: error))")
        }
        let sources = tapes.tapes.map(\.path)
        var page = try OutputFile(path: folder + "/report.html", replacesExisting: force, sources: sources)
        var document = try OutputFile(path: folder + "/report.json", replacesExisting: force, sources: sources)

        let bar = ProgressBar(total: tapes.byteCount * (other == nil ? 1 : 2), always: trials.progress)
        let begin = HostClock.monotonicNanoseconds
        let run = try BacktestRun(tapes: tapes, profile: profile, configurations: [configuration], symbols: wanted) {
            try bar.update($0)
        }
        let seconds = Double(HostClock.monotonicNanoseconds - begin) / 1e9
        let outcome = BacktestOutcome(run, configuration: 0, configuration: configuration)
        var made = [try Self.trial(outcome, profile, dataset)]
        var second: (profile: Profile, outcome: BacktestOutcome)?
        if let other {
            let otherRun = try BacktestRun(
                tapes: tapes, profile: other, configurations: [configuration], symbols: wanted
            ) { try bar.update(tapes.byteCount + $0) }
            let otherOutcome = BacktestOutcome(otherRun, configuration: 0, configuration: configuration)
            made.append(try Self.trial(otherOutcome, other, dataset))
            second = (other, otherOutcome)
        }
        bar.finish()
        try ledger.append(made)
        let verdict = try ledger.verdict(dataset: dataset, on: outcome.tradeSummary)
        let report = BacktestReport(
            outcome, run: run, tapes: tapes, profile: profile, dataset: dataset, trial: made[0].trial,
            ledger: verdict,
            against: second)
        try document.write(try report.json())
        try page.write(Array(BacktestPage(report, run: run).html.utf8))
        try document.close()
        try page.close()
        try say(report, run, seconds: seconds)
        guard run.isWhole else { throw ExitCode(1) }
    }

    static func trial(_ outcome: BacktestOutcome, _ profile: Profile, _ dataset: String) throws -> TrialLedger.Trial {
        TrialLedger.Trial(
            dataset: dataset, trial: try BacktestSettings.trialHash(profile, outcome.configuration),
            profile: profile.name, sharpe: outcome.tradeSummary.sharpe,
            periodSeconds: outcome.tradeSummary.periodSeconds, trades: outcome.tradeSummary.count,
            returns: outcome.returns.covered)
    }

    private func say(_ report: BacktestReport, _ run: BacktestRun, seconds: Double) throws {
        for problem in report.problems { Lab.say("! \(problem)") }
        let trades = report.trades
        try StandardOutput.show(
            String(
                format: "%d signals, %d labelled, %d paid their costs; %d trades, %d won, profit %.6g, return %+.4f %%",
                report.signals.count, report.signals.labelled, report.signals.hits, trades.count, trades.wins,
                trades.profit, trades.totalReturn * 100))
        for verdict in report.verdicts { try StandardOutput.show("- \(verdict)") }
        try StandardOutput.show(
            String(
                format: "%llu events in %.2f s (%.0f a second); %@/report.html", run.events, seconds,
                Double(run.events) / max(seconds, 1e-9), out ?? "."))
    }
}
