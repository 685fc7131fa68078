import Runtime
import Tape
import ArgumentParser
import Foundation
import Microstructure
import Wire

/// `microlab features`: the feature vectors of a tape.
package struct FeaturesExportCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "features",
        abstract: "Computes the feature vectors of a tape, as `features` does live, bit for bit.",
        discussion: """
            Writes CSV: time_ns, venue_time_ns, symbol, validity, book_epoch and the columns of the schema. Every number \
            is the shortest text that reads back as the same double; what is undefined is nan.

            Exit code: 0; 1 the tape is damaged or holds records that cannot be read, and the file has the rest, if any; 65 \
            it holds no market data of what was asked for, and no file was written; 66 it cannot be opened; 73 the file cannot be created; 74 reading or writing failed.
            """)

    @Argument(help: "A tape, or a folder of segments.") var tape: String
    @Option(help: "The file to write; - is standard output.") var out = "-"
    @Option(help: "Symbols to take, comma-separated (default: all).") var symbols: SymbolList?
    @Flag(help: "Replace the file if it exists.") var force = false
    @Flag(help: "Show progress also where standard error is no terminal.") var progress = false

    package init() {}

    package func run() async throws {
        let wanted = symbols.names
        do {
            try write(wanted)
        } catch {
            throw Lab.failure(error)
        }
    }

    private func write(_ wanted: Set<String>) throws {
        Interrupt.watch()
        var reader = try TapeReader(path: tape)
        let bar = ProgressBar(total: reader.segments.reduce(0) { $0 + Int($1.byteCount) }, always: progress)
        var output = try OutputFile(path: out, replacesExisting: force, sources: reader.segments.map(\.path))
        var export = FeaturesExport(symbols: wanted)
        try output.write(FeaturesExport.header)
        while let record = try reader.next() {
            if let line = export.process(record) { try output.write(line) }
            try bar.update(Int(reader.bytesRead))
        }
        bar.finish()
        let isWhole = Lab.saysWhole(reader.problems, refused: export.vectors.refused)
        report(export, reader.problems)
        guard export.vectors.count > 0 else {
            Lab.say(
                "microlab: \(tape) holds no market data"
                    + (wanted.isEmpty ? "" : " of \(wanted.sorted().joined(separator: ", "))")
                    + (isWhole ? "" : " that can be read"))
            throw ExitCode(isWhole ? 65 : 1)
        }
        try output.close()
        guard isWhole else { throw ExitCode(1) }
    }

    private func report(_ export: borrowing FeaturesExport, _ problems: [TapeProblem]) {
        if export.vectors.counts.lost > 0 {
            // Sequence gaps show that messages are missing, not where they were lost.
            let blame =
                problems.contains(where: \.isLoss) ? ": in what is damaged, or before the tape" : " before the tape"
            Lab.say("! \(export.vectors.counts.lost) messages were lost\(blame)")
        }
        Lab.say("\(export.vectors.count) vectors of schema \(String(FeatureSchema().id, radix: 16))")
    }
}
