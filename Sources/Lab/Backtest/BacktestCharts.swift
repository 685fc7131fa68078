import Evaluation
import Foundation
import Microstructure

/// The pictures of a report.
struct BacktestCharts {
    private static let blue = "#1f77b4"
    private static let red = "#d62728"
    private static let green = "#2ca02c"
    private static let grey = "#999"
    /// Most price pictures; the table has the others.
    private static let priceLimit = 40

    private let report: BacktestReport
    private let run: BacktestRun

    init(_ report: BacktestReport, _ run: BacktestRun) {
        self.report = report
        self.run = run
    }

    /// Equity above, drawdown below.
    var equity: String {
        let points = report.equity
        guard let first = points.first, let last = points.last else { return "" }
        var picture = SVGPicture(width: 1040, height: 330)
        let ends = (Self.moment(first.timeNs), Self.moment(last.timeNs))
        let times = points.map { Double($0.timeNs - first.timeNs) / 1e9 }
        let span = 0...max(1, times.last ?? 1)
        let values = points.map(\.equity)
        var panel = picture.panel(
            SVGPicture.Frame(x: 80, y: 8, width: 940, height: 170), "equity, in initial capitals", horizontal: span,
            vertical: Self.range(values + [1]))
        picture.line(panel, [(0, 1), (span.upperBound, 1)], color: Self.grey, dashed: true)
        picture.line(panel, [(0, 1)] + Array(zip(times, values)), color: Self.blue)
        panel = picture.panel(
            SVGPicture.Frame(x: 80, y: 194, width: 940, height: 110), "drawdown from the peak, %", horizontal: span,
            vertical: 0...max(1e-6, (points.map(\.drawdown).max() ?? 0) * 100), horizontalEnds: ends)
        picture.line(panel, zip(times, points.map { $0.drawdown * 100 }).map { ($0, $1) }, color: Self.red)
        return picture.svg
    }

    /// The price of each market, and every signal by what became of it.
    var prices: String {
        let shown = run.markets.prefix(Self.priceLimit)
        let charts = shown.map { price($0, isSmall: shown.count > 2) }
        let rest = run.markets.count - shown.count
        return "<p class=\"quiet\">Green: paid its costs; red: did not; grey: no side, or no label. Up is long.</p>"
            + (shown.count > 2
                ? "<div class=\"grid\">" + charts.map { "<div>\($0)</div>" }.joined() + "</div>"
                : charts.joined()) + (rest > 0 ? "<p>\(rest) more are in the table.</p>" : "")
    }

    private func price(_ market: BacktestRun.Market, isSmall: Bool) -> String {
        let width: Double = isSmall ? 520 : 1040
        var picture = SVGPicture(width: width, height: 240)
        let grid = market.priceGrid
        let seconds = Double(grid.periodNanoseconds) / 1e9
        let points = market.prices.enumerated().filter { $0.element.isFinite }
            .map { (x: (Double($0.offset) + 0.5) * seconds, y: $0.element) }
        guard !points.isEmpty else { return "" }
        let end = grid.time(of: grid.count)
        let panel = picture.panel(
            SVGPicture.Frame(x: 80, y: 8, width: width - 100, height: 205), "\(market.symbol), mid price",
            horizontal: 0...(Double(grid.count) * seconds), vertical: Self.range(points.map(\.y)),
            horizontalEnds: (Self.moment(grid.start.nanoseconds), Self.moment(end.nanoseconds)))
        picture.line(panel, points, color: "#555")
        for signal in market.backtests[0].outcomes {
            let time = Timestamp(nanoseconds: signal.timeNanoseconds)
            let x = Double(time.nanoseconds(since: grid.start)) / 1e9
            let place = grid.index(of: time)
            let price = market.prices[...place].last { $0.isFinite } ?? points[0].y
            let color = signal.label.map { $0.isHit ? Self.green : Self.red } ?? Self.grey
            picture.point(
                panel, x: x, y: price, color: color, radius: signal.skipped == nil ? 4.5 : 3,
                note: "\(signal.type) \(signal.side?.rawValue ?? "") \(String(format: "%.3f", signal.score)): "
                    + (signal.label.map { "\($0.outcome.rawValue) \(String(format: "%+.3f %%", $0.netReturn * 100))" }
                        ?? "no label"))
        }
        return picture.svg
    }

    /// How the labels ended.
    var barriers: String {
        let names = BarrierOutcome.allCases.map(\.rawValue)
        let counts = names.map { Double(report.signals.outcomes[$0] ?? 0) }
        var picture = SVGPicture(width: 520, height: 260)
        let panel = picture.panel(
            SVGPicture.Frame(x: 60, y: 8, width: 440, height: 215), "labels by the barrier reached",
            horizontal: 0...Double(names.count), vertical: 0...max(1, (counts.max() ?? 1) * 1.1))
        for (place, (name, count)) in zip(names, counts).enumerated() {
            let left = Double(place)
            picture.bar(
                panel, from: left + 0.1, to: left + 0.9, value: count,
                color: [Self.green, Self.red, Self.blue, Self.grey][place])
            picture.text(
                name.replacingOccurrences(of: "_", with: " "), x: panel.x(left + 0.5), y: 238, anchor: "middle")
            picture.text("\(Int(count))", x: panel.x(left + 0.5), y: panel.y(count) - 3, anchor: "middle")
        }
        return picture.svg
    }

