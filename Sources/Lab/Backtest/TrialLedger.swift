import Runtime
import Evaluation
import Foundation

/// Records every run on a data set, one JSON object per line, so that Sharpe ratios can be deflated by the number of
/// trials. Append-only; two programs may append at once. A line cut off by a crash is skipped and counted.
struct TrialLedger {
    /// One run. Repeating a run gives the same trial.
    struct Trial: Codable {
        /// Hash of the tapes' bytes and of the symbols taken.
        let dataset: String
        /// Hash of profile and configuration.
        let trial: String
        let profile: String
        let sharpe: Double?
        let periodSeconds: Double
        let trades: Int
        /// One return per watched period, at most `TimeGrid.periodLimit`.
        let returns: [Double]
    }

    /// Statistics over all trials on a data set.
    struct Verdict: Encodable {
        /// Distinct trials on this data, this one included.
        let trials: Int
        /// Deviation of the Sharpe ratios of trials with this period; `nil` for fewer than two.
        let sharpeDeviation: Double?
        /// Expected best Sharpe ratio of as many trials without skill.
        let expectedMaximumSharpe: Double?
        let deflatedSharpe: Double?
        /// `nil` of fewer than two trials that traded.
        let overfitting: BacktestOverfitting?
        /// Lines that are not trials.
        let unreadable: Int
    }

    let path: String

    /// - Parameter path: `nil` means `trials.ndjson` in the state folder.
    init(path: String?) throws {
        if let path {
            self.path = path
            return
        }
        let folder = StateFolder.standard()
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        } catch {
            throw ImportError(.cannotCreate, "cannot create \(folder): \(FileProblem.reason(of: error))")
        }
        self.path = folder + "/trials.ndjson"
    }

    func append(_ trials: [Trial]) throws {
        guard !trials.isEmpty else { return }
        var bytes: [UInt8] = []
        for trial in trials { bytes += try CompactJSON.bytes(trial, isSnakeCase: true) + [UInt8(ascii: "\n")] }
        let descriptor = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw ImportError(.cannotCreate, "cannot open \(path): \(String(cString: strerror(errno)))")
        }
        defer { close(descriptor) }
        // Begin a new line if a killed run left a partial one.
        var last: UInt8 = 0
        let end = lseek(descriptor, 0, SEEK_END)
        if end > 0, pread(descriptor, &last, 1, end - 1) == 1, last != UInt8(ascii: "\n") {
            bytes.insert(UInt8(ascii: "\n"), at: 0)
        }
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes {
                Foundation.write(descriptor, $0.baseAddress?.advanced(by: written), $0.count - written)
            }
            guard count > 0 || errno == EINTR else {
                throw ImportError(.inputOutput, "cannot write \(path): \(String(cString: strerror(errno)))")
            }
            written += max(0, count)
        }
    }

    /// The distinct trials on a data set, the latest of equal ones, and the number of unreadable lines.
    func trials(on dataset: String) throws -> (trials: [Trial], unreadable: Int) {
        guard FileManager.default.fileExists(atPath: path) else { return ([], 0) }
        guard let file = FileManager.default.contents(atPath: path) else {
            throw ImportError(.cannotOpen, "cannot read \(path)")
        }
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        var found: [String: Trial] = [:]
        var order: [String] = []
        var unreadable = 0
        for line in file.split(separator: UInt8(ascii: "\n")) {
            guard let trial = try? decoder.decode(Trial.self, from: line) else {
                unreadable += 1
                continue
            }
            guard trial.dataset == dataset else { continue }
            if found.updateValue(trial, forKey: trial.trial) == nil { order.append(trial.trial) }
        }
        return (order.compactMap { found[$0] }, unreadable)
    }

    /// The verdict on a run that is already in the ledger.
    func verdict(dataset: String, on summary: TradeSummary) throws -> Verdict {
        let (trials, unreadable) = try trials(on: dataset)
        let alike = trials.filter { $0.periodSeconds == summary.periodSeconds }
        let deviation = ReturnStatistics(alike.compactMap(\.sharpe)).deviation
        let expected = deviation.map {
            ReturnStatistics.expectedMaximumSharpe(trials: trials.count, sharpeDeviation: $0)
        }
        // A single trial needs no deflation.
        let deflated =
            trials.count == 1
            ? summary.probabilisticSharpe
            : deviation.flatMap {
                summary.statistics.deflatedSharpeRatio(trials: trials.count, sharpeDeviation: $0)
            }
        let length = summary.statistics.count
        let rows = alike.map(\.returns).filter { $0.count == length && $0.contains { $0 != 0 } }
        let blocks = min(16, length / 2 / 2 * 2)
        return Verdict(
            trials: trials.count, sharpeDeviation: deviation, expectedMaximumSharpe: expected,
            deflatedSharpe: deflated,
            overfitting: blocks >= 4 && rows.count > 1 ? BacktestOverfitting(returns: rows, blocks: blocks) : nil,
            unreadable: unreadable)
    }
}
