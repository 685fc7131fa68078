import TapeSupport
import TestSupport
@testable import Bus
@testable import Lab
@testable import Runtime
@testable import Tape
import Foundation
import Logging
import Microstructure
import Testing
import Wire
import ZeroMQ

/// `microlab record` and `microlab replay` as their users run them.
@Suite(.serialized) struct RecordReplayTests {
    private let folder: URL
    private let tape: String
    private let bus: String

    init() throws {
        folder = try TestFiles.temporaryFolder()
        tape = folder.appending(path: "tape").path
        bus = "ipc://\(folder.path)/ticks"
    }

    private func recorder(_ endpoint: String, tag: String = "") throws -> (program: Program, metrics: Int) {
        let port = freePort()
        let program = try Program(
            "microlab", ["record", "--connect", endpoint, "--out", tape, "--metrics-port", "\(port)"], in: folder,
            tag: "-record\(tag)")
        return (program, port)
    }

    private func trade(_ id: Int64) -> ProtoEnvelope.OneOf_Payload {
        var trade = ProtoTrade()
        trade.id = id
        trade.aggressor = .buy
        trade.receiveTimeNs = HostClock.now.nanoseconds
        return .trade(trade)
    }

    private func publish(_ ids: ClosedRange<Int64>, _ publisher: inout Publisher, _ topic: inout PublishedTopic) throws
    {
        for id in ids { #expect(try publisher.publish(trade(id), on: &topic)) }
    }

    private func join(_ publisher: inout Publisher, _ program: Program) throws {
        let end = HostClock.monotonicNanoseconds + 30_000_000_000
        while publisher.subscriptions == 0, HostClock.monotonicNanoseconds < end, program.isRunning {
            try publisher.countSubscriptions()
        }
        try #require(publisher.subscriptions > 0, "\(program.logText)")
    }

    /// `kill -9` costs nothing that has reached the disk, and a restart goes on in a new segment.
    @Test(.timeLimit(.minutes(2))) func aKilledRecorderLosesNoBlock() async throws {
        let context = try Context()
        var publisher = try Publisher([.plain(bus)], in: context, producer: "test", epoch: 1, kind: .tick)
        var topic = PublishedTopic(TapeSamples.topic)
        let (first, _) = try recorder(bus)
        try join(&publisher, first)
        try publish(1...5_000, &publisher, &topic)
        #expect(await eventually { (try? TapeSamples.numbers(tape).ids.count) == 5_000 }, "\(first.logText)")
        first.signal(SIGKILL)
        #expect(await first.exitCode() == SIGKILL)
        let (ids, problems) = try TapeSamples.numbers(tape)
        #expect(ids == Array(1...5_000) && problems.map(\.kind) == [.noIndex])
        let end = HostClock.monotonicNanoseconds + 20_000_000_000
        while publisher.subscriptions > 0, HostClock.monotonicNanoseconds < end { try publisher.countSubscriptions() }
        #expect(publisher.subscriptions == 0)

        let (second, port) = try recorder(bus, tag: "-2")
        try join(&publisher, second)
        try publish(5_001...7_000, &publisher, &topic)
        #expect(await eventually { await Web.metric(MetricName.tapeRecords, port: port) == 2_000 }, "\(second.logText)")
        #expect(await eventually { await Web.get("http://127.0.0.1:\(port)/ready")?.status == 200 })
        let page = try #require(await Web.get("http://127.0.0.1:\(port)/metrics"))
        let (code, report) = try Program.run("promtool", ["check", "metrics"], input: page.body)
        #expect(code == 0, "\(report)")
        #expect(await Web.metric(MetricName.tapeDropped, port: port) == 0)
        second.signal(SIGTERM)
        #expect(await second.exitCode() == 0, "\(second.logText)")
        let whole = try TapeSamples.numbers(tape)
        #expect(whole.ids == Array(1...7_000))
        #expect(whole.problems.map(\.kind) == [.noIndex])
        let segments = try FileManager.default.contentsOfDirectory(atPath: tape)
        #expect(segments.count == 2)

        let info = try Program("microlab", ["info", tape, "--json"], in: folder, tag: "-info")
        #expect(await info.exitCode() == 0, "\(info.logText)")
        let object = try JSONSerialization.jsonObject(with: Data(info.outputText.utf8)) as? [String: Any]
        let audit = try #require(object?["audit"] as? [String: Any])
        #expect(audit["records"] as? Int == 7_000)
        let kinds = try #require(audit["kinds"] as? [[String: Any]])
        #expect(kinds.count == 1 && kinds.first?["lost"] as? Int == 0 && kinds.first?["count"] as? Int == 7_000)
    }

    private static let raw: String = {
        var lines = [
            #"1700000000000000001 {"stream":"abcusdt@depth@100ms","data":{"e":"depthUpdate","E":1700000000000,"s":"ABCUSDT","U":10,"u":12,"b":[],"a":[]}}"#,
            #"1700000000000000002 {"lastUpdateId":12,"bids":[["1.50","3"],["1.49","2.5"]],"asks":[["1.51","1"]]}"#,
        ]
        for step in 1...1_000 {
            let time = 1_700_000_000_000 + step * 2
            lines.append(
                #"\#(time)000001 {"stream":"abcusdt@depth@100ms","data":{"e":"depthUpdate","E":\#(time),"s":"ABCUSDT","U":\#(12 + step),"u":\#(12 + step),"b":[["1.50","\#(step)"]],"a":[]}}"#
            )
            lines.append(
                #"\#(time)000002 {"stream":"abcusdt@trade","data":{"e":"trade","E":\#(time),"s":"ABCUSDT","t":\#(step),"p":"1.51","q":"0.5","T":\#(time),"m":false}}"#
            )
        }
        return lines.joined(separator: "\n")
    }()

    /// What a replay publishes and a recorder writes is the tape again, but for the sent times.
    @Test(.timeLimit(.minutes(2)), arguments: ["max", "10"]) func aReplayedTapeIsRecordedAsItWas(speed: String)
        async throws
    {
        let bench = try ImportBench()
        let original = try bench.run(.binanceRaw, [bench.file("abc.txt", Self.raw)])
        #expect(original.events.books.count == 1_000)
        let source = bench.folder.appending(path: "source.tape").path
        let command = try Program(
            "microlab",
            ["import", "--format", "binance-raw", bench.folder.appending(path: "abc.txt").path, "--out", source],
            in: folder, tag: "-import")
        #expect(await command.exitCode() == 0, "\(command.logText)")
        let (recorder, port) = try recorder(bus)
        let replay = try Program(
            "microlab", ["replay", source, "--speed", speed, "--publish", bus, "--wait-subscriptions", "1"], in: folder,
            tag: "-replay")
        #expect(await replay.exitCode() == 0, "\(replay.logText)")
        #expect(
            replay.logText.contains("\(original.events.count) messages published, 0 not taken"), "\(replay.logText)")
        let count = Double(original.events.count)
        #expect(
            await eventually { await Web.metric(MetricName.tapeRecords, port: port) == count }, "\(recorder.logText)")
        #expect(await Web.metric(MetricName.busLost, port: port) == 0)
        recorder.signal(SIGTERM)
        #expect(await recorder.exitCode() == 0)
        let copy = try ImportBench.events(tape)
        func unsent(_ events: [TapeEvents.Event]) -> [TapeRecord] {
            events.map { event in
                var envelope = event.envelope
                envelope.sentTimeNs = 0
                return TapeRecord(topicBytes: event.record.topicBytes, body: EnvelopeCodec.encode(envelope))
            }
        }
        #expect(unsent(copy) == unsent(original.events))
        #expect(copy.allSatisfy { $0.envelope.sentTimeNs > 1_700_001_000_000_000_000 })
    }

    /// A replay with nobody listening ends, too, and can be stopped while it waits.
    @Test(.timeLimit(.minutes(1))) func aReplayCanBeStopped() async throws {
        let bench = try ImportBench()
        let path = bench.folder.appending(path: "slow.tape").path
        let writer = try TapeWriter(path: path, created: HostClock.now)
        for number in [1, 10_000_000] {
            let (record, time) = TapeSamples.record(number)
            try writer.append(topic: record.topicBytes, body: record.body, receiveTime: time)
        }
        try writer.finish()
        for wait in ["0", "1"] {
            let replay = try Program(
                "microlab", ["replay", path, "--publish", bus + wait, "--wait-subscriptions", wait], in: folder,
                tag: "-replay\(wait)")
            #expect(await eventually { replay.logText.contains("publishing on") }, "\(replay.logText)")
            replay.signal(SIGTERM)
            #expect(await replay.exitCode() == 130, "\(replay.logText)")
        }
    }

    @Test(.timeLimit(.minutes(1))) func exportedRowsAreExact() async throws {
        let bench = try ImportBench()
        let source = bench.folder.appending(path: "source.tape").path
        let raw = Self.raw.split(separator: "\n").prefix(4).joined(separator: "\n")
        let file = try bench.file("abc.txt", raw)
        let command = try Program(
            "microlab", ["import", "--format", "binance-raw", file, "--out", source], in: folder, tag: "-import")
        #expect(await command.exitCode() == 0, "\(command.logText)")
        let export = try Program("microlab", ["export", source, "--csv"], in: folder, tag: "-export")
        #expect(await export.exitCode() == 0, "\(export.logText)")
        let rows = export.outputText.split(separator: "\n").map(String.init)
        #expect(rows.count == 5)
        #expect(rows.allSatisfy { $0.split(separator: ",", omittingEmptySubsequences: false).count == 92 })
        #expect(rows[0].hasPrefix("kind,receive_time_ns,venue_time_ns,symbol,book_epoch,validity,update_id,id,price,"))
        #expect(rows[0].contains(",backfilled,bid_price_1,bid_quantity_1,bid_price_2,"))
        #expect(rows[0].hasSuffix(",ask_price_20,ask_quantity_20"))
        #expect(rows[1].hasPrefix("status,1700000000000000001,1700000000000000001,ABCUSDT,0,resyncing,,,,,,,"))
        let book = "book,1700000000002000001,1700000000002000000,ABCUSDT,1700000000000000002,valid,13,,,,,,"
        #expect(rows[3].hasPrefix(book + "1.50000,1.0000,1.49000,2.5000,,"))
        #expect(rows[3].contains(",1.51000,1.0000,,"))
        let trade = "trade,1700000000002000002,1700000000002000000,ABCUSDT,,,,1,1.51000,0.5000,buy,0,,"
        #expect(rows[4].hasPrefix(trade))
        let filtered = try Program(
            "microlab", ["export", source, "--from", "1700000000002000002", "--symbols", "abcusdt"], in: folder,
            tag: "-filtered")
        #expect(await filtered.exitCode() == 0, "\(filtered.logText)")
        #expect(filtered.outputText.split(separator: "\n").count == 2)
    }
}
