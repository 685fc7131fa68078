import Microstructure

/// Bitfinex's spot and perpetual markets for `ingest`. Source: Bitfinex API v2, 2026-08.
public struct BitfinexAdapter: VenueAdapter {
    public let options: VenueOptions

    public init(options: VenueOptions) { self.options = options }

    static let endpoint = VenueEndpoint(
        name: "bitfinex", venueProtocol: .bitfinex, webSocketURL: "wss://api-pub.bitfinex.com",
        restURL: "https://api-pub.bitfinex.com", limits: limits, timeUnit: .milliseconds,
        lossShows: "the connection's counter; a checksum of 25 levels")

    static let limits = VenueLimits(
        // A connection carries 25 channels in one place of the documentation and 30 in another; two for each symbol.
        symbols: 12,
        // One attempt more blocks the address for a minute.
        connectionAttempts: 20, connectionWindowSeconds: 60,
        // The venue names no age; it says when to connect again. Once a day does no harm.
        connectionSeconds: 82_800,
        // 90 requests a minute for the list of pairs.
        requestWeight: 90, tradesPerRequest: 1_000)

    public var venue: Venue { .bitfinex }
    public var limits: VenueLimits { Self.limits }

    /// What the venue adds to its messages: a time in ms, the connection's counter, checksums of the books.
    private static let flags = BitfinexFlags([.times, .sequence, .checksums])

    /// The depths that the venue offers.
    private static let depths = [25, 100, 250]

    /// Levels a side subscribed to: some more than are published.
    var bookDepth: Int { Self.depths.first { $0 >= 2 * options.depthPublished } ?? 250 }

