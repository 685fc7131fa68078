import Runtime
import ArgumentParser
import Foundation
import Microstructure

/// `microlab import`: converts recordings of any known format to a tape.
package struct ImportCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Makes a tape of recordings.",
        discussion: """
            The tape holds what live ingest would have published had it been there: books, quotes, trades, and a Status \
            a second for each symbol. Several files become one tape in the order of receive times; the trades of a \
            symbol in the order of their ids. Rows may have any order: where they must be sorted, a temporary file \
            beside the tape takes what does not fit in memory. Files may be plain, .gz, .zst or .zip as the venue's \
            dumps are downloaded.

            venue-raw     lines of `receive_ns JSON` or `seconds: JSON` as the streams of any venue sent them; the venue is told \
            from the content, and its recordings are read together
            binance-raw   of Binance's spot market only: lines of `receive_ns JSON` as Binance's spot streams send them, REST snapshots among them; \
            aggTrade where no single trades are recorded
            binance-csv   depth diffs, depth snapshots, trades or best prices a row, by their header; Binance's public \
            trades, aggTrades and bookTicker dumps, with header or without
            tardis-csv    incremental_book_L2, book_snapshot_5/25, quotes, trades
            trades-csv    trades a row: symbol, timestamp, side (or is_buyer_maker), price, amount; id where there is one

            Times may be seconds, milliseconds, microseconds or nanoseconds since 1970, or ISO 8601. A file of trades alone has no \
            book: its Status says RESYNCING. Rows that cannot be used are reported with file and line, the first 20 in \
            full, and left out; a depth update is left out whole, and its book starts anew.

            Exit code: 0 all clean; 1 the tape is complete but something was wrong with the data; 64 usage; 65 no usable \
            data; 66 a file cannot be opened; 73 the tape cannot be created; 74 reading or writing failed; 130 \
            interrupted.
            """)

    @Option(help: "What the files hold: \(ImportFormat.allCases.map(\.rawValue).joined(separator: ", ")).")
    var format: ImportFormat
    @Argument(help: "Recordings.") var files: [String]
    @Option(help: "The tape to write, e.g. btc.tape.") var out: String
    @Option(help: "Symbol of files that name none (default: from their comments or name).") var symbol: String?
    @Option(help: "Levels a side in each book, 1 to 5000.") var depth = 20
    @Option(help: "Seconds between two Statuses of a symbol, 0.1 to 3600.") var statusInterval = 1.0
    @Option(help: "Compression level, 1 (fast) to 19 (small).") var level = 3
    @Flag(help: "Replace the tape if it exists.") var force = false
    @Flag(help: "Show progress also where standard error is no terminal.") var progress = false

    package init() {}

    package func validate() throws {
        guard !files.isEmpty else { throw ValidationError("name at least one recording") }
        guard (1...5_000).contains(depth) else { throw ValidationError("--depth must be 1 to 5000") }
        guard (0.1...3_600).contains(statusInterval) else {
            throw ValidationError("--status-interval must be 0.1 to 3600")
        }
        guard (1...19).contains(level) else { throw ValidationError("--level must be 1 to 19") }
        if symbol != nil, [.venueRaw, .binanceRaw, .tardisCSV].contains(format) {
            throw ValidationError(
                "--symbol has no effect: every row of \(format.rawValue) names its symbol; leave it out")
        }
        if let symbol, SymbolName.normalized(symbol.utf8) == nil {
            throw ValidationError("--symbol \(SymbolName.rule)")
        }
    }

    package func run() async throws {
        Interrupt.watch()
        let options = ImportRun.Options(
            format: format, files: files, out: out, symbol: symbol.flatMap { SymbolName.normalized($0.utf8) },
            depth: depth, statusSeconds: statusInterval, replacesExisting: force, compressionLevel: level)
        let size = files.reduce(0) { $0 + Lab.fileSize($1) }
        // Each file is read twice.
        let bar = ProgressBar(total: 2 * size, always: progress)
        let outcome: ImportRun.Outcome
        do {
            outcome = try ImportRun(options: options, progress: bar).run { line in
                bar.finish()
                Lab.say(line)
            }
        } catch {
            bar.finish()
            throw Lab.failure(error)
        }
        do {
            try show(outcome, size)
        } catch {
            throw Lab.failure(error)
        }
        guard outcome.report.isClean else { throw ExitCode(1) }
    }

    private func show(_ outcome: ImportRun.Outcome, _ size: Int) throws(OutputFile.Failure) {
        let seconds = Double(outcome.last.nanoseconds(since: outcome.first)) / 1e9
        try StandardOutput.show(
            String(
                format: "%@: %d records over %.3f s, %.1f MB", out, Int(outcome.records), seconds,
                Double(outcome.bytes) / 1e6))
        try StandardOutput.show("symbol          books    quotes    trades  statuses  price unit  size unit")
        for symbol in outcome.symbols {
            let name = symbol.instrument.symbol.padding(toLength: 11, withPad: " ", startingAt: 0)
            try StandardOutput.show(
                String(
                    format: "%@ %9d %9d %9d %9d       1e%-3d      1e%-3d", name, Int(symbol.books), Int(symbol.quotes),
                    Int(symbol.trades), Int(symbol.statuses), Int(symbol.instrument.priceExponent),
                    Int(symbol.instrument.quantityExponent)))
        }
        for line in outcome.report.remarkLines { try StandardOutput.show("  \(line)") }
        for line in outcome.report.summary { try StandardOutput.show("! \(line)") }
    }
}
