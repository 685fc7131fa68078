import Foundation
import Microstructure
import Testing

@testable import Venues

/// Futures against what the exchange really sent.
@Suite struct BinanceFuturesRecordingTests {
    struct Capture: Sendable, CustomStringConvertible {
        let symbol: String
        let file: String
        let venue: Venue
        let price: Int8
        let quantity: Int8
        /// In the file.
        let depth: UInt64
        let trades: UInt64
        let quotes: UInt64
        /// Updates published; others came before the snapshot, or while a further one was awaited in vain.
        let books: UInt64
        /// Books with a quote of the same update id.
        let exact: Int
        /// Books whose only snapshot was used up.
        var exhausted: UInt64 = 0

        var description: String { symbol }
    }

    static let futures2024 = "binance-futures-2024-08-08"
    static let captures = [
        Capture(
            symbol: "BTCUSDT", file: "btcusdt_20240808.gz", venue: .binanceUSDM, price: -2, quantity: -3,
            depth: 6_551, trades: 21_313, quotes: 66_089, books: 4_116, exact: 386, exhausted: 1),
        Capture(
            symbol: "ETHUSDT", file: "ethusdt_20240808.gz", venue: .binanceUSDM, price: -2, quantity: -3,
            depth: 6_586, trades: 14_076, quotes: 53_992, books: 6_580, exact: 551),
        Capture(
            symbol: "BTCUSD_PERP", file: "btcusd_perp_20240808.gz", venue: .binanceCOINM, price: -1, quantity: 0,
            depth: 26_847, trades: 2_286, quotes: 19_136, books: 26_824, exact: 1_124),
        Capture(
            symbol: "ETHUSD_PERP", file: "ethusd_perp_20240808.gz", venue: .binanceCOINM, price: -2, quantity: 0,
            depth: 22_909, trades: 1_732, quotes: 15_812, books: 22_887, exact: 1_345),
    ]

    /// The whole session is continuous by `pu`, and books equal the venue's quotes.
    @Test(.enabled(if: Recording.exists(futures2024)), arguments: captures)
    func booksAgreeWithTheVenuesOwnQuotes(capture: Capture) throws {
        let instrument = try #require(
            SymbolName.normalized(capture.symbol).map {
                Instrument(
                    venue: capture.venue, symbol: $0, venueSymbol: capture.symbol, priceExponent: capture.price,
                    quantityExponent: capture.quantity)
            })
        let lab = try Lab(instrument)
        var quotes: [Int64: Quote] = [:]
        var books: [(id: Int64, bid: PriceLevel, ask: PriceLevel)] = []
        var found: [String: UInt64] = [:]
        var (tradeIDs, requests, crossed, lateQuotes): ([Int64], Int, Int, Int) = ([], 0, 0, 0)
        for line in try Recording.lines("\(Self.futures2024)/\(capture.file)", with: "gzip") {
            let space = try #require(line.firstIndex(of: UInt8(ascii: " ")))
            let json = Array(line[(space + 1)...])
            let time = try #require(Int64(String(decoding: line[..<space], as: UTF8.self)))
            if json.starts(with: Array("{\"lastUpdateId\"".utf8)) {
                #expect(try lab.snapshot(json, for: 0, at: time) == .proceed)
            } else if case .fetchSnapshot = try lab.frame(json, at: time) {
                requests += 1
            }
            let head = String(decoding: json.prefix(48), as: UTF8.self)
            for channel in ["@depth@0ms\"", "@trade\"", "@bookTicker\""] where head.contains(channel) {
                found[channel, default: 0] += 1
            }
            for event in lab.batch.events {
                switch event {
                case .quote(let quote):
                    quotes[quote.updateID] = quote
                    if let last = books.last, quote.updateID <= last.id { lateQuotes += 1 }
                    // The venue's times are those of the change, a moment before the exchange sent the quote.
                    #expect(quote.times.venue.nanoseconds > 1_723_161_256_000_000_000)
                case .trade(let trade): tradeIDs.append(trade.id)
                case .book(let update):
                    let bid = try #require(lab.batch.levels[update.bids].first)
                    let ask = try #require(lab.batch.levels[update.asks].first)
                    if ask.price <= bid.price, update.validity == .valid { crossed += 1 }
                    books.append((update.updateID, bid, ask))
                    #expect(update.validity == .valid && update.epoch == 1)
                case .heartbeat: Issue.record("sessions send no heartbeats")
                }
            }
        }
        var (exact, equal) = (0, 0)
        for book in books {
            guard let quote = quotes[book.id] else { continue }
            exact += 1
            equal += quote.bid == book.bid && quote.ask == book.ask ? 1 : 0
        }
        let counts = lab.counts()
        print(
            "\(capture.symbol): \(counts.messages) messages, \(books.count) books, \(counts.chainsPassed) chains,",
            "\(counts.trades) trades, \(counts.quotes) quotes (\(lateQuotes) late), \(equal) of \(exact) books equal")
        #expect(lab.epoch() == 1 && crossed == 0 && lab.isBalanced)
        #expect(found["@depth@0ms\""] == capture.depth && counts.depthUpdates == capture.depth)
        #expect(found["@trade\""] == capture.trades && counts.trades == capture.trades)
        #expect(found["@bookTicker\""] == capture.quotes && counts.quotes == capture.quotes)
        #expect(tradeIDs == tradeIDs.sorted() && tradeIDs.count == Set(tradeIDs).count)
        #expect(counts.chainsPassed == capture.depth - 1 && counts.depthApplied == capture.books)
        #expect(counts.gaps == 0 && counts.overlaps == 0 && counts.crossedBooks == 0)
        #expect(counts.rejections.total == 0 && counts.unknownEvents == 0 && counts.missedTrades == 0)
        #expect(counts.quoteGaps == 0 && counts.oldQuotes == 0 && counts.duplicateTrades == 0)
        #expect(exact == capture.exact && equal == exact)
        // The recording has one snapshot: where a session asks for another, it gets none.
        #expect(counts.exhaustedBooks == capture.exhausted && counts.resyncs == capture.exhausted)
        #expect(requests == 1 + 2 * Int(capture.exhausted))
        #expect(lab.validity() == (capture.exhausted == 0 ? .valid : .resyncing))
    }

    /// All recorded frames take the short way.
    @Test(.enabled(if: Recording.exists(futures2024)), arguments: captures)
    func recordedFramesAreCanonical(capture: Capture) throws {
        let symbols = try #require(SymbolTable([capture.symbol]))
        let scale = PriceScale(
            Instrument(
                venue: capture.venue, symbol: "X", priceExponent: capture.price, quantityExponent: capture.quantity))
        var (bids, asks): ([PriceLevel], [PriceLevel]) = ([], [])
        var (frames, canonical) = (0, 0)
        for line in try Recording.lines("\(Self.futures2024)/\(capture.file)", with: "gzip").prefix(10_000) {
            let json = Array(line[(try #require(line.firstIndex(of: UInt8(ascii: " "))) + 1)...])
            guard !json.starts(with: Array("{\"lastUpdateId\"".utf8)) else { continue }
            frames += 1
            let isCanonical = JSONScanner.scan(json.span) { scanner in
                CanonicalFrame(
                    &scanner, of: BinanceMarket(of: capture.venue), symbols: symbols, scales: [scale],
                    unit: .milliseconds, at: Timestamp(nanoseconds: 1), bids: &bids, asks: &asks) != nil
            }
            canonical += isCanonical ? 1 : 0
        }
        #expect(canonical == frames && frames == 9_999)
    }
}
