import ZeroMQ
import Venues

/// The settings of an `ingest` process.
package struct IngestConfiguration: Sendable {
    package var symbols: SymbolChoice
    package var endpoint: VenueEndpoint
    /// Base addresses: those of `endpoint`, or others that speak the same protocol.
    package var webSocketURL: String
    package var restURL: String
    package var caFile: String?
    package var timeUnit: VenueTimeUnit
    /// Where processes of a host share their leases, their budget of connections and the venue's rules; `nil` shares
    /// nothing.
    package var leaseDirectory: String?
    /// Endpoints to bind; `{symbol}` stands for the symbol served.
    package var publish: [String]
    /// Keys of the bus; `nil` is plain text.
    package var security: CurveSecurity?
    /// Levels a side in each published book.
    package var depth: Int
    /// Levels a side asked for in a snapshot.
    package var snapshotDepth: Int
    /// Upper limit of the first reconnect wait; it doubles from there, each wait drawn uniformly below it.
    package var reconnectDelaySeconds: Double
    package var maxReconnectDelaySeconds: Double
    /// A connection on which nothing came for this long makes its books STALE and is replaced.
    package var staleAfterSeconds: Double
    /// A connection of this age is replaced without a break, before the venue ends it.
    package var rotateAfterSeconds: Double
    /// Longest time that the old and the new connection run side by side.
    package var overlapSeconds: Double
    package var restTimeoutSeconds: Double
    /// Trades of one hole that are fetched at most.
    package var backfillLimit: Int
    /// The venue is not connected before this many subscriptions are open, so that no message is published unheard.
    package var waitSubscriptions: Int

    var venueOptions: VenueOptions {
        VenueOptions(
            timeUnit: timeUnit, depthPublished: depth, snapshotDepth: snapshotDepth, backfillLimit: backfillLimit)
    }
}
