import Microstructure

/// Missing trades, from the list of the last minute, hour or day. Its times are whole seconds.
///
/// Source: Bitstamp HTTP API v2, "Transactions", 2026-08.
extension BitstampReader {
    /// A gap as long as this is in the list of the last minute, or hour, although the request comes some time after it.
    private static let windows: [(nanoseconds: Int64, name: String)] = [
        (30_000_000_000, "minute"), (3_000_000_000_000, "hour"),
    ]

    public func tradesRequest(for index: Int, _ missing: MissingTrades, limit: Int) -> VenueRequest? {
        let length = missing.until.nanoseconds(since: missing.since)
        let window = Self.windows.first { length < $0.nanoseconds }?.name ?? "day"
        return VenueRequest(path: "/api/v2/transactions/\(directory.name(index))/", query: "time=\(window)", weight: 1)
    }

    /// Newest first: `[{"date":"1617654353","tid":"161009669","amount":"7.14844933","price":"0.01495224","type":"1"},…]`;
    /// the type is the taker's: 0 bought, 1 sold.
    public func readTrades(
        _ scanner: inout JSONScanner, of index: Int, at time: Timestamp, into message: inout VenueMessage
    ) throws(ScanError) {
        message.payload = .trades
        try scanner.eachElement { (scanner) throws(ScanError) in
            try readListed(&scanner, index, at: time, into: &message)
        }
        try scanner.finish()
        message.trades.reverse()
    }

    private func readListed(
        _ scanner: inout JSONScanner, _ index: Int, at time: Timestamp, into message: inout VenueMessage
    ) throws(ScanError) {
        let scale = directory.scale(index)
        var id: Int64?
        var type: Int64?
        var seconds: Int64?
        var price: Int64?
        var amount: Int64?
        try scanner.eachMember { (key, scanner) throws(ScanError) in
            if scanner.equals(key, "tid") {
                id = try scanner.wholeNumber()
            } else if scanner.equals(key, "type") {
                type = try scanner.wholeNumber()
            } else if scanner.equals(key, "date") {
                seconds = try scanner.wholeNumber()
            } else if scanner.equals(key, "price") {
                price = try scanner.decimal(exponent: scale.price)
            } else if scanner.equals(key, "amount") {
                amount = try scanner.decimal(exponent: scale.quantity)
            } else {
                try scanner.skipValue()
            }
        }
        guard let id, let type, let seconds, let price, let amount else {
            throw ScanError(.missingField, at: scanner.position)
        }
        guard type == 0 || type == 1, (0..<9_000_000_000).contains(seconds) else {
            throw ScanError(.numberOutOfRange, at: scanner.position)
        }
        try message.appendTrade(
            id: id, price: price, quantity: amount, type == 0 ? .buy : .sell, of: index,
            EventTimes(venue: Timestamp(nanoseconds: seconds * 1_000_000_000), receive: time), at: scanner.position)
    }
}
