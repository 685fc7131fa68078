import CoreMetrics
import Foundation
import Synchronization

/// A metric's HELP text, and its buckets if it is a histogram.
package struct MetricDescription: Sendable {
    package let name: String
    package let help: String
    /// Upper bounds, ascending, in the unit of the name; for histograms only.
    package let buckets: [Double]

    package init(_ name: String, _ help: String, buckets: [Double] = []) {
        self.name = name
        self.help = help
        self.buckets = buckets
    }
}

/// Metrics behind the swift-metrics API, rendered in the Prometheus text format (version 0.0.4).
///
/// Counters and gauges are one atomic word. Recorders and timers become histograms with fixed buckets; a timer
/// named `…_seconds` records seconds. Series are never dropped, so their number is limited: beyond
/// `seriesLimit` a new series goes nowhere and is counted in `microstructure_metric_series_refused_total`.
package final class PrometheusRegistry: MetricsFactory, Sendable {
    package static let seriesLimit = 50_000
    /// 10 µs to 10 s: the range of a hop, request or delivery.
    package static let secondsBuckets = [
        1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
    ]

    private struct Key: Hashable {
        let name: String
        let labels: String
    }

    private struct Series {
        var counters: [Key: CounterCell] = [:]
        var gauges: [Key: GaugeCell] = [:]
        var histograms: [Key: HistogramCell] = [:]
        var refused = 0
        var count: Int { counters.count + gauges.count + histograms.count }
    }

    private let descriptions: [String: MetricDescription]
    private let series = Mutex(Series())

    package init(descriptions: [MetricDescription]) {
        self.descriptions = Dictionary(descriptions.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    }

    package func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        cell(label, dimensions, in: \.counters) { CounterCell() } ?? CounterCell()
    }

    package func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        cell(label, dimensions, in: \.gauges) { GaugeCell() } ?? GaugeCell()
    }

    package func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        if aggregate { return histogram(label, dimensions) }
        return cell(label, dimensions, in: \.gauges) { GaugeCell() } ?? GaugeCell()
    }

    package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        histogram(label, dimensions)
    }

    private func histogram(_ label: String, _ dimensions: [(String, String)]) -> HistogramCell {
        let buckets = descriptions[label]?.buckets ?? []
        let make = { HistogramCell(buckets: buckets.isEmpty ? Self.secondsBuckets : buckets) }
        return cell(label, dimensions, in: \.histograms, make: make) ?? make()
    }

    package func destroyCounter(_ handler: any CounterHandler) {}
    package func destroyMeter(_ handler: any MeterHandler) {}
    package func destroyRecorder(_ handler: any RecorderHandler) {}
    package func destroyTimer(_ handler: any TimerHandler) {}

    /// The cell of a series, made at first use; `nil` beyond the limit.
    private func cell<Cell: Sendable>(
        _ name: String, _ dimensions: [(String, String)], in table: WritableKeyPath<Series, [Key: Cell]>,
        make: () -> Cell
    ) -> Cell? {
        // The key path and `make` are used only under the lock.
        nonisolated(unsafe) let table = table
        let key = Key(name: Self.metricName(name), labels: Self.renderLabels(dimensions))
        return series.withLock { series in
            if let existing = series[keyPath: table][key] { return existing }
            guard series.count < Self.seriesLimit else {
                series.refused += 1
                return nil
            }
            let made = make()
            series[keyPath: table][key] = made
            return made
        }
    }

    /// The metrics page: families sorted by name, series by labels.
    package func render() -> String {
        let (counters, gauges, histograms, refused) = series.withLock {
            ($0.counters, $0.gauges, $0.histograms, $0.refused)
        }
        var families: [String: (type: String, lines: [String])] = [:]
        func add(_ name: String, _ type: String, _ lines: [String]) {
            families[name, default: (type, [])].lines += lines
        }
        for (key, cell) in counters.sorted(by: { $0.key.labels < $1.key.labels }) {
            add(key.name, "counter", ["\(key.name)\(Self.braces(key.labels)) \(cell.total)"])
        }
        for (key, cell) in gauges.sorted(by: { $0.key.labels < $1.key.labels }) {
            add(key.name, "gauge", ["\(key.name)\(Self.braces(key.labels)) \(Self.number(cell.value))"])
        }
        for (key, cell) in histograms.sorted(by: { $0.key.labels < $1.key.labels }) {
            add(key.name, "histogram", Self.histogramLines(key.name, key.labels, cell))
        }
        add(MetricName.seriesRefused, "counter", ["\(MetricName.seriesRefused) \(refused)"])
        var page = ""
        var helps = descriptions.mapValues(\.help)
        for reading in ProcessMetrics.read() {
            helps[reading.name] = reading.help
            add(reading.name, reading.type, ["\(reading.name) \(Self.number(reading.value))"])
        }
        for (name, family) in families.sorted(by: { $0.key < $1.key }) {
            let help = helps[name] ?? "Not described."
            page += "# HELP \(name) \(help)\n# TYPE \(name) \(family.type)\n"
            for line in family.lines { page += line + "\n" }
        }
        return page
    }

    private static func histogramLines(_ name: String, _ labels: String, _ cell: HistogramCell) -> [String] {
        let state = cell.state
        var lines: [String] = []
        var cumulative: UInt64 = 0
        let separator = labels.isEmpty ? "" : ","
        for (index, bound) in cell.buckets.enumerated() {
            cumulative += state.counts[index]
            lines.append("\(name)_bucket{\(labels)\(separator)le=\"\(number(bound))\"} \(cumulative)")
        }
        cumulative += state.counts[cell.buckets.count]
        lines.append("\(name)_bucket{\(labels)\(separator)le=\"+Inf\"} \(cumulative)")
        lines.append("\(name)_sum\(braces(labels)) \(number(state.sum))")
        lines.append("\(name)_count\(braces(labels)) \(cumulative)")
        return lines
    }

    private static func braces(_ labels: String) -> String { labels.isEmpty ? "" : "{\(labels)}" }

    static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        return "\(value)"
    }

    /// Letters, digits and `_` only: the characters of a Prometheus name.
    private static func metricName(_ label: String) -> String {
        String(
            label.unicodeScalars.map {
                $0.isASCII && ($0.properties.isAlphabetic || $0.properties.numericType != nil) || $0 == "_"
                    ? Character($0) : "_"
            })
    }

    private static func renderLabels(_ dimensions: [(String, String)]) -> String {
        dimensions.sorted { $0.0 < $1.0 }.map { name, value in
            let escaped = value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
            return "\(metricName(name))=\"\(escaped)\""
        }.joined(separator: ",")
    }
}

