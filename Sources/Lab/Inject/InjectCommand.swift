import ArgumentParser
import Foundation
import Microstructure
import Runtime
import Simulation
import Tape
import Wire

/// `microlab inject`: events planted into a recording.
package struct InjectCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "inject",
        abstract: "Plants events into a recorded tape, and writes what was planted.",
        discussion: """
            SPEC is a list, TYPE:SIZE@WHEN[/SIDE] with commas between, e.g. sweep:20@90/buy,iceberg:5@4x, or a JSON file with \
            the members seed and events of a specification (the article Synthetic says what can be planted, and what SIZE \
            is a multiple of; here of what the recorded market did in the minutes before). WHEN is seconds after the tape's \
            first record, a moment, or 4x: four, spread evenly from --after to the end. Events need some minutes of \
            recording before them, and are planted into every market of the tape. What is modelled and what is not: the \
            article Synthetic.

            --passes plays a short recording several times as one, so that detectors are warm: each pass continues the \
            times, ids and prices of the one before. The truth is CSV as `microlab score` reads it. The same SPEC, tape and \
            seed give the same bytes; records before the first event are those of the tape.

            Exit code: 0; 1 the tape is damaged, and the result is of the rest; 64 usage; 65 the tape has no market, or an \
            event begins before it; 66 it cannot be opened; 73 a file cannot be created; 74 reading or writing failed; 78 \
            SPEC is wrong; 130 interrupted.
            """)

    @Argument(help: "Events, or a JSON file of them.") var specification: String
    @Argument(help: "The tape: a file, or a folder of segments.") var tape: String
    @Option(help: "The tape to write.") var out: String
    @Option(help: "The file for what was planted, CSV; - is standard output (default: none).") var truth: String?
    @Option(help: "Play the tape so many times, as one.") var passes = 1
    @Option(help: "Seconds after the tape's first record from which on events are spread evenly.") var after = 60.0
    @Option(help: "Seconds that each event of a list lasts (default: as usual for its type).") var length: Double?
    @Option(help: "Seed of what is random in the events (default: 1, or the file's).") var seed: UInt64?
    @Option(help: "Compression level, 1 (fast) to 19 (small).") var level = 1
    @Flag(help: "Replace files that exist.") var force = false
    @Flag(help: "Show progress also where standard error is no terminal.") var progress = false

    package init() {}

    package func validate() throws {
        guard (1...1_000).contains(passes) else { throw ValidationError("--passes must be 1 to 1000") }
        guard (0...1e9).contains(after) else { throw ValidationError("--after must be seconds from 0 on") }
        guard length.map({ (0.5...86_400).contains($0) }) ?? true else {
            throw ValidationError("--length must be 0.5 to 86400 seconds")
        }
        guard (1...19).contains(level) else { throw ValidationError("--level must be 1 to 19") }
    }

    package func run() async throws {
        do {
            try inject()
        } catch {
            throw Lab.failure(error)
        }
    }

    private func inject() throws {
        Interrupt.watch()
        let reader = try TapeReader(path: tape)
        guard let start = reader.segments.compactMap(\.firstTime).min() else {
            throw ImportError(.noUsableData, "\(tape) holds no messages")
        }
        let specification = try specification(start, reader.extent)
        guard force || !FileManager.default.fileExists(atPath: out) else {
            throw ImportError(.cannotCreate, "\(out) exists; use --force to replace it")
        }
        guard !reader.segments.contains(where: { isSameFile($0.path, out) }) else {
            throw ImportError(.cannotCreate, "\(out) is the tape that is read")
        }
        var truthFile: OutputFile?
        if let truth {
            truthFile = try OutputFile(path: truth, replacesExisting: force, sources: reader.segments.map(\.path))
        }
        let temporary = "\(out).partial-\(getpid())"
        do {
            // Nothing of the wall clock: the same tape and events give the same bytes.
            let writer = try TapeWriter(path: temporary, created: start, level: level)
            var injection = InjectedTape(specification, start: start, writer: writer)
            let damage = try play(into: &injection)
            if let event = injection.premature {
                throw ImportError(
                    .noUsableData,
                    "the \(event.type.rawValue) at \(Double(event.start) / 1e9) s begins before the market has books and trades"
                )
            }
            guard injection.planted.contains(where: { !$0.events.isEmpty }) else {
                throw ImportError(
                    .noUsableData, "no event begins within the tape: it has none of their markets or ends before")
            }
            try writer.finish()
            guard rename(temporary, out) == 0 else {
                throw ImportError(.cannotCreate, "cannot create \(out): \(TapeFile.systemReason)")
            }
            try truthFile?.write(Array(PlantedTruth(injection.planted, start: start).csv.utf8))
            try truthFile?.close()
            let events = injection.planted.reduce(0) { $0 + $1.events.count }
            Lab.say("\(out): \(events) events, \(injection.injectedCount) of \(writer.recordCount) records injected")
            try Lab.report(damage.problems, refused: damage.refused)
        } catch {
            unlink(temporary)
            throw error
        }
    }

    private func specification(
        _ start: Timestamp, _ extent: ClosedRange<Timestamp>?
    ) throws -> InjectionSpecification {
        var specification: InjectionSpecification
        if self.specification.hasSuffix(".json") {
            specification = try JSONFile.load(self.specification, setting: "SPEC")
        } else {
            let end = extent.map { extent in
                Double(passes) * (Double(extent.upperBound.nanoseconds(since: extent.lowerBound)) / 1e9 + 1) - 1
            }
            specification = InjectionSpecification(
                events: try InlineEvents(
                    self.specification, start: start, span: end.flatMap { after < $0 ? after...$0 : nil },
                    lengthSeconds: length
                ).rules)
        }
        specification.seed = seed ?? specification.seed
        return specification
    }

    /// Plays the tape as often as asked for; returns the problems of the first pass.
    private func play(into injection: inout InjectedTape) throws -> (problems: [TapeProblem], refused: Int) {
        var recording = RepeatedRecording()
        var problems: [TapeProblem] = []
        var refused = 0
        for pass in 0..<passes {
            if pass > 0 { try recording.beginNext() }
            var events = try TapeEvents(path: tape)
            let bar = ProgressBar(total: Int(clamping: events.byteCount), always: progress)
            while let event = try events.next() {
                let (envelope, time) = recording.process(event)
                try injection.process(envelope, at: time, of: event, isOriginal: pass == 0)
                try bar.update(Int(clamping: events.bytesRead))
            }
            bar.finish()
            if pass == 0 { (problems, refused) = (events.problems, events.refused) }
        }
        return (problems, refused)
    }

    private func isSameFile(_ one: String, _ other: String) -> Bool {
        URL(filePath: one).resolvingSymlinksInPath().path == URL(filePath: other).resolvingSymlinksInPath().path
    }
}
