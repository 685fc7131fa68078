import Runtime
import Foundation
import Microstructure
import Venues

/// Compares the venue session's book of one recording with the exchange's own best prices.
struct CaptureAudit {
    /// Update ids remembered while their counterpart has not come. They come within a few frames of each other.
    private static let memory = 4_096

    private(set) var symbol = ""
    private(set) var lines = 0
    private(set) var counts = SessionCounts()
    private(set) var compared = 0
    private(set) var equal = 0
    /// Frames that the session refused.
    private(set) var refused: UInt64 = 0

    private struct Best: Equatable {
        let bid: PriceLevel?
        let ask: PriceLevel?
    }

    private var books = RecentBests(limit: Self.memory)
    private var quotes = RecentBests(limit: Self.memory)

    /// The best prices of the newest update ids.
    private struct RecentBests {
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

    init(path: String) throws {
        let file = try CaptureFile(path: path)
        guard let first = try file.nextLine() else { throw RecordingError(path: path, problem: "is empty") }
        guard let symbol = Self.symbol(of: first) else {
            throw RecordingError(
                path: path, problem: "line 1 is no combined-stream frame with a stream's name and symbol")
        }
        self.symbol = symbol
        // A recording does not state the instrument's steps; eight decimals hold every price that Binance sends.
        let instrument = Instrument(venue: .binance, symbol: symbol, priceExponent: -8, quantityExponent: -8)
        var session = try BinanceSession(BinanceConfiguration(instruments: [instrument]))
        var batch = EventBatch()
        var line: [UInt8]? = first
        while let bytes = line {
            lines += 1
            batch.removeAll()
            try Self.feed(bytes, to: &session, &batch, path: path, line: lines)
            take(batch)
            line = try file.nextLine()
        }
        counts = session.counts(of: InstrumentID(0))
        refused = session.totalCounts.rejections.total
    }

    var share: Double { compared == 0 ? .nan : Double(equal) / Double(compared) }
    var isGood: Bool { counts.gaps == 0 && refused == 0 && share >= 0.999 }

    var row: String {
        String(
            format: "%@ %8d %7d %8d %7d %8d %8d %10d %10d %8.4f",
            symbol.padding(toLength: 8, withPad: " ", startingAt: 0),
            lines, Int(counts.depthUpdates), Int(counts.depthApplied), Int(counts.gaps), Int(refused),
            Int(counts.trades), compared,
            equal, share)
    }

    /// One line `receive_ns JSON`: a frame, or the recorder's own REST snapshot.
    private static func feed(
        _ line: [UInt8], to session: inout BinanceSession, _ batch: inout EventBatch, path: String, line number: Int
    ) throws {
        guard let blank = line.firstIndex(of: UInt8(ascii: " ")),
            let time = Int64(String(decoding: line[..<blank], as: UTF8.self))
        else { throw RecordingError(path: path, problem: "line \(number) does not begin with a time in nanoseconds") }
        let json = Array(line[(blank + 1)...])
        let receiveTime = Timestamp(nanoseconds: time)
        if json.starts(with: Array(#"{"lastUpdateId""#.utf8)) {
            _ = try session.receiveSnapshot(json.span, for: InstrumentID(0), at: receiveTime, into: &batch)
        } else {
            // A refused frame is counted by the session.
            _ = try? session.receive(json.span, at: receiveTime, into: &batch)
        }
    }

    private mutating func take(_ batch: EventBatch) {
        for event in batch.events {
            switch event {
            case .book(let update):
                let best = Best(bid: batch.levels[update.bids].first, ask: batch.levels[update.asks].first)
                if let quote = quotes.best(at: update.updateID) { compare(best, quote) }
                books.insert(best, at: update.updateID)
            case .quote(let quote):
                let best = Best(bid: quote.bid, ask: quote.ask)
                if let book = books.best(at: quote.updateID) { compare(book, best) }
                quotes.insert(best, at: quote.updateID)
            case .trade, .heartbeat: break
            }
        }
    }

    private mutating func compare(_ book: Best, _ quote: Best) {
        compared += 1
        if book == quote { equal += 1 }
    }

    private static func symbol(of line: [UInt8]) -> String? {
        let text = String(decoding: line, as: UTF8.self)
        guard let match = text.firstMatch(of: /"stream"\s*:\s*"([^"@]+)@/) else { return nil }
        return SymbolName.normalized(String(match.1))
    }
}
