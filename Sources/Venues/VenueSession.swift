import Microstructure

/// One venue's protocol as a value: bytes in, events and actions out. No I/O, no clock.
///
/// The shell owns sockets, timers and back-off; it hands in what it received with the time it received it, and
/// does what the returned action says. Live, replay and tests drive the same session. Where a method takes an
/// `InstrumentID` and cannot throw, it must be one of this session.
public protocol VenueSession: ~Copyable {
    /// What is traded; `InstrumentID.index` is an index into it.
    var instruments: [Instrument] { get }

    /// Decodes one frame, appends its events, says what the shell must do next.
    ///
    /// A frame speaks of one instrument or of the connection as a whole, so it causes at most one action.
    /// On a throw nothing was appended, nothing changed but the counts, and the session goes on.
    mutating func receive(
        _ frame: Span<UInt8>, from connection: ConnectionID, at time: Timestamp, into events: inout EventBatch
    ) throws(VenueError) -> VenueAction

    /// Takes the snapshot asked for by `.fetchSnapshot(id)`. Returns `.fetchSnapshot(id)` where it cannot be used and
    /// another is needed. After a throw (a bad body) the snapshot is still owed: call `snapshotFailed(for:at:)`.
    mutating func receiveSnapshot(
        _ body: Span<UInt8>, for id: InstrumentID, at time: Timestamp, into events: inout EventBatch
    ) throws(VenueError) -> VenueAction

    /// The snapshot could not be had. Returns `.fetchSnapshot(id)` where it is still wanted; waiting before the next
    /// attempt is the shell's part.
    mutating func snapshotFailed(for id: InstrumentID, at time: Timestamp) -> VenueAction

    /// Takes the trades from id `first` on that were asked for by `.fetchTrades(id)`, in answer to a request for at most
    /// `limit`. Trades seen already are not handed on again.
    ///
    /// - Parameter isFinal: what the venue does not have now will not be asked for again.
    mutating func receiveTrades(
        _ body: Span<UInt8>, from first: Int64, limit: Int, source: TradeSource, for id: InstrumentID, isFinal: Bool,
        at time: Timestamp, into events: inout EventBatch
    ) throws(VenueError)

    /// A connection is up: stale books begin to resynchronise. Live books stay live, so that a new connection may
    /// overlap the old one.
    mutating func connectionOpened(_ connection: ConnectionID, at time: Timestamp)

    /// A connection has ended. When it was the last, every book is stale until it is rebuilt.
    mutating func connectionClosed(_ connection: ConnectionID, at time: Timestamp)

    /// Instruments of which `new` has not yet taken over from `old`: closing `old` might lose something of them. An
    /// instrument that is silent on both never takes over.
    func instrumentsAwaitingHandover(from old: ConnectionID, to new: ConnectionID) -> Int

    func validity(of id: InstrumentID) -> Validity
    /// Which life of the book within this session: 0 before the first snapshot, then the number of snapshots. What is published
    /// as `book_epoch` is made unique from it by whoever runs the session.
    func epoch(of id: InstrumentID) -> UInt64
    /// A copy of the book; free unless it is held while the next update arrives.
    func book(of id: InstrumentID) -> OrderBook
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
    /// Send this text frame.
    case send(String)
    /// Fetch the instrument's snapshot over REST, and answer with `receiveSnapshot` or `snapshotFailed`.
    case fetchSnapshot(InstrumentID)
    /// Trades are missing: fetch them over REST and answer with `receiveTrades`.
    case fetchTrades(InstrumentID)
    /// Unsubscribe from the instrument's book and subscribe again: the venue sends its snapshot in the stream.
    case resubscribe(InstrumentID)
    /// Open a new connection soon: this one will end.
    case reconnect
}
