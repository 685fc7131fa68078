public import ArgumentParser
import Detection
import Foundation
import Microstructure
import Wire

/// `microlab explain`: why there was a signal, or why there was none.
public struct ExplainCommand: AsyncParsableCommand {
    public static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Shows every detector at a signal, or at a moment of a tape, and draws the 30 seconds before.",
        discussion: """
            microlab explain TAPE@TIME, or microlab explain SIGNAL-ID --tape TAPE. TIME is ISO 8601 or a count since 1970 \
            in seconds to nanoseconds. The detectors are run over the tape from its begin with --profile, as live.

            Exit code: 0; 64 usage; 65 the tape holds nothing at that moment, or the signal is not found on it with this \
            profile; 66 it cannot be opened; 73 the picture cannot be created; 74 reading or writing failed; 78 the \
            profile is wrong.
            """)

    @Argument(help: "A signal's id, or TAPE@TIME.") var what: String
    @Option(help: "The tape of a signal's id.") var tape: String?
    @Option(help: "classic, calibrated, or a profile's file.") var profile = "calibrated"
    @Option(help: "The symbol, where TAPE@TIME has several.") var symbol: String?
    @Option(help: "Seconds to draw.") var seconds = 30.0
    @Option(help: "Write the picture to this file (SVG).") var svg: String?
    @Flag(help: "Replace the picture if it exists.") var force = false

    public init() {}

    public func run() async throws {
        do {
            try explain()
        } catch {
            throw Lab.failure(error)
        }
    }

    private func explain() throws {
        guard (1...3600).contains(seconds) else { throw ValidationError("--seconds is 1 to 3600") }
        let (path, moment, id, symbolOfSignal) = try target()
        let profile = try ProfileFile.load(profile)
        let wanted = Set((symbolOfSignal ?? symbol?.uppercased()).map { [$0] } ?? [])
        var reader = try TapeReader(path: path)
        var detection = try TapeDetection(symbols: wanted, profile: profile)
        var history = ExplanationHistory(seconds: seconds)
        var found: Signal?
        var line: Int?
        while let record = try reader.next() {
            let signals = try detection.process(record)
            guard let vector = detection.lastVector else { continue }
            let time = vector.header.times.receive
            guard time <= moment else { break }
            if let id { found = signals.first { $0.id == id } ?? found } else { found = signals.last }
            guard line == nil || line == vector.line else {
                throw ValidationError("the tape has several symbols; say which with --symbol")
            }
            line = vector.line
            history.append(detection.banks[vector.line], values: detection.values(of: vector.line), at: time)
        }
        guard let line, !history.points.isEmpty else {
            Lab.say("microlab: \(path) holds no feature vector up to that moment")
            throw ExitCode(65)
        }
        if let id, found == nil {
            Lab.say(
                "microlab: with this profile the tape gives no signal \(id); its state at that moment follows. "
                    + "A signal of a live run needs the tape from where that run began")
        }
        try Lab.show(history.text(detection.banks[line], found))
        if let svg {
            var output = try OutputFile(path: svg, replacesExisting: force, sources: reader.segments.map(\.path))
            try output.write(Array(history.svg(symbol: detection.banks[line].symbol, found).utf8))
            try output.close()
        }
        if id != nil, found == nil { throw ExitCode(65) }
    }

    /// Which tape, up to when, and of a signal its id and symbol.
    private func target() throws -> (path: String, moment: Timestamp, id: String?, symbol: String?) {
        if let at = what.lastIndex(of: "@") {
            let text = String(what[what.index(after: at)...])
            guard let moment = Moment(argument: text) else {
                throw ValidationError("\(text) is no time: ISO 8601, or a count since 1970")
            }
            return (String(what[..<at]), moment.time, nil, nil)
        }
        let parts = what.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count >= 3, parts[0].count == 16, let nanoseconds = UInt64(parts[0], radix: 16) else {
            throw ValidationError("\(what) is neither TAPE@TIME nor a signal's id such as 17e9…-BTCUSDT-drift")
        }
        guard let tape else { throw ValidationError("the signal \(what) is looked for on a tape: give --tape") }
        let time = Timestamp(nanoseconds: Int64(bitPattern: nanoseconds))
        return (tape, time, what, parts[1..<(parts.count - 1)].joined(separator: "-"))
    }
}

