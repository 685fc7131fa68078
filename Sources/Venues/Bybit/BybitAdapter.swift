import Microstructure

/// A market of Bybit for `ingest`. Source: Bybit API v5, 2026-08.
public struct BybitAdapter: VenueAdapter {
    public let market: BybitMarket
    public let options: VenueOptions

    public init(market: BybitMarket, options: VenueOptions) {
        self.market = market
        self.options = options
    }

    static let endpoints = BybitMarket.allCases.map { market in
        VenueEndpoint(
            name: market.endpointName, venueProtocol: .bybit(market), webSocketURL: "wss://stream.bybit.com",
            restURL: "https://api.bybit.com", limits: limits, timeUnit: .milliseconds,
            lossShows: "`u` + 1", quoteChannel: "orderbook.1")
    }

    static let limits = VenueLimits(
        // A connection's topics may have 21,000 characters; the three of a future's symbol have 120.
        symbols: 150, connectionAttempts: 400, connectionWindowSeconds: 300, connectionSeconds: 82_800,
        // 600 requests in five seconds; far fewer are needed.
        requestWeight: 1_200, tradesPerRequest: 1_000)

    public var venue: Venue { market.venue }
    public var limits: VenueLimits { Self.limits }

    /// The depths that the venue offers, beside 1. 500 became 1000; a recording's topic names its own.
    private static let depths = [50, 200, 1_000]

    /// Levels a side subscribed to: at least twice as many as are published.
    var bookDepth: Int {
        let wanted = options.depthPublished.multipliedReportingOverflow(by: 2)
        return Self.depths.first { $0 >= wanted.partialValue && !wanted.overflow } ?? 1_000
    }

    func bookTopic(_ symbol: String) -> String { "orderbook.\(bookDepth).\(symbol)" }

    public func connectionPlan(for instruments: [Instrument], targetByteLimit: Int) -> ConnectionPlan {
        var plan = ConnectionPlan(
            target: "/v5/public/\(market.category)", messageSpacingMilliseconds: 100, pingIntervalMilliseconds: 15_000)
        plan.keepAlive = ConnectionPlan.KeepAlive(text: #"{"op":"ping"}"#, intervalMilliseconds: 20_000)
        // Books first: the order of the answers is that of the topics.
        let topics =
            instruments.map { bookTopic($0.venueSymbol) } + instruments.map { "publicTrade.\($0.venueSymbol)" }
            + instruments.map { "orderbook.1.\($0.venueSymbol)" }
        for start in stride(from: 0, to: topics.count, by: market.topicLimit) {
            plan.subscriptions.append(
                Self.request("subscribe", topics[start..<min(start + market.topicLimit, topics.count)]))
        }
        return plan
    }

    static func request(_ operation: String, _ topics: some Sequence<String>) -> String {
        let list = topics.map { "\"\($0)\"" }.joined(separator: ",")
        return #"{"op":"\#(operation)","args":[\#(list)]}"#
    }

    public var requestHeaders: [VenueHeader] { [] }
    /// One page holds all instruments that trade: the greatest market has about 700.
    public func instrumentsRequest(for symbols: [String]) -> VenueRequest {
        VenueRequest(
            path: "/v5/market/instruments-info", query: "category=\(market.category)&limit=1000", weight: 1)
    }
    public func clockRequest() -> VenueRequest? { VenueRequest(path: "/v5/market/time", weight: 1) }
    public func requestWeightLimit(in body: Span<UInt8>) -> Int? { nil }
    public var usedWeightHeader: String? { nil }

    public func serverTime(in body: Span<UInt8>) throws(VenueError) -> ServerTime {
        var nanoseconds: Int64?
        try Self.result(of: body, .serverTime) { (scanner) throws(ScanError) in
            try scanner.eachMember { (key, scanner) throws(ScanError) in
                guard scanner.equals(key, "timeNano") else { return try scanner.skipValue() }
                nanoseconds = try scanner.wholeNumber()
            }
        }
        guard let nanoseconds, nanoseconds > 0 else {
            throw .rejected(Rejection(.missingField, in: .serverTime, field: "timeNano", at: 0))
        }
        return ServerTime(time: Timestamp(nanoseconds: nanoseconds), resolutionNanoseconds: 1)
    }

    /// Reads `{"retCode":0,"retMsg":"OK","result":…}`; the venue's error is thrown as `.refused`.
    static func result(
        of body: Span<UInt8>, _ payload: PayloadKind, _ read: (inout JSONScanner) throws(ScanError) -> Void
    ) throws(VenueError) {
        var code: Int64?
        var text = ""
        try JSONScanner.answer(body, payload) { (scanner) throws(ScanError) in
            var result: JSONScanner?
            try scanner.eachMember { (key, scanner) throws(ScanError) in
                if scanner.equals(key, "retCode") {
                    code = try scanner.wholeNumber()
                } else if scanner.equals(key, "retMsg") {
                    text = try scanner.optionalText() ?? ""
                } else if scanner.equals(key, "result") {
                    result = scanner
                    try scanner.skipValue()
                } else {
                    try scanner.skipValue()
                }
            }
            guard code == 0, var result else { return }
            try read(&result)
        }
        guard let code else { throw .rejected(Rejection(.missingField, in: payload, field: "retCode", at: 0)) }
        guard code == 0 else { throw .refused(code: code, message: text) }
    }

    /// An answer that is no JSON comes from the network before the venue: blocked regions, too many requests.
    public func refusal(status: Int, body: Span<UInt8>) -> VenueRefusal {
        do throws(VenueError) {
            try Self.result(of: body, .exchangeInfo) { (scanner) throws(ScanError) in try scanner.skipValue() }
        } catch {
            guard case .refused(let code, let text) = error else { return Self.refusal(status) }
            switch code {
            // Too many requests, by account or by address; the server's own trouble.
            case 10_006, 10_018, 10_000, 10_016, 10_019: return VenueRefusal(.temporary, error)
            case 10_001: return VenueRefusal(text.contains("symbol") ? .unknownSymbol : .invalid, error)
            case 10_003, 10_005, 10_009, 10_010, 10_024: return VenueRefusal(.notServed, error)
            default: return VenueRefusal(Self.refusal(status).kind, error)
            }
        }
        return Self.refusal(status)
    }

    private static func refusal(_ status: Int) -> VenueRefusal {
        switch status {
        case 401, 403, 404: VenueRefusal(.notServed)
        case 400: VenueRefusal(.invalid)
        default: VenueRefusal(.temporary)
        }
    }
}
