import Microstructure

/// Coinbase Advanced for `ingest`: another feed of the books and trades of Coinbase Exchange, without a key.
///
/// Source: Coinbase Advanced Trade API documentation, 2026-08.
public struct CoinbaseAdvancedAdapter: VenueAdapter {
    public let options: VenueOptions

    public init(options: VenueOptions) { self.options = options }

    static let endpoint = VenueEndpoint(
        name: "coinbase-advanced", venueProtocol: .coinbaseAdvanced,
        webSocketURL: "wss://advanced-trade-ws.coinbase.com",
        restURL: "https://api.coinbase.com", limits: limits, timeUnit: .microseconds,
        lossShows: "the connection's counter", quoteChannel: "ticker")

    static let limits = VenueLimits(
        // The venue names no limit of products; a whole book of a busy one has 5 MB.
        symbols: 100, connectionAttempts: 240, connectionWindowSeconds: 60, connectionSeconds: 82_800,
        // 10 a second for an address.
        requestWeight: 600,
        // Trades cannot be asked for by id.
        tradesPerRequest: 0)

    public var venue: Venue { .coinbase }
    public var limits: VenueLimits { Self.limits }

    static let bookChannel = "level2"
    private static let requests = "/api/v3/brokerage"

    public func connectionPlan(for instruments: [Instrument], targetByteLimit: Int) -> ConnectionPlan {
        let names = instruments.map(\.venueSymbol)
        // 8 messages a second for an address without a key.
        var plan = ConnectionPlan(target: "/", messageSpacingMilliseconds: 150, pingIntervalMilliseconds: 15_000)
        // Each channel needs a message of its own. Heartbeats first: the venue closes channels that are silent.
        plan.subscriptions =
            [#"{"type":"subscribe","channel":"heartbeats"}"#]
            + ["market_trades", "ticker", Self.bookChannel].map { Self.request("subscribe", names, $0) }
        return plan
    }

    static func request(_ type: String, _ products: [String], _ channel: String) -> String {
        let list = products.map { "\"\($0)\"" }.joined(separator: ",")
        return #"{"type":"\#(type)","product_ids":[\#(list)],"channel":"\#(channel)"}"#
    }

    /// Public answers may come from a cache, also the time.
    public var requestHeaders: [VenueHeader] { [VenueHeader("Cache-Control", "no-cache")] }
    public func instrumentsRequest(for symbols: [String]) -> VenueRequest {
        // All products: the venue's names of single ones are not known from the bus's.
        VenueRequest(path: "\(Self.requests)/market/products", query: "product_type=SPOT", weight: 1)
    }
    public func clockRequest() -> VenueRequest? { VenueRequest(path: "\(Self.requests)/time", weight: 1) }
    public func requestWeightLimit(in body: Span<UInt8>) -> Int? { nil }
    public var usedWeightHeader: String? { nil }

    /// `{"products":[{"product_id":"BTC-USD",…},…],"num_products":…}`.
    public func listings(in body: Span<UInt8>) throws(VenueError) -> [VenueListing] {
        var listings: [VenueListing] = []
        var hasProducts = false
        try JSONScanner.answer(body, .exchangeInfo) { (scanner) throws(ScanError) in
            try scanner.eachMember { (key, scanner) throws(ScanError) in
                guard scanner.equals(key, "products") else { return try scanner.skipValue() }
                hasProducts = true
                try scanner.eachElement { (scanner) throws(ScanError) in
                    if let listing = try CoinbaseProduct(&scanner).listing { listings.append(listing) }
                }
            }
        }
        guard hasProducts else {
            throw .rejected(Rejection(.missingField, in: .exchangeInfo, field: "products", at: 0))
        }
        return listings
    }

    /// `{"iso":"2026-08-24T22:34:13Z","epochSeconds":"1787610853","epochMillis":"1787610853793"}`.
    public func serverTime(in body: Span<UInt8>) throws(VenueError) -> ServerTime {
        let count = try JSONScanner.answer(body, .serverTime) { (scanner) throws(ScanError) -> Int64? in
            var count: Int64?
            try scanner.eachMember { (key, scanner) throws(ScanError) in
                guard scanner.equals(key, "epochMillis") else { return try scanner.skipValue() }
                count = try scanner.wholeNumber()
            }
            return count
        }
        guard let time = count.flatMap({ $0 > 0 ? Timestamp(milliseconds: $0) : nil }) else {
            throw .rejected(Rejection(.missingField, in: .serverTime, field: "epochMillis", at: 0))
        }
        return ServerTime(time: time, resolutionNanoseconds: 1_000_000)
    }

    public func refusal(status: Int, body: Span<UInt8>) -> VenueRefusal {
        let text = CoinbaseError(body)?.text
        let error = text.map { VenueError.refused(code: Int64(status), message: $0) }
        return switch status {
        case 400 where text?.contains("product_id") == true: VenueRefusal(.unknownSymbol, error)
        case 404 where text?.contains("NOT_FOUND") == true: VenueRefusal(.unknownSymbol, error)
        case 401, 403, 404, 451: VenueRefusal(.notServed, error)
        case 400 where error != nil: VenueRefusal(.invalid, error)
        default: VenueRefusal(.temporary, error)
        }
    }
}
