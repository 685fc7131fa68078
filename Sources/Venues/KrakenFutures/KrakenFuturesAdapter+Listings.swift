import Microstructure

/// The answer to `/instruments`.
extension KrakenFuturesAdapter {
    public func listings(in body: Span<UInt8>) throws(VenueError) -> [VenueListing] {
        var listings: [VenueListing] = []
        var failure: String?
        var hasInstruments = false
        try JSONScanner.answer(body, .exchangeInfo) { (scanner) throws(ScanError) in
            try scanner.eachMember { (key, scanner) throws(ScanError) in
                if scanner.equals(key, "instruments") {
                    hasInstruments = true
                    try scanner.eachElement { (scanner) throws(ScanError) in
                        if let listing = try Self.listing(&scanner) { listings.append(listing) }
                    }
                } else if scanner.equals(key, "error"), try scanner.peek() == .string {
                    failure = scanner.text(of: try scanner.string())
                } else {
                    try scanner.skipValue()
                }
            }
        }
        if let failure { throw .refused(code: 0, message: failure) }
        guard hasInstruments else {
            throw .rejected(Rejection(.missingField, in: .exchangeInfo, field: "instruments", at: 0))
        }
        return listings
    }

    /// What the rules of one instrument say.
    private struct Rules {
        var symbol = ""
        var type = ""
        var pair = ""
        var base = ""
        var quote = ""
        var lastTradingTime = ""
        var isTradeable = false
        var isPostOnly = false
        var tick: (mantissa: Int64, exponent: Int)?
        var contractSize: (mantissa: Int64, exponent: Int)?
        /// Decimals of a size; negative for thousands.
        var sizeDecimals: Int64 = 0
    }

    /// `nil` for an index, which is no market, and for an instrument whose name is no symbol.
    private static func listing(_ scanner: inout JSONScanner) throws(ScanError) -> VenueListing? {
        var rules = Rules()
        let offset = scanner.position
        try scanner.eachMember { (key, scanner) throws(ScanError) in
            if scanner.equals(key, "tickSize"), try scanner.peek() == .number {
                rules.tick = try scanner.normalizedDecimal()
            } else if scanner.equals(key, "contractSize"), try scanner.peek() == .number {
                rules.contractSize = try scanner.normalizedDecimal()
            } else if scanner.equals(key, "contractValueTradePrecision"), try scanner.peek() == .number {
                rules.sizeDecimals = try scanner.integer()
            } else if scanner.equals(key, "tradeable"), try scanner.peek() == .boolean {
                rules.isTradeable = try scanner.boolean()
            } else if scanner.equals(key, "postOnly"), try scanner.peek() == .boolean {
                rules.isPostOnly = try scanner.boolean()
            } else if let member = Self.member(key, scanner), try scanner.peek() == .string {
                rules[keyPath: member] = scanner.text(of: try scanner.string())
            } else {
                try scanner.skipValue()
            }
        }
        guard !rules.type.contains("index"), let symbol = SymbolName.normalized(rules.symbol) else { return nil }
        return VenueListing(
            symbol: symbol, status: !rules.isTradeable ? .halted : rules.isPostOnly ? .paused : .trading,
            statusText: !rules.isTradeable ? "not tradeable" : rules.isPostOnly ? "post only" : "tradeable",
            instrument: instrument(symbol, rules, at: offset))
    }

    private static func member(_ key: JSONString, _ scanner: JSONScanner) -> WritableKeyPath<Rules, String>? {
        if scanner.equals(key, "symbol") { return \.symbol }
        if scanner.equals(key, "type") { return \.type }
        if scanner.equals(key, "pair") { return \.pair }
        if scanner.equals(key, "base") { return \.base }
        if scanner.equals(key, "quote") { return \.quote }
        return scanner.equals(key, "lastTradingTime") ? \.lastTradingTime : nil
    }

    private static func instrument(_ symbol: String, _ rules: Rules, at offset: Int) -> Result<Instrument, VenueError> {
        // Resting orders may be older than today's steps: numbers finer than these are taken too.
        guard let tick = rules.tick, tick.mantissa > 0, let price = StepUnit(tick, finest: min(-8, tick.exponent)),
            (-9...12).contains(rules.sizeDecimals),
            let size = StepUnit((1, -Int(rules.sizeDecimals)), finest: min(-8, -Int(rules.sizeDecimals))),
            let contractSize = Self.contractSize(rules.contractSize)
        else { return .failure(.rejected(Rejection(.outOfRange, in: .exchangeInfo, field: rules.symbol, at: offset))) }
        let name = KrakenFuturesName(rules.symbol)
        // Listings before 2022 state neither the pair nor its assets.
        let pair = rules.pair.split(separator: ":").map(String.init)
        let base = rules.base.isEmpty ? pair.count == 2 ? pair[0] : name.baseAsset : rules.base
        let quote = rules.quote.isEmpty ? pair.count == 2 ? pair[1] : name.quoteAsset : rules.quote
        return .success(
            Instrument(
                venue: .krakenFutures, symbol: symbol, venueSymbol: rules.symbol, priceExponent: price.exponent,
                quantityExponent: size.exponent, tickSize: price.size, lotSize: size.size,
                baseAsset: KrakenAdapter.currentName(of: base), quoteAsset: KrakenAdapter.currentName(of: quote),
                contract: Instrument.Contract(
                    rules.lastTradingTime.isEmpty && name.isPerpetual ? .perpetual : .future, size: contractSize,
                    isInverse: rules.type.hasSuffix("inverse"))))
    }

    /// 1 if it is not stated; `nil` if it makes no sense.
    private static func contractSize(_ stated: (mantissa: Int64, exponent: Int)?) -> Double? {
        guard let stated else { return 1 }
        guard stated.mantissa > 0, (-18...18).contains(stated.exponent) else { return nil }
        return Decimal10.value(stated.mantissa, exponent: Int8(stated.exponent))
    }
}

/// What the venue's name of a contract says: `PI_XBTUSD` and `PF_XBTUSD` have no end, `FI_XBTUSD_210924` ends that day;
/// `I` is paid in the coin, `F` and `V` are not.
struct KrakenFuturesName {
    let isPerpetual: Bool
    let isInverse: Bool
    /// Empty if the name is of another form.
    let baseAsset: String
    let quoteAsset: String

    init(_ name: String) {
        let parts = name.uppercased().split(separator: "_")
        isPerpetual = name.uppercased().hasPrefix("P")
        isInverse = parts.first?.dropFirst().first == "I"
        guard parts.count >= 2, parts[0].count == 2, parts[1].count > 3 else {
            (baseAsset, quoteAsset) = ("", "")
            return
        }
        baseAsset = KrakenAdapter.currentName(of: String(parts[1].dropLast(3)))
        quoteAsset = KrakenAdapter.currentName(of: String(parts[1].suffix(3)))
    }
}
