import Microstructure

/// Trading rules, from `/v5/market/instruments-info`.
extension BybitAdapter {
    public func listings(in body: Span<UInt8>) throws(VenueError) -> [VenueListing] {
        var listings: [VenueListing] = []
        try Self.result(of: body, .exchangeInfo) { (scanner) throws(ScanError) in
            try scanner.eachMember { (key, scanner) throws(ScanError) in
                guard scanner.equals(key, "list"), try scanner.peek() == .array else { return try scanner.skipValue() }
                try scanner.eachElement { (scanner) throws(ScanError) in
                    if let listing = try listing(&scanner) { listings.append(listing) }
                }
            }
        }
        return listings
    }

    /// One instrument of the list; `nil` without a symbol that can be spelt on the bus.
    private func listing(_ scanner: inout JSONScanner) throws(ScanError) -> VenueListing? {
        var name: String?
        var status = ""
        var kind: String?
        var base = ""
        var quote = ""
        var tick: (mantissa: Int64, exponent: Int)?
        var step: (mantissa: Int64, exponent: Int)?
        let offset = scanner.position
        try scanner.eachMember { (key, scanner) throws(ScanError) in
            if scanner.equals(key, "symbol") {
                name = try scanner.optionalText()
            } else if scanner.equals(key, "status") {
                status = try scanner.optionalText() ?? ""
            } else if scanner.equals(key, "contractType") {
                kind = try scanner.optionalText()
            } else if scanner.equals(key, "baseCoin") {
                base = try scanner.optionalText() ?? ""
            } else if scanner.equals(key, "quoteCoin") {
                quote = try scanner.optionalText() ?? ""
            } else if scanner.equals(key, "priceFilter"), try scanner.peek() == .object {
                try scanner.eachMember { (key, scanner) throws(ScanError) in
                    guard scanner.equals(key, "tickSize") else { return try scanner.skipValue() }
                    tick = try scanner.optionalDecimal()
                }
            } else if scanner.equals(key, "lotSizeFilter"), try scanner.peek() == .object {
                try scanner.eachMember { (key, scanner) throws(ScanError) in
                    // The one on the spot market, the other of contracts.
                    guard scanner.equals(key, "basePrecision") || scanner.equals(key, "qtyStep") else {
                        return try scanner.skipValue()
                    }
                    step = try scanner.optionalDecimal()
                }
            } else {
                try scanner.skipValue()
            }
        }
        guard let name, let symbol = SymbolName.normalized(name) else { return nil }
        guard let tick, tick.mantissa > 0, let step, step.mantissa > 0, let price = StepUnit(tick),
            let size = StepUnit(step)
        else {
            let unknown = VenueError.rejected(Rejection(.missingField, in: .exchangeInfo, field: name, at: offset))
            return VenueListing(symbol: symbol, status: .other, statusText: status, instrument: .failure(unknown))
        }
        let instrument = Instrument(
            venue: venue, symbol: symbol, venueSymbol: name, priceExponent: price.exponent,
            quantityExponent: size.exponent, tickSize: price.size, lotSize: size.size, baseAsset: base,
            quoteAsset: quote, contract: contract(kind, name))
        return VenueListing(
            symbol: symbol, status: Self.tradingStatus(status), statusText: status, instrument: .success(instrument))
    }

    private func contract(_ kind: String?, _ name: String) -> Instrument.Contract? {
        switch kind {
        case "LinearPerpetual": Instrument.Contract(.perpetual)
        case "LinearFutures": Instrument.Contract(.future)
        case "InversePerpetual": Instrument.Contract(.perpetual, isInverse: true)
        case "InverseFutures": Instrument.Contract(.future, isInverse: true)
        default: market.contract(named: name)
        }
    }

    private static func tradingStatus(_ text: String) -> TradingStatus {
        switch text {
        case "Trading": .trading
        // Before the first trade; after the last one.
        case "PreLaunch", "PendingOpen", "Delivering", "Closed": .closed
        case "Settling": .paused
        default: .other
        }
    }
}
