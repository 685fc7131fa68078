import TestSupport
@testable import Lab
@testable import Tape
import Detection
import Foundation
import Microstructure
import Testing
import Wire

/// `detect`, `calibrate` and `explain` where a tape is damaged, too short, given twice, or not asked for rightly.
@Suite(.serialized) struct DetectionCommandTests {
    private let bench: ImportBench
    private let tape: String

    /// Five minutes of a book, ten changes a second, of random sizes: enough to warm the detectors up.
    init() throws {
        bench = try ImportBench()
        tape = bench.folder.appending(path: "abc.tape").path
        var lines = [
            #"1700000000000000001 {"stream":"abcusdt@depth@100ms","data":{"e":"depthUpdate","E":1700000000000,"s":"ABCUSDT","U":10,"u":12,"b":[],"a":[]}}"#,
            #"1700000000000000002 {"lastUpdateId":12,"bids":[["1.50","3"],["1.49","2.5"]],"asks":[["1.51","1"]]}"#,
        ]
        var random = SplitMix64(seed: 5)
        for step in 1...3_000 {
            let time = 1_700_000_000_000 + step * 100
            lines.append(
                #"\#(time)000001 {"stream":"abcusdt@depth@100ms","data":{"e":"depthUpdate","E":\#(time),"s":"ABCUSDT","U":\#(12 + step),"u":\#(12 + step),"b":[["1.50","\#(1 + random.index(below: 100))"]],"a":[["1.51","\#(1 + random.index(below: 100))"]]}}"#
            )
        }
        let file = try bench.file("abc.txt", lines.joined(separator: "\n"))
        let options = ImportRun.Options(format: .binanceRaw, files: [file], out: tape)
        _ = try ImportRun(options: options, progress: ProgressBar(total: 0)).run { _ in }
    }

    private func microlab(_ arguments: [String]) async throws -> (code: Int32?, output: String, log: String) {
        let program = try Program("microlab", arguments, in: bench.folder)
        let code = await program.exitCode()
        return (code, program.outputText, program.logText)
    }

    /// The tape again, with a record that is no message, or cut off within its second half.
    private func spoiltTape(_ name: String, isCut: Bool) throws -> String {
        let path = bench.folder.appending(path: name).path
        var reader = try TapeReader(path: tape)
        let writer = try TapeWriter(path: path, created: Timestamp(nanoseconds: 1_700_000_000_000_000_000))
        var count = 0
        while let record = try reader.next() {
            let time = try EnvelopeCodec.decode(record.body).receiveTime
            count += 1
            if count == 2_000 {
                if !isCut { try writer.append(topic: record.topicBytes, body: [0xff], receiveTime: time) }
                try writer.flush()
            }
            let half = writer.byteCount
            try writer.append(topic: record.topicBytes, body: record.body, receiveTime: time)
            guard isCut, count == 3_000 else { continue }
            try writer.finish()
            try Data(contentsOf: URL(filePath: path)).prefix(Int(half) + 100).write(to: URL(filePath: path))
            return path
        }
        try writer.finish()
        return path
    }

    /// Every command that runs the detectors answers with what could be read, and with exit code 1.
    @Test(.timeLimit(.minutes(2))) func whatIsLostOfATapeIsSaid() async throws {
        for (path, word) in [
            (try spoiltTape("cut.tape", isCut: true), "inside a block"),
            (try spoiltTape("odd.tape", isCut: false), "1 records"),
        ] {
            for arguments in [
                ["detect", path], ["explain", "\(path)@1700000250"],
                ["calibrate", path, "--budget", "1000/day", "--extrapolate"],
            ] {
                let (code, _, log) = try await microlab(arguments)
                #expect(code == 1 && log.contains("! ") && log.contains(word), "\(arguments) \(log)")
            }
        }
    }

    @Test(.timeLimit(.minutes(1))) func aMomentBeyondTheTapeIsRefused() async throws {
        let (code, output, log) = try await microlab(["explain", "\(tape)@1700000900"])
        #expect(code == 65 && log.contains("lies beyond") && output.isEmpty, "\(log)")
        #expect(try await microlab(["explain", "\(tape)@1700000010"]).code == 0)
        #expect(try await microlab(["explain", "\(tape)@1600000000"]).code == 65)
    }

