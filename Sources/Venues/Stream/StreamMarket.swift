import Microstructure

/// One instrument's state in a `StreamSession`.
struct StreamMarket: Sendable {
    /// By connection.
    var books: [StreamBook]
    /// Which of `books` is published; `nil` before the first snapshot.
    var active: Int?
    /// By connection: changes that wait for a snapshot over HTTP, oldest first.
    var pending: [[PendingChange]]
    /// A snapshot over HTTP that came before any change: it waits for the first one.
    var early: PendingChange?
    var epoch: UInt64 = 0
    var counts = SessionCounts()
    var trades = TradeSequence()
    var recentTrades = RecentIDs()
    /// Whether an earlier message held trades, so that past ones not in `recentTrades` were missed.
    var knowsTrades = false
    /// The newest trade of the stream, by the venue's time, where ids are only distinct.
    var newestTrade: (id: Int64, time: Timestamp) = (-1, Timestamp(nanoseconds: .min))
    /// Where trades with ids that are only distinct may have been lost.
    var tradeGap: TradeGap?
    /// Ids given to quotes that have none.
    var quoteID: Int64 = 0
    var lastQuoteID: Int64 = -1
    var lastQuoteTime = Timestamp(nanoseconds: .min)
    /// By channel.
    var watches: [SilenceWatch]
    var silences: SilentChannels = []

    /// A change of the book, or a whole one, with its own copy of the levels.
    struct PendingChange: Sendable {
        var change: VenueMessage.Book
        var levels: [PriceLevel]
        var forms: [LevelForm]
        var receiveTime: Timestamp
    }

    /// Most changes held for a snapshot; the oldest are dropped, and a snapshot older than the oldest left is asked for
    /// again.
    static let pendingLimit = 2_000

    init(levelLimit: Int) {
        books = Array(repeating: StreamBook(levelLimit: levelLimit), count: ConnectionID.limit)
        pending = Array(repeating: [], count: ConnectionID.limit)
        watches = FeedChannel.allCases.map { _ in SilenceWatch() }
    }

    var isTrustworthy: Bool { active.map { books[$0].isTrustworthy } ?? false }

    mutating func noteArrival(_ channel: FeedChannel, at time: Timestamp, after silence: SilenceWatch.Silence) {
        watches[channel.rawValue].arrived(at: time, after: silence)
        if !silences.isEmpty { silences.remove(SilentChannels(channel)) }
    }

    /// Publishes another connection's book from now on, if one is whole; `false` if none is.
    mutating func switchBook() -> Bool {
        guard let next = books.firstIndex(where: \.isLive) else {
            active = nil
            return false
        }
        active = next
        epoch += 1
        return true
    }

    /// Notes a trade as received.
    mutating func take(_ trade: Trade, limit: Int64) -> TradeSequence.Arrival {
        trades.process(trade.id, at: trade.times.venue, limit: limit, givenUp: &counts.unfilledTrades)
    }

    /// Notes a trade, and those before it, as issued by the venue.
    mutating func expect(_ trade: Trade, limit: Int64) {
        expect(through: trade.id, at: trade.times.venue, limit: limit)
    }

    /// Notes the trades up to `id` as issued by the venue.
    mutating func expect(through id: Int64, at time: Timestamp, limit: Int64) {
        trades.expect(through: id, at: time, limit: limit, givenUp: &counts.unfilledTrades)
    }

    /// Trades may have been lost from now on, until the stream delivers some again; only after the first trade, and where
    /// ids do not show it.
    mutating func mayLoseTrades() {
        guard newestTrade.id >= 0 else { return }
        if tradeGap == nil { tradeGap = TradeGap(after: newestTrade.id, since: newestTrade.time) }
        tradeGap?.extend()
    }

    /// Begins the series of trades after `id`; only before the first trade.
    mutating func beginTrades(after id: Int64, at time: Timestamp) {
        _ = trades.process(id, at: time, limit: 0, givenUp: &counts.unfilledTrades)
    }

    /// The oldest missing trade.
    var firstMissingTrade: Int64? { trades.holes.first?.ids.lowerBound }
}
