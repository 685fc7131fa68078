import TestSupport
@testable import Runtime
import CoreMetrics
import Testing

@Suite struct PrometheusRegistryTests {
    private let registry = PrometheusRegistry(descriptions: [
        MetricDescription("a_total", "Counts."), MetricDescription("b_seconds", "Times.", buckets: [0.1, 1]),
        MetricDescription("c", "Gauges."),
    ])

    @Test func rendersEachKind() {
        registry.makeCounter(label: "a_total", dimensions: [("z", "1"), ("b", "x\"\n\\")]).increment(by: 3)
        registry.makeMeter(label: "c", dimensions: []).set(-1.5)
        let timer = registry.makeTimer(label: "b_seconds", dimensions: [("k", "v")])
        for nanoseconds: Int64 in [50_000_000, 500_000_000, 5_000_000_000] { timer.recordNanoseconds(nanoseconds) }
        let page = registry.render()
        #expect(
            page.contains("# HELP a_total Counts.\n# TYPE a_total counter\na_total{b=\"x\\\"\\n\\\\\",z=\"1\"} 3\n"))
        #expect(page.contains("c -1.5\n"))
        #expect(page.contains("b_seconds_bucket{k=\"v\",le=\"0.1\"} 1\n"))
        #expect(page.contains("b_seconds_bucket{k=\"v\",le=\"1.0\"} 2\n"))
        #expect(page.contains("b_seconds_bucket{k=\"v\",le=\"+Inf\"} 3\n"))
        #expect(page.contains("b_seconds_sum{k=\"v\"} 5.55\n"))
        #expect(page.contains("b_seconds_count{k=\"v\"} 3\n"))
    }

    @Test func theSameLabelsAreTheSameSeries() {
        registry.makeCounter(label: "a_total", dimensions: [("x", "1"), ("y", "2")]).increment(by: 1)
        registry.makeCounter(label: "a_total", dimensions: [("y", "2"), ("x", "1")]).increment(by: 1)
        #expect(registry.render().contains("a_total{x=\"1\",y=\"2\"} 2\n"))
    }

    /// Every metric of the catalogue follows the conventions that promtool checks.
    @Test func theCatalogueSatisfiesPromtool() throws {
        let registry = PrometheusRegistry(descriptions: MetricName.all)
        for description in MetricName.all where description.name != MetricName.seriesRefused {
            let labels = [("symbol", "BTCUSDT"), ("reason", "a \"b\" \\ c\nd")]
            if description.name.hasSuffix("_total") {
                registry.makeCounter(label: description.name, dimensions: labels).increment(by: 1)
            } else if !description.buckets.isEmpty {
                registry.makeRecorder(label: description.name, dimensions: labels, aggregate: true).record(0.5)
            } else {
                registry.makeMeter(label: description.name, dimensions: labels).set(0.1)
            }
        }
        let (code, report) = try Program.run("promtool", ["check", "metrics"], input: registry.render())
        #expect(code == 0, "\(report)")
    }

    /// What the system says of the process is there, and believable.
    @Test func theProcessIsMeasured() throws {
        var values: [String: Double] = [:]
        for line in registry.render().split(separator: "\n") where line.hasPrefix("process_") {
            let parts = line.split(separator: " ")
            values[String(parts[0])] = Double(parts[1])
        }
        #expect(try #require(values["process_resident_memory_bytes"]) > 1e6)
        #expect(try #require(values["process_virtual_memory_bytes"]) > 1e6)
        #expect(try #require(values["process_cpu_seconds_total"]) > 0)
        #expect(try #require(values["process_open_fds"]) >= 3)
        #expect(try #require(values["process_max_fds"]) >= 64)
        let start = try #require(values["process_start_time_seconds"])
        let now = Double(HostClock.now.nanoseconds) / 1e9
        #expect(start < now + 2 && start > now - 86_400)
    }

    @Test func beyondTheLimitASeriesIsRefusedAndCounted() {
        for index in 0..<(PrometheusRegistry.seriesLimit + 5) {
            registry.makeCounter(label: "a_total", dimensions: [("i", "\(index)")]).increment(by: 1)
        }
        #expect(registry.render().contains("\(MetricName.seriesRefused) 5\n"))
    }
}
