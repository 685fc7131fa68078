import Runtime
import Tape
import ArgumentParser
import Foundation
import Wire

/// `microlab export`: a tape as rows.
package struct ExportCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Writes a tape as CSV, one row an event, in tape order.",
        discussion: """
            Columns: kind (book, quote, trade, status), receive_time_ns, venue_time_ns, symbol, book_epoch, validity, \
            update_id, id, price, quantity, side, backfilled, then price and quantity of the best 20 bids and of the best \
            20 asks. Decimals are exact; what an event does not have is empty; a quote uses the first level.

            Exit code: 0; 1 the tape is damaged, and what is intact was written; 65 it holds nothing of what was asked for, \
            and no file was written; 64, 66, 73, 74 as for import.
            """)

    @OptionGroup var selection: TapeSelection
    @Flag(name: .customLong("csv"), help: "CSV, the default and only form.") var isCSV = false
    @Option(help: "File to write; - is standard output (default: -).") var out: String?
    @Flag(help: "Replace the file if it exists.") var force = false
    @Flag(help: "Show progress also where standard error is no terminal.") var progress = false

    package init() {}

    package func run() async throws {
        do {
            try export()
        } catch let code as ExitCode {
            throw code
        } catch {
            throw Lab.failure(error)
        }
    }

    private func export() throws {
        Interrupt.watch()
        var events = try selection.open()
        var output = try OutputFile(
            path: out ?? "-", replacesExisting: force, sources: events.segments.map(\.path))
        // Rows on a terminal and a bar on the same one would mix.
        let bar = ProgressBar(
            total: Int(clamping: events.byteCount), always: progress, isQuiet: out == nil && isatty(STDOUT_FILENO) == 1)
        var rows = CSVRowWriter()
        try output.write(Array(CSVRowWriter.header.utf8))
        var count = 0
        while let event = try events.next() {
            count += 1
            _ = rows.append(event.envelope, symbol: event.topic.symbol)
            guard rows.bytes.count >= 1 << 16 else { continue }
            try output.write(rows.bytes)
            rows.removeAll()
            try bar.update(Int(clamping: events.bytesRead))
        }
        bar.finish()
        guard count > 0 else {
            try Lab.report(events.problems, refused: events.refused)
            throw selection.nothing
        }
        try output.write(rows.bytes)
        try output.close()
        try Lab.report(events.problems, refused: events.refused)
    }
}
