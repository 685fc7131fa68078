import Foundation
import Microstructure
import Testing

@testable import Venues

/// What Coinbase Exchange's feed really sent.
@Suite struct CoinbaseTests {
    private static let recording = "venues-2021/COINBASE-20210417-l2-matches.txt.zst"

    /// The counts agree with a plain search of the text, and all levels with a second reading of it by other means.
    @Test(.enabled(if: Recording.exists(recording)))
    func theRecordingIsReplayed() throws {
        let replay = try StreamRecording<CoinbaseReader>([Self.recording], CoinbaseAdapter(options: .standard))
        let lines = try Recording.lines(Self.recording, with: "zstd").map { String(decoding: $0, as: UTF8.self) }
            .filter { !$0.hasPrefix("wss") }
        func count(_ type: String) -> UInt64 { UInt64(lines.count { $0.contains(#"{"type":"\#(type)""#) }) }
        let counts = replay.counts
        #expect(counts.messages == 9_946 && counts.outcomes == 9_946 && replay.refused == 0)
        #expect(counts.rejections.total == 0 && counts.refusedLevels == 0)
        #expect(counts.snapshots == 10 && count("snapshot") == 10)
        #expect(counts.depthUpdates == 9_729 && count("l2update") == 9_719)
        #expect(counts.depthApplied == 9_729 && replay.books == 9_729 && counts.resyncs == 0 && counts.gaps == 0)
        #expect(counts.crossedBooks == 0 && replay.crossed == 0)
        #expect(replay.trades == 97 && counts.trades == 97 && count("match") == 97)
        // Each product's last trade before the subscription tells only where its ids begin.
        #expect(counts.duplicateTrades == 10 && count("last_match") == 10)
        #expect(counts.missedTrades == 0 && counts.unfilledTrades == 0 && counts.lateTrades == 0)
        // Tickers had no sizes then; each product's first one answers the subscription.
        #expect(counts.unknownEvents == 97 && count("ticker") == 107 && replay.quotes == 0)
        #expect(counts.acknowledgements == 13 && count("subscriptions") == 3)
        #expect(replay.session.instruments.count == 10)
        let books = try NaiveBook.read(lines)
        for (index, instrument) in replay.session.instruments.enumerated() {
            #expect(instrument.canonicalName == instrument.venueSymbol)
            let book = replay.session.book(of: InstrumentID(index))
            let expected = try #require(books[instrument.venueSymbol])
            #expect(NaiveBook.levels(book.bids, of: instrument) == expected.bids)
            #expect(NaiveBook.levels(book.asks, of: instrument) == expected.asks)
        }
    }

    /// Books read from the text by Foundation, as decimals in dictionaries.
    private struct NaiveBook {
        var bids: [Decimal: Decimal] = [:]
        var asks: [Decimal: Decimal] = [:]

        static func read(_ lines: [String]) throws -> [String: NaiveBook] {
            var books: [String: NaiveBook] = [:]
            for line in lines {
                guard let start = line.firstIndex(of: "{"),
                    let object = try JSONSerialization.jsonObject(with: Data(line[start...].utf8)) as? [String: Any],
                    let product = object["product_id"] as? String
                else { continue }
                if let bids = object["bids"] as? [[String]], let asks = object["asks"] as? [[String]] {
                    books[product] = NaiveBook()
                    for row in bids { books[product]?.bids[Decimal(string: row[0])!] = Decimal(string: row[1])! }
                    for row in asks { books[product]?.asks[Decimal(string: row[0])!] = Decimal(string: row[1])! }
                }
                for row in object["changes"] as? [[String]] ?? [] {
                    let (price, size) = (Decimal(string: row[1])!, Decimal(string: row[2])!)
                    if row[0] == "buy" {
                        books[product]?.bids[price] = size == 0 ? nil : size
                    } else {
                        books[product]?.asks[price] = size == 0 ? nil : size
                    }
                }
            }
            return books
        }

        static func levels(_ side: BookSide, of instrument: Instrument) -> [Decimal: Decimal] {
            func decimal(_ mantissa: Int64, _ exponent: Int8) -> Decimal {
                Decimal(sign: .plus, exponent: Int(exponent), significand: Decimal(mantissa))
            }
            return (0..<side.count).reduce(into: [:]) { levels, rank in
                let price = decimal(side[rank].price.mantissa, instrument.priceExponent)
                levels[price] = decimal(side[rank].quantity.mantissa, instrument.quantityExponent)
            }
        }
    }

    // MARK: Real messages

    @Test func booksAreReadExactly() throws {
        let lab = try StreamLab<CoinbaseReader>.coinbase(CoinbaseAdapter(options: .standard))
        try lab.frame(CoinbaseMessage.subscriptions)
        #expect(lab.counts.acknowledgements == 1 && lab.validity() == .resyncing)
        try lab.frame(CoinbaseMessage.snapshot)
        #expect(lab.validity() == .valid && lab.books.count == 1 && lab.books.first?.validity == .valid)
        #expect(lab.books.first?.times.venue.nanoseconds == nanoseconds("2026-09-30T02:03:12.707251Z"))
        #expect(
            lab.bids() == [[8_342_020, 7_599_840], [8_342_019, 3_405], [8_341_918, 19_188_195]])
        #expect(
            lab.asks() == [[8_342_021, 8_080_000], [8_342_113, 114_802], [8_342_460, 2_300_000]])
        try lab.frame(CoinbaseMessage.update)
        #expect(lab.books.first?.times.venue.nanoseconds == nanoseconds("2026-09-30T02:03:12.907072Z"))
        #expect(lab.bids().last == [7_299_309, 1_022_220] && lab.book().bids.count == 4)
        #expect(lab.asks().map { $0[0] } == [8_342_021, 8_342_113, 8_342_437])
        #expect(lab.books.first?.epoch == 1 && lab.counts(0).depthApplied == 2 && lab.isBalanced)
    }

    @Test func tradesAreReadExactly() throws {
        let lab = try StreamLab<CoinbaseReader>.coinbase(CoinbaseAdapter(options: .standard))
        try lab.frame(CoinbaseMessage.lastMatch)
        #expect(lab.trades.isEmpty && lab.counts(0).duplicateTrades == 1)
        #expect(lab.lastTradeID() == 1_100_243_479)
        try lab.frame(CoinbaseMessage.match)
        let trade = try #require(lab.trades.first)
        #expect(trade.id == 1_100_243_480 && trade.price == Price(8_342_021) && trade.quantity == Quantity(136_465))
        // The maker sold.
        #expect(trade.aggressor == .buy && !trade.isBackfilled)
        #expect(trade.times.venue.nanoseconds == nanoseconds("2026-09-30T02:03:12.795074Z"))
        #expect(try lab.frame(CoinbaseMessage.heartbeat) == .proceed)
        #expect(lab.counts(0).acknowledgements == 1 && lab.counts(0).missedTrades == 0 && lab.isBalanced)
    }

    /// The first ticker is of the last trade before the subscription.
    @Test func bestPricesAreReadExactly() throws {
        let lab = try StreamLab<CoinbaseReader>.coinbase(CoinbaseAdapter(options: .standard))
        try lab.frame(CoinbaseMessage.ticker)
        #expect(lab.quotes.isEmpty && lab.counts(0).acknowledgements == 1)
        try lab.frame(CoinbaseMessage.ticker)
        let quote = try #require(lab.quotes.first)
        #expect(quote.updateID == 135_437_581_854)
        #expect(quote.bid == PriceLevel(price: Price(7_757_287), quantity: Quantity(9_686)))
        #expect(quote.ask == PriceLevel(price: Price(7_757_585), quantity: Quantity(4_350_000)))
        #expect(quote.times.venue.nanoseconds == nanoseconds("2026-09-02T07:44:10.104422Z"))
        // By a second connection it comes again.
        let other = ConnectionID(1)
        lab.session.connectionOpened(other, at: Timestamp(nanoseconds: 0))
        try lab.frame(CoinbaseMessage.ticker, from: other)
        try lab.frame(CoinbaseMessage.ticker, from: other)
        #expect(lab.quotes.isEmpty && lab.counts(0).oldQuotes == 1 && lab.counts(0).acknowledgements == 2)
        // A side without orders.
        try lab.frame(
            CoinbaseMessage.ticker.replacing("77575.85", with: "").replacing("581854", with: "581855"))
        #expect(lab.quotes.isEmpty && lab.counts(0).emptyQuotes == 1 && lab.isBalanced)
    }

    @Test func errorsAreTheVenues() throws {
        let lab = try StreamLab<CoinbaseReader>.coinbase(CoinbaseAdapter(options: .standard))
        let expected = VenueError.refused(
            code: 0,
            message: "Failed to subscribe: level2, level3, and full channels now require authentication. "
                + "https://docs.cloud.coinbase.com/exchange/docs/websocket-auth")
        #expect(throws: expected) { try lab.frame(CoinbaseMessage.error) }
        #expect(lab.counts.venueErrors == 1 && lab.isBalanced)
    }

    /// Source: two trades of `GET /products/BTC-USD/trades?limit=2`, 2026-06-19, as a public repository captured them.
    @Test func fetchedTradesAreReadExactly() throws {
        let lab = try StreamLab<CoinbaseReader>.coinbase(CoinbaseAdapter(options: .standard))
        try lab.frame(CoinbaseMessage.match(1_040_406_588))
        #expect(try lab.frame(CoinbaseMessage.match(1_040_406_591)) == .fetchTrades(InstrumentID(0)))
        let body = """
            [{"trade_id":1040406590,"side":"buy","size":"0.00003219","price":"63212.97000000",\
            "time":"2026-06-19T16:43:33.739704Z"},{"trade_id":1040406589,"side":"sell","size":"0.00195786",\
            "price":"63212.98000000","time":"2026-06-19T16:43:33.366632Z"}]
            """
        try lab.backfill(body, from: 1_040_406_589, isFinal: true)
        #expect(lab.trades.map(\.id) == [1_040_406_589, 1_040_406_590] && lab.trades.allSatisfy(\.isBackfilled))
        #expect(lab.trades.map(\.price) == [Price(6_321_298), Price(6_321_297)])
        #expect(lab.trades.map(\.quantity) == [Quantity(195_786), Quantity(3_219)])
        #expect(lab.trades.map(\.aggressor) == [.buy, .sell])
        #expect(lab.trades.last?.times.venue.nanoseconds == nanoseconds("2026-06-19T16:43:33.739704Z"))
        #expect(lab.missingTrades() == 0 && lab.counts(0).backfilledTrades == 2 && lab.counts(0).unfilledTrades == 0)
    }
}

/// Messages of Coinbase Exchange's feed, as public repositories have captured them.
enum CoinbaseMessage {
    /// Source: ziyangliu-666/FastMM, `tests/fixtures/coinbase/raw_md_stream.jsonl`, 2026-09-30; `level2_batch` is named so.
    static let subscriptions = """
        {"type":"subscriptions","channels":[{"name":"level2_50","product_ids":["ETH-USD","BTC-USD"],"account_ids":null},\
        {"name":"matches","product_ids":["BTC-USD","ETH-USD"],"account_ids":null},\
        {"name":"heartbeat","product_ids":["BTC-USD","ETH-USD"],"account_ids":null}]}
        """
    /// Source: the same; cut to three levels a side.
    static let snapshot = """
        {"type":"snapshot","product_id":"BTC-USD","asks":[["83420.21","0.08080000"],["83421.13","0.00114802"],\
        ["83424.60","0.02300000"]],"bids":[["83420.20","0.07599840"],["83420.19","0.00003405"],\
        ["83419.18","0.19188195"]],"time":"2026-09-30T02:03:12.707251Z"}
        """
    static let update = """
        {"type":"l2update","product_id":"BTC-USD","changes":[["buy","72993.09","0.01022220"],\
        ["sell","83461.51","0.00000000"],["sell","83424.60","0.00000000"],["sell","83424.37","0.02300000"]],\
        "time":"2026-09-30T02:03:12.907072Z"}
        """
    static let lastMatch = """
        {"type":"last_match","trade_id":1100243479,"maker_order_id":"a9af1f08-bf0a-435d-a957-0fde873c2918",\
        "taker_order_id":"f69f911c-7b35-4b6c-a923-590f412063ac","side":"buy","size":"0.00000009","price":"83420.19",\
        "product_id":"BTC-USD","sequence":136999327656,"time":"2026-09-30T02:03:12.630077Z"}
        """
    static let match = """
        {"type":"match","trade_id":1100243480,"maker_order_id":"ab230cab-6743-4d7b-8eac-d38ed14e1955",\
        "taker_order_id":"84a54910-259e-4b26-98a5-90c7584d478e","side":"sell","size":"0.00136465","price":"83420.21",\
        "product_id":"BTC-USD","sequence":136999327713,"time":"2026-09-30T02:03:12.795074Z"}
        """
    static let heartbeat = """
        {"type":"heartbeat","last_trade_id":1100243481,"product_id":"BTC-USD","sequence":136999327896,\
        "time":"2026-09-30T02:03:13.000000Z"}
        """
    /// Source: a public capture of 2026-09-02.
    static let ticker = """
        {"type":"ticker","sequence":135437581854,"product_id":"BTC-USD","price":"77572.87","open_24h":"78609.92",\
        "volume_24h":"7336.73471395","low_24h":"76366.12","high_24h":"78635.01","volume_30d":"209162.21626191",\
        "best_bid":"77572.87","best_bid_size":"0.00009686","best_ask":"77575.85","best_ask_size":"0.04350000",\
        "side":"sell","time":"2026-09-02T07:44:10.104422Z","trade_id":1087540758,"last_size":"0.00000009"}
        """
    /// Source: a public capture of 2026-08-25; the answer to `level2` without a key.
    static let error = """
        {"type":"error","message":"Failed to subscribe","reason":"level2, level3, and full channels now require \
        authentication. https://docs.cloud.coinbase.com/exchange/docs/websocket-auth"}
        """

    static func match(_ id: Int64, of product: String = "BTC-USD") -> String {
        match.replacing("1100243480", with: "\(id)").replacing("BTC-USD", with: product)
    }

    static func heartbeat(_ id: Int64) -> String { heartbeat.replacing("1100243481", with: "\(id)") }

    static let all = [subscriptions, snapshot, update, lastMatch, match, heartbeat, ticker, error]
}
