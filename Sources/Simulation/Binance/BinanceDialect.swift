import Microstructure

/// Binance's format: JSON of the combined streams and the REST API, times in milliseconds; the spot market's with eight
/// decimals, or that of futures.
public struct BinanceDialect: VenueDialect {
    /// `nil` for the spot market.
    let futures: BinanceFutures?

    public init(_ futures: BinanceFutures? = nil) { self.futures = futures }

    public func serve(_ market: SyntheticMarket, delays: ArrivalDelays.Name) -> any SimulatedMarket {
        guard let futures else {
            return EncodedMarket(market, BinanceEncoder(market, delays: Self.delays(delays)))
        }
        return EncodedMarket(market, BinanceFuturesEncoder(market, delays: Self.delays(delays), futures))
    }

    public func play(_ lines: some LineSource, loops: Bool) throws(CaptureError) -> any SimulatedMarket {
        guard futures == nil else { throw CaptureError(line: 1, problem: .otherVenue) }
        return try BinanceCapturePlayer(lines, loops: loops)
    }

    /// `BTCUSDT` for `btcusdt@trade`. Binance stream names are lower case; other names belong to no market.
    public func symbol(ofStream name: String) -> String? {
        guard let end = name.firstIndex(of: "@") else { return nil }
        let symbol = name[..<end].uppercased()
        return symbol.lowercased() == name[..<end] ? symbol : nil
    }

    public func trade(in frame: MarketFrame) -> TradeHistory.Trade? {
        guard let members = JSONText.members(of: frame.bytes, in: frame.payload) else { return nil }
        func range(_ key: String) -> Range<Int>? { JSONText.value(key, of: members, in: frame.bytes) }
        func integer(_ key: String) -> Int64? { range(key).flatMap { DecimalText.integer(frame.bytes, $0) } }
        func text(_ key: String) -> [UInt8]? { range(key).map { Array(frame.bytes[$0].dropFirst().dropLast()) } }
        guard let id = integer("t"), let time = integer("T"), let price = text("p"), let quantity = text("q"),
            let maker = range("m")
        else { return nil }
        return TradeHistory.Trade(
            id: id, price: price, quantity: quantity, milliseconds: time,
            aggressor: frame.bytes[maker.lowerBound] == UInt8(ascii: "t") ? .sell : .buy)
    }

    public func depthChange(in frame: MarketFrame) -> DepthChange? {
        guard let members = JSONText.members(of: frame.bytes, in: frame.payload) else { return nil }
        func range(_ key: String) -> Range<Int>? { JSONText.value(key, of: members, in: frame.bytes) }
        func integer(_ key: String) -> Int64? { range(key).flatMap { DecimalText.integer(frame.bytes, $0) } }
        guard let first = futures == nil ? integer("U") : integer("pu").map({ $0 + 1 }), let last = integer("u"),
            let bids = range("b").flatMap({ Self.levels(frame.bytes, $0) }),
            let asks = range("a").flatMap({ Self.levels(frame.bytes, $0) })
        else { return nil }
        return DepthChange(firstID: first, lastID: last, bids: bids, asks: asks)
    }

    public func book(in snapshot: [UInt8]) -> SimulatedBook? {
        guard let members = JSONText.members(of: snapshot, in: 0..<snapshot.count) else { return nil }
        func range(_ key: String) -> Range<Int>? { JSONText.value(key, of: members, in: snapshot) }
        guard let id = range("lastUpdateId").flatMap({ DecimalText.integer(snapshot, $0) }),
            let bids = range("bids").flatMap({ Self.levels(snapshot, $0) }),
            let asks = range("asks").flatMap({ Self.levels(snapshot, $0) })
        else { return nil }
        return SimulatedBook(updateID: id, bids: bids, asks: asks)
    }

    /// The levels of `[["price","size"],…]` in 10⁻⁸; `nil` where one cannot be read.
    private static func levels(_ bytes: [UInt8], _ range: Range<Int>) -> [PriceLevel]? {
        var levels: [PriceLevel] = []
        let isReadable = JSONText.forEachLevel(of: bytes, in: range) { price, size in
            guard let price = DecimalText.parse(bytes, price), let size = DecimalText.parse(bytes, size) else {
                return false
            }
            levels.append(PriceLevel(price: Price(price), quantity: Quantity(size)))
            return true
        }
        return isReadable ? levels : nil
    }
}

extension StreamKind {
    /// The kind of the Binance stream called `name`, taken from the part after the first `@`.
    init(binanceStream name: String) {
        switch name.split(separator: "@", maxSplits: 1).dropFirst().first {
        case "depth", "depth@100ms": self = .depth
        case "trade": self = .trade
        case "bookTicker": self = .quote
        default: self = .other
        }
    }
}
