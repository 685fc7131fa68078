import Foundation
import Microstructure
import Testing

@testable import Venues

/// COIN-M of ten contracts as recorded in 2021, by its own listing.
@Suite struct BinanceDeliveryRecordingTests {
    private typealias Lines = StreamRecording<KrakenFirstReader>
    private static let recording = "venues-2022/BINANCE_DELIVERY"

    /// The contracts that the recording has snapshots of.
    private static func instruments(_ lines: [(time: Timestamp, line: Lines.Line)]) throws -> [Instrument] {
        let urls = lines.compactMap { if case .answer(let url, _) = $0.line { url } else { nil } }
        var listed: [VenueListing] = []
        for case (_, .answer(_, let body)) in try Lines.lines("\(recording).txt.zst") {
            listed = try adapter.listings(in: body.span)
            #expect(adapter.requestWeightLimit(in: body.span) == 2_400)
        }
        #expect(listed.count == 36 && listed.allSatisfy { $0.status == .trading })
        let instruments = try listed.map { try $0.instrument.get() }
        #expect(instruments.allSatisfy { $0.contract?.isInverse == true })
        return instruments.filter { instrument in urls.contains { $0.contains("symbol=\(instrument.venueSymbol)&") } }
    }

    private static let adapter = BinanceAdapter(market: .coinm, options: .standard)

    /// Every book joins its snapshot: five straddle its id, and of five an update ends with it, so that the next one
    /// names it as its predecessor.
    @Test(.enabled(if: Recording.exists("\(recording).txt.zst")))
    func tenBooksJoinTheirSnapshots() throws {
        var lines = try Lines.lines("\(Self.recording)-ws-1.txt.zst")
        lines += try Lines.lines("\(Self.recording)-http-0.txt.zst")
        lines.sort { $0.time < $1.time }
        let instruments = try Self.instruments(lines)
        #expect(instruments.count == 10)
        var session = try BinanceSession(Self.adapter, instruments: instruments)
        var batch = EventBatch()
        var quotes: [[Int64: Quote]] = Array(repeating: [:], count: 10)
        var tops: [(id: InstrumentID, update: Int64, bid: PriceLevel?, ask: PriceLevel?)] = []
        var (asked, text): (Set<InstrumentID>, String) = ([], "")
        for (time, line) in lines {
            batch.removeAll()
            switch line {
            case .connected: session.connectionOpened(at: time)
            case .frame(let frame):
                text += String(decoding: frame, as: UTF8.self)
                let action = try session.receive(frame.span, at: time, into: &batch)
                if case .fetchSnapshot(let id) = action { #expect(asked.insert(id).inserted) }
            case .answer(let url, let body):
                let index = try #require(instruments.firstIndex { url.contains("symbol=\($0.venueSymbol)&") })
                let action = try session.receiveSnapshot(body.span, for: InstrumentID(index), at: time, into: &batch)
                #expect(action == .proceed)
            }
            for event in batch.events {
                switch event {
                case .book(let update):
                    tops.append(
                        (
                            update.instrument, update.updateID, batch.levels[update.bids].first,
                            batch.levels[update.asks].first
                        ))
                case .quote(let quote): quotes[quote.instrument.index][quote.updateID] = quote
                default: Issue.record("\(event)")
                }
            }
        }
        func count(_ word: String) -> UInt64 { UInt64(text.ranges(of: word).count) }
        let chained = lines.count { line in
            guard case .answer(_, let body) = line.line else { return false }
            let id = String(decoding: body, as: UTF8.self).dropFirst(16).prefix { $0.isNumber }
            return count("\"pu\":\(id),") > 0
        }
        let pairs = tops.compactMap { top in quotes[top.id.index][top.update].map { (top, $0) } }
        let equal = pairs.count { $0.bid == $1.bid && $0.ask == $1.ask }
        let counts = session.totalCounts
        print(
            "COIN-M 2021: \(counts.messages) messages, \(tops.count) books, \(counts.chainsPassed) chains,",
            "\(counts.quotes) quotes, \(equal) of \(pairs.count) books equal, \(chained) snapshots named by `pu`")
        #expect(instruments.indices.allSatisfy { session.validity(of: InstrumentID($0)) == .valid })
        #expect(tops.allSatisfy { $0.bid.map(\.price) ?? Price(0) < $0.ask.map(\.price) ?? Price(.max) })
        #expect(counts.messages == counts.outcomes && counts.rejections.total == 0 && counts.resyncs == 0)
        #expect(counts.depthUpdates == 2_047 && counts.chainsPassed == 2_037 && counts.gaps == 0)
        #expect(counts.snapshots == 10 && counts.overlaps == 0 && asked.count == 10 && chained == 5)
        #expect(counts.depthUpdates == count("@depth@100ms\"") && counts.quotes == count("@bookTicker\""))
        #expect(counts.unknownEvents == count("@aggTrade\"") + count("@kline_1m\"") && counts.unknownEvents == 84)
        #expect(tops.count == 1_783 && pairs.count == 211 && equal == pairs.count)
    }

    @Test(.enabled(if: Recording.exists("\(recording).txt.zst")))
    func contractsAreWhatTheListingSays() throws {
        let known = try Self.instruments(Lines.lines("\(Self.recording)-http-0.txt.zst"))
        let bitcoin = try #require(known.first { $0.symbol == "BTCUSD211231" })
        #expect(
            bitcoin
                == Instrument(
                    venue: .binanceCOINM, symbol: "BTCUSD211231", venueSymbol: "BTCUSD_211231", priceExponent: -4,
                    quantityExponent: -3, tickSize: 1_000, lotSize: 1_000, baseAsset: "BTC", quoteAsset: "USD",
                    contract: Instrument.Contract(.future, size: 100, isInverse: true)))
        let ripple = try #require(known.first { $0.symbol == "XRPUSDPERP" })
        #expect(ripple.contract == Instrument.Contract(.perpetual, size: 10, isInverse: true))
        #expect(ripple.venueSymbol == "XRPUSD_PERP" && ripple.canonicalName == "XRP-USD")
    }
}
