import Microstructure

/// Missing trades, from the list of the newest ones: 60 on the spot market, 1,000 of contracts, and none before them.
///
/// Source: Bybit API v5, "Get Recent Public Trades", 2026-08.
extension BybitReader {
    public func tradesRequest(for index: Int, _ missing: MissingTrades, limit: Int) -> VenueRequest? {
        let market = adapter.market
        let limit = min(max(limit, 1), market == .spot ? 60 : 1_000)
        return VenueRequest(
            path: "/v5/market/recent-trade",
            query:
                "category=\(market.category)&symbol=\(BinanceREST.percentEncoded(directory.name(index)))&limit=\(limit)",
            weight: 1)
    }

    /// Newest first: `{"retCode":0,"result":{"list":[{"execId":"2100000000007764263","symbol":"BTCUSDT","price":"16618.49",
    /// "size":"0.00012","side":"Buy","time":"1672052955758","isBlockTrade":false},…]}}`.
    public func readTrades(
        _ scanner: inout JSONScanner, of index: Int, at time: Timestamp, into message: inout VenueMessage
    ) throws(ScanError) {
        message.payload = .trades
        var code: Int64?
        var text = ""
        var hasList = false
        try scanner.eachMember { (key, scanner) throws(ScanError) in
            if scanner.equals(key, "retCode") {
                code = try scanner.wholeNumber()
            } else if scanner.equals(key, "retMsg") {
                text = try scanner.optionalText() ?? ""
            } else if scanner.equals(key, "result"), try scanner.peek() == .object {
                try scanner.eachMember { (key, scanner) throws(ScanError) in
                    guard scanner.equals(key, "list"), try scanner.peek() == .array else {
                        return try scanner.skipValue()
                    }
                    hasList = true
                    try scanner.eachElement { (scanner) throws(ScanError) in
                        try readListed(&scanner, index, at: time, into: &message)
                    }
                }
            } else {
                try scanner.skipValue()
            }
        }
        try scanner.finish()
        guard let code else { throw ScanError(.missingField, at: scanner.position) }
        guard code == 0 else { return message.note = .refused(code: code, message: text) }
        guard hasList else { throw ScanError(.missingField, at: scanner.position) }
        message.trades.reverse()
    }

    private func readListed(
        _ scanner: inout JSONScanner, _ index: Int, at time: Timestamp, into message: inout VenueMessage
    ) throws(ScanError) {
        let scale = directory.scale(index)
        var price: Int64?
        var quantity: Int64?
        var side: AggressorSide?
        var id: Int64?
        var venueTime: Timestamp?
        try scanner.eachMember { (key, scanner) throws(ScanError) in
            if scanner.equals(key, "execId") {
                id = try scanner.tradeIdentity()
            } else if scanner.equals(key, "price") {
                price = try scanner.decimal(exponent: scale.price)
            } else if scanner.equals(key, "size") {
                quantity = try scanner.decimal(exponent: scale.quantity)
            } else if scanner.equals(key, "side") {
                side = scanner.aggressor(try scanner.string())
            } else if scanner.equals(key, "time") {
                venueTime = try scanner.millisecondTime()
            } else {
                try scanner.skipValue()
            }
        }
        guard let price, let quantity, let side, let id, let venueTime else {
            throw ScanError(.missingField, at: scanner.position)
        }
        try message.appendTrade(
            id: id, price: price, quantity: quantity, side, of: index, EventTimes(venue: venueTime, receive: time),
            at: scanner.position)
    }
}
