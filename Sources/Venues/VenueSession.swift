import Microstructure

/// One venue's protocol as a value: bytes in, events and actions out. No I/O, no clock.
///
/// The shell owns sockets, timers and back-off; it passes in received data with the receive time, and performs the
/// returned action. Live, replay and tests drive the same session. If a method takes an `InstrumentID` and cannot
/// throw, the id must belong to this session.
///
/// A venue with snapshots in the stream never returns `.fetchSnapshot`; a venue without trades over HTTP never returns
/// `.fetchTrades`. The methods for these actions then do nothing.
public protocol VenueSession: ~Copyable {
    /// The adapter is the session's associated type, not the reverse: an associated type must be copyable.
    associatedtype Adapter: VenueAdapter

    /// Throws `.badConfiguration` if the instruments or the adapter's options are invalid.
    init(_ adapter: Adapter, instruments: [Instrument]) throws(VenueError)

    /// The instruments traded; `InstrumentID.index` is an index into it.
    var instruments: [Instrument] { get }

    /// Decodes one frame, appends its events, and returns the shell's next action.
    ///
    /// A frame concerns one instrument or the whole connection, so it causes at most one action. On a throw nothing was
    /// appended and the session goes on; counts have changed, and a book whose change was not understood may be discarded.
    mutating func receive(
        _ frame: Span<UInt8>, from connection: ConnectionID, at time: Timestamp, into events: inout EventBatch
    ) throws(VenueError) -> VenueAction

    // MARK: Snapshots

    /// The request for `.fetchSnapshot(id)`; `nil` for a venue that sends its snapshots in the stream.
    func snapshotRequest(for id: InstrumentID) -> VenueRequest?

    /// Processes the snapshot requested by `.fetchSnapshot(id)`. Returns `.fetchSnapshot(id)` if it is unusable and
    /// another is needed. After a throw (a bad body) a snapshot is still needed: call `snapshotFailed(for:at:)`.
    mutating func receiveSnapshot(
        _ body: Span<UInt8>, for id: InstrumentID, at time: Timestamp, into events: inout EventBatch
    ) throws(VenueError) -> VenueAction

    /// The snapshot request failed. Returns `.fetchSnapshot(id)` if a snapshot is still needed; the shell decides how
    /// long to wait before the next attempt.
    mutating func snapshotFailed(for id: InstrumentID, at time: Timestamp) -> VenueAction

    /// The messages for `.resubscribe(id)`: the venue answers them with a snapshot in the stream.
    func resubscribeMessages(for id: InstrumentID, on connection: ConnectionID) -> [String]

    // MARK: Trades

    /// Whether each trade's id is one more than that of the trade before it.
    var tradesAreContiguous: Bool { get }
    /// Whether the venue serves single trades, and not only sums of them.
    var servesSingleTrades: Bool { get }
    /// Highest trade id seen; `nil` before the first trade.
    func lastTradeID(of id: InstrumentID) -> Int64?
    /// The first id to request: the oldest missing trade; `nil` if none is missing.
    func firstMissingTrade(of id: InstrumentID) -> Int64?
    /// Number of trades still missing.
    func missingTrades(of id: InstrumentID) -> Int64

    /// The request for at most `limit` trades from `first` on: for `.fetchTrades(id)`, or as a probe of whether a
    /// silent stream has missed any. `nil` if the venue has no such request.
    func tradesRequest(
        for id: InstrumentID, from first: Int64, limit: Int, source: TradeSource
    ) -> VenueRequest?

    /// Processes the answer to `tradesRequest` with the same `first`, `limit` and `source`. Trades already seen are not
    /// passed on again.
    ///
    /// - Parameter isFinal: trades that the venue does not have now will not be requested again.
    mutating func receiveTrades(
        _ body: Span<UInt8>, from first: Int64, limit: Int, source: TradeSource, for id: InstrumentID, isFinal: Bool,
        at time: Timestamp, into events: inout EventBatch
    ) throws(VenueError)

