import Microstructure

/// The rules of one symbol in `exchangeInfo`, of spot or futures.
struct BinanceSymbolRules {
    typealias Step = (mantissa: Int64, exponent: Int)

    var symbol = ""
    /// `status`, on COIN-M `contractStatus`; empty if the venue states none.
    var status = ""
    var tick: Step?
    var lot: Step?
    let offset: Int

    // Of futures only; empty or `nil` if not stated.
    private var baseAsset = ""
    private var quoteAsset = ""
    private var marginAsset = ""
    private var contractType = ""
    private var contractSize: Step?

    init(_ scanner: inout JSONScanner) throws(ScanError) {
        offset = scanner.position
        try scanner.beginObject()
        while let key = try scanner.nextKey() {
            if scanner.equals(key, "symbol") {
                symbol = scanner.text(of: try scanner.string())
            } else if scanner.equals(key, "status") || scanner.equals(key, "contractStatus") {
                status = scanner.text(of: try scanner.string())
            } else if scanner.equals(key, "filters") {
                try scanner.beginArray()
                while try scanner.nextElement() { try readFilter(&scanner) }
            } else if scanner.equals(key, "baseAsset") {
                baseAsset = try Self.text(&scanner)
            } else if scanner.equals(key, "quoteAsset") {
                quoteAsset = try Self.text(&scanner)
            } else if scanner.equals(key, "marginAsset") {
                marginAsset = try Self.text(&scanner)
            } else if scanner.equals(key, "contractType") {
                contractType = try Self.text(&scanner)
            } else if scanner.equals(key, "contractSize"), try scanner.peek() == .number {
                contractSize = try scanner.normalizedDecimal()
            } else {
                try scanner.skipValue()
            }
        }
    }

    private mutating func readFilter(_ scanner: inout JSONScanner) throws(ScanError) {
        var type: JSONString?
        var tickSize: Step?
        var stepSize: Step?
        try scanner.beginObject()
        while let key = try scanner.nextKey() {
            if scanner.equals(key, "filterType") {
                type = try scanner.string()
            } else if scanner.equals(key, "tickSize") {
                tickSize = try scanner.normalizedDecimal()
            } else if scanner.equals(key, "stepSize") {
                stepSize = try scanner.normalizedDecimal()
            } else {
                try scanner.skipValue()
            }
        }
        guard let type else { return }
        if scanner.equals(type, "PRICE_FILTER") { tick = tickSize }
        if scanner.equals(type, "LOT_SIZE") { lot = stepSize }
    }

    /// Text, or nothing for a value of another type.
    private static func text(_ scanner: inout JSONScanner) throws(ScanError) -> String {
        guard try scanner.peek() == .string else {
            try scanner.skipValue()
            return ""
        }
        return scanner.text(of: try scanner.string())
    }

    func listing(of market: BinanceMarket) -> VenueListing {
        let instrument: Result<Instrument, VenueError>
        do throws(VenueError) {
            instrument = .success(
                market.isFutures
                    ? try future(of: market)
                    : try self.instrument(of: market.venue, spareDigits: BinanceREST.defaultSpareDigits))
        } catch {
            instrument = .failure(error)
        }
        let name = market.isFutures ? SymbolName.normalized(symbol) ?? symbol : symbol
        return VenueListing(
            symbol: name, status: BinanceMarket.tradingStatus(status), statusText: status, instrument: instrument)
    }

    /// A contract: `BTCUSD_PERP` is `BTCUSDPERP` on the bus.
    private func future(of market: BinanceMarket) throws(VenueError) -> Instrument {
        let rules = try instrument(of: market.venue, spareDigits: BinanceREST.defaultSpareDigits)
        guard let name = SymbolName.normalized(symbol) else { throw rejection(.outOfRange, "symbol") }
        // The state is part of the type: `CURRENT_QUARTER DELIVERING`, `PERPETUAL DELIVERING`.
        let isPerpetual = contractType.isEmpty ? !symbol.contains("_") : contractType.contains("PERPETUAL")
        return Instrument(
            venue: market.venue, symbol: name, venueSymbol: symbol, priceExponent: rules.priceExponent,
            quantityExponent: rules.quantityExponent, tickSize: rules.tickSize, lotSize: rules.lotSize,
            baseAsset: baseAsset, quoteAsset: quoteAsset,
            contract: Instrument.Contract(
                isPerpetual ? .perpetual : .future, size: try size(in: market),
                isInverse: marginAsset.isEmpty ? market == .coinm : marginAsset == baseAsset))
    }

    /// What one contract stands for: on COIN-M the stated amount of the quote asset, on USD-M one of the base asset.
    private func size(in market: BinanceMarket) throws(VenueError) -> Double {
        guard let contractSize else {
            guard market != .coinm else { throw rejection(.missingField, "contractSize") }
            return 1
        }
        guard contractSize.mantissa > 0, let exponent = Int8(exactly: contractSize.exponent),
            Instrument.exponentRange.contains(exponent)
        else { throw rejection(.outOfRange, "contractSize") }
        return Decimal10.value(contractSize.mantissa, exponent: exponent)
    }

    func instrument(of venue: Venue, spareDigits: Int) throws(VenueError) -> Instrument {
        guard !symbol.isEmpty else { throw rejection(.missingField, "symbol") }
        let (priceExponent, tickSize) = try unit(tick, "tickSize", spareDigits)
        let (quantityExponent, lotSize) = try unit(lot, "stepSize", spareDigits)
        return Instrument(
            venue: venue, symbol: symbol, priceExponent: priceExponent, quantityExponent: quantityExponent,
            tickSize: tickSize, lotSize: lotSize)
    }

    private func unit(
        _ step: Step?, _ field: String, _ spareDigits: Int
    ) throws(VenueError) -> (exponent: Int8, size: Int64) {
        guard let step else { throw rejection(.missingField, field) }
        guard let unit = StepUnit(step, spareDigits: spareDigits) else { throw rejection(.outOfRange, field) }
        return (unit.exponent, unit.size)
    }

    private func rejection(_ kind: RejectionKind, _ field: String) -> VenueError {
        .rejected(Rejection(kind, in: .exchangeInfo, field: symbol.isEmpty ? field : "\(symbol).\(field)", at: offset))
    }
}
