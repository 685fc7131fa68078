import Microstructure

/// The answer to `get_instruments`.
extension DeribitAdapter {
    public func listings(in body: Span<UInt8>) throws(VenueError) -> [VenueListing] {
        var listings: [VenueListing] = []
        try Self.result(of: body, .exchangeInfo) { (scanner) throws(ScanError) in
            try scanner.eachElement { (scanner) throws(ScanError) in
                if let listing = try Self.listing(&scanner) { listings.append(listing) }
            }
        }
        return listings
    }

    /// What the rules of one instrument say.
    private struct Rules {
        var name = ""
        var kind = ""
        var base = ""
        var quote = ""
        var type = ""
        var period = ""
        var state = ""
        var isActive = true
        var tick: (mantissa: Int64, exponent: Int)?
        var lot: (mantissa: Int64, exponent: Int)?
    }

    /// `nil` for an instrument whose name is no symbol.
    private static func listing(_ scanner: inout JSONScanner) throws(ScanError) -> VenueListing? {
        var rules = Rules()
        let offset = scanner.position
        try scanner.eachMember { (key, scanner) throws(ScanError) in
            if scanner.equals(key, "tick_size") {
                // `tick_size_steps` holds coarser steps of high prices.
                rules.tick = try scanner.normalizedDecimal()
            } else if scanner.equals(key, "min_trade_amount") {
                rules.lot = try scanner.normalizedDecimal()
            } else if scanner.equals(key, "is_active"), try scanner.peek() == .boolean {
                rules.isActive = try scanner.boolean()
            } else if let member = Self.member(key, scanner), try scanner.peek() == .string {
                rules[keyPath: member] = scanner.text(of: try scanner.string())
            } else {
                try scanner.skipValue()
            }
        }
        guard let symbol = SymbolName.normalized(rules.name) else { return nil }
        return VenueListing(
            symbol: symbol, status: status(rules), statusText: rules.state.isEmpty ? nil : rules.state,
            instrument: instrument(symbol, rules, at: offset))
    }

    private static func member(_ key: JSONString, _ scanner: JSONScanner) -> WritableKeyPath<Rules, String>? {
        if scanner.equals(key, "instrument_name") { return \.name }
        if scanner.equals(key, "kind") { return \.kind }
        if scanner.equals(key, "base_currency") { return \.base }
        if scanner.equals(key, "quote_currency") { return \.quote }
        // The older name is `future_type`.
        if scanner.equals(key, "instrument_type") || scanner.equals(key, "future_type") { return \.type }
        if scanner.equals(key, "settlement_period") { return \.period }
        return scanner.equals(key, "state") ? \.state : nil
    }

    private static func instrument(_ symbol: String, _ rules: Rules, at offset: Int) -> Result<Instrument, VenueError> {
        guard rules.kind == "future" || rules.kind == "spot" else {
            return .failure(.badConfiguration("instruments of the kind \"\(rules.kind)\" are not served"))
        }
        // Resting orders may be older than today's steps: numbers finer than these are taken too.
        guard let tick = rules.tick, tick.mantissa > 0, let lot = rules.lot, lot.mantissa > 0,
            let price = StepUnit(tick, finest: min(-8, tick.exponent)),
            let size = StepUnit(lot, finest: min(-8, lot.exponent))
        else { return .failure(.rejected(Rejection(.outOfRange, in: .exchangeInfo, field: rules.name, at: offset))) }
        let name = DeribitName(rules.name)
        let isInverse = rules.type.isEmpty ? name.contract?.isInverse ?? false : rules.type == "reversed"
        return .success(
            Instrument(
                venue: .deribit, symbol: symbol, venueSymbol: rules.name, priceExponent: price.exponent,
                quantityExponent: size.exponent, tickSize: price.size, lotSize: size.size,
                baseAsset: rules.base.isEmpty ? name.baseAsset : rules.base,
                quoteAsset: rules.quote.isEmpty ? name.quoteAsset : rules.quote,
                contract: rules.kind == "spot"
                    ? nil
                    : DeribitName.contract(isPerpetual: rules.period == "perpetual", isInverse: isInverse)))
    }

    private static func status(_ rules: Rules) -> TradingStatus {
        switch rules.state {
        case "open": .trading
        case "settlement": .paused
        case "locked": .cancelOnly
        case "halted", "inactive": .halted
        case "delivered", "archivized": .closed
        case "": rules.isActive ? .trading : .halted
        default: .other
        }
    }
}
