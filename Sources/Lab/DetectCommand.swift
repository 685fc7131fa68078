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
        abstract: "Computes the signals of a tape, as `features` and `detector` do live, bit for bit.",
        discussion: """
            Writes NDJSON, one signal a line, as the gateway gives it: the file of a live run's tape is, byte for byte, what \
            the live run signalled.

            Exit code: 0; 1 the tape is damaged or holds records that cannot be read, and the file has the rest; 65 it \
            holds no market data; 66 it cannot be opened; 73 the file cannot be created; 74 reading or writing failed; \
            78 the profile is wrong.
            """)

    @Argument(help: "A tape, or a folder of segments.") var tape: String
    @Option(help: "classic, calibrated, or a profile's file.") var profile = "calibrated"
    @Option(help: "The file to write; - is standard output.") var out = "-"
    @Option(help: "Symbols to take, comma-separated (default: all).") var symbols: SymbolList?
    @Flag(help: "Replace the file if it exists.") var force = false
    @Flag(help: "Show progress also where standard error is no terminal.") var progress = false

    package init() {}

    package func run() async throws {
        let wanted = symbols.names
        do {
            try detect(wanted)
        } catch {
            throw Lab.failure(error)
        }
    }

    private func detect(_ wanted: Set<String>) throws {
        Interrupt.watch()
        let profile = try Lab.profile(profile)
        var reader = try TapeReader(path: tape)
        let bar = ProgressBar(total: reader.segments.reduce(0) { $0 + Int($1.byteCount) }, always: progress)
        var output = try OutputFile(path: out, replacesExisting: force, sources: reader.segments.map(\.path))
        var detection = try TapeDetection(symbols: wanted, profile: profile)
        while let record = try reader.next() {
            for signal in try detection.process(record) {
                try output.write(try CompactJSON.bytes(SignalDocument(ProtoSignal(signal))) + [UInt8(ascii: "\n")])
            }
            try bar.update(Int(reader.bytesRead))
        }
        bar.finish()
        let isWhole = Lab.saysWhole(reader.problems, refused: detection.vectors.refused)
        guard detection.vectors.count > 0 else {
            Lab.say("microlab: \(tape) holds no market data that was asked for")
            throw ExitCode(isWhole ? 65 : 1)
        }
        try output.close()
        for bank in detection.banks {
            let counts = bank.counts
            let kinds = counts.byType.map { "\($0.type) \($0.counts.emitted) of \($0.counts.candidates)" }
            Lab.say(
                "\(bank.symbol): \(counts.vectors) vectors, \(counts.ignoredInvalid) not valid; signals of candidates: "
                    + kinds.joined(separator: ", "))
        }
        guard isWhole else { throw ExitCode(1) }
    }
}
