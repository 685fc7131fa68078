import Microstructure

/// One of Binance's markets for `ingest`.
///
/// Source: Binance spot WebSocket streams, SBE market data streams and REST documentation, 2026-07-21; USD-M and COIN-M
/// futures documentation, 2026-09.
public struct BinanceAdapter: VenueAdapter {
    public let market: BinanceMarket
    public let options: VenueOptions

    public init(market: BinanceMarket, options: VenueOptions) {
        self.market = market
        self.options = options
    }

    static func limits(of market: BinanceMarket) -> VenueLimits {
        VenueLimits(
            symbols: BinanceConfiguration.streamLimit / BinanceStreams.all.suffixes(of: market).count,
            connectionAttempts: 300, connectionWindowSeconds: 300,
            // The venue ends a connection after 24 hours.
            connectionSeconds: 82_800, requestWeight: market.isFutures ? 2_400 : 6_000,
            tradesPerRequest: BinanceREST.tradeLimit)
    }

    public var venue: Venue { market.venue }
    public var limits: VenueLimits { Self.limits(of: market) }
    private var timeUnit: VenueTimeUnit { market.timeUnit(options.timeUnit) }

    public func connectionPlan(for instruments: [Instrument], targetByteLimit: Int) -> ConnectionPlan {
        let subscription = BinanceSubscription(
            instruments: instruments, streams: .all, timeUnit: timeUnit, market: market)
        let isShort = subscription.target.utf8.count <= targetByteLimit
        var plan = ConnectionPlan(
            target: isShort ? subscription.target : subscription.emptyTarget,
            // The venue accepts at most five messages a second, on futures ten.
            messageSpacingMilliseconds: 250, pingIntervalMilliseconds: 15_000)
        if market == .sbe, let key = options.apiKey { plan.headers = [VenueHeader("X-MBX-APIKEY", key)] }
        if !isShort { plan.subscriptions = subscription.messages() }
        return plan
    }

    public var requestHeaders: [VenueHeader] {
        timeUnit == .microseconds ? [VenueHeader("X-MBX-TIME-UNIT", "MICROSECOND")] : []
    }

    public func instrumentsRequest(for symbols: [String]) -> VenueRequest {
        BinanceREST.exchangeInfo(symbols: symbols, of: market)
    }

    public func clockRequest() -> VenueRequest? { BinanceREST.serverTime(of: market) }

    public func listings(in body: Span<UInt8>) throws(VenueError) -> [VenueListing] {
        try BinanceREST.decodeListings(body, of: market)
    }

    public func requestWeightLimit(in body: Span<UInt8>) -> Int? { BinanceREST.decodeWeightLimit(body) }

    public func serverTime(in body: Span<UInt8>) throws(VenueError) -> ServerTime {
        ServerTime(
            time: try BinanceREST.decodeServerTime(body, unit: timeUnit), resolutionNanoseconds: timeUnit.nanoseconds)
    }

    public var usedWeightHeader: String? { "X-MBX-USED-WEIGHT-1M" }

    /// Venue codes for a caller without access: −1002 unauthorised, −2014 and −2015 a missing or invalid key.
    private static let notServedCodes: Set<Int64> = [-1_002, -2_014, -2_015]

    /// Venue codes for a symbol: −1121 unknown, −1100 characters that it does not accept.
    private static let symbolCodes: Set<Int64> = [-1_121, -1_100]

    public var withoutKey: BinanceAdapter? {
        guard market == .sbe else { return nil }
        var options = options
        options.apiKey = nil
        return BinanceAdapter(market: .global, options: options)
    }

    /// The venue answers 400 to a handshake without a key (seen in 2026-05); what it answers to a wrong one is not
    /// documented.
    public func isKeyRefused(status: Int) -> Bool { market == .sbe && [400, 401, 403].contains(status) }

    public func isKeyRefused(_ error: VenueError) -> Bool {
        guard market == .sbe, case .refused(let code, _) = error else { return false }
        return Self.notServedCodes.contains(code)
    }

    public func refusal(status: Int, body: Span<UInt8>) -> VenueRefusal {
        let error = BinanceREST.decodeError(body)
        if case .refused(let code, _) = error {
            if Self.notServedCodes.contains(code) { return VenueRefusal(.notServed, error) }
            if Self.symbolCodes.contains(code) { return VenueRefusal(.unknownSymbol, error) }
        }
        switch status {
        case 401, 403, 404: return VenueRefusal(.notServed, error)
        case 400 where error != nil: return VenueRefusal(.invalid, error)
        default: return VenueRefusal(.temporary, error)
        }
    }
}
