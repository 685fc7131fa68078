import Runtime
import ArgumentParser
import Dispatch
import Evaluation
import Foundation
import Synchronization

/// `microlab sweep`: many backtests, on all cores.
package struct SweepCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "sweep",
        abstract:
            "Runs a grid of profiles and configurations over tapes, on all cores, and can go on where it stopped.",
        discussion: """
            --grid is a JSON file: {"profiles": ["classic", "calibrated"], "profile_values": {"drift_threshold": [3, 4]}, \
            "config": {"profit_target_pct": [0.003, 0.005]}}: every combination is run on every tape. Writes a row a \
            combination and tape to --out (CSV); a row that is there already is not run again, so a sweep that was \
            interrupted goes on. Every run is noted in the ledger of trials: a sweep of a hundred makes the best of them a \
            hundred times less astonishing.

            Exit code: 0; 64 usage; 65 a tape holds no market data, or --out is no file of this grid; 66 a tape cannot be \
            opened; 73 a file cannot be created; 74 reading or writing failed; 78 the grid is wrong; 130 interrupted.
            """)

    @OptionGroup var trials: TrialOptions
    @Option(help: "The grid (JSON).") var grid: String
    @Option(help: "The table to write, or to go on with (CSV).") var out: String
    @Option(help: "Runs at once (default: one a core).") var jobs: Int?

    package init() {}

    package func validate() throws {
        guard (1...1_024).contains(jobs ?? 1), !trials.tapes.isEmpty else {
            throw ValidationError("needs tapes, and --jobs of 1 to 1024")
        }
    }

    package func run() async throws {
        do {
            try sweep()
        } catch {
            throw Lab.failure(error)
        }
    }

    /// One pass over a tape: a profile, and configurations that share its signals.
    private struct Job {
        let tape: TapeSet
        let variant: SweepGrid.Variant
        let points: [SweepGrid.Point]
    }

    /// Most configurations per pass: a stopped sweep loses its unfinished passes.
    private static let pointsAPass = 64

    private func sweep() throws {
        Interrupt.watch()
        let grid = try SweepGrid(path: grid)
        let ledger = try TrialLedger(path: trials.ledger)
        let table = try SweepTable(path: out, columns: grid.columns)
        let sets = try trials.tapes.map { try TapeSet([$0]) }
        let workers = jobs ?? ProcessInfo.processInfo.activeProcessorCount
        var work: [Job] = []
        for tape in sets {
            let dataset = BacktestSettings.datasetHash(tape, [])
            for variant in grid.variants {
                let left = try grid.points.filter { point in
                    let trial = try BacktestSettings.trialHash(variant.profile, point.configuration)
                    return !table.done.contains(SweepTable.key(trial, dataset))
                }
                for start in stride(from: 0, to: left.count, by: Self.pointsAPass) {
                    let end = min(left.count, start + Self.pointsAPass)
                    work.append(Job(tape: tape, variant: variant, points: Array(left[start..<end])))
                }
            }
        }
        let all = sets.count * grid.variants.count * grid.points.count
        let open = work.reduce(0) { $0 + $1.points.count }
        Lab.say("\(all) runs, \(all - open) of them done before; \(work.count) passes on \(workers) cores")
        let todo = work
        let bar = SweepProgress(
            total: todo.reduce(0) { $0 + $1.tape.byteCount },
            bar: ProgressBar(
                total: todo.reduce(0) { $0 + $1.tape.byteCount }, always: trials.progress))
        let next = Atomic<Int>(0)
        let failure = Mutex<(any Error)?>(nil)
        DispatchQueue.concurrentPerform(iterations: min(workers, max(1, todo.count))) { _ in
            while true {
                let place = next.wrappingAdd(1, ordering: .relaxed).oldValue
                guard place < todo.count, failure.withLock({ $0 == nil }) else { return }
                do {
                    try Self.run(todo[place], table: table, ledger: ledger, progress: bar)
                } catch {
                    failure.withLock { $0 = $0 ?? error }
                }
            }
        }
        bar.finish()
        if let error = failure.withLock({ $0 }) { throw error }
        try StandardOutput.show("\(all) rows in \(out)")
    }

    private static func run(
        _ job: Job, table: SweepTable, ledger: TrialLedger, progress: SweepProgress
    ) throws {
        let dataset = BacktestSettings.datasetHash(job.tape, [])
        var passed = 0
        let run = try BacktestRun(
            tapes: job.tape, profile: job.variant.profile, configurations: job.points.map(\.configuration)
        ) { bytes in
            try progress.add(bytes - passed)
            passed = bytes
        }
        try progress.add(job.tape.byteCount - passed)
        var trials: [TrialLedger.Trial] = []
        var rows: [SweepTable.Row] = []
        for (index, point) in job.points.enumerated() {
            let outcome = BacktestOutcome(run, configuration: index, configuration: point.configuration)
            let trial = try BacktestCommand.trial(outcome, job.variant.profile, dataset)
            trials.append(trial)
            rows.append(
                SweepTable.Row(
                    trial: trial.trial, dataset: dataset, tape: job.tape.tapes[0].name,
                    values: job.variant.values.merging(point.values) { first, _ in first }, outcome: outcome))
        }
        // Write the ledger first: it would never learn of a run that is only in the table.
        try ledger.append(trials)
        try table.append(rows)
    }
}

