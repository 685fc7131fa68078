import Runtime
import ArgumentParser
import Detection
import Evaluation
import Foundation
import Microstructure

/// `microlab changepoints`: finds change points of a series.
package struct ChangePointsCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "changepoints",
        abstract: "Finds the change points of a series, or of several, by Bayesian change-point detection.",
        discussion: """
            A series is a CSV file with a header (its last column, or --column) or a JSON file: an array of numbers, or \
            the Turing Change Point Dataset's form. Missing values (empty or nan) are left out and their places remembered.

            Prints one JSON object a file: the change points (index of the first observation after each change, from 0) \
            and, with --full, the most probable run length and P(run length ≤ 5) after each observation, and P(run length) \
            after the last one. With --annotations FILE ({"name": {"annotator": [indices]}}) it also scores them: F1 \
            (margin 5) and cover; a series that is not annotated has no score, and says so.

            Exit code: 0; 64 usage; 65 a file holds no series; 66 it cannot be opened; 74 the answer cannot be \
            written.
            """)

    @Argument(help: "CSV or JSON files.") var files: [String]
    @Option(
        help: "Mean number of observations between changes, λ (default: \(Segmentation.standard.meanRunLength.plain)).")
    var lambda: Double?
    @Option(
        help: """
            Prior of a segment as mean,kappa,alpha,beta (default: \(Self.text(Segmentation.standard.prior))).
            """)
    var prior: String?
    @Option(help: "z: to mean 0 and deviation 1; robust: by median and MAD; none.") var standardise: Standardising = .z
    @Option(help: "The column of a CSV file (default: the last).") var column: String?
    @Option(help: "Annotations to score against, by file name without its ending.") var annotations: String?
    @Flag(help: "Also print run lengths and probabilities, one an observation.") var full = false

    enum Standardising: String, ExpressibleByArgument, CaseIterable { case z, robust, none }

    package init() {}

    package func validate() throws {
        guard !files.isEmpty else { throw ValidationError("name at least one file") }
        if let lambda, !(lambda > 1 && lambda.isFinite) { throw ValidationError("--lambda must be above 1") }
        if let prior, Self.parsePrior(prior) == nil {
            throw ValidationError("--prior must be mean,kappa,alpha,beta with the last three above 0")
        }
    }

    package func run() async throws {
        let standard = Segmentation.standard
        let segmentation = Segmentation(
            prior: prior.flatMap(Self.parsePrior) ?? standard.prior, meanRunLength: lambda ?? standard.meanRunLength)
        do {
            let marks = try annotations.map { try Annotations(path: $0) }
            var scores: [(f1: Double, cover: Double)] = []
            for path in files {
                let series = try SeriesFile(path: path, column: column)
                let result = segmentation.process(try standardised(series.values, of: path))
                let name = URL(filePath: path).deletingPathExtension().lastPathComponent
                let score = try marks?.score(
                    result.changePoints.map { series.places[$0] }, of: name, count: series.count)
                if let score {
                    scores.append(score)
                } else if marks != nil {
                    Lab.say("microlab: \(name) is not annotated and has no score")
                }
                try StandardOutput.show(try document(name, series, result, score))
            }
            if scores.count > 1 || scores.count < files.count, !scores.isEmpty {
                let (f1, cover) = scores.reduce((0, 0)) { ($0.0 + $1.f1, $0.1 + $1.cover) }
                let count = Double(scores.count)
                let those = scores.count < files.count ? "\(scores.count) of \(files.count)" : "\(scores.count)"
                Lab.say("mean of \(those): " + String(format: "F1 %.4f, cover %.4f", f1 / count, cover / count))
            }
        } catch let error as SeriesFile.Failure {
            Lab.say("microlab: \(error)")
            throw ExitCode(error.isMissing ? 66 : 65)
        } catch let error as OutputFile.Failure {
            throw Lab.failure(error)
        }
    }

    /// The series standardised for the detector; throws if a value is no valid observation.
    private func standardised(_ raw: [Double], of path: String) throws(SeriesFile.Failure) -> [Double] {
        // Scale by a power of two, which loses no digit: then neither sums nor squares of doubles overflow.
        let exponent = max(-1_000, raw.lazy.filter { $0 != 0 }.map(\.exponent).max() ?? 0)
        let unit = standardise == .none ? 1 : Double(sign: .plus, exponent: Int(exponent), significand: 1)
        let values = standardised(raw.map { $0 / unit }, unit: unit)
        guard let stray = values.firstIndex(where: { !($0.magnitude <= BayesianChangePoint.valueLimit) }) else {
            return values
        }
        throw .notASeries(
            path,
            "holds \(raw[stray]), which --standardise \(standardise.rawValue) leaves beyond ±\(BayesianChangePoint.valueLimit)"
        )
    }

    /// - Parameter unit: what the values were divided by.
    private func standardised(_ values: [Double], unit: Double) -> [Double] {
        func median(_ values: [Double]) -> Double {
            let sorted = values.sorted()
            let middle = sorted.count / 2
            return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
        }
        let centre: Double
        let scale: Double
        switch standardise {
        case .none: return values
        case .z:
            centre = values.reduce(0, +) / Double(values.count)
            scale = (values.reduce(0) { $0 + ($1 - centre) * ($1 - centre) } / Double(values.count - 1)).squareRoot()
        case .robust:
            centre = median(values)
            // 1.4826·MAD estimates the deviation of a normal distribution.
            scale = 1.4826 * median(values.map { abs($0 - centre) })
        }
        return values.map { scale > 0 ? ($0 - centre) / scale : ($0 - centre) * unit }
    }

    private func document(
        _ name: String, _ series: SeriesFile, _ result: Segmentation.Result, _ score: (f1: Double, cover: Double)?
    ) throws -> String {
        var object: [String: Any] = [
            "series": name, "count": series.count, "missing": series.count - series.values.count,
            "change_points": result.changePoints.map { series.places[$0] },
            "run_length": result.runLengths.last ?? 0,
        ]
        if let score { object["score"] = ["f1": score.f1, "cover": score.cover] }
        if full {
            object["run_lengths"] = result.runLengths
            object["change_probabilities"] = result.changeProbabilities
            object["posterior"] = result.posterior
        }
        let bytes = try JSONSerialization.data(withJSONObject: object, options: [.sortedKeys])
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func text(_ prior: NormalInverseGamma) -> String {
        [prior.mean, prior.kappa, prior.alpha, prior.beta].map(\.plain).joined(separator: ",")
    }

    private static func parsePrior(_ text: String) -> NormalInverseGamma? {
        let words = text.split(separator: ",", omittingEmptySubsequences: false)
        let parts = words.compactMap { Double($0.trimmingCharacters(in: .whitespaces)) }
        guard words.count == 4, parts.count == 4, parts.allSatisfy(\.isFinite), parts[1...].allSatisfy({ $0 > 0 })
        else { return nil }
        return NormalInverseGamma(mean: parts[0], kappa: parts[1], alpha: parts[2], beta: parts[3])
    }
}

