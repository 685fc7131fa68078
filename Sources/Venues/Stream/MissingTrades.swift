import Microstructure

/// Trades to ask a venue for: each venue's list begins at an id, at a time, or at its end.
public struct MissingTrades: Sendable, Hashable {
    /// The oldest id wanted, where ids are contiguous; else the id after the last trade before the loss.
    public var first: Int64
    /// The venue's time of a trade before the missing ones: they are not older.
    public var since: Timestamp
    /// The venue's time of a trade after the missing ones.
    public var until: Timestamp
    /// Only trades with a lower id are wanted: those above have come. `nil` asks for the newest.
    public var before: Int64?

    public init(first: Int64, since: Timestamp, until: Timestamp, before: Int64? = nil) {
        self.first = first
        self.since = since
        self.until = until
        self.before = before
    }
}

/// A time in which trades of one instrument may have been lost, for a venue whose ids are only distinct.
struct TradeGap: Sendable {
    /// The last trade before it.
    let last: Int64
    let since: Timestamp
    /// The first trade after it; `nil` while the stream may not deliver yet. A list of trades without it is older than the
    /// stream, or names trades otherwise.
    private(set) var next: Int64?
    private var nextTime: Timestamp
    /// The oldest trade of the lists that have come, where another page is needed.
    var page: Int64?
    /// Trades in the lists that have come.
    var listed = 0

    init(after last: Int64, since: Timestamp) {
        self.last = last
        self.since = since
        nextTime = since
    }

    /// The stream delivers again.
    mutating func end(at id: Int64, _ time: Timestamp) { (next, nextTime) = (id, time) }

    /// Trades are lost again: the lists are asked for from the beginning.
    mutating func extend() { (next, page, listed) = (nil, nil, 0) }

    var wanted: MissingTrades { MissingTrades(first: last + 1, since: since, until: nextTime, before: page) }
}