    /// Why there is none where the evidence is there, and which detector could never make one alone.
    @Test func anExplanationSaysWhyThereIsNoSignal() throws {
        let schema = FeatureSchema()
        var profile = Profile.uncalibrated
        profile.detectors = [
            .init(.burst, "volume_z_1s"), .init(.regime, "regime_change_probability"),
        ]
        profile.detectors[0].tail = TailTable(values: [0, 4], nats: [0.5, 8])
        profile.detectors[1].tail = TailTable(values: [0, 0.5], nats: [0.5, 1])
        profile.budget = Profile.Budget(signalsPerDay: 24, evidenceThreshold: 8)
        var bank = try DetectorBank(venue: .binance, symbol: "AB", schema: schema, profile: profile)
        var history = ExplanationHistory(seconds: 30)
        var values = [Double](repeating: .nan, count: schema.names.count)
        values[try #require(schema.index(of: "regime_change_probability"))] = 0.1
        var signals: [Signal] = []
        for (second, volume) in [1.0, 20, 20].enumerated() {
            values[try #require(schema.index(of: "volume_z_1s"))] = volume
            let time = Timestamp(nanoseconds: 1_700_000_000_000_000_000 + Int64(second) * 1_000_000_000)
            let header = FeatureHeader(
                instrument: InstrumentID(0), times: EventTimes(venue: time, receive: time), epoch: 1,
                validity: .valid)
            bank.process(values.span, header: header, into: &signals)
            history.append(bank, values: values, at: time)
            if second == 0 { #expect(!history.text(bank, nil).contains("has gone out already")) }
        }
        #expect(signals.count == 1)
        let lines = history.text(bank, nil).split(separator: "\n")
        #expect(lines.first?.contains("no signal: this episode's signal has gone out already") == true, "\(lines)")
        #expect(lines.filter { $0.contains("not reachable") }.count == 1, "\(lines)")
        #expect(lines.contains { $0.hasPrefix("regime ") && $0.contains("not reachable") }, "\(lines)")
    }

    @Test(.timeLimit(.minutes(1))) func aSignalOfAnotherSymbolIsRefused() async throws {
        let id = "1797a7d3c0b8a000-ABCUSDT-drift"
        let (code, _, log) = try await microlab(["explain", id, "--tape", tape, "--symbol", "XYZUSDT"])
        #expect(code == 64 && log.contains("is of ABCUSDT"), "\(log)")
    }

    @Test(.timeLimit(.minutes(1))) func aTapeIsNotCountedTwice() async throws {
        for second in [tape, bench.folder.path + "/./abc.tape"] {
            let (code, output, log) = try await microlab(["calibrate", tape, second, "--extrapolate"])
            #expect(code == 64 && log.contains("given twice") && output.isEmpty, "\(log)")
        }
    }

    /// Several tapes give what each gives alone, one after the other.
    @Test(.timeLimit(.minutes(2))) func severalTapesComeOneAfterTheOther() async throws {
        let copy = bench.folder.appending(path: "copy.tape").path
        try FileManager.default.copyItem(atPath: tape, toPath: copy)
        for arguments in [["detect", "--profile", "classic"], ["features"]] {
            let one = try await microlab(arguments + [tape])
            let both = try await microlab(arguments + [tape, copy])
            #expect(one.code == 0 && both.code == 0, "\(both.log)")
            let header = arguments == ["features"] ? 1 : 0
            let lines = one.output.split(separator: "\n")
            if arguments == ["features"] { #expect(lines.count > 2, "\(one.log)") }
            #expect(both.output.split(separator: "\n") == lines + lines.dropFirst(header))
            let (code, output, log) = try await microlab(arguments + [tape, tape])
            #expect(code == 64 && log.contains("given twice") && output.isEmpty, "\(log)")
        }
    }

    @Test(.timeLimit(.minutes(1))) func aSymbolThatIsNotOnTheTapeIsSaid() async throws {
        let (code, output, log) = try await microlab(["detect", tape, "--symbols", "NOPE"])
        #expect(code == 65 && log.contains("no market data that was asked for") && output.isEmpty, "\(log)")
    }
}
