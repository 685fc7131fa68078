import Runtime
import Tape
import ArgumentParser
import Foundation
import Microstructure
import Simulation
import Wire

/// `microlab synth`: a synthetic market as a tape.
package struct SynthCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "synth",
        abstract: "Writes a tape of a synthetic market, and what was planted into it.",
        discussion: """
            SPEC is a JSON file: {"seed": 1, "durationSeconds": 3600, "markets": [{"symbols": ["BTCUSDT"]}], "events": \
            [{"type": "metaorder", "everySeconds": [300, 600], "lengthSeconds": 60, "size": [2, 4]}]}. Its members, and what \
            can be planted: the article Synthetic. The tape holds what ingest would have published; the same SPEC gives the \
            same market. The truth is CSV as `microlab score` reads it: symbol, label_time_utc, end_utc, class, size, \
            direction.

            Exit code: 0; 73 a file cannot be created; 74 writing failed; 78 SPEC is wrong; 130 interrupted.
            """)

    @Argument(help: "The specification, JSON.") var specification: String
    @Option(help: "The tape to write.") var out: String
    @Option(help: "The file for what was planted, CSV; - is standard output (default: none).") var truth: String?
    @Option(help: "Levels a side in each book, 1 to 5000.") var depth = 20
    @Option(help: "Another seed than the specification's.") var seed: UInt64?
    @Option(help: "Another length than the specification's, in seconds.") var seconds: Double?
    @Option(help: "Compression level, 1 (fast) to 19 (small).") var level = 1
    @Flag(help: "Replace files that exist.") var force = false
    @Flag(help: "Show progress also where standard error is no terminal.") var progress = false

    package init() {}

    package func validate() throws {
        guard (1...5_000).contains(depth) else { throw ValidationError("--depth must be 1 to 5000") }
        guard (1...19).contains(level) else { throw ValidationError("--level must be 1 to 19") }
        guard seconds.map({ (0.1...31_622_400).contains($0) }) ?? true else {
            throw ValidationError("--seconds must be 0.1 to 31622400")
        }
    }

    package func run() async throws {
        do {
            try write()
        } catch let error as ConfigurationError {
            Lab.say("microlab: \(error)")
            throw ExitCode(78)
        } catch {
            throw Lab.failure(error)
        }
    }

    private func write() throws {
        Interrupt.watch()
        var specification: SyntheticSpecification = try JSONFile.load(specification, setting: "SPEC")
        specification.seed = seed ?? specification.seed
        specification.durationSeconds = seconds ?? specification.durationSeconds
        guard force || !FileManager.default.fileExists(atPath: out) else {
            throw ImportError(.cannotCreate, "\(out) exists; use --force to replace it")
        }
        var truthFile: OutputFile?
        if let truth { truthFile = try OutputFile(path: truth, replacesExisting: force, sources: []) }
        let temporary = "\(out).partial-\(getpid())"
        do {
            let begin = HostClock.monotonicNanoseconds
            let (feed, records) = try tape(of: specification, to: temporary)
            let wall = Double(HostClock.monotonicNanoseconds - begin) / 1e9
            guard rename(temporary, out) == 0 else {
                throw ImportError(.cannotCreate, "cannot create \(out): \(TapeFile.systemReason)")
            }
            let planted = feed.instruments.enumerated().map { index, instrument in
                (symbol: instrument.symbol, events: feed.planted(in: InstrumentID(index)))
            }
            try truthFile?.write(Array(PlantedTruth(planted, start: specification.startTime).csv.utf8))
            try truthFile?.close()
            Lab.say(
                String(
                    format:
                        "%@: %d order events as %d records over %.0f s of %d market(s), in %.1f s: %.2f M order events a second",
                    out, Int(feed.orderEvents), Int(records), specification.durationSeconds, feed.instruments.count,
                    wall,
                    Double(feed.orderEvents) / wall / 1e6))
        } catch {
            unlink(temporary)
            throw error
        }
    }

    private func tape(
        of specification: SyntheticSpecification, to path: String
    ) throws -> (SyntheticFeed, records: UInt64) {
        var feed = SyntheticFeed(specification, depth: depth)
        // Nothing of the wall clock: the same specification gives the same bytes.
        let writer = try TapeWriter(path: path, created: specification.startTime, level: level)
        var tape = MarketTape(
            writer, instruments: feed.instruments, epoch: UInt64(specification.startTime.nanoseconds),
            producer: "microlab-synth")
        let bar = ProgressBar(total: Int(specification.durationSeconds * 10), always: progress)
        var batch = EventBatch()
        var slices = 0
        while feed.next(into: &batch) {
            try tape.write(batch)
            batch.removeAll()
            slices += 1
            try bar.update(slices)
        }
        try tape.finish()
        bar.finish()
        return (feed, writer.recordCount)
    }
}
