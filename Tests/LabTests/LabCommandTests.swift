import TestSupport
@testable import Lab
@testable import Tape
import Foundation
import Microstructure
import Testing
import Wire
import ZeroMQ

/// What the commands of `microlab` do where there is nothing to do, nowhere to write, or no end.
@Suite(.serialized) struct LabCommandTests {
    private let bench: ImportBench
    private let tape: String

    init() throws {
        bench = try ImportBench()
        tape = bench.folder.appending(path: "abc.tape").path
        var lines = [
            #"1700000000000000001 {"stream":"abcusdt@depth@100ms","data":{"e":"depthUpdate","E":1700000000000,"s":"ABCUSDT","U":10,"u":12,"b":[],"a":[]}}"#,
            #"1700000000000000002 {"lastUpdateId":12,"bids":[["1.50","3"],["1.49","2.5"]],"asks":[["1.51","1"]]}"#,
        ]
        for step in 1...200 {
            let time = 1_700_000_000_000 + step * 100
            lines.append(
                #"\#(time)000001 {"stream":"abcusdt@depth@100ms","data":{"e":"depthUpdate","E":\#(time),"s":"ABCUSDT","U":\#(12 + step),"u":\#(12 + step),"b":[["1.50","\#(step)"]],"a":[]}}"#
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

    /// A full standard output is an error of every command that prints there.
    @Test(.timeLimit(.minutes(2))) func aFullStandardOutputIsSaid() async throws {
        let series = try bench.file("series.csv", "1\n2\n3\n")
        let text = bench.folder.appending(path: "abc.txt").path
        let copy = bench.folder.appending(path: "copy.tape").path
        for arguments in [
            ["changepoints", series], ["info", tape], ["info", tape, "--json"], ["export", tape], ["features", tape],
            ["verify", text],
            ["import", "--format", "binance-raw", text, "--out", copy],
            ["record", "--check-config"],
        ] {
            let program = try Program(
                "microlab", ["-c", #"exec "$0" "$@" >/dev/full"#, Program.executable("microlab").path] + arguments,
                in: bench.folder, executable: URL(filePath: "/bin/sh"))
            #expect(await program.exitCode() == 74, "\(arguments) \(program.logText)")
            #expect(program.logText.contains("cannot write standard output"), "\(arguments) \(program.logText)")
        }
    }

    /// No rows, no file: what was there before stays, and the exit code tells.
    @Test(.timeLimit(.minutes(2))) func nothingIsNoFile() async throws {
        let old = try bench.file("old.csv", "kept")
        for command in ["export", "features"] {
            let (code, _, log) = try await microlab([command, tape, "--symbols", "nope,NO", "--out", old, "--force"])
            #expect(code == 65 && log.contains("of ") && log.contains("NO") && !log.contains("["), "\(log)")
            #expect(try String(contentsOfFile: old, encoding: .utf8) == "kept")
        }
        for arguments in [
            ["info", tape, "--symbols", "NOPE"], ["replay", tape, "--symbols", "NOPE", "--publish", bus],
        ] {
            let (code, _, log) = try await microlab(arguments)
            #expect(code == 65 && log.contains("holds no messages of NOPE"), "\(log)")
        }
        let (code, output, _) = try await microlab(["info", tape, "--symbols", "ABCUSDT"])
        #expect(code == 0 && output.contains("ABCUSDT"))

        // Damage is what it is called, also where it leaves nothing.
        var bytes = try Data(contentsOf: URL(filePath: tape))
        for place in stride(from: 60, to: bytes.count, by: 7) { bytes[place] ^= 0x5a }
        let damaged = bench.folder.appending(path: "damaged.tape").path
        try bytes.write(to: URL(filePath: damaged))
        let out = bench.folder.appending(path: "none.csv").path
        for command in ["export", "features"] {
            let (code, _, log) = try await microlab([command, damaged, "--out", out])
            #expect(code == 1 && !log.contains("before the tape"), "\(command): \(log)")
            #expect(!FileManager.default.fileExists(atPath: out))
        }
    }

    private var bus: String { "ipc://\(bench.folder.path)/bus" }

    /// A tape played three times is one market to its subscriber: time goes on, producers restart, nothing is late.
    @Test(.timeLimit(.minutes(2))) func aLoopGoesOn() async throws {
        let records = try ImportBench.events(tape).count
        let copy = bench.folder.appending(path: "copy").path
        let recorder = try Program(
            "microlab", ["record", "--connect", bus, "--out", copy, "--metrics-port", "0"], in: bench.folder,
            tag: "-record")
        let (code, _, log) = try await microlab(
            ["replay", tape, "--speed", "max", "--loop", "3", "--publish", bus, "--wait-subscriptions", "1"])
        #expect(code == 0 && log.contains("\(3 * records) messages published in 3 passes, 0 not taken"), "\(log)")
        #expect(await eventually { (try? Self.count(copy)) == 3 * records }, "\(recorder.logText)")
        recorder.signal(SIGTERM)
        #expect(await recorder.exitCode() == 0)

        let events = try ImportBench.events(copy)
        for (before, after) in zip(events, events.dropFirst()) { #expect(before.receiveTime <= after.receiveTime) }
        let epochs = events.map(\.envelope.epoch)
        #expect(Set(epochs).count == 3 && epochs == epochs.sorted())
        #expect(Set(events.books.map(\.bookEpoch)).count == 3)
        for pass in 1...2 {
            // A second after the last message of the pass before, and the same distances within.
            let (end, begin) = (events[pass * records - 1].receiveTime, events[pass * records].receiveTime)
            #expect(begin.nanoseconds(since: end) == 1_000_000_000)
            let shift = begin.nanoseconds(since: events[0].receiveTime)
            for (first, later) in zip(events, events[(pass * records)...].prefix(records)) {
                #expect(later.receiveTime.nanoseconds(since: first.receiveTime) == shift)
                #expect(later.envelope.sequence == first.envelope.sequence)
            }
        }
        // The engine gives each pass the vectors of the first, as it starts anew with each producer. Only before its first
        // book the first pass has fewer: nobody knows the decimals yet.
        let features = try await microlab(["features", copy])
        let rows = features.output.split(separator: "\n").map { $0.split(separator: ",") }
        // What depends on the time of day is not the same.
        let clock = ["hour", "minute", "regime_change_probability", "regime_run_length"]
        let places = rows[0].indices.dropFirst(5).filter { !clock.contains(String(rows[0][$0])) }
        let values = rows.dropFirst().filter { $0.contains("valid") }.map { row in places.map { row[$0] } }
        #expect(features.code == 0 && values.count % 3 == 0 && !values.isEmpty)
        let third = values.count / 3
        #expect(Array(values[..<third]) == Array(values[third..<(2 * third)]))
    }

    private static func count(_ tape: String) throws -> Int {
        var events = try TapeEvents(path: tape)
        var count = 0
        while try events.next() != nil { count += 1 }
        return count
    }

    @Test(.timeLimit(.minutes(1))) func anEndlessLoopCanBeStopped() async throws {
        let replay = try Program(
            "microlab", ["replay", tape, "--speed", "max", "--loop", "forever", "--publish", bus], in: bench.folder)
        #expect(await eventually { replay.logText.contains("publishing on") }, "\(replay.logText)")
        replay.signal(SIGTERM)
        #expect(await replay.exitCode() == 130, "\(replay.logText)")
        for count in ["0", "-1", "often"] {
            #expect(try await microlab(["replay", tape, "--loop=\(count)", "--publish", bus]).code == 64)
        }
    }
}

/// The series that `microlab changepoints` takes.
@Suite struct SeriesTests {
    private let bench: ImportBench

    init() throws { bench = try ImportBench() }

    private func changepoints(_ arguments: [String]) async throws -> (code: Int32?, output: String, log: String) {
        let program = try Program("microlab", ["changepoints"] + arguments, in: bench.folder)
        let code = await program.exitCode()
        return (code, program.outputText, program.logText)
    }

    /// A blank line of a one-column file is a missing value at its place; lines are counted as an editor counts them.
    @Test func blankLinesKeepTheirPlaces() throws {
        let one = try SeriesFile(path: bench.file("one.csv", "v\n1\n\n2\r\n\"\"\n3\n\n\n"), column: nil)
        #expect(one.values == [1, 2, 3] && one.places == [0, 2, 4] && one.count == 5)
        let two = try SeriesFile(path: bench.file("two.csv", "t,v\n\n0,1\n1,\n2,3\n"), column: nil)
        #expect(two.values == [1, 3] && two.places == [0, 2] && two.count == 3)
        let bare = try SeriesFile(path: bench.file("bare.csv", "\n7\n\n8\n"), column: nil)
        #expect(bare.values == [7, 8] && bare.places == [0, 2])
        let error = #expect(throws: SeriesFile.Failure.self) {
            try SeriesFile(path: bench.file("bad.csv", "v\n1\n\n\nx\n"), column: nil)
        }
        #expect(error?.description.contains("line 5") == true)
        #expect(throws: SeriesFile.Failure.self) { try SeriesFile(path: bench.file("none.csv", "\n\n"), column: nil) }
    }

    /// However large or small the unit of a series, its change is found; what would not be looked at is refused.
    @Test(.timeLimit(.minutes(1)), arguments: [1e-300, 1e-9, 1, 1e160, 1e307]) func unitsDoNotMatter(unit: Double)
        async throws
    {
        let values = (0..<200).map { place -> Double in
            let level: Double = place < 100 ? -1 : 1
            return (level + 0.1 * Double(place * 7 % 5)) * unit
        }
        let path = try bench.file("series.csv", values.map { "\($0)" }.joined(separator: "\n"))
        for standardise in ["z", "robust"] {
            let (code, output, log) = try await changepoints([path, "--standardise", standardise])
            #expect(code == 0 && output.contains(#""change_points":[100]"#), "\(output) \(log)")
        }
        guard unit > 1e100 else { return }
        let (code, output, log) = try await changepoints([path, "--standardise", "none"])
        #expect(code == 65 && output.isEmpty && log.contains("beyond ±1e+100"), "\(log)")
    }

    @Test(.timeLimit(.minutes(1))) func priorsAreFourNumbers() async throws {
        let path = try bench.file("series.csv", "1\n2\n3\n")
        for prior in ["0,1,1,1,x", "0,1,1,1,1", "0,1,x,1,1", "0,1,1", ",0,1,1,1", "0,0,1,1", "nan,1,1,1", ""] {
            #expect(try await changepoints([path, "--prior=\(prior)"]).code == 64, "\(prior)")
        }
        #expect(try await changepoints([path, "--prior= 0, 1,1 ,1"]).code == 0)
        let help = try await changepoints(["--help"]).output.split(whereSeparator: \.isWhitespace).joined(
            separator: " ")
        #expect(help.contains("(default: 400)") && help.contains("(default: 0,0.1,0.1,10)"), "\(help)")
    }

    /// A series that nobody annotated has no score, and the mean says of how many it is.
    @Test(.timeLimit(.minutes(1))) func whatIsNotAnnotatedIsSaid() async throws {
        let known = try bench.file("known.csv", "1\n2\n3\n")
        let unknown = try bench.file("unknown.csv", "1\n2\n3\n")
        let marks = try bench.file("marks.json", #"{"known": {"1": []}}"#)
        let (code, output, log) = try await changepoints([known, unknown, "--annotations", marks])
        #expect(code == 0 && output.split(separator: "\n").count == 2)
        #expect(log.contains("unknown is not annotated") && log.contains("mean of 1 of 2:"), "\(log)")
        let both = try await changepoints([known, known, "--annotations", marks])
        #expect(both.log.contains("mean of 2:") && !both.log.contains("not annotated"), "\(both.log)")
    }
}
