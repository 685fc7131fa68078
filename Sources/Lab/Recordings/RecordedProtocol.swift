import Microstructure
import Runtime
import Venues

/// Whose messages a recording holds, told from its addresses or from the messages themselves.
enum RecordedProtocol: String, CaseIterable {
    case binance, binanceUS = "binance-us", binanceUSDM = "binance-usdm", binanceCOINM = "binance-coinm"
    case kraken, krakenFirst = "kraken-v1", krakenFutures = "kraken-futures"
    case coinbase, coinbaseAdvanced = "coinbase-advanced"
    case bybit, bybitLinear = "bybit-linear", bybitInverse = "bybit-inverse", bybitFirst = "bybit-v2"
    case okx, bitstamp, bitfinex, deribit

    /// Lines read to find out.
    private static let searchLimit = 20_000

    /// Reads the beginning of a file; `nil` if nothing in it tells.
    init?(path: String) throws(ImportError) {
        var report = ImportReport(nil)
        var lines = try RecordedLines([path], &report)
        var likely: Self?
        for _ in 0..<Self.searchLimit {
            guard let (line, _, _) = lines.next(&report) else { break }
            let found: Self? =
                switch line.content {
                case .connected(let url): Self(address: url)
                case .answer(let url, _): Self(address: url)
                case .frame(let text): Self(message: text)
                }
            guard let found else { continue }
            if case .frame = line.content, found == .bybit {
                // Its three markets send the same books: the ids of trades tell them apart.
                likely = found
                continue
            }
            self = found
            return
        }
        guard let likely else { return nil }
        self = likely
    }

    /// The venue of all files; throws if they are of several, or of none that is known.
    init(ofAll paths: [String]) throws(ImportError) {
        var found: (venue: Self, path: String)?
        for path in paths {
            guard let venue = try Self(path: path) else {
                throw ImportError(.noUsableData, "\(path): no message in it is of a venue that is known")
            }
            if let found, found.venue != venue {
                throw ImportError(
                    .noUsableData,
                    "\(found.path) is of \(found.venue.rawValue), \(path) of \(venue.rawValue): give the recordings of one venue"
                )
            }
            found = (venue, path)
        }
        guard let found else { throw ImportError(.noUsableData, "no recordings given") }
        self = found.venue
    }

    /// - Parameter address: of a stream or of an HTTP service.
    init?(address: String) {
        let rules: [(String, Self)] = [
            ("futures.kraken.com", .krakenFutures), ("kraken.com/v2", .kraken), ("ws.kraken.com", .krakenFirst),
            ("advanced-trade-ws", .coinbaseAdvanced), ("coinbase.com", .coinbase),
            ("stream.bybit.com/realtime", .bybitFirst), ("bybit.com/v5/public/linear", .bybitLinear),
            ("bybit.com/v5/public/inverse", .bybitInverse), ("bybit.com/v5/public/spot", .bybit),
            ("api.bybit.com/v2", .bybitFirst),
            ("okx.com", .okx), ("bitstamp.net", .bitstamp), ("bitfinex.com", .bitfinex), ("deribit.com", .deribit),
            ("dstream.binance.com", .binanceCOINM), ("dapi.binance.com", .binanceCOINM),
            ("fstream.binance.com", .binanceUSDM), ("fapi.binance.com", .binanceUSDM),
            ("binance.us", .binanceUS), ("binance.com", .binance), ("binance.vision", .binance),
        ]
        guard let rule = rules.first(where: { address.contains($0.0) }) else { return nil }
        self = rule.1
    }

