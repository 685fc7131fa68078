import Microstructure

/// A product as both HTTP services list it, each with its own names for the same members.
///
/// Source: `GET /products` of Coinbase Exchange and `GET /api/v3/brokerage/market/products` of Coinbase Advanced, 2026-08.
struct CoinbaseProduct {
    private var id = ""
    private var base = ""
    private var quote = ""
    /// The step of prices: Advanced has one of its own, beside that of amounts in the quote asset.
    private var priceStep: Step?
    private var quoteStep: Step?
    private var baseStep: Step?
    private var status = ""
    private var restrictions: Set<Restriction> = []
    /// The product whose book this one shares.
    private var alias = ""
    private var type = ""
    private let offset: Int

    private typealias Step = (mantissa: Int64, exponent: Int)

    private enum Restriction: CaseIterable {
        case tradingDisabled, disabled, cancelOnly, auction, postOnly, limitOnly

        var name: StaticString {
            switch self {
            case .tradingDisabled: "trading_disabled"
            case .disabled: "is_disabled"
            case .cancelOnly: "cancel_only"
            case .auction: "auction_mode"
            case .postOnly: "post_only"
            case .limitOnly: "limit_only"
            }
        }
    }

    init(_ scanner: inout JSONScanner) throws(ScanError) {
        offset = scanner.position
        try scanner.beginObject()
        while let key = try scanner.nextKey() { try read(key, &scanner) }
    }

    private mutating func read(_ key: JSONString, _ scanner: inout JSONScanner) throws(ScanError) {
        if scanner.equals(key, "id") || scanner.equals(key, "product_id") {
            id = try Self.text(&scanner)
        } else if scanner.equals(key, "base_currency") || scanner.equals(key, "base_currency_id") {
            base = try Self.text(&scanner)
        } else if scanner.equals(key, "quote_currency") || scanner.equals(key, "quote_currency_id") {
            quote = try Self.text(&scanner)
        } else if scanner.equals(key, "price_increment") {
            priceStep = try Self.step(&scanner)
        } else if scanner.equals(key, "quote_increment") {
            quoteStep = try Self.step(&scanner)
        } else if scanner.equals(key, "base_increment") {
            baseStep = try Self.step(&scanner)
        } else if scanner.equals(key, "status") {
            status = try Self.text(&scanner)
        } else if scanner.equals(key, "alias") {
            alias = try Self.text(&scanner)
        } else if scanner.equals(key, "product_type") {
            type = try Self.text(&scanner)
        } else if let restriction = Restriction.allCases.first(where: { scanner.equals(key, $0.name) }),
            try scanner.peek() == .boolean
        {
            if try scanner.boolean() { restrictions.insert(restriction) }
        } else {
            try scanner.skipValue()
        }
    }

    /// Empty for another value than a text.
    private static func text(_ scanner: inout JSONScanner) throws(ScanError) -> String {
        guard try scanner.peek() == .string else {
            try scanner.skipValue()
            return ""
        }
        return scanner.text(of: try scanner.string())
    }

    /// `nil` for a step that makes no sense.
    private static func step(_ scanner: inout JSONScanner) throws(ScanError) -> Step? {
        let start = scanner
        do throws(ScanError) {
            let step = try scanner.normalizedDecimal()
            return step.mantissa > 0 ? step : nil
        } catch {
            scanner = start
            try scanner.skipValue()
            return nil
        }
    }

    /// `nil` without a name, and for derivatives, which are other markets.
    var listing: VenueListing? {
        guard type.isEmpty || type == "SPOT", !base.isEmpty, !quote.isEmpty, SymbolName.normalized(id) != nil,
            let symbol = SymbolName.normalized(base + quote)
        else { return nil }
        return VenueListing(
            symbol: symbol, status: tradingStatus, statusText: statusText, instrument: instrument(symbol))
    }

    private func instrument(_ symbol: String) -> Result<Instrument, VenueError> {
        guard alias.isEmpty else {
            return .failure(.badConfiguration("\(id) is traded in the book of \(alias)"))
        }
        guard let price = (priceStep ?? quoteStep).flatMap({ StepUnit($0) }),
            let size = baseStep.flatMap({ StepUnit($0) })
        else {
            return .failure(.rejected(Rejection(.missingField, in: .exchangeInfo, field: id, at: offset)))
        }
        return .success(
            Instrument(
                venue: .coinbase, symbol: symbol, venueSymbol: id, priceExponent: price.exponent,
                quantityExponent: size.exponent, tickSize: price.size, lotSize: size.size, baseAsset: base,
                quoteAsset: quote))
    }

    /// The instrument of a recording: the venue's spelling names both assets, as in `BTC-USD`.
    static func instrument(
        named name: String, priceExponent: Int8, quantityExponent: Int8, tickSize: Int64
    ) -> Instrument? {
        let assets = name.split(separator: "-", omittingEmptySubsequences: false)
        guard assets.count == 2, !assets[0].isEmpty, !assets[1].isEmpty, let symbol = SymbolName.normalized(name) else {
            return nil
        }
        return Instrument(
            venue: .coinbase, symbol: symbol, venueSymbol: name, priceExponent: priceExponent,
            quantityExponent: quantityExponent, tickSize: tickSize, baseAsset: String(assets[0]),
            quoteAsset: String(assets[1]))
    }

    private var tradingStatus: TradingStatus {
        switch status {
        case "online", "": break
        case "offline": return .halted
        case "delisted", "internal": return .closed
        default: return .other
        }
        if restrictions.contains(.tradingDisabled) || restrictions.contains(.disabled) { return .halted }
        if restrictions.contains(.cancelOnly) { return .cancelOnly }
        if restrictions.contains(.auction) { return .auction }
        // Orders rest, but none is matched. Where only limit orders are accepted they are.
        return restrictions.contains(.postOnly) ? .paused : .trading
    }

    /// The venue's words: `online`, `online cancel_only`.
    private var statusText: String {
        let names = Restriction.allCases.filter { restrictions.contains($0) }.map { $0.name.description }
        return ([status] + names).filter { !$0.isEmpty }.joined(separator: " ")
    }
}

/// The error in an answer over HTTP: `{"message":"NotFound"}`, or `{"error":"…","error_details":"…","message":"…"}`.
struct CoinbaseError {
    private(set) var text = ""

    /// `nil` for a body that is none of the venue's.
    init?(_ body: Span<UInt8>) {
        var texts: [String] = []
        do throws(VenueError) {
            try JSONScanner.answer(body, .control) { (scanner) throws(ScanError) in
                try scanner.eachMember { (key, scanner) throws(ScanError) in
                    let isText =
                        scanner.equals(key, "message") || scanner.equals(key, "error")
                        || scanner.equals(key, "error_details")
                    guard isText, try scanner.peek() == .string else { return try scanner.skipValue() }
                    let text = scanner.text(of: try scanner.string())
                    if !text.isEmpty, !texts.contains(text) { texts.append(text) }
                }
            }
        } catch {
            return nil
        }
        guard !texts.isEmpty else { return nil }
        text = texts.joined(separator: ": ")
    }
}
