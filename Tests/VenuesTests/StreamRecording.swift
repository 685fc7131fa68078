import Foundation
import Microstructure

@testable import Venues

/// A recording in the text form of `venues-2021` and `venues-2022`, replayed through a venue's session.
struct StreamRecording<Reader: VenueReader>: ~Copyable {
    enum Line {
        case connected
        case frame([UInt8])
        /// An answer over HTTP.
        case answer(url: String, [UInt8])
    }

    private(set) var session: StreamSession<Reader>
    private(set) var books = 0
    private(set) var trades = 0
    private(set) var quotes = 0
    private(set) var refused = 0
    /// Books published VALID although the best ask is not above the best bid.
    private(set) var crossed = 0

    /// - Parameter symbol: the venue's spelling of the symbol that a book's address names.
    init(
        _ names: [String], _ adapter: Reader.Adapter, symbol: (String) -> String? = { _ in nil }
    ) throws {
        var lines: [(time: Timestamp, line: Line)] = []
        for name in names { lines += try Self.lines(name) }
        lines.sort { $0.time < $1.time }
        var survey = try StreamSurvey<Reader>(adapter)
        for (time, line) in lines {
            switch line {
            case .connected: break
            case .frame(let text): survey.process(text.span, at: time)
            case .answer(let url, let text):
                if let symbol = symbol(url) { survey.process(snapshot: text.span, of: symbol, at: time) }
            }
        }
        session = try StreamSession<Reader>(adapter, instruments: survey.instruments())
        var batch = EventBatch()
        for (time, line) in lines {
            batch.removeAll()
            do {
                switch line {
                case .connected:
                    session.connectionClosed(at: time)
                    session.connectionOpened(at: time)
                case .frame(let text): _ = try session.receive(text.span, at: time, into: &batch)
                case .answer(let url, let text):
                    guard let name = symbol(url),
                        let index = session.instruments.firstIndex(where: { $0.venueSymbol == name })
                    else { continue }
                    _ = try session.receiveSnapshot(text.span, for: InstrumentID(index), at: time, into: &batch)
                }
            } catch {
                refused += 1
            }
            for event in batch.events {
                switch event {
                case .book(let update):
                    books += 1
                    if let bid = batch.levels[update.bids].first, let ask = batch.levels[update.asks].first,
                        ask.price <= bid.price, update.validity == .valid
                    {
                        crossed += 1
                    }
                case .trade: trades += 1
                case .quote: quotes += 1
                case .heartbeat: break
                }
            }
        }
    }

    var counts: SessionCounts { session.totalCounts }

    /// `seconds: JSON`, `URL -> seconds: JSON` and `URL <-> seconds`.
    static func lines(_ name: String) throws -> [(time: Timestamp, line: Line)] {
        try Recording.lines(name, with: "zstd").compactMap { line in
            let text = String(decoding: line, as: UTF8.self)
            func timed(_ text: Substring) -> (Timestamp, [UInt8])? {
                let parts = text.split(separator: ": ", maxSplits: 1)
                guard let seconds = Double(parts[0]) else { return nil }
                return (Timestamp(nanoseconds: Int64(seconds * 1e9)), parts.count > 1 ? Array(parts[1].utf8) : [])
            }
            if let mark = text.range(of: " <-> ") {
                return timed(text[mark.upperBound...]).map { ($0.0, .connected) }
            }
            if text.hasPrefix("ws") || text.hasPrefix("configuration") { return nil }
            if text.hasPrefix("http"), let mark = text.range(of: " -> ") {
                return timed(text[mark.upperBound...]).map {
                    ($0.0, .answer(url: String(text[..<mark.lowerBound]), $0.1))
                }
            }
            return timed(text[...]).map { ($0.0, .frame($0.1)) }
        }
    }
}

extension VenueOptions {
    static let standard = VenueOptions(
        timeUnit: .milliseconds, depthPublished: 20, snapshotDepth: 1_000, backfillLimit: 1_000)
}
