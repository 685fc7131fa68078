import Microstructure

/// Trades, from the stream and over HTTP, and what tells that some are missing.
extension CoinbaseReader {
    func readMatch(
        _ isPast: Bool, _ scanner: inout JSONScanner, at time: Timestamp, into message: inout VenueMessage
    ) throws(ScanError) {
        message.payload = .trade
        var match = CoinbaseMatch()
        while let key = try scanner.nextKey() {
            if scanner.equals(key, "product_id") {
                match.index = directory.index(of: try scanner.string(), scanner, noting: &message)
            } else {
                try match.read(key, &scanner)
            }
        }
        guard match.index >= 0 else { return try message.checkNamed(at: scanner.position) }
        message.hasPastTrades = isPast
        try match.append(to: &message, directory.scale(match.index), at: time, offset: scanner.position)
        guard isPast, let trade = message.trades.last else { return }
        (message.lastTradeID, message.lastTradeTime) = (trade.id, trade.times.venue)
    }

    /// Once a second: `{"type":"heartbeat","last_trade_id":9035771,"product_id":"ADA-EUR",…}`.
    ///
    /// The trade that it names may still be on its way, so the one named by the heartbeat before is expected to be here.
    mutating func readHeartbeat(
        _ scanner: inout JSONScanner, from connection: ConnectionID, at time: Timestamp,
        into message: inout VenueMessage
    ) throws(ScanError) {
        message.payload = .control
        var index = -1
        var id: Int64?
        var venueTime = time
        while let key = try scanner.nextKey() {
            if scanner.equals(key, "product_id") {
                index = directory.index(of: try scanner.string(), scanner, noting: &message)
            } else if scanner.equals(key, "last_trade_id") {
                id = try CoinbaseMatch.id(&scanner)
            } else if scanner.equals(key, "time") {
                venueTime = try scanner.timeIfValid() ?? time
            } else {
                try scanner.skipValue()
            }
        }
        guard index >= 0 else { return try message.checkNamed(at: scanner.position) }
        message.note = .acknowledgement
        guard let id else { return }
        // Of two, the lower one: a single wrong number has no effect.
        let last = changeState(of: index, on: connection) { state in
            defer { state.announcedTrade = id }
            return min(id, state.announcedTrade)
        }
        if last > 0 { (message.lastTradeID, message.lastTradeTime) = (last, venueTime) }
    }

    /// `{"type":"error","message":"Failed to subscribe","reason":"…"}`.
    func readError(_ scanner: inout JSONScanner, into message: inout VenueMessage) throws(ScanError) {
        message.payload = .control
        var texts: (message: String, reason: String) = ("error", "")
        while let key = try scanner.nextKey() {
            if scanner.equals(key, "message"), try scanner.peek() == .string {
                texts.message = scanner.text(of: try scanner.string())
            } else if scanner.equals(key, "reason"), try scanner.peek() == .string {
                texts.reason = scanner.text(of: try scanner.string())
            } else {
                try scanner.skipValue()
            }
        }
        let text = texts.reason.isEmpty ? texts.message : "\(texts.message): \(texts.reason)"
        message.note = .refused(code: 0, message: text)
    }

    // MARK: Over HTTP

    /// The page below `first + limit`: ids are contiguous, so it ends at `first`. Where there are not yet so many trades, it
    /// is the page of the newest, which contains them as well.
    ///
    /// Source: Coinbase Exchange REST documentation, "Pagination": `after` means older than this id, which is not included.
    public func tradesRequest(for index: Int, from first: Int64, limit: Int) -> VenueRequest? {
        let limit = min(max(limit, 1), CoinbaseAdapter.limits.tradesPerRequest)
        let (after, overflow) = first.addingReportingOverflow(Int64(limit))
        let product = BinanceREST.percentEncoded(directory.name(index))
        return VenueRequest(
            path: "/products/\(product)/trades", query: "limit=\(limit)&after=\(overflow ? .max : after)", weight: 1)
    }

    /// Newest first: `[{"trade_id":1040406590,"side":"buy","size":"0.00003219","price":"63212.97000000","time":"…"},…]`.
    public func readTrades(
        _ scanner: inout JSONScanner, of index: Int, at time: Timestamp, into message: inout VenueMessage
    ) throws(ScanError) {
        message.payload = .trades
        try scanner.beginArray()
        while try scanner.nextElement() {
            var match = CoinbaseMatch()
            match.index = index
            try scanner.beginObject()
            while let key = try scanner.nextKey() { try match.read(key, &scanner) }
            try match.append(to: &message, directory.scale(index), at: time, offset: scanner.position)
        }
        try scanner.finish()
    }
}
