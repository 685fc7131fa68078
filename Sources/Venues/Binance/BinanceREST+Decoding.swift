import Microstructure

/// Decodes the answers to `BinanceREST`'s requests. Keys in any order, unknown keys skipped. A body with the venue's
/// error, `{"code":…,"msg":…}`, is thrown as `.refused`.
extension BinanceREST {
    /// `GET /api/v3/time`.
    public static func decodeServerTime(
        _ body: Span<UInt8>, unit: VenueTimeUnit
    ) throws(VenueError) -> Timestamp {
        var count: Int64?
        try decodeObject(body, .serverTime) { (key, scanner) throws(ScanError) in
            guard scanner.equals(key, "serverTime") else { return try scanner.skipValue() }
            count = try scanner.integer()
        }
        guard let count else { throw missing("serverTime", in: .serverTime, body) }
        guard let time = unit.timestamp(count) else {
            throw .rejected(Rejection(.outOfRange, in: .serverTime, field: "serverTime", at: 0))
        }
        return time
    }

    /// `GET /api/v3/depth`: fills `bids` and `asks`, best first, and returns the id of the last change contained.
    static func decodeDepth(
        _ body: Span<UInt8>, byteLimit: Int, scale: PriceScale, id: InstrumentID, bids: inout [PriceLevel],
        asks: inout [PriceLevel]
    ) throws(VenueError) -> Int64 {
        guard body.count <= byteLimit else {
            throw .rejected(Rejection(.oversized, in: .snapshot, of: id, at: byteLimit))
        }
        var lastUpdateID: Int64?
        var hasBids = false
        var hasAsks = false
        try decodeObject(body, .snapshot, of: id) { (key, scanner) throws(ScanError) in
            if scanner.equals(key, "lastUpdateId") {
                lastUpdateID = try scanner.integer()
            } else if scanner.equals(key, "bids") {
                try scanner.levels(of: scale, into: &bids)
                hasBids = true
            } else if scanner.equals(key, "asks") {
                try scanner.levels(of: scale, into: &asks)
                hasAsks = true
            } else {
                try scanner.skipValue()
            }
        }
        guard let lastUpdateID else { throw missing("lastUpdateId", in: .snapshot, of: id, body) }
        guard hasBids else { throw missing("bids", in: .snapshot, of: id, body) }
        guard hasAsks else { throw missing("asks", in: .snapshot, of: id, body) }
        guard lastUpdateID >= 0, lastUpdateID < .max else {
            throw .rejected(Rejection(.outOfRange, in: .snapshot, of: id, field: "lastUpdateId", at: 0))
        }
        return lastUpdateID
    }

    /// `GET /api/v3/exchangeInfo`: each symbol's price unit from its `PRICE_FILTER`, its size unit from its `LOT_SIZE`.
    ///
    /// A unit is the place of the step's last non-zero digit (`"0.01000000"`: exponent −2), made finer by
    /// `spareDigits`, but not finer than the venue's eight decimals. The step in units is the tick or lot size:
    /// `"0.05000000"` is five units of 10⁻² or, with three spare digits, 5,000 of 10⁻⁵.
    ///
    /// Why spare digits: orders placed before a step was made coarser stay in the book. On 2024-08-08 the BTCUSDT book
    /// had levels like `25.42618900` at a step of 0.00001; without spare digits such a level could not be represented,
    /// and its update or snapshot would be rejected.
    public static func decodeExchangeInfo(
        _ body: Span<UInt8>, venue: Venue = .binance, spareDigits: Int = defaultSpareDigits
    ) throws(VenueError) -> [Instrument] {
        var instruments: [Instrument] = []
        for rule in try decodeRules(body) {
            instruments.append(try rule.instrument(of: venue, spareDigits: spareDigits))
        }
        return instruments
    }

    /// Decimals beyond those of a step that a price or size may have.
    public static let defaultSpareDigits = 3

    /// The same answer with each symbol's status; rules that cannot be read concern their own symbol only.
    static func decodeListings(_ body: Span<UInt8>, of market: BinanceMarket) throws(VenueError) -> [VenueListing] {
        try decodeRules(body).map { $0.listing(of: market) }
    }

