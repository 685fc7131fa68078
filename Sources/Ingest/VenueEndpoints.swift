import Venues

/// Where a Binance market is reached.
enum VenueEndpoints: String, CaseIterable {
    case binance
    /// Market data only: no account can be reached through it.
    case binanceData = "binance-data"
    case binanceUS = "binance-us"

    var webSocketURL: String {
        switch self {
        case .binance: "wss://stream.binance.com:9443"
        case .binanceData: "wss://data-stream.binance.vision"
        case .binanceUS: "wss://stream.binance.us:9443"
        }
    }

    var restURL: String {
        switch self {
        case .binance: "https://api.binance.com"
        case .binanceData: "https://data-api.binance.vision"
        case .binanceUS: "https://api.binance.us"
        }
    }

    /// Binance.US does not document microseconds.
    var timeUnit: BinanceTimeUnit { self == .binanceUS ? .milliseconds : .microseconds }
}
