import Venues

/// The settings of an `ingest` process.
public struct IngestConfiguration: Sendable {
    public var symbols: SymbolChoice
    public var endpoint: VenueEndpoint
    /// Base addresses: those of `endpoint`, or others that speak the same protocol.
    public var webSocketURL: String
    public var restURL: String
    public var caFile: String?
    public var timeUnit: VenueTimeUnit
    /// Where processes of a host share their leases, their budget of connections and the venue's rules; `nil` shares
    /// nothing.
    public var leaseDirectory: String?
    /// Endpoints to bind; `{symbol}` stands for the symbol served.
    public var publish: [String]
    /// Levels a side in each published book.
    public var depth: Int
    /// Levels a side asked for in a snapshot.
    public var snapshotDepth: Int
    /// Upper limit of the first reconnect wait; it doubles from there, each wait drawn uniformly below it.
    public var reconnectDelaySeconds: Double
    public var maxReconnectDelaySeconds: Double
    /// A connection on which nothing came for this long makes its books STALE and is replaced.
    public var staleAfterSeconds: Double
    /// A connection of this age is replaced without a break, before the venue ends it.
    public var rotateAfterSeconds: Double
    /// Longest time that the old and the new connection run side by side.
    public var overlapSeconds: Double
    public var restTimeoutSeconds: Double
    /// Trades of one hole that are fetched at most.
    public var backfillLimit: Int
    /// The venue is not connected before this many subscriptions are open, so that no message is published unheard.
    public var waitSubscriptions: Int

    var venueOptions: VenueOptions {
        VenueOptions(
            timeUnit: timeUnit, depthPublished: depth, snapshotDepth: snapshotDepth, backfillLimit: backfillLimit)
    }
}
