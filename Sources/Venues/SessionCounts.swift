/// Counts the outcome of every message of a session, since the session began.
///
/// Every frame has exactly one of the outcomes summed in `outcomes`, so `messages == outcomes`. Every depth update ends
/// in exactly one of `depthApplied`, `depthCoveredBySnapshot`, `depthIgnoredOld`, `depthDropped`, or still waits for a
/// snapshot.
public struct SessionCounts: Sendable, Hashable {
    /// Frames received.
    public var messages: UInt64 = 0

    // Frames, by content.

    /// Well-formed depth updates.
    public var depthUpdates: UInt64 = 0
    /// Trades passed on.
    public var trades: UInt64 = 0
    /// Trades seen before, by id; not passed on.
    public var duplicateTrades: UInt64 = 0
    public var quotes: UInt64 = 0
    /// Quotes with an empty side (price zero); not passed on.
    public var emptyQuotes: UInt64 = 0
    /// Quotes no newer than one already passed on; not passed on.
    public var oldQuotes: UInt64 = 0
    /// Well-formed frames of an unknown or unwanted type.
    public var unknownEvents: UInt64 = 0
    /// Frames of other symbols.
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
    /// Lost to the buffer limit, to a later gap, or to the end of the connection.
    public var depthDropped: UInt64 = 0
    /// Depth updates that had to wait for a snapshot: an intermediate state, not an outcome.
    public var depthBuffered: UInt64 = 0

    // The quality of the feed.

    /// Trades found missing when a later trade arrived, when the venue named a later one, or when fetched because the
    /// stream was silent; exact, since trade ids are contiguous. Each ends as late, backfilled or unfilled, or is still
    /// missing.
    public var missedTrades: UInt64 = 0
    /// Missed trades that arrived over the stream after all.
    public var lateTrades: UInt64 = 0
    /// Missed trades that were fetched.
    public var backfilledTrades: UInt64 = 0
    /// Backfilled trades known only as part of a sum of several.
    public var aggregatedTrades: UInt64 = 0
    /// Missed trades given up: beyond the limit, or the venue no longer has them.
    public var unfilledTrades: UInt64 = 0
    /// How often the venue restarted its trade numbering.
    public var restartedSeries: UInt64 = 0
    /// Gaps in the quotes proven by the book; other gaps go unseen, since quote ids are not contiguous.
    public var quoteGaps: UInt64 = 0
    /// Gaps in the ids of depth updates.
    public var gaps: UInt64 = 0
    /// Depth updates that overlap their predecessor: harmless, since sizes are absolute.
    public var overlaps: UInt64 = 0
    /// Depth updates that left the best ask at or below the best bid.
    public var crossedBooks: UInt64 = 0
    /// Depth updates after which published levels lay beyond the depth of the snapshot.
    public var exhaustedBooks: UInt64 = 0
    /// Live books replaced by a deeper snapshot before their depth was exhausted.
    public var widenings: UInt64 = 0
    /// Live books that a deeper snapshot contradicted.
    public var refutedBooks: UInt64 = 0
    /// Books that agree with the checksum stated by the venue.
    public var checksumsPassed: UInt64 = 0
    /// Books that do not, and so were discarded.
    public var checksumFailures: UInt64 = 0
    /// Depth updates whose ids prove that none is missing before them.
    public var chainsPassed: UInt64 = 0
    /// Single levels left out because their numbers make no sense.
    public var refusedLevels: UInt64 = 0
    /// Silences longer than the learnt limit, which made the feed STALE.
    public var staleSilences: UInt64 = 0
    /// Books discarded: at a gap, when crossed, exhausted or refuted, at the end of the last connection.
    public var resyncs: UInt64 = 0

    // Snapshots requested and received.

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

    /// Frames accounted for.
    public var outcomes: UInt64 {
        depthUpdates + trades + duplicateTrades + quotes + emptyQuotes + oldQuotes + unknownEvents + unknownStreams
            + acknowledgements + venueErrors + shutdownNotices + rejections.total
    }

    /// Depth updates with a final outcome.
    public var depthSettled: UInt64 { depthApplied + depthCoveredBySnapshot + depthIgnoredOld + depthDropped }

    /// Why the snapshot processed since `earlier` was not usable.
    public func snapshotProblem(since earlier: SessionCounts) -> String {
        if snapshotsTooOld > earlier.snapshotsTooOld {
            return "it ends before the first update held: the venue's REST service lags behind its stream"
        }
        if snapshotsCrossed > earlier.snapshotsCrossed { return "its best ask is not above its best bid" }
        if crossedBooks > earlier.crossedBooks { return "with the updates held, best ask is not above best bid" }
        if exhaustedBooks > earlier.exhaustedBooks { return "the updates held reach levels beyond its depth" }
        if refutedBooks > earlier.refutedBooks { return "it contradicts the live book" }
        return "the updates held do not join it"
    }

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
        left.checksumsPassed += right.checksumsPassed
        left.checksumFailures += right.checksumFailures
        left.chainsPassed += right.chainsPassed
        left.refusedLevels += right.refusedLevels
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
    /// One lane per kind, by raw value: a vector is the fixed-size array that is `Hashable`.
    private var lanes = SIMD16<UInt64>()

    public init() {}

    public subscript(kind: RejectionKind) -> UInt64 {
        get { lanes[kind.rawValue] }
        set { lanes[kind.rawValue] = newValue }
    }

    public var total: UInt64 { lanes.wrappedSum() }

    public static func += (left: inout RejectionCounts, right: RejectionCounts) { left.lanes &+= right.lanes }
}
