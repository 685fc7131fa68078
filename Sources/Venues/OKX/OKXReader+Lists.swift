import Microstructure

/// Missing trades, from the list of the newest ones and the pages before it.
///
/// Source: OKX API v5, "Get trades history", 2026-08: 20 requests in two seconds, at most 100 trades each.
extension OKXReader {
    public func tradesRequest(for index: Int, _ missing: MissingTrades, limit: Int) -> VenueRequest? {
        let page = missing.before.map { "&after=\($0)" } ?? ""
        return VenueRequest(
            path: "/api/v5/market/history-trades",
            query:
                "instId=\(BinanceREST.percentEncoded(directory.name(index)))&type=1&limit=\(min(max(limit, 1), 100))\(page)",
            weight: 1)
    }

    /// Newest first: `{"code":"0","msg":"","data":[{"instId":"BTC-USDT","tradeId":"…","px":…,"sz":…,"side":…,"ts":…},…]}`.
    public func readTrades(
        _ scanner: inout JSONScanner, of index: Int, at time: Timestamp, into message: inout VenueMessage
    ) throws(ScanError) {
        message.payload = .trades
        var answer = OKXAnswer()
        try answer.read(&scanner)
        try scanner.finish()
        guard let code = answer.code else { throw ScanError(.missingField, at: scanner.position) }
        guard code == 0 else { return message.note = .refused(code: code, message: answer.text) }
        guard var data = answer.data else { throw ScanError(.missingField, at: scanner.position) }
        try data.eachElement { (scanner) throws(ScanError) in
            try readTrade(index, &scanner, at: time, into: &message)
        }
        message.trades.reverse()
    }
}
