/// Counts what became of every message that a session received, since the session began.
///
/// Every frame is in exactly one of the outcomes that `outcomes` adds up, so `messages == outcomes`.
/// Every depth update ends in exactly one of `depthApplied`, `depthCoveredBySnapshot`, `depthIgnoredOld`,
/// `depthDropped`, or still waits for a snapshot.
public struct SessionCounts: Sendable, Hashable {
    /// Frames received.
    public var messages: UInt64 = 0

    // Frames, by content.

    /// Well-formed depth updates.
    public var depthUpdates: UInt64 = 0
    /// Trades handed on.
    public var trades: UInt64 = 0
    /// Trades seen before, by id; not handed on.
    public var duplicateTrades: UInt64 = 0
    public var quotes: UInt64 = 0
    /// Quotes with a side that is empty (price zero); not handed on.
    public var emptyQuotes: UInt64 = 0
    /// Quotes no newer than one handed on before; not handed on.
    public var oldQuotes: UInt64 = 0
    /// Well-formed frames of a type that is not known, or not wanted.
    public var unknownEvents: UInt64 = 0
    /// Frames of symbols that are not ours.
    public var unknownStreams: UInt64 = 0
    /// Answers to requests made over the stream.
    public var acknowledgements: UInt64 = 0
    /// Errors that the venue reported over the stream.
    public var venueErrors: UInt64 = 0
    /// Announcements that the server is about to close the connection.
    public var shutdownNotices: UInt64 = 0
    public var rejections = RejectionCounts()

    // Depth updates, by outcome.

    public var depthApplied: UInt64 = 0
    /// Older than the snapshot: already in the book.
    public var depthCoveredBySnapshot: UInt64 = 0
    /// Duplicates and late ones: already in the book, or already held.
    public var depthIgnoredOld: UInt64 = 0
    /// Lost to the limit of the buffer, to a hole behind them, or to the end of the connection.
    public var depthDropped: UInt64 = 0
    /// Depth updates that had to wait for a snapshot: a state that they pass through, no outcome.
    public var depthBuffered: UInt64 = 0

    // The quality of the feed.

    /// Trades that had not come when a later one did, or when they were fetched because the stream was silent; exact, since
    /// trade ids are contiguous. Each ends as late, backfilled or unfilled, or is still waited for.
    public var missedTrades: UInt64 = 0
    /// Missed trades that came over the stream after all.
    public var lateTrades: UInt64 = 0
    /// Missed trades that were fetched.
    public var backfilledTrades: UInt64 = 0
    /// Of the backfilled ones, those of which only the sum of several is known.
    public var aggregatedTrades: UInt64 = 0
    /// Missed trades given up: beyond the limit, or the venue no longer has them.
    public var unfilledTrades: UInt64 = 0
    /// How often the venue began to count its trades anew.
    public var restartedSeries: UInt64 = 0
    /// Holes in the quotes that the book has proven; other holes go unseen, since the ids of quotes are not contiguous.
    public var quoteGaps: UInt64 = 0
    /// Holes in the ids of depth updates.
    public var gaps: UInt64 = 0
    /// Depth updates that began before the end of the one before: harmless, since sizes are absolute.
    public var overlaps: UInt64 = 0
    /// Depth updates that left best ask at or below best bid.
    public var crossedBooks: UInt64 = 0
    /// Depth updates after which published levels lay beyond the depth of the snapshot.
    public var exhaustedBooks: UInt64 = 0
    /// Live books that took over a deeper snapshot before the depth of theirs was exhausted.
    public var widenings: UInt64 = 0
    /// Live books that a deeper snapshot contradicted.
    public var refutedBooks: UInt64 = 0
    /// Silences longer than the learnt limit, by which the feed became STALE.
    public var staleSilences: UInt64 = 0
    /// Books given up: at a hole, when crossed, exhausted or refuted, at the end of the last connection.
    public var resyncs: UInt64 = 0

    // Snapshots asked for and received.

    /// Accepted; each starts an epoch.
    public var snapshots: UInt64 = 0
    /// Older than the first depth update held.
    public var snapshotsTooOld: UInt64 = 0
    public var snapshotsCrossed: UInt64 = 0
    /// Arrived when none was wanted.
    public var snapshotsIgnored: UInt64 = 0
    /// Never arrived or could not be used, as the shell reported.
    public var snapshotsFailed: UInt64 = 0
    /// Bodies that could not be decoded.
    public var snapshotRejections = RejectionCounts()

    public init() {}

    /// Frames that are accounted for.
    public var outcomes: UInt64 {
        depthUpdates + trades + duplicateTrades + quotes + emptyQuotes + oldQuotes + unknownEvents + unknownStreams
            + acknowledgements + venueErrors + shutdownNotices + rejections.total
    }

    /// Depth updates that have reached their end.
    public var depthSettled: UInt64 { depthApplied + depthCoveredBySnapshot + depthIgnoredOld + depthDropped }

    public static func += (left: inout SessionCounts, right: SessionCounts) {
        left.messages += right.messages
        left.depthUpdates += right.depthUpdates
        left.trades += right.trades
        left.duplicateTrades += right.duplicateTrades
        left.quotes += right.quotes
        left.emptyQuotes += right.emptyQuotes
        left.oldQuotes += right.oldQuotes
        left.unknownEvents += right.unknownEvents
        left.unknownStreams += right.unknownStreams
        left.acknowledgements += right.acknowledgements
        left.venueErrors += right.venueErrors
        left.shutdownNotices += right.shutdownNotices
        left.rejections += right.rejections
        left.depthApplied += right.depthApplied
        left.depthCoveredBySnapshot += right.depthCoveredBySnapshot
        left.depthIgnoredOld += right.depthIgnoredOld
        left.depthDropped += right.depthDropped
        left.depthBuffered += right.depthBuffered
        left.missedTrades += right.missedTrades
        left.lateTrades += right.lateTrades
        left.backfilledTrades += right.backfilledTrades
        left.aggregatedTrades += right.aggregatedTrades
        left.unfilledTrades += right.unfilledTrades
        left.exhaustedBooks += right.exhaustedBooks
        left.widenings += right.widenings
        left.refutedBooks += right.refutedBooks
        left.staleSilences += right.staleSilences
        left.restartedSeries += right.restartedSeries
        left.quoteGaps += right.quoteGaps
        left.gaps += right.gaps
        left.overlaps += right.overlaps
        left.crossedBooks += right.crossedBooks
        left.resyncs += right.resyncs
        left.snapshots += right.snapshots
        left.snapshotsTooOld += right.snapshotsTooOld
        left.snapshotsCrossed += right.snapshotsCrossed
        left.snapshotsIgnored += right.snapshotsIgnored
        left.snapshotsFailed += right.snapshotsFailed
        left.snapshotRejections += right.snapshotRejections
    }
}

/// A count for each kind of rejection.
public struct RejectionCounts: Sendable, Hashable {
    /// One lane a kind, by raw value: a vector is the fixed-size array that is `Hashable`.
    private var lanes = SIMD16<UInt64>()

    public init() {}

    public subscript(kind: RejectionKind) -> UInt64 {
        get { lanes[kind.rawValue] }
        set { lanes[kind.rawValue] = newValue }
    }

    public var total: UInt64 { lanes.wrappedSum() }

    public static func += (left: inout RejectionCounts, right: RejectionCounts) { left.lanes &+= right.lanes }
}
