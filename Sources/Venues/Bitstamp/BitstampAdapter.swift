import Microstructure

/// Bitstamp's spot and perpetual markets for `ingest`. Source: Bitstamp WebSocket API v2 and HTTP API v2, 2026-08.
public struct BitstampAdapter: VenueAdapter {
    public let options: VenueOptions

    public init(options: VenueOptions) { self.options = options }

    static let endpoint = VenueEndpoint(
        name: "bitstamp", venueProtocol: .bitstamp, webSocketURL: "wss://ws.bitstamp.net",
        restURL: "https://www.bitstamp.net", limits: limits, timeUnit: .microseconds)

    static let limits = VenueLimits(
        // A connection carries 1,024 channels, two for each symbol; the venue closes it at one more without a word.
        symbols: 512,
        // The venue names no limit of connections.
        connectionAttempts: 100, connectionWindowSeconds: 600,
        // The venue ends a connection after 90 days.
        connectionSeconds: 82_800,
        // 10,000 requests in ten minutes.
        requestWeight: 1_000, tradesPerRequest: 1_000)

    public var venue: Venue { .bitstamp }
    public var limits: VenueLimits { Self.limits }

    /// A message of the client may have 511 bytes, so each names one channel.
    public func connectionPlan(for instruments: [Instrument], targetByteLimit: Int) -> ConnectionPlan {
        var plan = ConnectionPlan(target: "/", messageSpacingMilliseconds: 20, pingIntervalMilliseconds: 15_000)
        // Changes that come before the snapshot is asked for are held, so books are subscribed to first.
        for channel in [BitstampChannel.book, .trades] {
            for instrument in instruments {
                plan.subscriptions.append(
                    #"{"event":"bts:subscribe","data":{"channel":"\#(channel.prefix)\#(instrument.venueSymbol)"}}"#)
            }
        }
        // Quiet markets send nothing for a minute: the answer shows that the line is alive.
        plan.keepAlive = ConnectionPlan.KeepAlive(text: #"{"event":"bts:heartbeat"}"#, intervalMilliseconds: 20_000)
        return plan
    }

    public var requestHeaders: [VenueHeader] { [] }
    public func instrumentsRequest(for symbols: [String]) -> VenueRequest {
        // The service takes no list of markets: all come.
        VenueRequest(path: "/api/v2/markets/", weight: 1)
    }
    /// The venue tells its time nowhere.
    public func clockRequest() -> VenueRequest? { nil }
    public func serverTime(in body: Span<UInt8>) throws(VenueError) -> ServerTime {
        throw .rejected(Rejection(.missingField, in: .serverTime, at: 0))
    }
    public func requestWeightLimit(in body: Span<UInt8>) -> Int? { nil }
    public var usedWeightHeader: String? { nil }

    /// Reads the answer to `/api/v2/markets/`, or to `/api/v2/trading-pairs-info/`, which was there before it.
    public func listings(in body: Span<UInt8>) throws(VenueError) -> [VenueListing] {
        var listings: [VenueListing] = []
        try JSONScanner.answer(body, .exchangeInfo) { (scanner) throws(ScanError) in
            try scanner.eachElement { (scanner) throws(ScanError) in
                if let listing = try Self.listing(&scanner) { listings.append(listing) }
            }
        }
        return listings
    }

    /// One market; `nil` without a symbol that the bus can spell.
    private static func listing(_ scanner: inout JSONScanner) throws(ScanError) -> VenueListing? {
        var market = BitstampMarket()
        let offset = scanner.position
        var members = scanner
        try scanner.skipValue()
        var isReadable = true
        do throws(ScanError) {
            try members.eachMember { (key, scanner) throws(ScanError) in try market.take(key, &scanner) }
        } catch {
            // The other markets are not at fault.
            isReadable = false
        }
        guard let name = market.name, let symbol = SymbolName.normalized(name) else { return nil }
        let status = tradingStatus(market.trading)
        guard isReadable, let instrument = market.instrument(symbol, name) else {
            let unknown = VenueError.rejected(Rejection(.missingField, in: .exchangeInfo, field: name, at: offset))
            return VenueListing(symbol: symbol, status: .other, instrument: .failure(unknown))
        }
        return VenueListing(
            symbol: symbol, status: status, statusText: market.trading, instrument: .success(instrument))
    }

    private static func tradingStatus(_ text: String) -> TradingStatus {
        switch text {
        case "Enabled": .trading
        case "Disabled": .halted
        default: .other
        }
    }

    // MARK: Errors

    /// Response codes of the HTTP API for too many requests, without their point.
    private static let limitCodes: Set<Int64> = [400_002, 400_067, 400_068]

    /// The service answers the name of a market that it does not have with 404 and a page in HTML.
    public func refusal(status: Int, body: Span<UInt8>) -> VenueRefusal {
        let error = Self.error(in: body)
        if case .refused(let code, _) = error, Self.limitCodes.contains(code) {
            return VenueRefusal(.temporary, error)
        }
        switch status {
        case 404: return VenueRefusal(.unknownSymbol, error)
        case 401, 403: return VenueRefusal(.notServed, error)
        case 400 where error != nil: return VenueRefusal(.invalid, error)
        default: return VenueRefusal(.temporary, error)
        }
    }

    /// The venue's error, in each of the forms that it has had: `{"response_code":"400.002","response_explanation":…}`,
    /// `{"status":"error","reason":…}`, `{"message":"Not found."}`. The code 400.002 becomes 400002.
    private static func error(in body: Span<UInt8>) -> VenueError? {
        var code: Int64 = 0
        var text: String?
        do throws(VenueError) {
            try JSONScanner.answer(body, .control) { (scanner) throws(ScanError) in
                try scanner.eachMember { (key, scanner) throws(ScanError) in
                    if scanner.equals(key, "response_code"), try scanner.peek() == .string {
                        code = try scanner.decimal(exponent: -3)
                    } else if scanner.equals(key, "response_explanation") || scanner.equals(key, "reason")
                        || scanner.equals(key, "message"), try scanner.peek() == .string
                    {
                        text = scanner.text(of: try scanner.string())
                    } else {
                        try scanner.skipValue()
                    }
                }
            }
        } catch {
            return nil
        }
        guard code != 0 || text != nil else { return nil }
        return .refused(code: code, message: text ?? "no reason given")
    }
}

/// What the venue says of one market.
private struct BitstampMarket {
    /// The spelling in channels and paths, `btcusd` or `btcusd-perp`.
    var name: String?
    var trading = ""
    private var assets: (base: String, quote: String) = ("", "")
    private var baseDecimals: Int64?
    private var quoteDecimals: Int64?
    private var isPerpetual = false
    private var contractSize: (mantissa: Int64, exponent: Int)?

    mutating func take(_ key: JSONString, _ scanner: inout JSONScanner) throws(ScanError) {
        if scanner.equals(key, "market_symbol") || scanner.equals(key, "url_symbol") {
            name = scanner.text(of: try scanner.string())
        } else if scanner.equals(key, "trading") {
            trading = scanner.text(of: try scanner.string())
        } else if scanner.equals(key, "base_currency") {
            assets.base = scanner.text(of: try scanner.string())
        } else if scanner.equals(key, "counter_currency") {
            assets.quote = scanner.text(of: try scanner.string())
        } else if scanner.equals(key, "name") {
            // `BTC/USD`, `BTC/USD-PERP`: the older list has no other place for the assets.
            let parts = scanner.text(of: try scanner.string()).split(separator: "/")
            guard parts.count == 2 else { return }
            if assets.base.isEmpty { assets.base = String(parts[0]) }
            if assets.quote.isEmpty { assets.quote = String(parts[1].prefix { $0 != "-" }) }
        } else if scanner.equals(key, "base_decimals") {
            baseDecimals = try scanner.wholeNumber()
        } else if scanner.equals(key, "counter_decimals") {
            quoteDecimals = try scanner.wholeNumber()
        } else if scanner.equals(key, "market_type") {
            isPerpetual = scanner.equals(try scanner.string(), "PERPETUAL")
        } else if scanner.equals(key, "contract_size"), try scanner.peek() != .null {
            contractSize = try scanner.normalizedDecimal()
        } else {
            try scanner.skipValue()
        }
    }

    /// `nil` for rules that make no sense. The decimals are those of an order's price and size; the wire may show more,
    /// so the units are finer than the steps.
    func instrument(_ symbol: String, _ name: String) -> Instrument? {
        guard let baseDecimals, let quoteDecimals, (0...18).contains(baseDecimals), (0...18).contains(quoteDecimals),
            let price = StepUnit(decimals: Int(quoteDecimals)), let size = StepUnit(decimals: Int(baseDecimals))
        else { return nil }
        var contract: Instrument.Contract?
        if isPerpetual {
            let unit = contractSize ?? (1, 0)
            guard unit.mantissa > 0, (-18...18).contains(unit.exponent) else { return nil }
            contract = Instrument.Contract(
                .perpetual, size: Decimal10.value(unit.mantissa, exponent: Int8(unit.exponent)))
        }
        return Instrument(
            venue: .bitstamp, symbol: symbol, venueSymbol: name, priceExponent: price.exponent,
            quantityExponent: size.exponent, tickSize: price.size, lotSize: size.size, baseAsset: assets.base,
            quoteAsset: assets.quote, contract: contract)
    }
}
