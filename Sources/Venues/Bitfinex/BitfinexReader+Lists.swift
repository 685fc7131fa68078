import Microstructure

/// Missing trades, from the list of trades since a time.
///
/// Source: Bitfinex REST API v2, "Trades", 2026-08: 15 requests a minute, at most 10,000 trades each.
extension BitfinexReader {
    private static let listLimit = 10_000

    public func tradesRequest(for index: Int, _ missing: MissingTrades, limit: Int) -> VenueRequest? {
        // The whole gap is in one list; the weight keeps 90 a minute, of which the venue allows 15 here.
        VenueRequest(
            path: "/v2/trades/\(directory.name(index))/hist",
            query: "start=\(max(0, missing.since.bucket(width: 1_000_000)))&limit=\(Self.listLimit)&sort=-1", weight: 6)
    }

    /// Newest first: `[[401597395,1574694478808,0.005,7245.3],…]`: id, time, size, price; or `["error",10020,"…"]`.
    public func readTrades(
        _ scanner: inout JSONScanner, of index: Int, at time: Timestamp, into message: inout VenueMessage
    ) throws(ScanError) {
        message.payload = .trades
        message.index = index
        try scanner.eachElement { (scanner) throws(ScanError) in
            guard try scanner.peek() == .array else { throw ScanError(.wrongType, at: scanner.position) }
            try readTrade(&scanner, at: time, into: &message)
        }
        try scanner.finish()
        message.trades.reverse()
    }
}
