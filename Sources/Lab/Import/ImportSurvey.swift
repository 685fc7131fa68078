import Microstructure
import Simulation
import Venues

/// Facts needed from all messages before the first is written: symbols, their decimal scales, the first time.
struct ImportSurvey {
    private struct Symbol {
        /// The venue's spelling, `BTCUSD_PERP`.
        var venueSymbol: String?
        var prices = DecimalSurvey()
        var quantities = DecimalSurvey()
        /// Listing from its first recorded snapshot.
        var listing: Listing?
        var hasFrames = false
        var hasTradeFrames = false
        var hasUpdates = false
        var hasRows = false
    }

    /// The market that the messages must be of.
    private let venue: Venue
    private var symbols: [String: Symbol] = [:]
    private var symbolsOfFile: [Set<String>]
    /// The first snapshot of each file that names no symbol.
    private var unnamed: [[UInt8]?]
    private(set) var firstTime: Timestamp?
    private(set) var order: FileOrder

    /// Reads all files. Throws if one is a recording of spot and another, or `venue`, of futures.
    ///
    /// - Parameter advance: receives the bytes read; may throw to stop.
    init(
        _ files: [(path: String, reader: any MessageReader)], venue: Venue = .binance, advance: (Int) throws -> Void
    ) throws {
        self.venue = venue
        symbolsOfFile = Array(repeating: [], count: files.count)
        unnamed = Array(repeating: nil, count: files.count)
        order = FileOrder(fileCount: files.count)
        var silent = ImportReport(nil)
        var done = 0
        for (index, file) in files.enumerated() {
            var rows = 0
            while let message = file.reader.next(&silent) {
                try add(message, file: index, path: file.path)
                rows += 1
                if rows % 1_024 == 0 { try advance(done + file.reader.bytesRead) }
            }
            done += file.reader.bytesRead
        }
        finish()
    }

    /// The symbol for a file's snapshots that name none: the file's only symbol.
    func symbol(ofFile index: Int) -> String? {
        symbolsOfFile[index].count == 1 ? symbolsOfFile[index].first : nil
    }

    /// Whether any data could build a book of `symbol`.
    func hasBook(_ symbol: String) -> Bool {
        guard let symbol = symbols[symbol] else { return false }
        return symbol.hasFrames || symbol.listing != nil || symbol.hasRows
    }

    /// Whether deltas with Binance's ids build the book of `symbol`.
    func hasUpdates(_ symbol: String) -> Bool { symbols[symbol]?.hasUpdates ?? false }

    /// Whether the single trades of `symbol` are recorded; then aggregates of them say nothing new.
    func hasTradeFrames(_ symbol: String) -> Bool { symbols[symbol]?.hasTradeFrames ?? false }

    private mutating func add(_ message: ImportMessage, file: Int, path: String) throws(ImportError) {
        order.add(message, file: file)
        firstTime = min(firstTime ?? message.receiveTime, message.receiveTime)
        switch message.content {
        case .connected, .lostLevels: break
        case .frame(let symbol, let text):
            guard let symbol else { return }
            symbolsOfFile[file].insert(symbol)
            symbols[symbol, default: Symbol()].hasFrames = true
            let frame = RawFrame(text)
            try check(frame, path, message.line)
            if symbols[symbol]?.venueSymbol == nil { symbols[symbol]?.venueSymbol = frame.venueSymbol }
            if frame.event == "trade" { symbols[symbol]?.hasTradeFrames = true }
        case .snapshot(let symbol, let text):
            if !isFutures { try refuseFutures(RawFrame.futuresMark(ofSnapshot: text), path, message.line) }
            guard let symbol else {
                if unnamed[file] == nil { unnamed[file] = text }
                return
            }
            symbolsOfFile[file].insert(symbol)
            addSnapshot(text, of: symbol)
        case .depth(let levels, _, _):
            add(levels)
            symbols[levels.symbol]?.hasUpdates = true
        case .depthSnapshot(let levels, _), .levels(let levels, _), .top(let levels): add(levels)
        case .quote(let quote):
            add(quote.bid, of: quote.symbol)
            add(quote.ask, of: quote.symbol)
        case .trade(let trade):
            add(ImportMessage.Level(price: trade.price, quantity: trade.quantity), of: trade.symbol)
        }
    }

