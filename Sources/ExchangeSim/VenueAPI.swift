import Simulation
import Transport

/// A venue's HTTP and WebSocket API: the venue's paths, codes and client messages that the exchange needs.
///
/// To add a venue: a dialect in `Simulation`, an API here, and a case of `ExchangeVenue`.
protocol VenueAPI: AnyObject {
    /// Names of the venue's own request headers.
    var requestHeaders: [String] { get }
    /// The faults of this venue among `FaultKind.ofSomeVenues`.
    var ownFaults: Set<FaultKind> { get }
    /// Headers of every answer, unless a fault replaces it.
    var usageHeaders: [(name: String, value: String)] { get }

    // MARK: Requests

    /// The answer to a request with an unknown path or method; `nil` otherwise.
    func rejection(of request: ServerRequest) -> VenueAnswer?
    /// Counts a request against the venue's limit; returns the complete answer if it exceeds the limit.
    func charge(_ request: ServerRequest) -> VenueAnswer?
    /// The answer to a request that was neither rejected nor over the limit.
    func answer(_ request: ServerRequest, by exchange: ExchangeSimulator, at now: Int64) -> VenueAnswer
    /// The symbol that a request names.
    func symbol(in request: ServerRequest) -> String?
    /// Whether a request asks for a symbol's book.
    func isForBook(_ request: ServerRequest) -> Bool
    /// The answer to a request for the book.
    func answer(withBook body: [UInt8]) -> VenueAnswer
    /// The answer of a fault that refuses or fails a request: of kind `rateLimit`, `ban` or `serverError`.
    ///
    /// - Parameter seconds: time until requests are served again.
    func answer(to fault: Fault, seconds: Double) -> VenueAnswer

    // MARK: Connections

    func handshake(_ request: ServerRequest) -> Handshake
}

/// A decision on a WebSocket handshake.
enum Handshake {
    case accept(any VenueConnection)
    /// An HTTP status of 400 or above.
    case refuse(status: Int)
}

/// The venue's side of one WebSocket connection: its subscriptions, and its message format.
protocol VenueConnection: AnyObject {
    /// The connection is open.
    func opened(_ client: SimulatedClient)
    /// The client has sent a message.
    func received(_ message: Span<UInt8>, from client: SimulatedClient, at now: Int64)
    /// Called again and again while the connection is open, at least once a second.
    func advance(to now: Int64, _ client: SimulatedClient)
    /// A market's frame adapted to this connection: times moved by `milliseconds` and in the connection's unit.
    func adapted(_ frame: MarketFrame, clockShiftMilliseconds milliseconds: Int64) -> MarketFrame
    /// The part of a frame's bytes that is sent.
    func message(in frame: MarketFrame) -> Range<Int>
    /// The message that announces a shutdown; `nil` if the venue has none.
    func shutdownNotice(atMilliseconds time: Int64) -> [UInt8]?
    /// Whether the markets' frames are binary messages.
    var isBinary: Bool { get }
    /// An adapted frame with a fault that is made here, since it is of the connection's numbers or the venue's checksums;
    /// `nil` for a fault made elsewhere, or impossible with this frame.
    func frame(_ frame: MarketFrame, with fault: Fault, of feed: MarketFeed) -> MarketFrame?
}

extension VenueAPI {
    var ownFaults: Set<FaultKind> { [] }
}

extension VenueConnection {
    var isBinary: Bool { false }
    func advance(to now: Int64, _ client: SimulatedClient) {}
    func frame(_ frame: MarketFrame, with fault: Fault, of feed: MarketFeed) -> MarketFrame? { nil }
}

/// An answer to an HTTP request.
struct VenueAnswer {
    var status = 200
    var headers: [(name: String, value: String)] = []
    var body: [UInt8]

    func respond(_ responder: HTTPResponder, adding more: [(name: String, value: String)] = []) {
        responder.respond(status: status, headers: headers + more, body: body)
    }
}

/// The venues that the exchange can simulate.
package enum ExchangeVenue: String, Sendable, CaseIterable {
    case binance
    case binanceSBE = "binance-sbe"
    case binanceUSDM = "binance-usdm"
    case binanceCOINM = "binance-coinm"
    case kraken, coinbase, bybit, okx, bitstamp, bitfinex, deribit
    case coinbaseAdvanced = "coinbase-advanced"
    case krakenFutures = "kraken-futures"
    case bybitLinear = "bybit-linear"
    case bybitInverse = "bybit-inverse"

    /// The synthetic market's symbols, unless others are asked for.
    var symbols: [String] {
        switch self {
        // Their contracts are priced in dollars.
        case .krakenFutures, .bybitInverse, .deribit: ["BTCUSD", "ETHUSD"]
        default: ["BTCUSDT", "ETHUSDT"]
        }
    }

    package var dialect: any VenueDialect {
        switch self {
        case .binance: BinanceDialect()
        case .binanceSBE: BinanceSBEDialect()
        case .binanceUSDM: BinanceDialect(.usdm)
        case .binanceCOINM: BinanceDialect(.coinm)
        case .kraken: StreamDialect<KrakenWriter>()
        case .coinbase: StreamDialect<CoinbaseWriter>()
        case .bybit: StreamDialect<BybitWriter>()
        case .okx: StreamDialect<OKXWriter>()
        case .bitstamp: StreamDialect<BitstampWriter>()
        case .bitfinex: StreamDialect<BitfinexWriter>()
        case .deribit: StreamDialect<DeribitWriter>()
        case .coinbaseAdvanced: StreamDialect<CoinbaseAdvancedWriter>()
        case .krakenFutures: StreamDialect<KrakenFuturesWriter>()
        case .bybitLinear: StreamDialect<BybitWriter>()
        case .bybitInverse: StreamDialect<BybitInverseWriter>()
        }
    }

    func makeAPI(_ options: ExchangeSimulator.Options) -> any VenueAPI {
        switch self {
        case .binance: BinanceAPI(.spot, weightLimit: options.weightLimit)
        case .binanceSBE: BinanceAPI(.sbe, weightLimit: options.weightLimit, key: options.apiKey)
        case .binanceUSDM: BinanceAPI(.usdm, weightLimit: options.weightLimit)
        case .binanceCOINM: BinanceAPI(.coinm, weightLimit: options.weightLimit)
        case .kraken: KrakenAPI(requestLimit: options.weightLimit)
        case .coinbase: CoinbaseAPI(requestLimit: options.weightLimit)
        case .bybit: BybitAPI(.spot, requestLimit: options.weightLimit)
        case .bybitLinear: BybitAPI(.linear, requestLimit: options.weightLimit)
        case .bybitInverse: BybitAPI(.inverse, requestLimit: options.weightLimit)
        case .deribit: DeribitAPI(requestLimit: options.weightLimit)
        case .coinbaseAdvanced: CoinbaseAdvancedAPI(requestLimit: options.weightLimit)
        case .krakenFutures: KrakenFuturesAPI(requestLimit: options.weightLimit)
        case .okx: OKXAPI(requestLimit: options.weightLimit)
        case .bitstamp: BitstampAPI(requestLimit: options.weightLimit)
        case .bitfinex: BitfinexAPI(requestLimit: options.weightLimit)
        }
    }
}