    static func decodeListings(_ body: Span<UInt8>, venue: Venue) throws(VenueError) -> [VenueListing] {
        try decodeListings(body, of: BinanceMarket(of: venue))
    }

    private static func decodeRules(_ body: Span<UInt8>) throws(VenueError) -> [BinanceSymbolRules] {
        var rules: [BinanceSymbolRules]?
        try decodeObject(body, .exchangeInfo) { (key, scanner) throws(ScanError) in
            guard scanner.equals(key, "symbols") else { return try scanner.skipValue() }
            var list: [BinanceSymbolRules] = []
            try scanner.beginArray()
            while try scanner.nextElement() { list.append(try BinanceSymbolRules(&scanner)) }
            rules = list
        }
        guard let rules else { throw missing("symbols", in: .exchangeInfo, body) }
        return rules
    }

    /// The request weight per minute that `exchangeInfo` allows an address; `nil` if not stated.
    public static func decodeWeightLimit(_ body: Span<UInt8>) -> Int? {
        var limit: Int?
        try? decodeObject(body, .exchangeInfo) { (key, scanner) throws(ScanError) in
            guard scanner.equals(key, "rateLimits") else { return try scanner.skipValue() }
            try scanner.beginArray()
            while try scanner.nextElement() {
                if let found = try weightPerMinute(&scanner) { limit = found }
            }
        }
        return limit
    }

    private static func weightPerMinute(_ scanner: inout JSONScanner) throws(ScanError) -> Int? {
        var isWeight = false
        var isMinute = false
        var count: Int64?
        var limit: Int64?
        try scanner.beginObject()
        while let key = try scanner.nextKey() {
            if scanner.equals(key, "rateLimitType") {
                isWeight = scanner.equals(try scanner.string(), "REQUEST_WEIGHT")
            } else if scanner.equals(key, "interval") {
                isMinute = scanner.equals(try scanner.string(), "MINUTE")
            } else if scanner.equals(key, "intervalNum") {
                count = try scanner.integer()
            } else if scanner.equals(key, "limit") {
                limit = try scanner.integer()
            } else {
                try scanner.skipValue()
            }
        }
        return isWeight && isMinute && count == 1 ? limit.flatMap { Int(exactly: $0) } : nil
    }

    /// `GET /api/v3/historicalTrades`, oldest first as the venue sends them; each trade is marked as backfilled.
    public static func decodeTrades(
        _ body: Span<UInt8>, instrument: Instrument, id: InstrumentID, unit: VenueTimeUnit, receivedAt: Timestamp
    ) throws(VenueError) -> [Trade] {
        let rows = try decodeArray(body, of: id) { (scanner) throws(ScanError) in
            try TradeRow(&scanner, PriceScale(instrument))
        }
        var trades: [Trade] = []
        trades.reserveCapacity(rows.count)
        for row in rows { trades.append(try row.trade(of: id, unit: unit, receivedAt: receivedAt)) }
        return trades
    }

    /// `GET /api/v3/aggTrades`, oldest first as the venue sends them. For old lost trades the venue writes a row
    /// without trades; such rows are left out.
    static func decodeAggregates(
        _ body: Span<UInt8>, instrument: Instrument, id: InstrumentID, unit: VenueTimeUnit
    ) throws(VenueError) -> [AggregateTrade] {
        let rows = try decodeArray(body, of: id) { (scanner) throws(ScanError) in
            try AggregateRow(&scanner, PriceScale(instrument))
        }
        var aggregates: [AggregateTrade] = []
        aggregates.reserveCapacity(rows.count)
        for row in rows where !row.isEmpty { aggregates.append(try row.aggregate(of: id, unit: unit)) }
        return aggregates
    }

