import Microstructure

/// Books of a venue that may cease to send snapshots in its stream.
///
/// A snapshot in the stream always begins a book. A change that comes without one is held, and a snapshot is asked for
/// over HTTP and in the stream by turns, until one of them answers. The snapshot over HTTP is from between two changes
/// of the stream: those that it contains are passed over, and the first later one may begin before it.
extension StreamSession {
    /// Applies a change to its connection's book, or holds it until a snapshot comes.
    mutating func processEither(
        _ change: VenueMessage.Book, slot: Int, at time: Timestamp, into events: inout EventBatch
    ) -> VenueAction {
        let index = change.index
        if change.isSnapshot {
            // It contains the changes held.
            markets[index].counts.depthCoveredBySnapshot += UInt64(markets[index].pending[slot].count)
            markets[index].pending[slot] = []
            markets[index].early = nil
        }
        if change.isSnapshot || markets[index].books[slot].isLive {
            return process(change, slot: slot, at: time, into: &events)
        }
        markets[index].noteArrival(.depth, at: time, after: .failure)
        markets[index].counts.depthBuffered += 1
        hold(change, slot, at: time)
        guard let early = markets[index].early else { return askSnapshot(of: index, slot, at: time) }
        // The answer over HTTP came before this change.
        markets[index].early = nil
        return beginEither(early, slot, at: time, into: &events)
    }

    /// Loads a snapshot over HTTP and applies the changes held for it that are later.
    mutating func beginEither(
        _ snapshot: StreamMarket.PendingChange, _ slot: Int, at time: Timestamp, into events: inout EventBatch
    ) -> VenueAction {
        let index = snapshot.change.index
        var held = VenueMessage()
        held.levels = snapshot.levels
        held.forms = snapshot.forms
        markets[index].books[slot].load(snapshot.change, held, at: time)
        guard markets[index].books[slot].crossedSince == nil else {
            markets[index].counts.snapshotsCrossed += 1
            return beginAgain(index, slot, at: time)
        }
        let pending = markets[index].pending[slot]
        markets[index].pending[slot] = []
        var newest = snapshot.change
        for (place, change) in pending.enumerated() {
            held.levels = change.levels
            held.forms = change.forms
            switch markets[index].books[slot].process(change.change, held, at: change.receiveTime) {
            case .applied:
                markets[index].counts.depthApplied += 1
                newest = change.change
            case .old, .dropped: markets[index].counts.depthCoveredBySnapshot += 1
            case .hole:
                if newest == snapshot.change {
                    markets[index].counts.snapshotsTooOld += 1
                } else {
                    markets[index].counts.gaps += 1
                }
                // What was held from the hole on waits for a later snapshot.
                markets[index].pending[slot] = Array(pending[place...])
                return beginAgain(index, slot, at: time)
            }
        }
        markets[index].counts.snapshots += 1
        if markets[index].active == nil || markets[index].active == slot {
            markets[index].active = slot
            markets[index].epoch += 1
        }
        if markets[index].active == slot, markets[index].books[slot].isTrustworthy {
            publish(index, EventTimes(venue: newest.venueTime, receive: time), into: &events)
        }
        return .proceed
    }

    private mutating func beginAgain(_ index: Int, _ slot: Int, at time: Timestamp) -> VenueAction {
        markets[index].books[slot].discard()
        _ = markets[index].books[slot].asks(at: time)
        return .fetchSnapshot(InstrumentID(index))
    }
}
