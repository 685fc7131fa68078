import Microstructure

/// The markets that speak Binance's protocol.
public enum BinanceMarket: Sendable, Hashable, CaseIterable {
    /// Binance's spot market, and its addresses for market data only.
    case global
    /// The same market by its binary streams (SBE, "simple binary encoding").
    case sbe
    case us
    /// Futures margined in stablecoins (USD-M).
    case usdm
    /// Futures margined in the coin (COIN-M).
    case coinm

    public var venue: Venue {
        switch self {
        case .global, .sbe: .binance
        case .us: .binanceUS
        case .usdm: .binanceUSDM
        case .coinm: .binanceCOINM
        }
    }

    /// The market of a venue's instruments, read as text.
    init(of venue: Venue) {
        switch venue {
        case .binanceUS: self = .us
        case .binanceUSDM: self = .usdm
        case .binanceCOINM: self = .coinm
        default: self = .global
        }
    }

    /// The meaning of `status` in `exchangeInfo`, `contractStatus` on COIN-M. A list without a status is of markets
    /// that trade.
    static func tradingStatus(_ text: String) -> TradingStatus {
        switch text {
        case "TRADING", "": .trading
        case "AUCTION_MATCH": .auction
        case "CANCEL_ONLY", "TRADING_CANCEL_ONLY": .cancelOnly
        case "HALT", "TRADING_HALT": .halted
        case "BREAK": .paused
        case "END_OF_DAY", "PRE_TRADING", "POST_TRADING", "PENDING_TRADING", "CLOSE": .closed
        // The end of a contract.
        case "PRE_DELIVERING", "DELIVERING", "DELIVERED", "PRE_SETTLE", "SETTLING": .closed
        default: .other
        }
    }

    static let endpoints = [
        VenueEndpoint(
            name: "binance", venueProtocol: .binance(.global), webSocketURL: "wss://stream.binance.com:9443",
            restURL: "https://api.binance.com", limits: BinanceAdapter.limits(of: .global), timeUnit: .microseconds,
            lossShows: spotChain, quoteChannel: "bookTicker"),
        // Market data only: it gives no access to accounts.
        VenueEndpoint(
            name: "binance-data", venueProtocol: .binance(.global), webSocketURL: "wss://data-stream.binance.vision",
            restURL: "https://data-api.binance.vision", limits: BinanceAdapter.limits(of: .global),
            timeUnit: .microseconds, lossShows: spotChain, quoteChannel: "bookTicker"),
        VenueEndpoint(
            name: "binance-sbe", venueProtocol: .binance(.sbe), webSocketURL: "wss://stream-sbe.binance.com:9443",
            restURL: "https://api.binance.com", limits: BinanceAdapter.limits(of: .sbe), timeUnit: .microseconds,
            needsKey: true, format: "sbe", withoutKey: "binance", lossShows: "`U` + 1",
            quoteChannel: "bestBidAsk, culled under load"),
        // Binance.US does not document microseconds.
        VenueEndpoint(
            name: "binance-us", venueProtocol: .binance(.us), webSocketURL: "wss://stream.binance.us:9443",
            restURL: "https://api.binance.us", limits: BinanceAdapter.limits(of: .us), timeUnit: .milliseconds,
            lossShows: spotChain, quoteChannel: "bookTicker"),
        // The path carries depth, trades and quotes; aggregates and mark prices have another.
        VenueEndpoint(
            name: "binance-usdm", venueProtocol: .binance(.usdm), webSocketURL: "wss://fstream.binance.com/public",
            restURL: "https://fapi.binance.com", limits: BinanceAdapter.limits(of: .usdm), timeUnit: .milliseconds,
            lossShows: "`pu`", quoteChannel: "bookTicker"),
        VenueEndpoint(
            name: "binance-coinm", venueProtocol: .binance(.coinm), webSocketURL: "wss://dstream.binance.com",
            restURL: "https://dapi.binance.com", limits: BinanceAdapter.limits(of: .coinm), timeUnit: .milliseconds,
            lossShows: "`pu`", quoteChannel: "bookTicker"),
    ]

    private static let spotChain = "`U` + 1; the book against every quote with its id"
}

/// The rules in which the markets differ.
extension BinanceMarket {
    var isFutures: Bool { self == .usdm || self == .coinm }

    /// Whether depth and quotes check each other (`CrossStreamCheck`): each change of the best prices or sizes is a
    /// quote, and it arrives before the depth update that contains it.
    ///
    /// Not on futures: of 120,081 USD-M quotes recorded on 2024-08-08, 1,509 came after a depth update that contains
    /// them. Not on the binary streams: under load the venue drops quotes that are out of date.
    var quotesAreComplete: Bool { self == .global || self == .us }

    /// Where the REST paths begin.
    var path: String {
        switch self {
        case .global, .sbe, .us: "/api/v3"
        case .usdm: "/fapi/v1"
        case .coinm: "/dapi/v1"
        }
    }

    /// Whether the venue serves single trades by their id without a key.
    var servesSingleTrades: Bool { !isFutures }

    /// Most levels a side in a snapshot.
    var snapshotLimit: Int { isFutures ? 1_000 : 5_000 }

    /// A further snapshot is requested when one part of so many is left of a snapshot's depth: a quarter, on futures
    /// half. There a snapshot is soon used up: that of BTCUSDT on 2024-08-08 spanned 0.24 % of the price on the side of
    /// the bids, and after three minutes one update took away the last 257 levels of it.
    var snapshotReserve: Int { isFutures ? 2 : 4 }

    /// The unit of the venue's times, if `wanted` can be had.
    func timeUnit(_ wanted: VenueTimeUnit) -> VenueTimeUnit { isFutures ? .milliseconds : wanted }
}
