import Microstructure

/// Kraken's spot market for `ingest`. Source: Kraken WebSocket API v2 and REST documentation, 2026-08.
public struct KrakenAdapter: VenueAdapter {
    public let options: VenueOptions

    public init(options: VenueOptions) { self.options = options }

    static let endpoint = VenueEndpoint(
        name: "kraken", venueProtocol: .kraken, webSocketURL: "wss://ws.kraken.com",
        restURL: "https://api.kraken.com", limits: limits, timeUnit: .microseconds,
        lossShows: "a checksum of ten levels, digits as sent", quoteChannel: "ticker")

    static let limits = VenueLimits(
        // The venue names no limit of symbols; one message names them all.
        symbols: 200, connectionAttempts: 150, connectionWindowSeconds: 600, connectionSeconds: 82_800,
        // Public requests: about one a second.
        requestWeight: 60, tradesPerRequest: 1_000)

    public var venue: Venue { .kraken }
    public var limits: VenueLimits { Self.limits }

    /// The depths that the venue offers.
    private static let depths = [10, 25, 100, 500, 1_000]

    /// Levels a side subscribed to: some more than are published.
    var bookDepth: Int { Self.depths.first { $0 >= max(100, 2 * options.depthPublished) } ?? 1_000 }

    public func connectionPlan(for instruments: [Instrument], targetByteLimit: Int) -> ConnectionPlan {
        let names = instruments.map(\.venueSymbol)
        var plan = ConnectionPlan(
            target: "/v2", messageSpacingMilliseconds: 100, pingIntervalMilliseconds: 15_000)
        plan.subscriptions = [
            bookRequest("subscribe", names),
            Self.request("subscribe", "trade", names, #","snapshot":true"#),
            Self.request("subscribe", "ticker", names, #","event_trigger":"bbo""#),
        ]
        return plan
    }

    func bookRequest(_ method: String, _ symbols: [String]) -> String {
        Self.request(method, "book", symbols, #","depth":\#(bookDepth)"#)
    }

    private static func request(_ method: String, _ channel: String, _ symbols: [String], _ more: String) -> String {
        let list = symbols.map { "\"\($0)\"" }.joined(separator: ",")
        return #"{"method":"\#(method)","params":{"channel":"\#(channel)","symbol":[\#(list)]\#(more)}}"#
    }

    public var requestHeaders: [VenueHeader] { [] }
    public func instrumentsRequest(for symbols: [String]) -> VenueRequest {
        // All pairs: the names of single ones differ between the two services.
        VenueRequest(path: "/0/public/AssetPairs", weight: 1)
    }
    public func clockRequest() -> VenueRequest? { VenueRequest(path: "/0/public/Time", weight: 1) }
    public func requestWeightLimit(in body: Span<UInt8>) -> Int? { nil }
    public var usedWeightHeader: String? { nil }

    public func serverTime(in body: Span<UInt8>) throws(VenueError) -> ServerTime {
        var seconds: Int64?
        try Self.result(of: body, .serverTime) { (scanner) throws(ScanError) in
            try scanner.eachMember { (key, scanner) throws(ScanError) in
                guard scanner.equals(key, "unixtime") else { return try scanner.skipValue() }
                seconds = try scanner.wholeNumber()
            }
        }
        guard let seconds, (0..<9_000_000_000).contains(seconds) else {
            throw .rejected(Rejection(.missingField, in: .serverTime, field: "unixtime", at: 0))
        }
        return ServerTime(
            time: Timestamp(nanoseconds: seconds * 1_000_000_000), resolutionNanoseconds: 1_000_000_000)
    }

    public func listings(in body: Span<UInt8>) throws(VenueError) -> [VenueListing] {
        var listings: [VenueListing] = []
        try Self.result(of: body, .exchangeInfo) { (scanner) throws(ScanError) in
            try scanner.eachMember { (_, scanner) throws(ScanError) in
                if let listing = try Self.listing(&scanner) { listings.append(listing) }
            }
        }
        return listings
    }

    /// One pair of `AssetPairs`; `nil` without a name on the WebSocket.
    private static func listing(_ scanner: inout JSONScanner) throws(ScanError) -> VenueListing? {
        var name: String?
        var status = ""
        var tick: (mantissa: Int64, exponent: Int)?
        var lotDecimals: Int64?
        var pairDecimals: Int64?
        let offset = scanner.position
        try scanner.eachMember { (key, scanner) throws(ScanError) in
            if scanner.equals(key, "wsname") {
                name = scanner.text(of: try scanner.string())
            } else if scanner.equals(key, "status") {
                status = scanner.text(of: try scanner.string())
            } else if scanner.equals(key, "tick_size") {
                tick = try scanner.normalizedDecimal()
            } else if scanner.equals(key, "lot_decimals") {
                lotDecimals = try scanner.wholeNumber()
            } else if scanner.equals(key, "pair_decimals") {
                pairDecimals = try scanner.wholeNumber()
            } else {
                try scanner.skipValue()
            }
        }
        guard let name else { return nil }
        let assets = name.split(separator: "/").map { currentName(of: String($0)) }
        guard assets.count == 2, let symbol = SymbolName.normalized(assets[0] + assets[1]) else { return nil }
        let unknown = VenueError.rejected(Rejection(.missingField, in: .exchangeInfo, field: name, at: offset))
        // Prices are sent with the pair's decimals, which may be more than the tick's.
        let finest = -Int(clamping: min(18, max(0, pairDecimals ?? 8)))
        guard let lotDecimals, (0...18).contains(lotDecimals),
            let price = tick.flatMap({ StepUnit($0, spareDigits: 18, finest: min(finest, $0.exponent)) })
                ?? StepUnit(decimals: -finest, spareDigits: 0, finest: finest),
            let size = StepUnit(decimals: Int(lotDecimals), spareDigits: 0)
        else { return VenueListing(symbol: symbol, status: .other, instrument: .failure(unknown)) }
        let instrument = Instrument(
            venue: .kraken, symbol: symbol, venueSymbol: assets.joined(separator: "/"), priceExponent: price.exponent,
            quantityExponent: size.exponent, tickSize: price.size, lotSize: size.size, baseAsset: assets[0],
            quoteAsset: assets[1])
        return VenueListing(
            symbol: symbol, status: tradingStatus(status), statusText: status, instrument: .success(instrument))
    }

    /// Names that only the older services use.
    static func currentName(of asset: String) -> String {
        switch asset {
        case "XBT": "BTC"
        case "XDG": "DOGE"
        default: asset
        }
    }

    private static func tradingStatus(_ text: String) -> TradingStatus {
        switch text {
        case "online", "limit_only", "reduce_only", "": .trading
        case "cancel_only": .cancelOnly
        case "post_only": .paused
        case "maintenance", "offline": .halted
        default: .other
        }
    }

    /// The name of a pair over HTTP: `BTC/USD` is `XBTUSD` there.
    static func pairName(of venueSymbol: String) -> String {
        venueSymbol.split(separator: "/").map { $0 == "BTC" ? "XBT" : $0 == "DOGE" ? "XDG" : String($0) }.joined()
    }

    /// Reads `{"error":[],"result":…}`; the venue's error is thrown as `.refused`.
    private static func result(
        of body: Span<UInt8>, _ payload: PayloadKind, _ read: (inout JSONScanner) throws(ScanError) -> Void
    ) throws(VenueError) {
        var refusal: String?
        var hasResult = false
        try JSONScanner.answer(body, payload) { (scanner) throws(ScanError) in
            try scanner.eachMember { (key, scanner) throws(ScanError) in
                if scanner.equals(key, "error") {
                    try scanner.eachElement { (scanner) throws(ScanError) in
                        refusal = scanner.text(of: try scanner.string())
                    }
                } else if scanner.equals(key, "result") {
                    hasResult = true
                    try read(&scanner)
                } else {
                    try scanner.skipValue()
                }
            }
        }
        if let refusal { throw .refused(code: 0, message: refusal) }
        guard hasResult else { throw .rejected(Rejection(.missingField, in: payload, field: "result", at: 0)) }
    }

    public func refusal(status: Int, body: Span<UInt8>) -> VenueRefusal {
        status == 404 || status == 403 || status == 401 ? VenueRefusal(.notServed) : VenueRefusal(.temporary)
    }
}
