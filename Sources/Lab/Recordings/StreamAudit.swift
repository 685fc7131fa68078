import Foundation
import Microstructure
import Runtime
import Venues

/// What replaying a venue's recordings through its live session shows: each market's messages, and how many of the
/// venue's own checks its books pass.
struct StreamAudit {
    struct Market {
        let symbol: String
        let counts: SessionCounts

        /// Checksums, and ids that show whether a message is missing.
        var checks: UInt64 { counts.checksumsPassed + counts.checksumFailures + counts.chainsPassed + counts.gaps }
        var passed: UInt64 { counts.checksumsPassed + counts.chainsPassed }
        var refused: UInt64 { counts.rejections.total + counts.snapshotRejections.total }
        var share: Double { checks == 0 ? .nan : Double(passed) / Double(checks) }
        var isGood: Bool {
            passed == checks && refused == 0 && counts.missedTrades == counts.lateTrades
                && (counts.depthUpdates == 0 || counts.depthApplied > 0)
        }

        var row: String {
            String(
                format: "%@ %8d %7d %8d %7d %8d %8d %10d %10d %8.4f",
                symbol.padding(toLength: max(8, symbol.count), withPad: " ", startingAt: 0), Int(counts.messages),
                Int(counts.depthUpdates), Int(counts.depthApplied), Int(counts.gaps), Int(refused), Int(counts.trades),
                Int(checks), Int(passed), share)
        }
    }

    let markets: [Market]
    let report: ImportReport
    /// Messages that belong to no market: answers, heartbeats.
    let others: SessionCounts

    init<Reader: VenueReader>(
        _ reader: Reader.Type, _ paths: [String], _ adapter: Reader.Adapter, _ write: @escaping (String) -> Void
    ) throws {
        var report = ImportReport(write)
        var replay = try StreamReplay<Reader>(paths, adapter, &report) { _ in }
        var batch = EventBatch()
        while replay.nextTime(&report) != nil {
            _ = replay.process(into: &batch, &report)
            batch.removeAll()
        }
        replay.finish(paths.joined(separator: ", "), &report)
        self.report = report
        others = replay.session.unattributedCounts
        markets = replay.session.instruments.enumerated().map { index, instrument in
            Market(symbol: instrument.symbol, counts: replay.session.counts(of: InstrumentID(index)))
        }
    }

    var isGood: Bool {
        report.counts[.unreadable] == nil && report.counts[.badRow] == nil && others.rejections.total == 0
            && markets.allSatisfy(\.isGood)
    }
}

/// An audit of one venue's recordings.
struct StreamAuditTask: RecordedTask {
    typealias Output = StreamAudit

    let paths: [String]
    let write: (String) -> Void

    func run<Reader: VenueReader>(_ reader: Reader.Type, _ adapter: Reader.Adapter) throws -> StreamAudit {
        try StreamAudit(reader, paths, adapter, write)
    }
}
