import Microstructure

/// The spot markets that speak Binance's protocol.
public enum BinanceMarket: Sendable, Hashable {
    /// Binance itself, and its addresses for market data only.
    case global
    case us

    public var venue: Venue { self == .us ? .binanceUS : .binance }

    /// The meaning of `status` in `exchangeInfo`. A list without a status is of markets that trade.
    static func tradingStatus(_ text: String) -> TradingStatus {
        switch text {
        case "TRADING", "": .trading
        case "AUCTION_MATCH": .auction
        case "CANCEL_ONLY": .cancelOnly
        case "HALT": .halted
        case "BREAK": .paused
        case "END_OF_DAY", "PRE_TRADING", "POST_TRADING", "PENDING_TRADING", "CLOSE": .closed
        default: .other
        }
    }

    static let endpoints = [
        VenueEndpoint(
            name: "binance", venueProtocol: .binance(.global), webSocketURL: "wss://stream.binance.com:9443",
            restURL: "https://api.binance.com", limits: BinanceAdapter.limits, timeUnit: .microseconds),
        // Market data only: it gives no access to accounts.
        VenueEndpoint(
            name: "binance-data", venueProtocol: .binance(.global), webSocketURL: "wss://data-stream.binance.vision",
            restURL: "https://data-api.binance.vision", limits: BinanceAdapter.limits, timeUnit: .microseconds),
        // Binance.US does not document microseconds.
        VenueEndpoint(
            name: "binance-us", venueProtocol: .binance(.us), webSocketURL: "wss://stream.binance.us:9443",
            restURL: "https://api.binance.us", limits: BinanceAdapter.limits, timeUnit: .milliseconds),
    ]
}
