import Detection
import Foundation
import Microstructure
import Testing
import Wire
import ZeroMQ

@testable import Runtime
@testable import Engines
@testable import Bus
import TestSupport

/// A detector beside a `features` of another version, whose vectors have more columns.
@Suite(.serialized) struct ForeignSchemaTests {
    private static let wide = FeatureSchema(
        columns: ["new_1", "new_2"].map { Column($0, source: .book, unit: .one, meaning: "something new") }
            + FeatureSchema().columns, id: 42)

    private static var profile: Profile {
        var profile = Profile.classic
        (profile.cooldownSeconds, profile.dynamicThresholdWindow) = (0, 1)
        return profile
    }

    /// A quiet vector, which arms, and a loud one, which makes a signal.
    private static func vectors(_ schema: FeatureSchema, pairs: Range<Int>) -> [(FeatureHeader, [Double])] {
        let column = schema.index(of: "volume_z_1s") ?? 0
        return pairs.flatMap { pair in
            [0.0, 5.0].enumerated().map { place, value in
                let time = Timestamp(nanoseconds: 1_700_000_000_000_000_000 + Int64(2 * pair + place) * 1_000_000_000)
                var values = schema.columns.map { _ in Double.nan }
                values[column] = value
                let header = FeatureHeader(
                    instrument: InstrumentID(0), times: EventTimes(venue: time, receive: time), epoch: 1,
                    validity: .valid)
                return (header, values)
            }
        }
    }

    private static func publish(
        _ pairs: Range<Int>, _ schema: FeatureSchema, _ publisher: inout Publisher, _ topic: inout PublishedTopic
    ) throws {
        for (header, values) in vectors(schema, pairs: pairs) {
            let vector = ProtoFeatureVector(header, values: values, schema: schema.id, sourceEpoch: 1)
            try publisher.publish(.featureVector(vector), on: &topic)
        }
    }

    private static func signals(pairs: Range<Int>, of bank: inout DetectorBank) -> [Signal] {
        var signals: [Signal] = []
        for (header, values) in vectors(FeatureSchema(), pairs: pairs) {
            bank.process(values.span, header: header, into: &signals)
        }
        return signals
    }

    /// Until the schema has come its vectors are refused and counted; then they give the signals that this version's would.
    @Test(.timeLimit(.minutes(5))) func vectorsAreTakenOnceTheirColumnsAreKnown() async throws {
        let stage = try Stage(webhook: nil, only: ["detector"])
        defer { stage.remove() }
        let port = stage.metricsPort("detector")
        var publisher = try Publisher(
            [.plain(stage.features)], in: try Context(), producer: "features", epoch: 7, kind: .feature)
        let deadline = HostClock.monotonicNanoseconds + 30_000_000_000
        while publisher.subscriptions == 0, HostClock.monotonicNanoseconds < deadline {
            _ = await eventually(within: 0.05) { false }
            try publisher.countSubscriptions()
        }
        var topic = PublishedTopic(.feature(venue: "binance", symbol: "BTCUSDT"))
        try Self.publish(0..<10, Self.wide, &publisher, &topic)
        let refused = await eventually {
            await Web.metric(MetricName.busRejected, port: port, label: "reason=\"schema\"") == 20
        }
        #expect(refused, "\(stage.logs)")
        var schemaTopic = PublishedTopic(.featureSchema(venue: "binance", symbol: "BTCUSDT"))
        try publisher.publish(.featureSchema(ProtoFeatureSchema(Self.wide)), on: &schemaTopic)
        // The two versions may take turns.
        try Self.publish(10..<20, Self.wide, &publisher, &topic)
        try Self.publish(20..<30, FeatureSchema(), &publisher, &topic)
        try Self.publish(30..<40, Self.wide, &publisher, &topic)
        var unknown = PublishedTopic(.feature(venue: "?", symbol: "BTCUSDT"))
        var vector = ProtoFeatureVector()
        vector.validity = .valid
        try publisher.publish(.featureVector(vector), on: &unknown)

        var bank = try DetectorBank(
            venue: .binance, symbol: "BTCUSDT", schema: FeatureSchema(), profile: Self.profile)
        let expected = Self.signals(pairs: 10..<40, of: &bank)
        #expect(expected.count == 30)
        let head = await eventually { await Web.metric(MetricName.signalLogHead, port: port) == 30 }
        #expect(head, "\(stage.logs)")
        let isCounted = await eventually {
            await Web.metric(MetricName.busRejected, port: port, label: "reason=\"unknown_venue\"") == 1
        }
        #expect(isCounted, "\(stage.logs)")
        await stage.stop()
        let logged = try stage.loggedSignals().map { signal in
            var signal = signal
            (signal.logID, signal.logSequence, signal.loggedTimeNs) = (0, 0, 0)
            return signal
        }
        #expect(logged == expected.map { ProtoSignal($0) })
    }

    /// A checkpoint of one schema goes on under a wider one, as if nothing had happened.
    @Test func aCheckpointGoesOnUnderAWiderSchema() throws {
        let folder = try TestFiles.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let store = try BankStore(folder: folder.path)
        var bank = try DetectorBank(
            venue: .binance, symbol: "BTCUSDT", schema: FeatureSchema(), profile: Self.profile)
        _ = Self.signals(pairs: 0..<5, of: &bank)
        try store.save(bank)
        var resumed = try #require(try store.load(.binance, "BTCUSDT", Self.profile, Self.wide))
        #expect(resumed.schemaID == Self.wide.id)
        var signals: [Signal] = []
        for (header, values) in Self.vectors(Self.wide, pairs: 5..<10) {
            resumed.process(values.span, header: header, into: &signals)
        }
        #expect(signals == Self.signals(pairs: 5..<10, of: &bank) && signals.count == 5)
        #expect(resumed.counts == bank.counts)

        let watched = "regime_change_probability"
        let narrow = FeatureSchema(columns: FeatureSchema().columns.filter { $0.name != watched }, id: 2)
        let problem = try #require(throws: BankStore.Problem.self) {
            _ = try store.load(.binance, "BTCUSDT", Self.profile, narrow)
        }
        #expect(problem.description.contains(watched), "\(problem)")
    }
}