    private var isFutures: Bool { venue == .binanceUSDM || venue == .binanceCOINM }

    /// Futures chain their books by other rules, and spell their symbols as spot does.
    private func check(_ frame: RawFrame, _ path: String, _ line: Int) throws(ImportError) {
        guard isFutures else { return try refuseFutures(frame.futuresMark, path, line) }
        guard frame.futuresMark == nil, ["depthUpdate", "trade", "bookTicker"].contains(frame.event) else { return }
        throw ImportError(
            .noUsableData,
            "\(path):\(line): a message of Binance's spot market among those of \(venue); leave this file out")
    }

    private func refuseFutures(_ mark: String?, _ path: String, _ line: Int) throws(ImportError) {
        guard let mark else { return }
        throw ImportError(
            .noUsableData,
            "\(path):\(line): a recording of Binance's futures market (USD-M or COIN-M), told from spot by \(mark); only spot "
                + "recordings can be read as binance-raw: use --format venue-raw, and one market at a time")
    }

    private mutating func finish() {
        order.finish()
        for (file, text) in unnamed.enumerated() {
            guard let text, let symbol = symbol(ofFile: file) else { continue }
            addSnapshot(text, of: symbol)
        }
    }

    /// The instruments, in the order of their names.
    func instruments() throws(ImportError) -> [Instrument] {
        var instruments: [Instrument] = []
        for (name, symbol) in symbols.sorted(by: { $0.key < $1.key }) {
            instruments.append(try instrument(name, symbol))
        }
        return instruments
    }

    private func instrument(_ name: String, _ symbol: Symbol) throws(ImportError) -> Instrument {
        guard symbol.hasFrames || symbol.listing != nil else {
            return Instrument(
                venue: venue, symbol: name, venueSymbol: symbol.venueSymbol, priceExponent: symbol.prices.exponent,
                quantityExponent: symbol.quantities.exponent)
        }
        // A recording without a snapshot does not show the steps; eight decimals hold all that Binance sends.
        guard let listing = symbol.listing else {
            return Instrument(
                venue: venue, symbol: name, venueSymbol: symbol.venueSymbol, priceExponent: -8, quantityExponent: -8)
        }
        // Through the decoder that live ingest uses, so that both choose the same scale.
        let text = """
            {"symbols":[{"symbol":"\(name)","filters":[{"filterType":"PRICE_FILTER","tickSize":\
            "\(listing.tickSizeText)"},{"filterType":"LOT_SIZE","stepSize":"\(listing.stepSizeText)"}]}]}
            """
        let bytes = Array(text.utf8)
        do throws(VenueError) {
            guard let rules = try BinanceREST.decodeExchangeInfo(bytes.span, venue: venue).first else {
                throw VenueError.badConfiguration("no symbol")
            }
            return Instrument(
                venue: venue, symbol: name, venueSymbol: symbol.venueSymbol, priceExponent: rules.priceExponent,
                quantityExponent: rules.quantityExponent, tickSize: rules.tickSize, lotSize: rules.lotSize)
        } catch {
            throw ImportError(.noUsableData, "\(name): the steps of its snapshot make no sense: \(error)")
        }
    }

    private mutating func addSnapshot(_ text: [UInt8], of name: String) {
        guard symbols[name]?.listing == nil, let listing = Listing(symbol: name, snapshot: text) else { return }
        symbols[name, default: Symbol()].listing = listing
    }

    private mutating func add(_ levels: ImportMessage.Levels) {
        symbols[levels.symbol, default: Symbol()].hasRows = true
        for level in levels.bids { add(level, of: levels.symbol) }
        for level in levels.asks { add(level, of: levels.symbol) }
    }

    private mutating func add(_ level: ImportMessage.Level, of name: String) {
        symbols[name, default: Symbol()].prices.add(level.price)
        symbols[name, default: Symbol()].quantities.add(level.quantity)
    }
}