    /// No tickers: the sizes beside their best prices are sums of 25 levels.
    public func connectionPlan(for instruments: [Instrument], targetByteLimit: Int) -> ConnectionPlan {
        let names = instruments.map(\.venueSymbol)
        var plan = ConnectionPlan(
            target: "/ws/2", messageSpacingMilliseconds: 50, pingIntervalMilliseconds: 15_000)
        // First, so that the counter counts from the first message on.
        plan.subscriptions = [#"{"event":"conf","flags":\#(Self.flags.rawValue)}"#]
        plan.subscriptions += names.map(bookRequest)
        plan.subscriptions += names.map { #"{"event":"subscribe","channel":"trades","symbol":"\#($0)"}"# }
        return plan
    }

    func bookRequest(of name: String) -> String {
        #"{"event":"subscribe","channel":"book","symbol":"\#(name)","prec":"P0","freq":"F0","len":"\#(bookDepth)"}"#
    }

    public var requestHeaders: [VenueHeader] { [] }

    public func instrumentsRequest(for symbols: [String]) -> VenueRequest {
        // All pairs, and all perpetual contracts behind them.
        VenueRequest(path: "/v2/conf/pub:info:pair,pub:info:pair:futures", weight: 1)
    }
    /// The venue tells its time nowhere.
    public func clockRequest() -> VenueRequest? { nil }
    public func serverTime(in body: Span<UInt8>) throws(VenueError) -> ServerTime {
        throw .rejected(Rejection(.missingField, in: .serverTime, at: 0))
    }
    public func requestWeightLimit(in body: Span<UInt8>) -> Int? { nil }
    public var usedWeightHeader: String? { nil }

    // MARK: Listings

    /// Prices have at most eight decimals: orders' five significant digits and no more than eight decimals, trades' all
    /// eight. So have sizes, unless a pair's least size says otherwise.
    private static let exponent = -8

    /// Reads `[[["BTCUSD",[null,null,null,"0.00004","2000.0",null,…]],…],…]`, a list for each part of the request.
    ///
    /// A pair listed is a pair traded. The list tells no tick: it depends on the price, and the reader finds it.
    public func listings(in body: Span<UInt8>) throws(VenueError) -> [VenueListing] {
        if let error = Self.error(in: body) { throw error }
        var listings: [VenueListing] = []
        try JSONScanner.answer(body, .exchangeInfo) { (scanner) throws(ScanError) in
            try scanner.eachElement { (scanner) throws(ScanError) in
                try scanner.eachElement { (scanner) throws(ScanError) in
                    var row = scanner
                    try scanner.skipValue()
                    if let listing = Self.listing(&row) { listings.append(listing) }
                }
            }
        }
        return listings
    }

    /// `["BTCUSD",[null,null,null,"0.00004","2000.0",…]]`; `nil` for a row that names no pair.
    private static func listing(_ row: inout JSONScanner) -> VenueListing? {
        var name: String?
        var size: Int? = exponent
        let offset = row.position
        do throws(ScanError) {
            var place = 0
            try row.eachElement { (row) throws(ScanError) in
                if place == 0 {
                    name = "t" + row.text(of: try row.string())
                } else if place == 1 {
                    size = try sizeExponent(&row)
                } else {
                    try row.skipValue()
                }
                place += 1
            }
            if place < 2 { size = nil }
        } catch {
            size = nil
        }
        guard let name, let pair = BitfinexSymbol(name), let symbol = pair.name else { return nil }
        guard let size, let quantityExponent = Int8(exactly: size),
            Instrument.exponentRange.contains(quantityExponent)
        else {
            let unknown = VenueError.rejected(Rejection(.badNumber, in: .exchangeInfo, field: name, at: offset))
            return VenueListing(symbol: symbol, status: .other, instrument: .failure(unknown))
        }
        let instrument = Instrument(
            venue: .bitfinex, symbol: symbol, venueSymbol: name, priceExponent: Int8(exponent),
            quantityExponent: quantityExponent, baseAsset: pair.baseAsset, quoteAsset: pair.quoteAsset,
            contract: pair.contract)
        return VenueListing(symbol: symbol, status: .trading, statusText: "listed", instrument: .success(instrument))
    }

    /// The unit of a pair's sizes, from its least size, the fourth element of its rules; `nil` for one that makes no
    /// sense.
    private static func sizeExponent(_ rules: inout JSONScanner) throws(ScanError) -> Int? {
        var place = 0
        var least: (mantissa: Int64, exponent: Int)? = (1, exponent)
        try rules.eachElement { (rules) throws(ScanError) in
            if place == 3, try rules.peek() != .null {
                least = try rules.normalizedDecimal()
            } else {
                try rules.skipValue()
            }
            place += 1
        }
        guard let least, least.mantissa > 0 else { return nil }
        return min(exponent, least.exponent)
    }

    // MARK: Errors

    private static let parameterError: Int64 = 10_020

    /// The venue answers a wrong symbol with 500 and `["error",10020,"symbol: invalid"]`.
    public func refusal(status: Int, body: Span<UInt8>) -> VenueRefusal {
        let error = Self.error(in: body)
        if case .refused(let code, let text) = error, code == Self.parameterError {
            return VenueRefusal(text.hasPrefix("symbol") ? .unknownSymbol : .invalid, error)
        }
        switch status {
        case 401, 403, 404: return VenueRefusal(.notServed, error)
        default: return VenueRefusal(.temporary, error)
        }
    }

    /// `["error",10020,"symbol: invalid"]` or `{"error":"ERR_RATE_LIMIT"}`; `nil` for anything else.
    private static func error(in body: Span<UInt8>) -> VenueError? {
        var isError = false
        var code: Int64 = 0
        var text = ""
        do throws(VenueError) {
            try JSONScanner.answer(body, .control) { (scanner) throws(ScanError) in
                guard try scanner.peek() == .array else {
                    return try scanner.eachMember { (key, scanner) throws(ScanError) in
                        guard scanner.equals(key, "error"), try scanner.peek() == .string else {
                            return try scanner.skipValue()
                        }
                        isError = true
                        text = scanner.text(of: try scanner.string())
                    }
                }
                var place = 0
                try scanner.eachElement { (scanner) throws(ScanError) in
                    if place == 0, try scanner.peek() == .string {
                        isError = scanner.equals(try scanner.string(), "error")
                    } else if place == 1, isError {
                        code = try scanner.wholeNumber() ?? 0
                    } else if place == 2, isError, try scanner.peek() == .string {
                        text = scanner.text(of: try scanner.string())
                    } else {
                        try scanner.skipValue()
                    }
                    place += 1
                }
            }
        } catch {
            return nil
        }
        return isError ? .refused(code: code, message: text) : nil
    }
}

/// What a client can have the venue add to its messages.
struct BitfinexFlags: OptionSet, Sendable, Hashable {
    let rawValue: Int64

    /// The time of sending, in ms, behind the counter.
    static let times = BitfinexFlags(rawValue: 32_768)
    /// A number behind the contents of each message, one more than in the message before it on the connection.
    static let sequence = BitfinexFlags(rawValue: 65_536)
    /// A message with a checksum every few seconds, for each book that changes.
    static let checksums = BitfinexFlags(rawValue: 131_072)
}