extension Double {
    /// As a person writes it: 400, not 400.0.
    fileprivate var plain: String { formatted(.number.grouping(.never).locale(Locale(identifier: "en_US_POSIX"))) }
}

/// Change points marked by people, by series and annotator.
private struct Annotations {
    private let path: String
    private let marks: [String: [String: [Int]]]

    init(path: String) throws(SeriesFile.Failure) {
        guard let bytes = FileManager.default.contents(atPath: path) else { throw .cannotOpen(path) }
        guard let marks = try? JSONDecoder().decode([String: [String: [Int]]].self, from: bytes) else {
            throw .notASeries(path, "is no {\"name\": {\"annotator\": [indices]}}")
        }
        self.path = path
        self.marks = marks
    }

    func score(_ found: [Int], of name: String, count: Int) throws(SeriesFile.Failure) -> (f1: Double, cover: Double)? {
        guard let annotators = marks[name], !annotators.isEmpty else { return nil }
        let lists = annotators.sorted { $0.key < $1.key }.map(\.value)
        if let stray = lists.joined().first(where: { !(0..<count).contains($0) }) {
            throw .notASeries(path, "marks place \(stray) of \(name), which has \(count)")
        }
        return (
            ChangePointScore.fMeasure(of: found, annotations: lists),
            ChangePointScore.cover(of: found, annotations: lists, count: count)
        )
    }
}