/// Sums the bytes read by all passes, on many threads.
final class SweepProgress: Sendable {
    private struct State {
        var done = 0
        nonisolated(unsafe) let bar: ProgressBar
    }

    private let state: Mutex<State>

    init(total: Int, bar: sending ProgressBar) { state = Mutex(State(bar: bar)) }

    func add(_ bytes: Int) throws {
        try state.withLock { state in
            state.done += bytes
            try state.bar.update(state.done)
        }
    }

    func finish() { state.withLock { $0.bar.finish() } }
}

/// The table of a sweep: only whole rows are added.
final class SweepTable: Sendable {
    struct Row {
        let trial, dataset, tape: String
        let values: [String: String]
        let outcome: BacktestOutcome
    }

    private static let results = [
        "signals", "labelled", "hits", "hit_rate", "break_even_win_rate", "mean_net_return", "roc_auc", "trades",
        "wins",
        "profit", "fees", "total_return", "sharpe", "sortino", "maximum_drawdown", "moves", "moves_missed",
        "false_alarms",
    ]

    /// Keys of the rows already in the file.
    let done: Set<String>
    private let columns: [String]
    private let path: String
    private let descriptor: Mutex<Int32>

    static func key(_ trial: String, _ dataset: String) -> String { trial + "," + dataset }

    /// Throws where the file is there and has other columns.
    init(path: String, columns: [String]) throws {
        self.path = path
        self.columns = columns
        let header = (["trial", "dataset", "tape"] + columns + Self.results).joined(separator: ",")
        var done: Set<String> = []
        var whole: Int?
        if let file = FileManager.default.contents(atPath: path), !file.isEmpty {
            let lines = String(decoding: file, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
            guard lines.first.map(String.init) == header else {
                throw ImportError(.noUsableData, "\(path) is there, and no table of this grid; write to another file")
            }
            // The last line is empty, or was cut off.
            for line in lines.dropFirst().dropLast() {
                let fields = line.split(separator: ",", maxSplits: 2)
                if fields.count == 3 { done.insert(Self.key(String(fields[0]), String(fields[1]))) }
            }
            whole = file.count - (lines.last?.utf8.count ?? 0)
        }
        self.done = done
        let file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard file >= 0 else {
            throw ImportError(.cannotCreate, "cannot open \(path): \(String(cString: strerror(errno)))")
        }
        descriptor = Mutex(file)
        if whole == nil {
            try write(header + "\n")
        } else if let whole, ftruncate(file, off_t(whole)) != 0 {
            // Part of a row that a kill cut off must not spoil the next row.
            throw ImportError(.inputOutput, "cannot write \(path): \(String(cString: strerror(errno)))")
        }
    }

    deinit { close(descriptor.withLock { $0 }) }

    func append(_ rows: [Row]) throws {
        try write(rows.map { text($0) + "\n" }.joined())
    }

    private func text(_ row: Row) -> String {
        let (signals, trades) = (row.outcome.signalSummary, row.outcome.tradeSummary)
        func number(_ value: Double?) -> String { value.map { "\($0)" } ?? "" }
        let results: [String] = [
            "\(signals.count)", "\(signals.labelled)", "\(signals.hits)", number(signals.hitRate),
            number(signals.breakEvenWinRate), number(signals.meanNetReturn), number(signals.ranking?.areaUnderROC),
            "\(trades.count)", "\(trades.wins)", number(trades.profit), number(trades.fees),
            number(trades.totalReturn), number(trades.sharpe), number(trades.sortino),
            number(trades.maximumDrawdown), "\(row.outcome.recall.moves)", "\(row.outcome.recall.missed)",
            "\(row.outcome.recall.falseAlarms)",
        ]
        let name = row.tape.replacingOccurrences(of: ",", with: "_")
        return ([row.trial, row.dataset, name] + columns.map { row.values[$0] ?? "" } + results).joined(separator: ",")
    }

    private func write(_ text: String) throws {
        let bytes = Array(text.utf8)
        try descriptor.withLock { file in
            var written = 0
            while written < bytes.count {
                let count = bytes.withUnsafeBytes {
                    Foundation.write(file, $0.baseAddress?.advanced(by: written), $0.count - written)
                }
                guard count > 0 || errno == EINTR else {
                    throw ImportError(.inputOutput, "cannot write \(path): \(String(cString: strerror(errno)))")
                }
                written += max(0, count)
            }
        }
    }
}