    /// Gives up the missing trades; for a venue that refuses to serve them.
    mutating func giveUpTrades(of id: InstrumentID)

    // MARK: Connections

    /// A connection is up: stale books begin to resynchronise. Live books stay live, so that a new connection may
    /// overlap the old one.
    mutating func connectionOpened(_ connection: ConnectionID, at time: Timestamp)

    /// A connection has ended. When it was the last, every book is stale until it is rebuilt.
    mutating func connectionClosed(_ connection: ConnectionID, at time: Timestamp)

    /// Instruments not yet handed over from `old` to `new`: closing `old` might lose some of their data. An instrument
    /// that is silent on both is never handed over.
    func instrumentsAwaitingHandover(from old: ConnectionID, to new: ConnectionID) -> Int

    /// Goes on with the streams of another adapter of the same market: those of the next connection. Of the present one,
    /// if any, no further frame is received.
    mutating func change(to adapter: Adapter)

    // MARK: Instruments

    /// Adds an instrument, with the next index; its streams come with the next connection. Throws `.badConfiguration`
    /// if it does not fit the session.
    mutating func add(_ instrument: Instrument) throws(VenueError)

    /// The venue has stopped or resumed a market. A stopped one is STALE until its streams resume; the time until then
    /// says nothing about normal silences.
    mutating func tradingChanged(of id: InstrumentID, isTrading: Bool, at time: Timestamp)

    // MARK: Silence

    /// Checks for silences, once a second. `true` if one has begun: the instrument is STALE from now on, until its
    /// stream resumes.
    mutating func checkSilence(of id: InstrumentID, at time: Timestamp) -> Bool
    /// Channels silent for longer than normal.
    func silentChannels(of id: InstrumentID) -> SilentChannels
    /// Whether the trade stream has been silent so long that the venue should be asked for newer trades.
    func wantsProbe(of id: InstrumentID, at time: Timestamp) -> Bool
    /// The venue has no newer trade: the market is quiet, the feed is not broken.
    mutating func confirmQuiet(of id: InstrumentID)
    /// The host's clock was set by this much, forward or back: keeps the length of silences unchanged.
    mutating func clockMoved(by nanoseconds: Int64)

    // MARK: State

    func validity(of id: InstrumentID) -> Validity
    /// The book's epoch within this session: 0 before the first snapshot, then the number of snapshots. The session's
    /// owner makes the published `book_epoch` unique from it.
    func epoch(of id: InstrumentID) -> UInt64
    func counts(of id: InstrumentID) -> SessionCounts
    /// Counts of frames that belong to no instrument.
    var unattributedCounts: SessionCounts { get }
}

extension VenueSession where Self: ~Copyable {
    /// Nothing: most venues have one adapter a market.
    public mutating func change(to adapter: Adapter) {}
    public var tradesAreContiguous: Bool { true }
    public var servesSingleTrades: Bool { true }

    /// Counts of all frames since the session began.
    public var totalCounts: SessionCounts {
        var total = unattributedCounts
        for index in instruments.indices { total += counts(of: InstrumentID(index)) }
        return total
    }
}

/// The shell's next action.
public enum VenueAction: Sendable, Hashable {
    case proceed
    /// Fetch the instrument's snapshot over HTTP, and answer with `receiveSnapshot` or `snapshotFailed`.
    case fetchSnapshot(InstrumentID)
    /// Trades are missing: fetch them over HTTP and answer with `receiveTrades`.
    case fetchTrades(InstrumentID)
    /// Send `resubscribeMessages`: the venue answers with a snapshot in the stream.
    case resubscribe(InstrumentID)
    /// Open a new connection soon: this one will end.
    case reconnect
}

/// The source of missing trades.
public enum TradeSource: Sendable, Hashable {
    /// Single trades.
    case single
    /// Sums of one order's trades at one price; for a venue that serves single trades only with a key.
    case aggregates
}
