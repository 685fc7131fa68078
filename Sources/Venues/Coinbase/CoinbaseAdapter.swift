import Microstructure

/// Coinbase Exchange for `ingest`: its public WebSocket feed and HTTP service, without a key.
///
/// Source: Coinbase Exchange documentation, 2026-08.
public struct CoinbaseAdapter: VenueAdapter {
    public let options: VenueOptions

    public init(options: VenueOptions) { self.options = options }

    static let endpoint = VenueEndpoint(
        name: "coinbase", venueProtocol: .coinbase, webSocketURL: "wss://ws-feed.exchange.coinbase.com",
        restURL: "https://api.exchange.coinbase.com", limits: limits, timeUnit: .microseconds,
        quoteChannel: "ticker, with trades")

    static let limits = VenueLimits(
        // The venue names no limit of products; a whole book of a busy one has 45,000 levels.
        symbols: 100,
        // 8 a second for an address, 20 in bursts.
        connectionAttempts: 240, connectionWindowSeconds: 60, connectionSeconds: 82_800,
        // 10 a second for an address, 15 in bursts.
        requestWeight: 600, tradesPerRequest: 1_000)

    public var venue: Venue { .coinbase }
    public var limits: VenueLimits { Self.limits }

    /// Changes of the books, collected for 50 ms; single ones need a key.
    static let bookChannel = "level2_batch"

    public func connectionPlan(for instruments: [Instrument], targetByteLimit: Int) -> ConnectionPlan {
        var plan = ConnectionPlan(target: "/", messageSpacingMilliseconds: 20, pingIntervalMilliseconds: 15_000)
        plan.subscriptions = [
            Self.request(
                "subscribe", instruments.map(\.venueSymbol), ["heartbeat", "matches", "ticker", Self.bookChannel])
        ]
        return plan
    }

    static func request(_ type: String, _ products: [String], _ channels: [String]) -> String {
        func list(_ texts: [String]) -> String { texts.map { "\"\($0)\"" }.joined(separator: ",") }
        return #"{"type":"\#(type)","product_ids":[\#(list(products))],"channels":[\#(list(channels))]}"#
    }

    public var requestHeaders: [VenueHeader] { [] }
    public func instrumentsRequest(for symbols: [String]) -> VenueRequest {
        // All products: the venue's names of single ones are not known from the bus's.
        VenueRequest(path: "/products", weight: 1)
    }
    public func clockRequest() -> VenueRequest? { VenueRequest(path: "/time", weight: 1) }
    public func requestWeightLimit(in body: Span<UInt8>) -> Int? { nil }
    public var usedWeightHeader: String? { nil }

    public func listings(in body: Span<UInt8>) throws(VenueError) -> [VenueListing] {
        var listings: [VenueListing] = []
        try JSONScanner.answer(body, .exchangeInfo) { (scanner) throws(ScanError) in
            try scanner.eachElement { (scanner) throws(ScanError) in
                if let listing = try CoinbaseProduct(&scanner).listing { listings.append(listing) }
            }
        }
        return listings
    }

    /// `{"iso":"2026-06-19T16:43:33.188Z","epoch":1781887413.188}`.
    public func serverTime(in body: Span<UInt8>) throws(VenueError) -> ServerTime {
        let time = try JSONScanner.answer(body, .serverTime) { (scanner) throws(ScanError) -> Timestamp? in
            var time: Timestamp?
            try scanner.eachMember { (key, scanner) throws(ScanError) in
                guard scanner.equals(key, "iso") else { return try scanner.skipValue() }
                time = try scanner.timeIfValid()
            }
            return time
        }
        guard let time else {
            throw .rejected(Rejection(.missingField, in: .serverTime, field: "iso", at: 0))
        }
        return ServerTime(time: time, resolutionNanoseconds: 1_000_000)
    }

    public func refusal(status: Int, body: Span<UInt8>) -> VenueRefusal {
        let text = CoinbaseError(body)?.text
        let error = text.map { VenueError.refused(code: Int64(status), message: $0) }
        return switch status {
        // The venue's word for a product that it does not know; an unknown address is "Route not found".
        case 404 where text == "NotFound": VenueRefusal(.unknownSymbol, error)
        case 401, 403, 404, 451: VenueRefusal(.notServed, error)
        case 400 where error != nil: VenueRefusal(.invalid, error)
        default: VenueRefusal(.temporary, error)
        }
    }
}
