@testable import Engines
@testable import Runtime
import Detection
import Microstructure
import Testing

@Suite struct DetectorMetersTests {
    /// Counters stand at zero from the start, then follow the bank; where each detector stands is told beside its threshold.
    @Test func whatABankHasDoneIsTold() throws {
        let registry = Observability.bootstrap(service: "test", level: .critical, format: .text, version: "test")
        let symbol = "BANKMETERS"
        let schema = FeatureSchema()
        var bank = try DetectorBank(venue: .binance, symbol: symbol, schema: schema)
        var meters = DetectorMeters(bank)
        func value(_ name: String, _ labels: String = "") -> Double? {
            registry.render().split(separator: "\n")
                .first {
                    $0.hasPrefix(name + "{") && $0.contains("symbol=\"\(symbol)\"") && $0.contains("venue=\"binance\"")
                        && (labels.isEmpty || $0.contains(labels))
                }
                .flatMap { $0.split(separator: " ").last }.flatMap { Double($0) }
        }
        #expect(value(MetricName.detections, "type=\"drift\"") == 0)
        #expect(value(MetricName.detectionsSuppressed, "reason=\"cooldown\"") == 0)
        #expect(value(MetricName.detectorIgnored, "reason=\"invalid\"") == 0)

        var signals: [Signal] = []
        let values = [Double](repeating: 1, count: schema.names.count)
        for (index, validity) in [Validity.valid, .valid, .stale].enumerated() {
            let time = Timestamp(nanoseconds: Int64(index) * 100_000_000)
            let header = FeatureHeader(
                instrument: InstrumentID(0), times: EventTimes(venue: time, receive: time), epoch: 1, validity: validity
            )
            bank.process(values.span, header: header, into: &signals)
        }
        bank.process(
            [1.0].span,
            header: FeatureHeader(
                instrument: InstrumentID(0),
                times: EventTimes(venue: .init(nanoseconds: 0), receive: .init(nanoseconds: 0)),
                epoch: 1, validity: .valid), into: &signals)
        for _ in 1...2 { meters.report(bank) }
        #expect(value(MetricName.detectorVectors) == 4)
        #expect(value(MetricName.detectorIgnored, "reason=\"invalid\"") == 1)
        #expect(value(MetricName.detectorIgnored, "reason=\"malformed\"") == 1)
        #expect(value(MetricName.detectorEnsembleScore) == bank.score)
        let statistic = try #require(bank.statistics.first)
        let labels = "metric=\"\(statistic.feature)\""
        #expect(value(MetricName.detectorStatisticThreshold, labels) == statistic.threshold)
        #expect(value(MetricName.detectorStatistic, labels) != nil)
    }
}
