import Runtime
import Tape
import ArgumentParser
import Detection
import Foundation
import Microstructure
import Wire

/// `microlab detect`: the signals of a tape.
package struct DetectCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "detect",
        abstract: "Computes the signals of tapes, as `features` and `detector` do live, bit for bit.",
        discussion: """
            Writes NDJSON, one signal a line, as the gateway gives it: the file of a live run's tape is, byte for byte, what \
            the live run signalled. The signals of several tapes come one tape after the other.

            Exit code: 0; 1 a tape is damaged or holds records that cannot be read, and the file has the rest; 64 usage; 65 \
            none holds market data; 66 one cannot be opened; 73 the file cannot be created; 74 reading or writing failed; \
            78 the profile is wrong.
            """)

    @OptionGroup var options: TapesOptions
    @Option(help: "calibrated, events, classic, or a profile's file.") var profile = "calibrated"

    package init() {}

    package func run() async throws {
        do {
            try detect()
        } catch {
            throw Lab.failure(error)
        }
    }

    private func detect() throws {
        Interrupt.watch()
        let profile = try Lab.profile(profile)
        let sources = try options.sources()
        let bar = options.progressBar(sources)
        var output = try OutputFile(path: options.out, replacesExisting: options.force, sources: sources)
        var vectors: UInt64 = 0
        var isWhole = true
        var passed = 0
        for tape in options.tapes {
            var reader = try TapeReader(path: tape)
            var detection = try TapeDetection(symbols: options.symbols.names, profile: profile)
            while let record = try reader.next() {
                for signal in try detection.process(record) {
                    try output.write(try CompactJSON.bytes(SignalDocument(ProtoSignal(signal))) + [UInt8(ascii: "\n")])
                }
                try bar.update(passed + Int(reader.bytesRead))
            }
            bar.finish()
            passed += Int(reader.byteCount)
            isWhole = Lab.saysWhole(reader.problems, refused: detection.vectors.refused) && isWhole
            vectors += detection.vectors.count
            report(detection, of: tape)
        }
        guard vectors > 0 else { throw ExitCode(isWhole ? 65 : 1) }
        try output.close()
        guard isWhole else { throw ExitCode(1) }
    }

    private func report(_ detection: borrowing TapeDetection, of tape: String) {
        let name = options.tapes.count > 1 ? "\(tape): " : ""
        if detection.vectors.count == 0 { Lab.say("microlab: \(tape) holds no market data that was asked for") }
        for bank in detection.banks {
            let counts = bank.counts
            let kinds = counts.byType.map { "\($0.type) \($0.counts.emitted) of \($0.counts.candidates)" }
            Lab.say(
                "\(name)\(bank.symbol): \(counts.vectors) vectors, \(counts.ignoredInvalid) not valid; signals of "
                    + "candidates: " + kinds.joined(separator: ", "))
        }
    }
}
