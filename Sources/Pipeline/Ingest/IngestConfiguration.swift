/// What an `ingest` process is told.
public struct IngestConfiguration: Sendable {
    public var symbols: [String]
    public var webSocketURL: String
    public var restURL: String
    public var caFile: String?
    public var publish: [Endpoint]
    /// Levels a side in each published book.
    public var depth: Int
    /// Levels a side asked for in a snapshot.
    public var snapshotDepth: Int
    /// Upper limit of the first reconnect wait; it doubles from there, each wait drawn uniformly below it.
    public var reconnectDelaySeconds: Double
    public var maxReconnectDelaySeconds: Double
    /// A connection on which nothing came for this long is STALE and is replaced.
    public var staleAfterSeconds: Double
    /// The venue is not connected before this many subscriptions stand, so that nothing is published unheard.
    public var waitSubscriptions: Int
}
