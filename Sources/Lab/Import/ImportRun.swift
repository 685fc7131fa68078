import Runtime
import Tape
import Foundation
import Microstructure
import Wire

/// One import: reads all files once to learn their symbols and scales, then again to write the tape.
struct ImportRun {
    struct Options {
        var format: ImportFormat
        var files: [String]
        var out: String
        var symbol: String?
        /// Levels a side in each book.
        var depth = 20
        var statusSeconds = 1.0
        var replacesExisting = false
        var compressionLevel = 3
        /// Most bytes of messages in memory where they must be sorted.
        var sortBytes = ExternalSort.memoryBytes
    }

    struct SymbolCounts {
        let instrument: Instrument
        let books, quotes, trades, statuses: UInt64
    }

    struct Outcome {
        var symbols: [SymbolCounts]
        var records: UInt64
        var bytes: UInt64
        var first: Timestamp
        var last: Timestamp
        var report: ImportReport
    }

    /// Longest silence that is filled with statuses. A longer one is a hole of the recording, not a quiet market.
    static let silenceLimitSeconds = 86_400.0

    let options: Options
    let progress: ProgressBar

    /// - Parameter write: takes each line of the report.
    func run(_ write: @escaping (String) -> Void) throws -> Outcome {
        guard options.replacesExisting || !FileManager.default.fileExists(atPath: options.out) else {
            throw ImportError(.cannotCreate, "\(options.out) exists; use --force to replace it")
        }
        var report = ImportReport(write)
        var venue = Venue.binance
        if options.format == .venueRaw {
            let recorded = try RecordedProtocol(ofAll: options.files)
            venue = recorded.binanceVenue ?? venue
            if let outcome = try recorded.run(StreamImportTask(run: self, report: report), depth: options.depth) {
                return outcome
            }
        }
        let survey = try ImportSurvey(open(), venue: venue) { try progress.update($0) }
        let instruments = try survey.instruments()
        guard let first = survey.firstTime, !instruments.isEmpty else {
            // Read the files again, to report their problems.
            for file in try open() { while file.reader.next(&report) != nil {} }
            throw ImportError(
                .noUsableData,
                (["no usable data in \(options.files.joined(separator: ", "))"] + report.summary).joined(
                    separator: "; "))
        }
        let messages = try OrderedMessages(
            try open(), order: survey.order, folder: folder, memoryBytes: options.sortBytes, &report
        ) { try progress.update(progress.total / 2 + $0) }
        let market = try MarketImport(survey, instruments: instruments, depth: options.depth)
        var source = OrderedImport(paths: options.files, messages: messages, market: market)
        source.market.begin(at: first)
        return try writeTape(&source, from: first, report)
    }

    /// Writes the tape of what `source` gives, under another name until it is whole.
    func writeTape(
        _ source: inout some ImportSource & ~Copyable, from first: Timestamp, _ report: ImportReport
    ) throws -> Outcome {
        let temporary = "\(options.out).partial-\(getpid())"
        do {
            let writer = try TapeWriter(
                path: temporary, created: HostClock.now, level: options.compressionLevel)
            var outcome = try convert(&source, from: first, writer, report)
            guard rename(temporary, options.out) == 0 else {
                throw ImportError(.cannotCreate, "cannot create \(options.out): \(TapeFile.systemReason)")
            }
            outcome.bytes = try TapeFile(path: options.out).byteCount
            return outcome
        } catch {
            unlink(temporary)
            throw (error as? TapeError).map { ImportError($0) } ?? error
        }
    }

    /// Where the tape goes there is room for its rows.
    private var folder: String { URL(filePath: options.out).deletingLastPathComponent().path }

    private func open() throws(ImportError) -> [(path: String, reader: any MessageReader)] {
        var files: [(path: String, reader: any MessageReader)] = []
        for path in options.files { files.append((path, try options.format.open(path, symbol: options.symbol))) }
        return files
    }

    private func convert(
        _ source: inout some ImportSource & ~Copyable, from first: Timestamp, _ writer: TapeWriter,
        _ report: ImportReport
    ) throws -> Outcome {
        var report = report
        // Its first half has gone by with the survey.
        let half = progress.total / 2
        let instruments = source.instruments
        var tape = MarketTape(writer, instruments: instruments, epoch: UInt64(first.nanoseconds))
        var batch = EventBatch()
        let statusStep = Int64(options.statusSeconds * 1e9)
        var nextStatus = first
        var last = first
        var rows = 0
        while let now = try source.nextTime(&report) {
            rows += 1
            if rows % 1_024 == 0 { try progress.update(half + source.bytesRead) }
            if Double(now.nanoseconds(since: last)) > Self.silenceLimitSeconds * 1e9 { nextStatus = now }
            while nextStatus <= now {
                for index in instruments.indices { try writeStatus(&tape, source, InstrumentID(index), nextStatus) }
                nextStatus = nextStatus.advanced(byNanoseconds: statusStep)
            }
            if let lost = source.process(into: &batch, &report) { try writeStatus(&tape, source, lost, now) }
            try tape.write(batch)
            batch.removeAll()
            last = now
        }
        source.finish(options.files.joined(separator: ", "), &report)
        try tape.finish()
        progress.finish()
        let symbols = instruments.enumerated().map { index, instrument in
            let id = InstrumentID(index)
            return SymbolCounts(
                instrument: instrument, books: tape.count(.book, of: id), quotes: tape.count(.quote, of: id),
                trades: tape.count(.trade, of: id), statuses: tape.count(.status, of: id))
        }
        let records = symbols.reduce(0) { $0 + $1.books + $1.quotes + $1.trades + $1.statuses }
        return Outcome(symbols: symbols, records: records, bytes: 0, first: first, last: last, report: report)
    }

    private func writeStatus(
        _ tape: inout MarketTape, _ source: borrowing some ImportSource & ~Copyable, _ id: InstrumentID,
        _ time: Timestamp
    ) throws(TapeError) {
        let state = source.state(of: id)
        try tape.write(
            validity: state.validity, bookEpoch: state.bookEpoch, state.counts, of: id, at: time)
    }
}