    /// The venue's error, if the body is one.
    public static func decodeError(_ body: Span<UInt8>) -> VenueError? {
        JSONScanner.scan(body) { scanner in
            var code: Int64?
            var message: JSONString?
            do throws(ScanError) {
                try scanner.beginObject()
                while let key = try scanner.nextKey() {
                    if scanner.equals(key, "code") {
                        code = try scanner.integer()
                    } else if scanner.equals(key, "msg") {
                        message = try scanner.string()
                    } else {
                        try scanner.skipValue()
                    }
                }
            } catch {
                return nil
            }
            guard let code, let message else { return nil }
            return .refused(code: code, message: scanner.text(of: message))
        }
    }

    // MARK: Parts

    /// Reads one object to the end of the body, passing each key to `field`, which must consume the value.
    private static func decodeObject(
        _ body: Span<UInt8>, _ payload: PayloadKind, of id: InstrumentID? = nil,
        _ field: (JSONString, inout JSONScanner) throws(ScanError) -> Void
    ) throws(VenueError) {
        do throws(ScanError) {
            try JSONScanner.scan(body) { (scanner) throws(ScanError) in
                try scanner.beginObject()
                while let key = try scanner.nextKey() { try field(key, &scanner) }
                try scanner.finish()
            }
        } catch {
            throw .rejected(Rejection(RejectionKind(error.kind), in: payload, of: id, at: error.offset))
        }
    }

    /// Reads an array to the end of the body.
    private static func decodeArray<Row>(
        _ body: Span<UInt8>, of id: InstrumentID, _ element: (inout JSONScanner) throws(ScanError) -> Row
    ) throws(VenueError) -> [Row] {
        var rows: [Row]?
        do throws(ScanError) {
            rows = try JSONScanner.scan(body) { (scanner) throws(ScanError) in
                guard try scanner.peek() == .array else { return nil }
                var rows: [Row] = []
                try scanner.beginArray()
                while try scanner.nextElement() { rows.append(try element(&scanner)) }
                try scanner.finish()
                return rows
            }
        } catch {
            throw .rejected(Rejection(RejectionKind(error.kind), in: .trades, of: id, at: error.offset))
        }
        guard let rows else {
            throw decodeError(body) ?? .rejected(Rejection(.wrongType, in: .trades, of: id, at: 0))
        }
        return rows
    }

    private static func missing(
        _ field: String, in payload: PayloadKind, of id: InstrumentID? = nil, _ body: Span<UInt8>
    ) -> VenueError {
        decodeError(body) ?? .rejected(Rejection(.missingField, in: payload, of: id, field: field, at: body.count))
    }
}

/// One element of `historicalTrades`.
private struct TradeRow {
    var id: Int64?
    var price: Int64?
    var quantity: Int64?
    var time: Int64?
    var isBuyerMaker: Bool?
    let offset: Int

    init(_ scanner: inout JSONScanner, _ scale: PriceScale) throws(ScanError) {
        offset = scanner.position
        try scanner.beginObject()
        while let key = try scanner.nextKey() {
            if scanner.equals(key, "id") {
                id = try scanner.integer()
            } else if scanner.equals(key, "price") {
                price = try scanner.decimal(exponent: scale.price)
            } else if scanner.equals(key, "qty") {
                quantity = try scanner.decimal(exponent: scale.quantity)
            } else if scanner.equals(key, "time") {
                time = try scanner.integer()
            } else if scanner.equals(key, "isBuyerMaker") {
                isBuyerMaker = try scanner.boolean()
            } else {
                try scanner.skipValue()
            }
        }
    }

    func trade(
        of instrument: InstrumentID, unit: VenueTimeUnit, receivedAt: Timestamp
    ) throws(VenueError) -> Trade {
        func rejection(_ kind: RejectionKind) -> VenueError {
            .rejected(Rejection(kind, in: .trades, of: instrument, at: offset))
        }
        guard let id, let price, let quantity, let time, let isBuyerMaker else { throw rejection(.missingField) }
        guard id >= 0, price > 0, quantity > 0, let venueTime = unit.timestamp(time) else {
            throw rejection(.outOfRange)
        }
        return Trade(
            instrument: instrument, times: EventTimes(venue: venueTime, receive: receivedAt), id: id,
            price: Price(price), quantity: Quantity(quantity), aggressor: isBuyerMaker ? .sell : .buy,
            isBackfilled: true)
    }
}
