import Microstructure

/// All that a program needs to connect to a venue, beyond its session: where and how to connect, HTTP requests and the
/// decoding of their answers, and the venue's limits. A value; it does no I/O.
///
/// `ingest` is generic over it. A venue is a folder of this module with an adapter and a session, and an entry in
/// `VenueCatalog`.
public protocol VenueAdapter: Sendable {
    /// The venue name under which its data is published.
    var venue: Venue { get }
    var limits: VenueLimits { get }
    var options: VenueOptions { get }

    /// The connection with all streams that a session of `instruments` needs.
    ///
    /// - Parameter targetByteLimit: the client's longest path and query. If the streams do not fit, messages subscribe
    ///   to them.
    func connectionPlan(for instruments: [Instrument], targetByteLimit: Int) -> ConnectionPlan

    /// Headers of every HTTP request.
    var requestHeaders: [VenueHeader] { get }
    /// Requests the trading rules and the status of symbols, in the spelling of the bus.
    func instrumentsRequest(for symbols: [String]) -> VenueRequest
    /// The symbols in groups that one such request can list.
    func listingBatches(of symbols: [String]) -> [[String]]
    /// Requests the venue's time; `nil` for a venue that does not tell it.
    func clockRequest() -> VenueRequest?

    /// Reads the answer to `instrumentsRequest`; it may contain symbols not requested.
    func listings(in body: Span<UInt8>) throws(VenueError) -> [VenueListing]
    /// The request weight a minute stated in the same answer; `nil` if not stated.
    func requestWeightLimit(in body: Span<UInt8>) -> Int?
    /// Reads the answer to `clockRequest`.
    func serverTime(in body: Span<UInt8>) throws(VenueError) -> ServerTime
    /// The header with the request weight used in this minute by all processes of this address; `nil` if the venue
    /// sends none.
    var usedWeightHeader: String? { get }
    /// The meaning of an answer with a status other than 200.
    func refusal(status: Int, body: Span<UInt8>) -> VenueRefusal

    /// The same market by streams that need no key; `nil` where there are none, or where these need none.
    var withoutKey: Self? { get }
    /// Whether a handshake answered with this HTTP status was refused because of the key.
    func isKeyRefused(status: Int) -> Bool
    /// Whether the venue's error in a stream says that the key is refused.
    func isKeyRefused(_ error: VenueError) -> Bool
}

extension VenueAdapter {
    public var withoutKey: Self? { nil }
    public func isKeyRefused(status: Int) -> Bool { false }
    public func isKeyRefused(_ error: VenueError) -> Bool { false }
    public func listingBatches(of symbols: [String]) -> [[String]] { [symbols] }
}

/// A venue's limits for one address, process or connection.
public struct VenueLimits: Sendable, Hashable {
    /// Symbols that one process can serve.
    public var symbols: Int
    /// Attempts to connect within `connectionWindowSeconds`, by all processes of an address.
    public var connectionAttempts: Int
    public var connectionWindowSeconds: Int
    /// Age at which a connection is replaced, in seconds: before the venue ends it.
    public var connectionSeconds: Double
    /// Request weight a minute, by all processes of an address, until the venue states another.
    public var requestWeight: Int
    /// Trades in the answer to one request.
    public var tradesPerRequest: Int

    public init(
        symbols: Int, connectionAttempts: Int, connectionWindowSeconds: Int, connectionSeconds: Double,
        requestWeight: Int, tradesPerRequest: Int
    ) {
        self.symbols = symbols
        self.connectionAttempts = connectionAttempts
        self.connectionWindowSeconds = connectionWindowSeconds
        self.connectionSeconds = connectionSeconds
        self.requestWeight = requestWeight
        self.tradesPerRequest = tradesPerRequest
    }
}

/// What an operator may choose for a session with any venue.
public struct VenueOptions: Sendable, Hashable {
    /// The unit of the venue's times, if the client can choose.
    public var timeUnit: VenueTimeUnit
    /// Best levels a side in each book event.
    public var depthPublished: Int
    /// Levels a side requested in a snapshot.
    public var snapshotDepth: Int
    /// Most trades fetched for one gap; older ones are given up and counted.
    public var backfillLimit: Int
    /// The key that a venue's streams ask for; `nil` where none is needed.
    public var apiKey: String?

    public init(
        timeUnit: VenueTimeUnit, depthPublished: Int, snapshotDepth: Int, backfillLimit: Int, apiKey: String? = nil
    ) {
        self.timeUnit = timeUnit
        self.depthPublished = depthPublished
        self.snapshotDepth = snapshotDepth
        self.backfillLimit = backfillLimit
        self.apiKey = apiKey
    }
}

/// Texts for logs and errors, in which the key does not appear.
extension VenueOptions: CustomStringConvertible, CustomReflectable {
    public var description: String {
        """
        times in \(timeUnit), \(depthPublished) levels published, \(snapshotDepth) in a snapshot, at most \
        \(backfillLimit) trades fetched, \(apiKey == nil ? "no key" : "a key")
        """
    }

    public var customMirror: Mirror { Mirror(self, children: [(label: "options", value: description)]) }
}

/// The unit of a venue's times: a choice made when connecting, never guessed from a number's size.
public enum VenueTimeUnit: Sendable, Hashable, CaseIterable {
    case milliseconds
    case microseconds

    /// Nanoseconds of one unit.
    public var nanoseconds: Int64 { self == .microseconds ? 1_000 : 1_000_000 }

    /// `nil` where the count is negative or does not fit.
    func timestamp(_ count: Int64) -> Timestamp? {
        guard count >= 0 else { return nil }
        return switch self {
        case .milliseconds: Timestamp(milliseconds: count)
        case .microseconds: Timestamp(microseconds: count)
        }
    }
}
