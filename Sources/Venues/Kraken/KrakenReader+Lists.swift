import Microstructure

/// Missing trades, from the list of trades since a time.
///
/// Source: Kraken REST API, "Get Recent Trades", 2026-08.
extension KrakenReader {
    /// The time of a trade has more digits on the wire than here.
    private static let marginNanoseconds: Int64 = 1_000_000

    public func tradesRequest(for index: Int, _ missing: MissingTrades, limit: Int) -> VenueRequest? {
        let pair = BinanceREST.percentEncoded(KrakenAdapter.pairName(of: directory.name(index)))
        let since = max(0, missing.since.advanced(byNanoseconds: -Self.marginNanoseconds).nanoseconds)
        return VenueRequest(
            path: "/0/public/Trades", query: "pair=\(pair)&since=\(since)&count=\(min(max(limit, 1), 1_000))", weight: 1
        )
    }

    /// `{"error":[],"result":{"XXBTZUSD":[["30243.40000","0.34507674",1688669597.8277369,"b","m","",61044952],…],
    /// "last":"1688671969993150842"}}`.
    public func readTrades(
        _ scanner: inout JSONScanner, of index: Int, at time: Timestamp, into message: inout VenueMessage
    ) throws(ScanError) {
        message.payload = .trades
        var hasTrades = false
        try scanner.eachMember { (key, scanner) throws(ScanError) in
            if scanner.equals(key, "error") {
                try scanner.eachElement { (scanner) throws(ScanError) in
                    message.note = .refused(code: 0, message: scanner.text(of: try scanner.string()))
                }
            } else if scanner.equals(key, "result"), try scanner.peek() == .object {
                try scanner.eachMember { (_, scanner) throws(ScanError) in
                    guard try scanner.peek() == .array else { return try scanner.skipValue() }
                    hasTrades = true
                    try scanner.eachElement { (scanner) throws(ScanError) in
                        try readRow(&scanner, index, at: time, into: &message)
                    }
                }
            } else {
                try scanner.skipValue()
            }
        }
        try scanner.finish()
        guard hasTrades || message.note != .none else { throw ScanError(.missingField, at: scanner.position) }
    }

    private func readRow(
        _ scanner: inout JSONScanner, _ index: Int, at time: Timestamp, into message: inout VenueMessage
    ) throws(ScanError) {
        let scale = directory.scale(index)
        try scanner.beginArray()
        try Self.next(&scanner)
        let price = try scanner.decimal(exponent: scale.price)
        try Self.next(&scanner)
        let quantity = try scanner.decimal(exponent: scale.quantity)
        try Self.next(&scanner)
        let nanoseconds = try scanner.decimal(exponent: -9)
        try Self.next(&scanner)
        let side = try scanner.string()
        let isBuy = scanner.equals(side, "b")
        guard isBuy || scanner.equals(side, "s") else { throw ScanError(.wrongType, at: side.start) }
        for _ in 0..<2 {
            try Self.next(&scanner)
            try scanner.skipValue()
        }
        try Self.next(&scanner)
        let id = try scanner.integer()
        while try scanner.nextElement() { try scanner.skipValue() }
        try message.appendTrade(
            id: id, price: price, quantity: quantity, isBuy ? .buy : .sell, of: index,
            EventTimes(venue: Timestamp(nanoseconds: nanoseconds), receive: time), at: scanner.position)
    }

    private static func next(_ scanner: inout JSONScanner) throws(ScanError) {
        guard try scanner.nextElement() else { throw ScanError(.missingField, at: scanner.position) }
    }
}
