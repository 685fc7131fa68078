import Microstructure

/// Kraken's derivatives market for `ingest`. Source: Kraken Derivatives WebSocket API v1 and REST API v3 documentation,
/// 2026-08.
public struct KrakenFuturesAdapter: VenueAdapter {
    public let options: VenueOptions

    public init(options: VenueOptions) { self.options = options }

    static let endpoint = VenueEndpoint(
        name: "kraken-futures", venueProtocol: .krakenFutures, webSocketURL: "wss://futures.kraken.com",
        restURL: "https://futures.kraken.com/derivatives/api/v3", limits: limits, timeUnit: .milliseconds,
        lossShows: "`seq` + 1 of each product")

    static let limits = VenueLimits(
        // 100 connections of one address, 100 messages a second; no limit of products is named.
        symbols: 200, connectionAttempts: 60, connectionWindowSeconds: 60, connectionSeconds: 82_800,
        // Public requests cost nothing: this is our own restraint. Trades cannot be requested by their numbers.
        requestWeight: 300, tradesPerRequest: 100)

    public var venue: Venue { .krakenFutures }
    public var limits: VenueLimits { Self.limits }

    // MARK: Connecting

    public func connectionPlan(for instruments: [Instrument], targetByteLimit: Int) -> ConnectionPlan {
        let names = instruments.map(\.venueSymbol)
        // The venue ends connections that send no ping for 60 s.
        var plan = ConnectionPlan(
            target: "/ws/v1", messageSpacingMilliseconds: 100, pingIntervalMilliseconds: 15_000)
        // `ticker` and `ticker_lite` are sent once a second: their best prices are older than the book's.
        plan.subscriptions = [
            Self.request("subscribe", "book", names), Self.request("subscribe", "trade", names),
            #"{"event":"subscribe","feed":"heartbeat"}"#,
        ]
        return plan
    }

    static func request(_ event: String, _ feed: String, _ products: [String]) -> String {
        let list = products.map { "\"\($0)\"" }.joined(separator: ",")
        return #"{"event":"\#(event)","feed":"\#(feed)","product_ids":[\#(list)]}"#
    }

    // MARK: Requests

    public var requestHeaders: [VenueHeader] { [] }

    /// All instruments: the venue has no request for several symbols.
    public func instrumentsRequest(for symbols: [String]) -> VenueRequest {
        VenueRequest(path: "/instruments", weight: 1)
    }

    /// The venue has no request for its time alone, but each answer states it, a refusal too: this is a small one.
    public func clockRequest() -> VenueRequest? { VenueRequest(path: "/tickers/PF_XBTUSD", weight: 1) }
    public func requestWeightLimit(in body: Span<UInt8>) -> Int? { nil }
    public var usedWeightHeader: String? { nil }

    public func serverTime(in body: Span<UInt8>) throws(VenueError) -> ServerTime {
        var time: Timestamp?
        try JSONScanner.answer(body, .serverTime) { (scanner) throws(ScanError) in
            try scanner.eachMember { (key, scanner) throws(ScanError) in
                guard scanner.equals(key, "serverTime") else { return try scanner.skipValue() }
                time = try scanner.isoTime()
            }
        }
        guard let time else {
            throw .rejected(Rejection(.missingField, in: .serverTime, field: "serverTime", at: 0))
        }
        return ServerTime(time: time, resolutionNanoseconds: 1_000_000)
    }

    // MARK: Refusals

    public func refusal(status: Int, body: Span<UInt8>) -> VenueRefusal {
        if let text = Self.failure(in: body) {
            return VenueRefusal(Self.kind(of: text), .refused(code: 0, message: text))
        }
        return switch status {
        case 401, 403, 404: VenueRefusal(.notServed)
        case 400: VenueRefusal(.invalid)
        default: VenueRefusal(.temporary)
        }
    }

    /// The error of `{"result":"error","error":"apiLimitExceeded"}` or of `{"errors":[{"code":…,"message":"…"}]}`.
    static func failure(in body: Span<UInt8>) -> String? {
        var text: String?
        try? JSONScanner.answer(body, .control) { (scanner) throws(ScanError) in
            try scanner.eachMember { (key, scanner) throws(ScanError) in
                if scanner.equals(key, "error"), try scanner.peek() == .string {
                    text = scanner.text(of: try scanner.string())
                } else if scanner.equals(key, "errors"), try scanner.peek() == .array {
                    try scanner.eachElement { (scanner) throws(ScanError) in
                        text = try Self.message(&scanner) ?? text
                    }
                } else {
                    try scanner.skipValue()
                }
            }
        }
        return text
    }

    private static func message(_ scanner: inout JSONScanner) throws(ScanError) -> String? {
        var text: String?
        guard try scanner.peek() == .object else {
            try scanner.skipValue()
            return nil
        }
        try scanner.eachMember { (key, scanner) throws(ScanError) in
            if scanner.equals(key, "message"), try scanner.peek() == .string {
                text = scanner.text(of: try scanner.string())
            } else {
                try scanner.skipValue()
            }
        }
        return text
    }

    private static func kind(of failure: String) -> VenueRefusal.Kind {
        switch failure {
        case "notFound", "contractNotFound", "Contract does not exist": .unknownSymbol
        case "authenticationError", "accountInactive", "nonceBelowThreshold", "nonceDuplicate": .notServed
        case "requiredArgumentMissing", "invalidArgument", "invalidUnit", "Json Parse Error", "unknownError": .invalid
        // apiLimitExceeded, marketUnavailable, Server Error, Unavailable and words not known to this version.
        default: .temporary
        }
    }
}