/// The last seconds of a bank: for the table and the picture.
struct ExplanationHistory {
    struct Point {
        let time: Timestamp
        let score: Double
        let threshold: Double
        let mid: Double
        let volume: Double
        /// Each detector's statistic over its threshold.
        let ratios: [Double]
    }

    /// The detectors at the last point, in the order of the ratios. The bank itself has gone on by then.
    private var statistics: [DetectorStatistic] = []

    private(set) var points: [Point] = []
    private let length: Int64
    private let mid = FeatureSchema().index(of: "mid")
    private let volume = FeatureSchema().index(of: "trade_volume_1s")

    init(seconds: Double) { length = Int64(seconds * 1e9) }

    mutating func append(_ bank: DetectorBank, values: [Double], at time: Timestamp) {
        statistics = bank.statistics
        points.append(
            Point(
                time: time, score: bank.score, threshold: bank.dynamicThreshold, mid: mid.map { values[$0] } ?? .nan,
                volume: volume.map { values[$0] } ?? .nan,
                ratios: statistics.map { $0.statistic.magnitude / $0.threshold }))
        // Old points go in batches, so that a long tape costs nothing.
        guard let first = points.first, time.nanoseconds(since: first.time) > 2 * length else { return }
        points.removeAll { time.nanoseconds(since: $0.time) > length }
    }

    private var shown: [Point] {
        guard let last = points.last else { return [] }
        return points.filter { last.time.nanoseconds(since: $0.time) <= length }
    }

    /// Every detector: statistic, threshold, and its share of the signal where there is one.
    func text(_ bank: DetectorBank, _ signal: Signal?) -> String {
        guard let last = points.last else { return "" }
        var lines: [String] = []
        if let signal {
            let explanation = SignalExplanation(SignalDocument(ProtoSignal(signal)))
            lines += [signal.id, explanation.summary] + explanation.cautions + [""]
        } else {
            lines += ["\(bank.symbol) at \(Moment.text(last.time)): no signal", ""]
        }
        lines.append("detector                              statistic    threshold        ratio        share")
        for statistic in statistics {
            let share = signal?.evidence.first {
                $0.detector == statistic.detector && $0.metric == statistic.metric
            }?.share
            let name = "\(statistic.detector) \(statistic.metric)".padding(
                toLength: 34, withPad: " ", startingAt: 0)
            lines.append(
                name
                    + String(
                        format: "%13.4g%13.4g%13.2f", statistic.statistic, statistic.threshold,
                        statistic.statistic.magnitude / statistic.threshold)
                    + (share.map { String(format: "%13.3f", $0) } ?? ""))
        }
        lines.append("")
        lines.append(
            String(format: "score %.4f of the %.4f that a signal needs", last.score, last.threshold))
        return lines.joined(separator: "\n")
    }

    /// Score against threshold, the detectors that came closest, price and volume, one above the other.
    func svg(symbol: String, _ signal: Signal?) -> String {
        let points = shown
        guard let first = points.first, let last = points.last else { return "" }
        let span = max(1, Double(last.time.nanoseconds(since: first.time)))
        var page = SVGPage(
            panels: 4,
            title: "\(symbol), \(Int(span / 1e9)) s up to \(Moment.text(last.time))"
                + (signal.map { ": \($0.type.rawValue)" } ?? ""))
        let places = points.map { Double($0.time.nanoseconds(since: first.time)) / span }
        func line(_ color: String, _ name: String? = nil, _ values: [Double]) -> SVGPage.Line {
            SVGPage.Line(color: color, name: name, points: Array(zip(places, values)))
        }
        page.panel(
            "score (blue) and what a signal needs (red)",
            [line("#1f77b4", nil, points.map(\.score)), line("#d62728", nil, points.map(\.threshold))], fromZero: true)
        let closest = last.ratios.indices.filter { last.ratios[$0].isFinite }
            .sorted { (last.ratios[$0], $1) > (last.ratios[$1], $0) }.prefix(SVGPage.colors.count)
        page.panel(
            "the detectors that came closest, over their thresholds",
            zip(SVGPage.colors, closest).map { color, index in
                line(
                    color, "\(statistics[index].detector) \(statistics[index].metric)",
                    points.map { $0.ratios[index] })
            }, fromZero: true)
        page.panel("mid price", [line("#333", nil, points.map(\.mid))], fromZero: false)
        page.panel("volume traded in one second", [line("#9467bd", nil, points.map(\.volume))], fromZero: true)
        return page.text
    }
}
