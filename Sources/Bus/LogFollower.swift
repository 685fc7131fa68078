import Wire

/// Puts the signals of one log into the log's order, each once, whatever way and however often they come.
///
/// Pure: what waits for a hole to be filled is held here, what comes again is dropped here.
struct LogFollower {
    /// Signals held while the one before them is missing. Beyond it a live signal is dropped: the replay brings it.
    static let earlyLimit = 10_000

    /// Sequence of the last signal handed on; all before it have been, too, or are gone from the log.
    private(set) var position: UInt64
    private(set) var duplicates: UInt64 = 0
    private var early: [UInt64: ProtoSignal] = [:]

    init(position: UInt64) { self.position = position }

    /// A later signal is here and the next one is not.
    var hasHole: Bool { !early.isEmpty }

    /// Takes a signal and appends those that are now due. O(1) amortised.
    mutating func receive(_ signal: ProtoSignal, into due: inout [ProtoSignal]) {
        let sequence = signal.logSequence
        guard sequence > position, early[sequence] == nil else {
            duplicates += 1
            return
        }
        guard sequence == position + 1 else {
            if early.count < Self.earlyLimit { early[sequence] = signal }
            return
        }
        due.append(signal)
        position = sequence
        advance(into: &due)
    }

    /// The log no longer holds anything before `first`: goes on there and returns how many signals are gone for good.
    mutating func skip(to first: UInt64, into due: inout [ProtoSignal]) -> UInt64 {
        guard first > position + 1 else { return 0 }
        let gone = first - position - 1
        // What came live in the meantime is not gone.
        let kept = early.filter { $0.key < first }.sorted { $0.key < $1.key }
        for (sequence, signal) in kept {
            due.append(signal)
            early[sequence] = nil
        }
        position = first - 1
        advance(into: &due)
        return gone - UInt64(kept.count)
    }

    /// Gives up waiting: appends what is held, in order. The position stays, so that a later replay still fills the
    /// hole, and brings these again; whoever keeps them tells them by their id.
    mutating func release(into due: inout [ProtoSignal]) {
        due += early.sorted { $0.key < $1.key }.map(\.value)
        early = [:]
    }

    /// The log has gone back, as one restored from a copy does: everything is asked for anew, ids tell what is known.
    mutating func rewind() {
        position = 0
        early = [:]
    }

    private mutating func advance(into due: inout [ProtoSignal]) {
        while !early.isEmpty, let next = early.removeValue(forKey: position + 1) {
            due.append(next)
            position += 1
        }
    }
}
