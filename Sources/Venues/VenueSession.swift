import Microstructure

/// One venue's protocol as a value: bytes in, events and actions out. No I/O, no clock.
///
/// The shell owns sockets, timers and back-off; it hands in what it received with the time it received it, and
/// does what the returned action says. Live, replay and tests drive the same session. Where a method takes an
/// `InstrumentID` and cannot throw, it must be one of this session.
///
/// A venue that sends its snapshots in the stream never asks for `.fetchSnapshot`, one that serves no trades over HTTP never
/// for `.fetchTrades`; the methods that follow from these actions then have nothing to do.
public protocol VenueSession: ~Copyable {
    /// An associated type of the session and not the reverse: an associated type must be copyable.
    associatedtype Adapter: VenueAdapter

    /// Throws `.badConfiguration` where the instruments or the adapter's options cannot work.
    init(_ adapter: Adapter, instruments: [Instrument]) throws(VenueError)

    /// What is traded; `InstrumentID.index` is an index into it.
    var instruments: [Instrument] { get }

    /// Decodes one frame, appends its events, says what the shell must do next.
    ///
    /// A frame speaks of one instrument or of the connection as a whole, so it causes at most one action.
    /// On a throw nothing was appended, nothing changed but the counts, and the session goes on.
    mutating func receive(
        _ frame: Span<UInt8>, from connection: ConnectionID, at time: Timestamp, into events: inout EventBatch
    ) throws(VenueError) -> VenueAction

    // MARK: Snapshots

    /// The request that `.fetchSnapshot(id)` asks for; `nil` for a venue that sends its snapshots in the stream.
    func snapshotRequest(for id: InstrumentID) -> VenueRequest?

    /// Takes the snapshot asked for by `.fetchSnapshot(id)`. Returns `.fetchSnapshot(id)` where it cannot be used and
    /// another is needed. After a throw (a bad body) the snapshot is still wanted: call `snapshotFailed(for:at:)`.
    mutating func receiveSnapshot(
        _ body: Span<UInt8>, for id: InstrumentID, at time: Timestamp, into events: inout EventBatch
    ) throws(VenueError) -> VenueAction

    /// The snapshot could not be had. Returns `.fetchSnapshot(id)` where it is still wanted; waiting before the next
    /// attempt is the shell's part.
    mutating func snapshotFailed(for id: InstrumentID, at time: Timestamp) -> VenueAction

    /// The messages that `.resubscribe(id)` asks for: the venue answers them with a snapshot in the stream.
    func resubscribeMessages(for id: InstrumentID) -> [String]

    // MARK: Trades

    /// Highest trade id seen; `nil` before the first trade.
    func lastTradeID(of id: InstrumentID) -> Int64?
    /// The first id to ask for: the oldest trade that is missing; `nil` where none is.
    func firstMissingTrade(of id: InstrumentID) -> Int64?
    /// Trades that are missing and still waited for.
    func missingTrades(of id: InstrumentID) -> Int64

    /// The request for at most `limit` trades from `first` on: what `.fetchTrades(id)` asks for, or a probe of whether a
    /// silent stream has missed any. `nil` where the venue has no such request.
    func tradesRequest(
        for id: InstrumentID, from first: Int64, limit: Int, source: TradeSource
    ) -> VenueRequest?

    /// Takes the answer to `tradesRequest` with the same `first`, `limit` and `source`. Trades seen already are not handed
    /// on again.
    ///
    /// - Parameter isFinal: what the venue does not have now will not be asked for again.
    mutating func receiveTrades(
        _ body: Span<UInt8>, from first: Int64, limit: Int, source: TradeSource, for id: InstrumentID, isFinal: Bool,
        at time: Timestamp, into events: inout EventBatch
    ) throws(VenueError)

    /// Gives up what is missing; for a venue that refuses to tell.
    mutating func giveUpTrades(of id: InstrumentID)

    // MARK: Connections

    /// A connection is up: stale books begin to resynchronise. Live books stay live, so that a new connection may
    /// overlap the old one.
    mutating func connectionOpened(_ connection: ConnectionID, at time: Timestamp)

    /// A connection has ended. When it was the last, every book is stale until it is rebuilt.
    mutating func connectionClosed(_ connection: ConnectionID, at time: Timestamp)

    /// Instruments of which `new` has not yet taken over from `old`: closing `old` might lose something of them. An
    /// instrument that is silent on both never takes over.
    func instrumentsAwaitingHandover(from old: ConnectionID, to new: ConnectionID) -> Int

    // MARK: Silence

    /// Looks for silences, once a second. `true` where one has begun: the instrument is STALE from now on, until its stream
    /// talks.
    mutating func checkSilence(of id: InstrumentID, at time: Timestamp) -> Bool
    /// Channels that have been silent for longer than they normally are.
    func silentChannels(of id: InstrumentID) -> SilentChannels
    /// Whether the trade stream has been silent for so long that the venue should be asked for newer trades.
    func wantsProbe(of id: InstrumentID, at time: Timestamp) -> Bool
    /// The venue has no newer trade: the market is quiet, the feed is not broken.
    mutating func confirmQuiet(of id: InstrumentID)
    /// The host's clock was set by so much, forward or back: silences are as long as they were.
    mutating func clockMoved(by nanoseconds: Int64)

    // MARK: State

    func validity(of id: InstrumentID) -> Validity
    /// Which life of the book within this session: 0 before the first snapshot, then the number of snapshots. What is published
    /// as `book_epoch` is made unique from it by whoever runs the session.
    func epoch(of id: InstrumentID) -> UInt64
    func counts(of id: InstrumentID) -> SessionCounts
    /// Of frames that belong to no instrument.
    var unattributedCounts: SessionCounts { get }
}

extension VenueSession where Self: ~Copyable {
    /// Of all frames since the session began.
    public var totalCounts: SessionCounts {
        var total = unattributedCounts
        for index in instruments.indices { total += counts(of: InstrumentID(index)) }
        return total
    }
}

/// What the shell must do next.
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

/// Where missing trades are asked for.
public enum TradeSource: Sendable, Hashable {
    /// Each trade by itself.
    case single
    /// Sums of what one order did at one price; for a venue that keeps single trades for those with a key.
    case aggregates
}
