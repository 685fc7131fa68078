import Microstructure

/// Binance's market-data requests and their weights; `BinanceREST+Decoding` reads the answers.
///
/// Source: Binance spot REST documentation, 2026-07-21; USD-M and COIN-M futures REST documentation, 2026-09.
public enum BinanceREST {
    /// Trades in one answer.
    static let tradeLimit = 1_000

    /// Requests the book of `symbol`, the best `limit` levels a side (1…5,000, on futures 1…1,000; clamped).
    public static func depth(symbol: String, limit: Int, of market: BinanceMarket = .global) -> VenueRequest {
        var limit = min(max(limit, 1), market.snapshotLimit)
        var weight =
            switch limit {
            case ...100: 5
            case ...500: 25
            case ...1_000: 50
            default: 250
            }
        if market.isFutures { (limit, weight) = futuresDepth(atLeast: limit) }
        return VenueRequest(
            path: "\(market.path)/depth", query: "symbol=\(percentEncoded(symbol))&limit=\(limit)", weight: weight)
    }

    /// Futures serve a few depths only.
    private static func futuresDepth(atLeast limit: Int) -> (limit: Int, weight: Int) {
        switch limit {
        case ...50: (50, 2)
        case ...100: (100, 5)
        case ...500: (500, 10)
        default: (1_000, 20)
        }
    }

    /// The server's time.
    public static func serverTime(of market: BinanceMarket = .global) -> VenueRequest {
        VenueRequest(path: "\(market.path)/time", weight: 1)
    }

    /// The rules of the given symbols; of all symbols if none are given (a body of many megabytes), and always on
    /// futures, where the request has no parameters.
    public static func exchangeInfo(symbols: [String], of market: BinanceMarket = .global) -> VenueRequest {
        guard !market.isFutures else { return VenueRequest(path: "\(market.path)/exchangeInfo", weight: 1) }
        let list = symbols.map { "\"\($0)\"" }.joined(separator: ",")
        let query = symbols.isEmpty ? "" : "symbols=\(percentEncoded("[\(list)]"))"
        return VenueRequest(path: "\(market.path)/exchangeInfo", query: query, weight: 20)
    }

    /// Trades from id `fromID` on, at most `limit` (1…1,000; clamped): fills a gap exactly.
    public static func historicalTrades(symbol: String, fromID: Int64, limit: Int) -> VenueRequest {
        let limit = min(max(limit, 1), tradeLimit)
        return VenueRequest(
            path: "/api/v3/historicalTrades",
            query: "symbol=\(percentEncoded(symbol))&fromId=\(fromID)&limit=\(limit)", weight: 25)
    }

    /// Aggregates from `start` on, at most `limit` (1…1,000; clamped).
    public static func aggregateTrades(
        symbol: String, from start: AggregateStart, limit: Int, of market: BinanceMarket = .global
    ) -> VenueRequest {
        let limit = min(max(limit, 1), tradeLimit)
        let from =
            switch start {
            case .id(let id): "fromId=\(id)"
            case .time(let time): "startTime=\(time.bucket(width: 1_000_000))"
            }
        return VenueRequest(
            path: "\(market.path)/aggTrades", query: "symbol=\(percentEncoded(symbol))&\(from)&limit=\(limit)",
            weight: market.isFutures ? 20 : 4)
    }

    /// Where a list of aggregates begins.
    public enum AggregateStart: Sendable, Hashable {
        /// An aggregate's own id: a different series from trade ids.
        case id(Int64)
        case time(Timestamp)
    }

    /// RFC 3986: encodes all but unreserved characters. Symbols may have letters outside ASCII.
    static func percentEncoded(_ text: String) -> String {
        var result = ""
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                result.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                result += digits.utf8.count == 1 ? "%0\(digits)" : "%\(digits)"
            }
        }
        return result
    }
}
