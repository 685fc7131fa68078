@testable import Ingest
@testable import Runtime
import Testing
import Venues

@Suite struct SessionMetersTests {
    /// Every count of a session reaches the metrics, as often as it happened, and the outcomes add up.
    @Test func nothingThatASessionCountsIsLeftOut() throws {
        let registry = Observability.bootstrap(service: "test", level: .critical, format: .text, version: "test")
        let symbol = "SESSIONMETERS"
        var meters = SessionMeters(venue: .kraken, symbol: symbol)
        var counts = SessionCounts()
        counts.depthUpdates = 10_000
        counts.trades = 2_000
        counts.quotes = 300
        counts.oldQuotes = 40
        counts.rejections[.truncated] = 5
        counts.messages = counts.outcomes
        counts.depthApplied = 9_000
        counts.depthDropped = 1_000
        counts.snapshots = 2
        counts.snapshotsFailed = 1
        counts.gaps = 3
        meters.report(counts)
        counts.depthUpdates += 1
        counts.messages += 1
        counts.depthApplied += 1
        meters.report(counts)
        meters.report(counts)
        var values: [String: [Int]] = [:]
        for line in registry.render().split(separator: "\n")
        where line.contains("symbol=\"\(symbol)\",venue=\"kraken\"") {
            let value = try #require(line.split(separator: " ").last.flatMap { Int($0) })
            values[String(line.prefix { $0 != "{" }), default: []].append(value)
        }
        func sum(_ name: String) -> Int? { values[name]?.reduce(0, +) }
        #expect(sum(MetricName.feedMessages) == 12_346)
        #expect(sum(MetricName.feedFrames) == 12_346)
        #expect(sum(MetricName.feedDepthUpdates) == Int(counts.depthSettled))
        #expect(values[MetricName.feedFrames]?.contains(10_001) == true)
        #expect(sum(MetricName.feedBookUpdates) == 9_001)
        #expect(values[MetricName.feedSnapshots]?.sorted() == [0, 0, 0, 0, 1, 2])
        #expect(sum(MetricName.feedGaps) == 3)
        #expect(sum(MetricName.feedRejected) == 5)
    }
}
