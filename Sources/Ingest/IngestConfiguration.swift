import ZeroMQ
import Venues

/// What an `ingest` process serves: symbols of one venue, or a market of a pool that may span several.
package struct IngestPlan: Sendable {
    package var symbols: SymbolChoice
    /// Not empty; more than one only with a pool.
    package var venues: [IngestConfiguration]
}

/// The settings of an `ingest` process at one venue.
package struct IngestConfiguration: Sendable {
    package var endpoint: VenueEndpoint
    /// Base addresses: the defaults of `endpoint`, or others with the same protocol.
    package var webSocketURL: String
    package var restURL: String
    /// The base address of the streams that need no key, where those of `endpoint` need one.
    package var keylessWebSocketURL: String
    package var caFile: String?
    package var timeUnit: VenueTimeUnit
    /// Where a host's processes share their leases, connection budget and venue rules; `nil` shares nothing.
    package var leaseDirectory: String?
    /// Of a venue that needs one; never logged.
    package var apiKey: String?
    /// Endpoints to bind; `{symbol}` stands for the symbol served, `{venue}` for its venue.
    package var publish: [String]
    /// Keys of the bus; `nil` is plain text.
    package var security: CurveSecurity?
    /// Levels a side in each published book.
    package var depth: Int
    /// Levels a side requested in a snapshot.
    package var snapshotDepth: Int
    /// Upper limit of the first reconnect wait; it doubles for each further wait, each drawn uniformly below it.
    package var reconnectDelaySeconds: Double
    package var maxReconnectDelaySeconds: Double
    /// A connection without a message, a ping or an answer to a ping for this long is dead: it is replaced.
    package var staleAfterSeconds: Double
    /// A connection of this age is replaced without a break, before the venue ends it.
    package var rotateAfterSeconds: Double
    /// Longest time that the old and the new connection run side by side.
    package var overlapSeconds: Double
    package var restTimeoutSeconds: Double
    /// Most trades fetched for one gap.
    package var backfillLimit: Int
    /// Time between two requests for the symbols' status; see `ListingBoard`.
    package var listingIntervalSeconds: Double
    /// Connects to the venue only after this many subscriptions are open, so that no message is published unheard.
    package var waitSubscriptions: Int

    var venueOptions: VenueOptions {
        VenueOptions(
            timeUnit: timeUnit, depthPublished: depth, snapshotDepth: snapshotDepth, backfillLimit: backfillLimit,
            apiKey: apiKey)
    }
}
