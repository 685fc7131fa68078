import Microstructure

/// Trading rules, from `/api/v5/public/instruments`.
extension OKXAdapter {
    public func listings(in body: Span<UInt8>) throws(VenueError) -> [VenueListing] {
        var listings: [VenueListing] = []
        try Self.eachRow(of: body, .exchangeInfo) { (scanner) throws(ScanError) in
            if let listing = try Self.listing(&scanner) { listings.append(listing) }
        }
        return listings
    }

    /// One instrument; `nil` without a symbol that can be spelt on the bus.
    private static func listing(_ scanner: inout JSONScanner) throws(ScanError) -> VenueListing? {
        var texts = Texts()
        var tick: (mantissa: Int64, exponent: Int)?
        var lot: (mantissa: Int64, exponent: Int)?
        var value: (mantissa: Int64, exponent: Int)?
        var multiplier: (mantissa: Int64, exponent: Int)?
        let offset = scanner.position
        try scanner.eachMember { (key, scanner) throws(ScanError) in
            if scanner.equals(key, "tickSz") {
                tick = try scanner.optionalDecimal()
            } else if scanner.equals(key, "lotSz") {
                lot = try scanner.optionalDecimal()
            } else if scanner.equals(key, "ctVal") {
                value = try scanner.optionalDecimal()
            } else if scanner.equals(key, "ctMult") {
                multiplier = try scanner.optionalDecimal()
            } else if try !texts.take(key, &scanner) {
                try scanner.skipValue()
            }
        }
        guard let symbol = SymbolName.normalized(texts.name) else { return nil }
        let kind = texts.kind
        let size = contractSize(value, multiplier)
        guard let tick, tick.mantissa > 0, let lot, lot.mantissa > 0, let price = unit(tick), let step = unit(lot),
            kind == nil || size != nil
        else {
            let unknown = VenueError.rejected(
                Rejection(.missingField, in: .exchangeInfo, field: texts.name, at: offset))
            return VenueListing(symbol: symbol, status: .other, statusText: texts.state, instrument: .failure(unknown))
        }
        let assets = texts.assets
        let instrument = Instrument(
            venue: .okx, symbol: symbol, venueSymbol: texts.name, priceExponent: price.exponent,
            quantityExponent: step.exponent, tickSize: price.size, lotSize: step.size, baseAsset: assets.base,
            quoteAsset: assets.quote,
            contract: kind.map {
                Instrument.Contract($0, size: size ?? 1, isInverse: texts.contractType == "inverse")
            })
        return VenueListing(
            symbol: symbol, status: tradingStatus(texts.state), statusText: texts.state,
            instrument: .success(instrument))
    }

    /// The texts of an instrument's rules.
    private struct Texts {
        var name = ""
        var type = ""
        var state = ""
        var contractType = ""
        var base = ""
        var quote = ""
        var underlying = ""
        var family = ""

        /// Reads a member; `false` for any other key, whose value is not consumed.
        mutating func take(_ key: JSONString, _ scanner: inout JSONScanner) throws(ScanError) -> Bool {
            let field: WritableKeyPath<Texts, String>
            if scanner.equals(key, "instId") {
                field = \.name
            } else if scanner.equals(key, "instType") {
                field = \.type
            } else if scanner.equals(key, "state") {
                field = \.state
            } else if scanner.equals(key, "ctType") {
                field = \.contractType
            } else if scanner.equals(key, "baseCcy") {
                field = \.base
            } else if scanner.equals(key, "quoteCcy") {
                field = \.quote
            } else if scanner.equals(key, "uly") {
                field = \.underlying
            } else if scanner.equals(key, "instFamily") {
                field = \.family
            } else {
                return false
            }
            self[keyPath: field] = try scanner.optionalText() ?? ""
            return true
        }

        var kind: Instrument.Contract.Kind? {
            switch type {
            case "SWAP": .perpetual
            case "FUTURES": .future
            default: nil
            }
        }

        /// Contracts name neither asset, but what they are on: `BTC-USD`.
        var assets: (base: String, quote: String) {
            guard base.isEmpty || quote.isEmpty else { return (base, quote) }
            let pair = underlying.isEmpty ? family.isEmpty ? name : family : underlying
            let parts = pair.split(separator: "-")
            return parts.count >= 2 ? (String(parts[0]), String(parts[1])) : ("", "")
        }
    }

    /// With three spare decimals: the venue refines the steps of a market while it trades. Never above one, so that
    /// checksums can be written from it.
    private static func unit(_ step: (mantissa: Int64, exponent: Int)) -> StepUnit? {
        StepUnit(step, spareDigits: max(3, step.exponent))
    }

    private static func contractSize(
        _ value: (mantissa: Int64, exponent: Int)?, _ multiplier: (mantissa: Int64, exponent: Int)?
    ) -> Double? {
        guard let value, value.mantissa > 0, (-18...18).contains(value.exponent) else { return nil }
        let size = Decimal10.value(value.mantissa, exponent: Int8(value.exponent))
        guard let multiplier, multiplier.mantissa > 0, (-18...18).contains(multiplier.exponent) else { return size }
        return size * Decimal10.value(multiplier.mantissa, exponent: Int8(multiplier.exponent))
    }

    private static func tradingStatus(_ text: String) -> TradingStatus {
        switch text {
        case "live": .trading
        case "suspend": .halted
        // Before the first trade; after the last one.
        case "preopen", "expired": .closed
        case "settling", "post_only", "rebase": .paused
        default: .other
        }
    }
}
