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
        abstract: "Computes the feature vectors of tapes, as `features` does live, bit for bit.",
        discussion: """
            Writes CSV: time_ns, venue_time_ns, symbol, validity, book_epoch and the columns of the schema. Every number \
            is the shortest text that reads back as the same double; what is undefined is nan. The vectors of several \
            tapes come one tape after the other.

            Exit code: 0; 1 a tape is damaged or holds records that cannot be read, and the file has the rest, if any; 64 \
            usage; 65 none holds market data of what was asked for, and no file was written; 66 one cannot be opened; 73 the file cannot be created; 74 reading or writing failed.
            """)

    @OptionGroup var options: TapesOptions

    package init() {}

    package func run() async throws {
        do {
            try write()
        } catch {
            throw Lab.failure(error)
        }
    }

    private func write() throws {
        Interrupt.watch()
        let sources = try options.sources()
        let bar = options.progressBar(sources)
        var output = try OutputFile(path: options.out, replacesExisting: options.force, sources: sources)
        try output.write(FeaturesExport.header)
        var vectors: UInt64 = 0
        var isWhole = true
        var passed = 0
        for tape in options.tapes {
            var reader = try TapeReader(path: tape)
            var export = FeaturesExport(symbols: options.symbols.names)
            while let record = try reader.next() {
                if let line = export.process(record) { try output.write(line) }
                try bar.update(passed + Int(reader.bytesRead))
            }
            bar.finish()
            passed += Int(reader.byteCount)
            let isTapeWhole = Lab.saysWhole(reader.problems, refused: export.vectors.refused)
            isWhole = isTapeWhole && isWhole
            vectors += export.vectors.count
            report(export, reader.problems)
            if export.vectors.count == 0 {
                Lab.say(
                    "microlab: \(tape) holds no market data\(options.wanted)" + (isTapeWhole ? "" : " that can be read")
                )
            }
        }
        guard vectors > 0 else { throw ExitCode(isWhole ? 65 : 1) }
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
