public import Microstructure

/// A venue's addresses and protocol.
public struct VenueEndpoint: Sendable, Hashable {
    /// The name by which configuration chooses it.
    public let name: String
    public let venueProtocol: VenueProtocol
    /// Default base addresses, without a closing slash.
    public let webSocketURL: String
    public let restURL: String
    public let limits: VenueLimits
    /// The time unit requested unless configured otherwise.
    public let timeUnit: VenueTimeUnit
    /// Whether it serves only who has a key.
    public var needsKey = false
    /// The form of its streams, where a venue has several.
    public var format = "json"
    /// The endpoint that serves the same market to who has no key.
    public var withoutKey: String?
    /// What shows that a message of a book is missing, in a few words; empty where nothing does.
    public var lossShows = ""
    /// The channel of best prices; empty where none is subscribed to.
    public var quoteChannel = ""

    /// Its name on the bus, which endpoints of the same books share.
    public var venue: Venue {
        switch venueProtocol {
        case .binance(let market): market.venue
        case .bybit(let market): market.venue
        case .kraken: .kraken
        case .krakenFutures: .krakenFutures
        case .coinbase, .coinbaseAdvanced: .coinbase
        case .okx: .okx
        case .bitstamp: .bitstamp
        case .bitfinex: .bitfinex
        case .deribit: .deribit
        }
    }
}

/// The protocols that this version speaks; each has its adapter and its session.
public enum VenueProtocol: Sendable, Hashable {
    case binance(BinanceMarket)
    case bybit(BybitMarket)
    case kraken, krakenFutures, coinbase, coinbaseAdvanced, okx, bitstamp, bitfinex, deribit
}

/// A task for a session whose type is known only once an endpoint has been chosen.
public protocol VenueTask {
    func run<Session: VenueSession & ~Copyable>(_ session: Session.Type, _ adapter: Session.Adapter) throws
}

/// The venues that this version can be connected to.
public enum VenueCatalog {
    /// The first one is the default.
    public static let endpoints =
        BinanceMarket.endpoints + [
            KrakenAdapter.endpoint, KrakenFuturesAdapter.endpoint, CoinbaseAdapter.endpoint,
            CoinbaseAdvancedAdapter.endpoint, OKXAdapter.endpoint, BitstampAdapter.endpoint, BitfinexAdapter.endpoint,
            DeribitAdapter.endpoint,
        ] + BybitAdapter.endpoints

    public static func endpoint(named name: String) -> VenueEndpoint? { endpoints.first { $0.name == name } }

    /// The endpoint `name`, or the one that serves the same market in another format; `nil` if there is none.
    public static func endpoint(named name: String, format: String) -> VenueEndpoint? {
        guard let endpoint = endpoint(named: name), endpoint.format != format else {
            return self.endpoint(named: name)
        }
        return endpoints.first { $0.format == format && $0.withoutKey == name }
    }

    /// The formats of all endpoints.
    public static var formats: [String] {
        var formats: [String] = []
        for endpoint in endpoints where !formats.contains(endpoint.format) { formats.append(endpoint.format) }
        return formats
    }

    /// Runs `task` with the adapter of `endpoint`. Inlinable, so that the task is compiled separately for each session.
    @inlinable
    public static func run(_ task: some VenueTask, at endpoint: VenueEndpoint, _ options: VenueOptions) throws {
        switch endpoint.venueProtocol {
        case .binance(let market):
            try task.run(BinanceSession.self, BinanceAdapter(market: market, options: options))
        case .kraken:
            try task.run(StreamSession<KrakenReader>.self, KrakenAdapter(options: options))
        case .krakenFutures:
            try task.run(StreamSession<KrakenFuturesReader>.self, KrakenFuturesAdapter(options: options))
        case .coinbase:
            try task.run(StreamSession<CoinbaseReader>.self, CoinbaseAdapter(options: options))
        case .coinbaseAdvanced:
            try task.run(StreamSession<CoinbaseAdvancedReader>.self, CoinbaseAdvancedAdapter(options: options))
        case .bybit(let market):
            try task.run(StreamSession<BybitReader>.self, BybitAdapter(market: market, options: options))
        case .okx:
            try task.run(StreamSession<OKXReader>.self, OKXAdapter(options: options))
        case .bitstamp:
            try task.run(StreamSession<BitstampReader>.self, BitstampAdapter(options: options))
        case .bitfinex:
            try task.run(StreamSession<BitfinexReader>.self, BitfinexAdapter(options: options))
        case .deribit:
            try task.run(StreamSession<DeribitReader>.self, DeribitAdapter(options: options))
        }
    }
}
