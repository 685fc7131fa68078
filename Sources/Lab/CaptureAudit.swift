import Runtime
import Foundation
import Microstructure
import Venues

/// Compares the books that an import makes of one recording with the exchange's own best prices.
struct CaptureAudit {
    /// Update ids remembered while their counterpart has not come. They come within a few frames of each other.
    private static let memory = 4_096

    /// The finding about one symbol.
    struct Market {
        let symbol: String
        fileprivate(set) var lines = 0
        fileprivate(set) var counts = SessionCounts()
        fileprivate(set) var compared = 0
        fileprivate(set) var equal = 0
        fileprivate var books = RecentBests(limit: CaptureAudit.memory)
        fileprivate var quotes = RecentBests(limit: CaptureAudit.memory)

        fileprivate init(symbol: String) { self.symbol = symbol }

        /// Frames and snapshots that the session refused.
        var refused: UInt64 { counts.rejections.total + counts.snapshotRejections.total }
        /// Depth updates that follow the one before them by their ids, and books compared with the quote of their id.
        var checks: Int { compared + Int(counts.chainsPassed + counts.gaps) }
        var passed: Int { equal + Int(counts.chainsPassed) }
        var share: Double { checks == 0 ? .nan : Double(passed) / Double(checks) }
        /// A recording of trades alone has no book that could be wrong.
        var isGood: Bool {
            counts.gaps == 0 && refused == 0 && (counts.depthUpdates == 0 || counts.depthApplied > 0)
                && (compared == 0 || Double(equal) / Double(compared) >= 0.999)
        }

        var row: String {
            String(
                format: "%@ %8d %7d %8d %7d %8d %8d %10d %10d %8.4f",
                symbol.padding(toLength: max(8, symbol.count), withPad: " ", startingAt: 0),
                lines, Int(counts.depthUpdates), Int(counts.depthApplied), Int(counts.gaps), Int(refused),
                Int(counts.trades), checks, passed, share)
        }

        fileprivate mutating func compare(_ book: Best, _ quote: Best) {
            compared += 1
            if book == quote { equal += 1 }
        }
    }

    fileprivate struct Best: Equatable {
        let bid: PriceLevel?
        let ask: PriceLevel?
    }

    /// The best prices of the newest update ids.
    fileprivate struct RecentBests {
        let limit: Int
        private var bests: [Int64: Best] = [:]
        private var order: [Int64] = []
        private var oldest = 0

        init(limit: Int) { self.limit = limit }

        func best(at id: Int64) -> Best? { bests[id] }

        mutating func insert(_ best: Best, at id: Int64) {
            guard bests.updateValue(best, forKey: id) == nil else { return }
            guard order.count == limit else { return order.append(id) }
            bests[order[oldest]] = nil
            order[oldest] = id
            oldest = (oldest + 1) % limit
        }
    }

    private(set) var markets: [Market]
    private(set) var report: ImportReport

    /// Reads what `microlab import --format binance-raw` reads, in the same way.
    /// - Parameter write: receives each line about what is wrong with the recording.
    init(paths: [String], venue: Venue = .binance, _ write: @escaping (String) -> Void) throws {
        func open() throws(ImportError) -> [(path: String, reader: any MessageReader)] {
            var files: [(path: String, reader: any MessageReader)] = []
            for path in paths { files.append((path, try ImportFormat.binanceRaw.open(path, symbol: nil))) }
            return files
        }
        let survey = try ImportSurvey(open(), venue: venue) { _ in }
        let instruments = try survey.instruments()
        report = ImportReport(write)
        markets = instruments.map { Market(symbol: $0.symbol) }
        guard let first = survey.firstTime, !instruments.isEmpty else {
            for file in try open() { while file.reader.next(&report) != nil {} }
            throw RecordingError(
                path: paths.joined(separator: ", "), problem: "holds no frame of a stream whose symbol is known")
        }
        var market = try MarketImport(survey, instruments: instruments, depth: 1)
        var messages = try OrderedMessages(
            open(), order: survey.order, folder: FileManager.default.temporaryDirectory.path, &report
        ) { _ in }
        var batch = EventBatch()
        market.begin(at: first)
        while let (message, file) = try messages.next(&report) {
            _ = market.process(message, file: file, path: paths[file], into: &batch, &report)
            if let index = market.index(of: message, file: file) { markets[index].lines += 1 }
            take(batch)
            batch.removeAll()
        }
        market.finish(paths.joined(separator: ", "), &report)
        for index in instruments.indices { markets[index].counts = market.state(of: InstrumentID(index)).counts }
    }

    /// Every line was read and used, and each book agrees with the quotes.
    var isGood: Bool {
        report.counts[.unreadable] == nil && report.counts[.badRow] == nil && markets.allSatisfy(\.isGood)
    }

    private mutating func take(_ batch: borrowing EventBatch) {
        for event in batch.events {
            switch event {
            case .book(let update):
                let index = update.instrument.index
                let best = Best(bid: batch.levels[update.bids].first, ask: batch.levels[update.asks].first)
                if let quote = markets[index].quotes.best(at: update.updateID) { markets[index].compare(best, quote) }
                markets[index].books.insert(best, at: update.updateID)
            case .quote(let quote):
                let index = quote.instrument.index
                let best = Best(bid: quote.bid, ask: quote.ask)
                if let book = markets[index].books.best(at: quote.updateID) { markets[index].compare(book, best) }
                markets[index].quotes.insert(best, at: quote.updateID)
            case .trade, .heartbeat: break
            }
        }
    }
}
