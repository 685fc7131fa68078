@testable import Lab
@testable import Tape
import Foundation
import Microstructure
import Simulation
import TestSupport
import Testing
import Wire

/// The features of recorded markets, from their tapes.
@Suite(.serialized) struct FeatureTapeTests {
    private struct Message {
        let topic: Topic
        let body: [UInt8]
        let arrival: SequenceTracker.Arrival
    }

    /// A vector as its bits.
    private struct Row: Equatable {
        let header: FeatureHeader
        let bits: [UInt64]
    }

    private static func messages(ofTape path: String) throws -> [Message] {
        var reader = try TapeReader(path: path)
        var tracker = SequenceTracker()
        var messages: [Message] = []
        while let record = try reader.next() {
            let topic = try #require(Topic(record.topicBytes))
            let envelope = try EnvelopeCodec.decode(record.body)
            let arrival = tracker.process(
                topic: record.topicBytes, epoch: envelope.epoch, sequence: envelope.sequence)
            messages.append(Message(topic: topic, body: record.body, arrival: arrival))
        }
        return messages
    }

    private static func rows(_ messages: ArraySlice<Message>) throws -> [Row] {
        var markets = FeatureMarkets()
        var rows: [Row] = []
        var reader = EnvelopeReader()
        for message in messages {
            try reader.read(message.body.span)
            guard
                case .vector(let market, _, let header) = try markets.process(message.topic, reader, message.arrival)
            else { continue }
            rows.append(Row(header: header, bits: markets.markets[market].engine.values.map(\.bitPattern)))
        }
        return rows
    }

    private static func importCapture(_ path: String, to folder: URL) throws -> String {
        let tape = folder.appending(path: URL(filePath: path).lastPathComponent + ".tape").path
        let options = ImportRun.Options(format: .binanceRaw, files: [path], out: tape)
        _ = try ImportRun(options: options, progress: ProgressBar(total: 0)).run { _ in }
        return tape
    }

    /// No vector knows what comes after it: the features of any prefix of the market are the prefix of the features.
    @Test(
        .enabled(if: TestFiles.hasCaptures, "the recordings are not on this machine"), .timeLimit(.minutes(5)),
        arguments: TestFiles.captures)
    func featuresOfAPrefixAreThePrefixOfTheFeatures(capture: String) throws {
        let folder = try TestFiles.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let messages = try Self.messages(ofTape: try Self.importCapture(capture, to: folder))
        let all = try Self.rows(messages[...])
        #expect(all.count > 3_400)
        var random = SplitMix64(testSeed: testSeed)
        for _ in 0..<6 {
            let cut = Int.random(in: 0...messages.count, using: &random)
            let prefix = try Self.rows(messages[..<cut])
            #expect(prefix == Array(all.prefix(prefix.count)), "cut at \(cut)")
        }
    }

    /// Once warm, every column of a real market says something.
    @Test(.enabled(if: TestFiles.hasCaptures, "the recordings are not on this machine"))
    func everyColumnIsDefinedInARealMarket() throws {
        let folder = try TestFiles.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let messages = try Self.messages(ofTape: try Self.importCapture(TestFiles.captures[0], to: folder))
        let last = try Self.rows(messages[...]).suffix(600).map(\.bits)
        for (column, name) in FeatureSchema().names.enumerated() {
            let defined = last.count { !Double(bitPattern: $0[column]).isNaN }
            // Twenty buckets of 30 s are longer than the recording; Roll's model has no answer to a trend.
            if name == "volume_z_30s" || name == "roll_spread" { continue }
            #expect(defined > 550, "\(name)")
        }
    }

    /// Not ignored in silence: whoever runs the markets counts what they throw.
    @Test func aMarketOfAnUnknownVenueIsRefused() throws {
        var markets = FeatureMarkets()
        let topic = try #require(Topic(Array("tick.?.BTCUSDT.status|".utf8)))
        var envelope = ProtoEnvelope()
        envelope.status = ProtoStatus(validity: .valid, bookEpoch: 1)
        envelope.sequence = 1
        var reader = EnvelopeReader()
        try reader.read(EnvelopeCodec.encode(envelope).span)
        #expect(throws: WireError.unknownVenue("?")) {
            _ = try markets.process(topic, reader, .first(missed: 0))
        }
        #expect(markets.markets.isEmpty)
    }

    /// Not even `--force` writes over the tape that is being read, whatever it is called.
    @Test(.enabled(if: TestFiles.hasCaptures, "the recordings are not on this machine"))
    func theTapeBeingReadIsNeverReplaced() async throws {
        let folder = try TestFiles.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let tape = try Self.importCapture(TestFiles.captures[0], to: folder)
        let alias = folder.appending(path: "alias.csv").path
        try FileManager.default.linkItem(atPath: tape, toPath: alias)
        let before = try Data(contentsOf: URL(filePath: tape))
        for (command, out) in [("features", tape), ("features", alias), ("export", tape), ("export", alias)] {
            let program = try Program("microlab", [command, tape, "--out", out, "--force"], in: folder)
            #expect(await program.exitCode() == 73, "\(command): \(program.logText)")
            #expect(program.logText.contains("is what is being read"))
        }
        #expect(try Data(contentsOf: URL(filePath: tape)) == before)
    }
}
