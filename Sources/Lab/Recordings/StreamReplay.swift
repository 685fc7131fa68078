import Microstructure
import Runtime
import Venues

/// Recordings of one venue, replayed through the session that also runs live: once to find their instruments, once for
/// their events.
struct StreamReplay<Reader: VenueReader>: ImportSource, ~Copyable {
    private(set) var session: StreamSession<Reader>
    private var lines: RecordedLines
    private var next: (line: RecordedLine, path: String, number: Int)?
    let firstTime: Timestamp
    /// Session counts of each instrument after the line before.
    private var seen: [SessionCounts]

    /// Reads the recordings to their end.
    ///
    /// - Parameter advance: receives the bytes read of twice their size; may throw to stop.
    init(
        _ paths: [String], _ adapter: Reader.Adapter, _ report: inout ImportReport, advance: (Int) throws -> Void
    ) throws {
        var survey = try StreamSurvey<Reader>(adapter)
        var silent = ImportReport(nil)
        var reading = try RecordedLines(paths, &silent)
        var first: Timestamp?
        var count = 0
        while let (line, _, _) = reading.next(&silent) {
            count += 1
            if count % 1_024 == 0 { try advance(reading.bytesRead) }
            first = first ?? line.time
            switch line.content {
            case .connected: break
            case .frame(let text): survey.process(text.span, at: line.time)
            case .answer(let url, let text):
                guard let symbol = Reader.symbol(ofSnapshotAddress: url) else { continue }
                survey.process(snapshot: text.span, of: symbol, at: line.time)
            }
        }
        let instruments = survey.instruments()
        guard let first, !instruments.isEmpty else {
            throw ImportError(.noUsableData, "\(paths.joined(separator: ", ")): no message names a symbol")
        }
        // Everything that can fail comes before the first assignment: the session cannot be copied.
        let lines = try RecordedLines(paths, &report)
        let session = try Self.session(adapter, instruments)
        self.lines = lines
        self.session = session
        firstTime = first
        seen = instruments.map { _ in SessionCounts() }
        self.session.connectionOpened(at: first)
    }

    private static func session(
        _ adapter: Reader.Adapter, _ instruments: [Instrument]
    ) throws(ImportError) -> StreamSession<Reader> {
        do throws(VenueError) {
            return try StreamSession<Reader>(adapter, recorded: instruments)
        } catch {
            throw ImportError(.noUsableData, "\(error)")
        }
    }

    var instruments: [Instrument] { session.instruments }
    var bytesRead: Int { lines.bytesRead }

    mutating func nextTime(_ report: inout ImportReport) -> Timestamp? {
        next = lines.next(&report)
        return next?.line.time
    }

    mutating func process(into batch: inout EventBatch, _ report: inout ImportReport) -> InstrumentID? {
        guard let (line, path, number) = next else { return nil }
        var action = VenueAction.proceed
        do throws(VenueError) {
            switch line.content {
            case .connected:
                session.connectionClosed(at: line.time)
                session.connectionOpened(at: line.time)
            case .frame(let text): action = try session.receive(text.span, at: line.time, into: &batch)
            case .answer(let url, let text):
                guard let symbol = Reader.symbol(ofSnapshotAddress: url),
                    let index = session.instruments.firstIndex(where: { $0.venueSymbol == symbol })
                else { break }
                _ = try session.receiveSnapshot(text.span, for: InstrumentID(index), at: line.time, into: &batch)
            }
        } catch {
            if case .refused = error {
                report.notePassedFrame("errors of the venue")
            } else {
                report.note(.badRow, path, number, "\(error)")
            }
        }
        noteLosses(number, path, &report)
        switch action {
        case .fetchSnapshot(let id), .resubscribe(let id): return session.validity(of: id) == .valid ? nil : id
        case .proceed, .fetchTrades, .reconnect: return nil
        }
    }

    func state(of id: InstrumentID) -> (validity: Validity, bookEpoch: UInt64, counts: SessionCounts) {
        (session.validity(of: id), session.epoch(of: id), session.counts(of: id))
    }

    mutating func finish(_ paths: String, _ report: inout ImportReport) {
        for (index, instrument) in instruments.enumerated() {
            let counts = session.counts(of: InstrumentID(index))
            guard counts.depthUpdates > 0, counts.depthApplied == 0 else { continue }
            report.note(
                .noBook, paths, nil,
                "\(instrument.symbol): \(counts.depthUpdates) changes of its book and no snapshot before them")
        }
    }

    private mutating func noteLosses(_ line: Int, _ path: String, _ report: inout ImportReport) {
        for index in seen.indices {
            let now = session.counts(of: InstrumentID(index))
            let before = seen[index]
            guard now.messages != before.messages || now.gaps != before.gaps else { continue }
            let symbol = session.instruments[index].symbol
            if now.gaps > before.gaps {
                report.note(
                    .depthHole, path, line, "\(symbol): messages are missing before this one; its book starts anew")
            }
            if now.checksumFailures > before.checksumFailures {
                report.note(.wrongChecksum, path, line, "\(symbol): the book does not agree with the venue's checksum")
            }
            if now.missedTrades > before.missedTrades {
                report.note(
                    .missingTrades, path, line,
                    "\(symbol): \(now.missedTrades - before.missedTrades) trades are missing before this one")
            }
            seen[index] = now
        }
    }
}

/// An import of one venue's recordings.
struct StreamImportTask: RecordedTask {
    typealias Output = ImportRun.Outcome

    let run: ImportRun
    let report: ImportReport

    func run<Reader: VenueReader>(_ reader: Reader.Type, _ adapter: Reader.Adapter) throws -> ImportRun.Outcome {
        var report = report
        var replay = try StreamReplay<Reader>(run.options.files, adapter, &report) { try run.progress.update($0) }
        let first = replay.firstTime
        return try run.writeTape(&replay, from: first, report)
    }
}