    /// - Parameter text: a message of a stream.
    init?(message text: [UInt8]) {
        // Some recorders write blanks, and some venues put what a message is behind what it holds.
        let ends = text.count <= 600 ? text[...] : text.prefix(400) + text.suffix(200)
        let head = String(decoding: ends.filter { $0 != UInt8(ascii: " ") }, as: UTF8.self)
        func has(_ part: String) -> Bool { head.contains(part) }
        if has("\"jsonrpc\"") {
            self = .deribit
        } else if has("\"feed\":\"") {
            self = .krakenFutures
        } else if has("\"sequence_num\"") {
            self = .coinbaseAdvanced
        } else if has("\"product_id\"") || has("\"type\":\"l2update\"") {
            self = .coinbase
        } else if has("\"topic\":\"orderBookL2") || has("\"topic\":\"trade.") {
            self = .bybitFirst
        } else if has("\"topic\":\"orderbook.") || has("\"topic\":\"publicTrade.") {
            self = Self.bybitMarket(head)
        } else if has("\"arg\":{\"channel\""), has("\"instId\"") {
            self = .okx
        } else if has("diff_order_book_") || has("live_trades_") || has("\"bts:") {
            self = .bitstamp
        } else if has("\"chanId\"") {
            self = .bitfinex
        } else if has("\"channelName\"") || head.hasPrefix("[") && (has("\"book-") || has("\"trade\",\"")) {
            self = .krakenFirst
        } else if has("\"channel\":\"book\"") || has("\"channel\":\"trade\""), has("\"type\":\"") {
            self = .kraken
        } else if has("\"lastUpdateId\"")
            || ["depth", "trade", "aggTrade", "bookTicker"].contains(where: { has("@" + $0) })
            || ["depthUpdate", "trade", "aggTrade", "bookTicker"].contains(where: { has("\"e\":\"\($0)\"") })
        {
            if has("\"ps\":\"") {
                self = .binanceCOINM
            } else {
                self = RawFrame(text).futuresMark == nil && !has("\"pu\":") ? .binance : .binanceUSDM
            }
        } else {
            return nil
        }
    }

    /// The market of a message of version 5: the ids of trades are numbers on the spot market, and other texts elsewhere.
    private static func bybitMarket(_ head: String) -> Self {
        guard let id = head.firstRange(of: "\"i\":\""), head[id.upperBound...].prefix(40).contains("-"),
            let topic = head.firstRange(of: "\"topic\":\"publicTrade.")
        else { return .bybit }
        let symbol = head[topic.upperBound...].prefix { $0 != "\"" && $0 != "-" }
        return symbol.hasSuffix("USDT") || symbol.hasSuffix("USDC") || symbol.hasSuffix("PERP")
            ? .bybitLinear : .bybitInverse
    }

    /// The market, if the session of Binance's markets reads its messages.
    var binanceVenue: Venue? {
        switch self {
        case .binance: .binance
        case .binanceUS: .binanceUS
        case .binanceUSDM: .binanceUSDM
        case .binanceCOINM: .binanceCOINM
        default: nil
        }
    }
}

/// Work on the recording of a venue whose session is a `StreamSession`.
protocol RecordedTask {
    associatedtype Output
    func run<Reader: VenueReader>(_ reader: Reader.Type, _ adapter: Reader.Adapter) throws -> Output
}

extension RecordedProtocol {
    /// `nil` for Binance's markets.
    func run<Task: RecordedTask>(_ task: Task, depth: Int) throws -> Task.Output? {
        let options = VenueOptions(
            timeUnit: .milliseconds, depthPublished: depth, snapshotDepth: 5_000, backfillLimit: .max)
        return switch self {
        case .binance, .binanceUS, .binanceUSDM, .binanceCOINM: nil
        case .kraken: try task.run(KrakenReader.self, KrakenAdapter(options: options))
        case .krakenFirst: try task.run(KrakenFirstReader.self, KrakenAdapter(options: options))
        case .krakenFutures: try task.run(KrakenFuturesReader.self, KrakenFuturesAdapter(options: options))
        case .coinbase: try task.run(CoinbaseReader.self, CoinbaseAdapter(options: options))
        case .coinbaseAdvanced:
            try task.run(CoinbaseAdvancedReader.self, CoinbaseAdvancedAdapter(options: options))
        case .bybit: try task.run(BybitReader.self, BybitAdapter(market: .spot, options: options))
        case .bybitLinear: try task.run(BybitReader.self, BybitAdapter(market: .linear, options: options))
        case .bybitInverse: try task.run(BybitReader.self, BybitAdapter(market: .inverse, options: options))
        case .bybitFirst: try task.run(BybitFirstReader.self, BybitAdapter(market: .inverse, options: options))
        case .okx: try task.run(OKXReader.self, OKXAdapter(options: options))
        case .bitstamp: try task.run(BitstampReader.self, BitstampAdapter(options: options))
        case .bitfinex: try task.run(BitfinexReader.self, BitfinexAdapter(options: options))
        case .deribit: try task.run(DeribitReader.self, DeribitAdapter(options: options))
        }
    }
}