final class CounterCell: CounterHandler, Sendable {
    private let word = Atomic<Int64>(0)
    var total: Int64 { word.load(ordering: .relaxed) }
    func increment(by amount: Int64) { word.wrappingAdd(amount, ordering: .relaxed) }
    func reset() { word.store(0, ordering: .relaxed) }
}

final class GaugeCell: MeterHandler, RecorderHandler, Sendable {
    private let bits = Atomic<UInt64>(0)
    var value: Double { Double(bitPattern: bits.load(ordering: .relaxed)) }
    func set(_ value: Int64) { set(Double(value)) }
    func set(_ value: Double) { bits.store(value.bitPattern, ordering: .relaxed) }
    func record(_ value: Int64) { set(Double(value)) }
    func record(_ value: Double) { set(value) }
    func increment(by amount: Double) { add(amount) }
    func decrement(by amount: Double) { add(-amount) }

    private func add(_ amount: Double) {
        var old = bits.load(ordering: .relaxed)
        while true {
            let new = (Double(bitPattern: old) + amount).bitPattern
            let (exchanged, current) = bits.weakCompareExchange(expected: old, desired: new, ordering: .relaxed)
            if exchanged { return }
            old = current
        }
    }
}

final class HistogramCell: RecorderHandler, TimerHandler, Sendable {
    struct State {
        var counts: [UInt64]
        var sum = 0.0
    }

    let buckets: [Double]
    private let cells: Mutex<State>

    init(buckets: [Double]) {
        self.buckets = buckets
        cells = Mutex(State(counts: Array(repeating: 0, count: buckets.count + 1)))
    }

    var state: State { cells.withLock { $0 } }

    func record(_ value: Int64) { record(Double(value)) }
    func record(_ value: Double) {
        let index = buckets.firstIndex { value <= $0 } ?? buckets.count
        cells.withLock {
            $0.counts[index] += 1
            $0.sum += value
        }
    }
    func recordNanoseconds(_ duration: Int64) { record(Double(duration) / 1e9) }
}
