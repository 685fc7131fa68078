/// An exchange, or one of its markets, by its name in topics and configuration: `binance`, `binance_us`.
///
/// An open set: any well-formed name is a venue, so consumers need no list of them. Encoded as the bare name.
public struct Venue: RawRepresentable, Sendable, Hashable, Codable, CustomStringConvertible {
    /// Longest name, in characters.
    public static let lengthLimit = 32

    public let rawValue: String

    /// `nil` unless the name is 1 to `lengthLimit` lower-case ASCII letters, digits and underscores: no character that
    /// could end a field of a topic.
    public init?(rawValue: String) {
        guard (1...Self.lengthLimit).contains(rawValue.utf8.count), rawValue.utf8.allSatisfy(Self.isAllowed) else {
            return nil
        }
        self.rawValue = rawValue
    }

    private init(known rawValue: String) { self.rawValue = rawValue }

    /// Binance's spot market.
    public static let binance = Venue(known: "binance")
    /// Binance.US, a separate exchange with its own books and trade ids.
    public static let binanceUS = Venue(known: "binance_us")

    /// Binance's futures margined in stablecoins.
    public static let binanceUSDM = Venue(known: "binance_usdm")
    /// Binance's futures margined in the coin.
    public static let binanceCOINM = Venue(known: "binance_coinm")
    public static let kraken = Venue(known: "kraken")
    public static let krakenFutures = Venue(known: "kraken_futures")
    /// Coinbase's exchange, by either of its feeds.
    public static let coinbase = Venue(known: "coinbase")
    public static let bybit = Venue(known: "bybit")
    public static let bybitLinear = Venue(known: "bybit_linear")
    public static let bybitInverse = Venue(known: "bybit_inverse")
    public static let okx = Venue(known: "okx")
    public static let bitstamp = Venue(known: "bitstamp")
    public static let bitfinex = Venue(known: "bitfinex")
    public static let deribit = Venue(known: "deribit")

    public var description: String { rawValue }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"): true
        default: false
        }
    }
}