    /// Hit rate of the k strongest signals, with the hit rate of all and the break-even rate.
    var precision: String {
        let tops = report.signals.precisionAtTop
        guard let most = tops.last?.k else { return Self.empty("precision at the top k: no label") }
        var picture = SVGPicture(width: 520, height: 260)
        let panel = picture.panel(
            SVGPicture.Frame(x: 60, y: 8, width: 440, height: 215), "precision at the k strongest signals (log k)",
            horizontal: 0...max(1e-9, log(Double(most))), vertical: 0...1, horizontalEnds: ("1", "\(most)"))
        for top in tops {
            guard let interval = top.interval else { continue }
            let x = log(Double(top.k))
            picture.line(panel, [(x, interval.low), (x, interval.high)], color: "#aac")
        }
        let end = panel.horizontal.upperBound
        if let base = report.signals.hitRate {
            picture.line(panel, [(0, base), (end, base)], color: Self.grey, dashed: true)
            // Above the line, but clear of the panel's upper edge.
            picture.text(
                "all", x: panel.x(end) - 4, y: panel.y(base) + (base > 0.9 ? 12 : -3), color: "#666", anchor: "end")
        }
        let needed = report.signals.breakEvenWinRate
        if needed <= 1 {
            picture.line(panel, [(0, needed), (end, needed)], color: Self.red, dashed: true)
            picture.text("break-even", x: panel.x(end) - 4, y: panel.y(needed) - 3, color: Self.red, anchor: "end")
        }
        picture.line(panel, tops.map { (log(Double($0.k)), $0.precision) }, color: Self.blue)
        for top in tops { picture.point(panel, x: log(Double(top.k)), y: top.precision, color: Self.blue) }
        return picture.svg
    }

    var roc: String {
        guard let ranking = report.signals.ranking else { return Self.empty("ROC: needs hits and misses") }
        var picture = SVGPicture(width: 520, height: 260)
        let panel = picture.panel(
            SVGPicture.Frame(x: 60, y: 8, width: 440, height: 215),
            String(format: "ROC of the score: area %.3f", ranking.areaUnderROC), horizontal: 0...1, vertical: 0...1,
            horizontalEnds: ("0", "false positive rate 1"))
        picture.line(panel, [(0, 0), (1, 1)], color: Self.grey, dashed: true)
        picture.line(panel, ranking.roc.map { ($0.x, $0.y) }, color: Self.blue)
        if let cross = report.signals.crossValidation?.ranking {
            picture.line(panel, cross.roc.map { ($0.x, $0.y) }, color: "#ff7f0e")
            picture.text("out of sample", x: 490, y: 205, color: "#ff7f0e", anchor: "end")
        }
        return picture.svg
    }

    var reliability: String {
        let bins = report.signals.crossValidation?.calibration.bins ?? []
        let raw = report.signals.scoreCalibration?.bins ?? []
        guard !raw.isEmpty else { return Self.empty("reliability: no label") }
        var picture = SVGPicture(width: 520, height: 260)
        let panel = picture.panel(
            SVGPicture.Frame(x: 60, y: 8, width: 440, height: 215), "reliability: how often what was forecast came",
            horizontal: 0...1, vertical: 0...1, horizontalEnds: ("0", "forecast 1"))
        picture.line(panel, [(0, 0), (1, 1)], color: Self.grey, dashed: true)
        for (points, color) in [(raw, Self.grey), (bins, Self.blue)] {
            picture.line(panel, points.map { ($0.meanForecast, $0.frequency) }, color: color)
            for bin in points {
                picture.point(
                    panel, x: bin.meanForecast, y: bin.frequency, color: color, radius: 4, note: "\(bin.count) signals")
            }
        }
        picture.text("the score as it is", x: 490, y: 190, color: "#666", anchor: "end")
        picture.text("probability, out of sample", x: 490, y: 205, color: Self.blue, anchor: "end")
        return picture.svg
    }

    var leads: String {
        guard let leads = report.signals.leads, let least = leads.seconds.first, let most = leads.seconds.last else {
            return Self.empty("lead times: no signal was followed by a move")
        }
        let bins = 24
        // Zero lies between two bins, so that none holds both late and early signals.
        let width = (max(most, 1) - min(least, 0)) / Double(bins - 1)
        let late = (max(0, -least) / width).rounded(.up)
        let span = -late * width...(Double(bins) - late) * width
        var counts = [Double](repeating: 0, count: bins)
        for value in leads.seconds { counts[min(bins - 1, Int((value - span.lowerBound) / width))] += 1 }
        var picture = SVGPicture(width: 520, height: 260)
        let panel = picture.panel(
            SVGPicture.Frame(x: 60, y: 8, width: 440, height: 215),
            String(
                format: "seconds from signal to move: median %.1f, ahead %.0f %%, %d never", leads.median,
                leads.shareAhead * 100, leads.never), horizontal: span, vertical: 0...max(1, counts.max() ?? 1),
            horizontalEnds: (SVGPicture.value(span.lowerBound), SVGPicture.value(span.upperBound)))
        for (bin, count) in counts.enumerated() where count > 0 {
            let left = span.lowerBound + Double(bin) * width
            picture.bar(
                panel, from: left, to: left + width, value: count,
                color: Double(bin) < late ? Self.red : Self.green)
        }
        return picture.svg
    }

    private static func empty(_ text: String) -> String { "<p class=\"quiet\">\(text)</p>" }

    /// A little wider than the values.
    private static func range(_ values: [Double]) -> ClosedRange<Double> {
        guard let low = values.min(), let high = values.max() else { return 0...1 }
        let margin = max((high - low) * 0.05, abs(high) * 1e-9)
        return (low - margin)...(high + margin)
    }

    private static func moment(_ nanoseconds: Int64) -> String {
        String(Moment.text(Timestamp(nanoseconds: nanoseconds)).prefix(19)).replacingOccurrences(of: "T", with: " ")
    }
}
