import Detection
import Foundation
import Microstructure
import Wire

/// The last seconds of a detector bank, for the table and the picture.
struct ExplanationHistory {
    struct Point {
        let time: Timestamp
        let score: Double
        let threshold: Double
        let isInEpisode: Bool
        let mid: Double
        let volume: Double
        /// Each detector's statistic over its threshold.
        let ratios: [Double]
    }

    /// The detectors' statistics at the last point, in the order of the ratios. The bank itself has moved on.
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
                time: time, score: bank.score, threshold: bank.dynamicThreshold,
                isInEpisode: bank.isInEpisode, mid: mid.map { values[$0] } ?? .nan,
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

    /// A row per detector: statistic, threshold, and its share of the signal if there is one.
    func text(_ bank: DetectorBank, _ signal: Signal?) -> String {
        guard let last = points.last else { return "" }
        var lines: [String] = []
        if let signal {
            let explanation = SignalExplanation(SignalDocument(ProtoSignal(signal)))
            lines += [signal.id, explanation.summary] + explanation.cautions + [""]
        } else {
            let reason =
                last.score > last.threshold && last.isInEpisode
                ? ": this episode's signal has gone out already, or a cooldown held it back" : ""
            lines += ["\(bank.symbol) at \(Moment.text(last.time)): no signal\(reason)", ""]
        }
        lines.append("detector                              statistic     threshold        ratio        share")
        for statistic in statistics {
            let share = signal?.evidence.first {
                $0.detector == statistic.detector && $0.feature == statistic.feature
            }?.share
            let name = "\(statistic.detector) \(statistic.feature)".padding(
                toLength: 34, withPad: " ", startingAt: 0)
            // An extrapolated probability threshold may exceed 1: then this detector alone cannot signal.
            let isReachable = statistic.detector != DetectorKind.regime.rawValue || statistic.threshold <= 1
            let threshold = isReachable ? String(format: "%13.4g", statistic.threshold) : "not reachable"
            lines.append(
                name + String(format: "%13.4g ", statistic.statistic) + threshold
                    + String(format: "%13.2f", statistic.statistic.magnitude / statistic.threshold)
                    + (share.map { String(format: "%13.3f", $0) } ?? ""))
        }
        lines.append("")
        lines.append(
            String(format: "score %.4f of the %.4f that a signal needs", last.score, last.threshold))
        return lines.joined(separator: "\n")
    }

    /// Stacked panels: score and threshold, the detectors closest to their thresholds, price, volume.
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
                    color, "\(statistics[index].detector) \(statistics[index].feature)",
                    points.map { $0.ratios[index] })
            }, fromZero: true)
        page.panel("mid price", [line("#333", nil, points.map(\.mid))], fromZero: false)
        page.panel("volume traded in one second", [line("#9467bd", nil, points.map(\.volume))], fromZero: true)
        return page.text
    }
}
