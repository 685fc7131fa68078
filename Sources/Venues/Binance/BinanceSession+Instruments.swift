import Microstructure

/// Changes of what a session follows while it runs: new listings, and markets that stop and resume.
extension BinanceSession {
    public mutating func add(_ instrument: Instrument) throws(VenueError) {
        var extended = configuration
        extended.instruments.append(instrument)
        try extended.validate()
        guard let table = SymbolTable(extended.instruments.map(\.venueSymbol)) else {
            throw .badConfiguration("\(instrument.symbol) is given twice")
        }
        configuration = extended
        symbols = table
        scales.append(PriceScale(instrument))
        books.append(BinanceBook(InstrumentID(books.count), configuration))
        tradeSequences.append(TradeSequence())
        quantities.append(TradeQuantities())
        lastAggregates.append(nil)
        lastQuoteIDs.append(-1)
        for _ in FeedChannel.allCases { watches.append(SilenceWatch()) }
        crossChecks.append(CrossStreamCheck())
        silences.append([])
        if openConnections != 0 { books[books.count - 1].connectionOpened() }
    }

    /// A stopped market's channels count as silent, each until its next message; what happens to be under way when the
    /// venue stops it still arrives.
    public mutating func tradingChanged(of id: InstrumentID, isTrading: Bool, at time: Timestamp) {
        for channel in FeedChannel.allCases {
            watches[watchIndex(id.index, channel)].pause()
            if isTrading {
                // The streams resume now at the latest: from here on a silence counts again.
                watches[watchIndex(id.index, channel)].arrived(at: time, after: .failure)
                silences[id.index].remove(SilentChannels(channel))
            } else {
                silences[id.index].insert(SilentChannels(channel))
            }
        }
        crossChecks[id.index] = CrossStreamCheck()
    }
}
