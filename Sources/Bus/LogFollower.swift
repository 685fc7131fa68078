import Wire

/// Delivers one log's signals in log order, each once, however and however often they arrive.
///
/// Pure: signals behind a sequence gap are held until it is filled; duplicates are dropped.
struct LogFollower {
    /// Signals held behind a sequence gap. Beyond this limit live signals are dropped: the replay delivers them.
    static let earlyLimit = 10_000

    /// Sequence of the last signal delivered; all earlier signals were delivered too, or are gone from the log.
    private(set) var position: UInt64
    private(set) var duplicates: UInt64 = 0
    private var early: [UInt64: ProtoSignal] = [:]

    init(position: UInt64) { self.position = position }

    /// A later signal has arrived, but the next one is missing.
    var hasHole: Bool { !early.isEmpty }

    /// Takes a signal and appends those now deliverable. O(1) amortised.
    mutating func receive(_ signal: ProtoSignal, into due: inout [ProtoSignal]) {
        let sequence = signal.logSequence
        guard sequence <= ProtoSignal.sequenceLimit else { return }
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

    /// The log no longer holds signals before `first`: continues there and returns how many signals are lost for good.
    mutating func skip(to first: UInt64, into due: inout [ProtoSignal]) -> UInt64 {
        guard first > position + 1 else { return 0 }
        let gone = first - position - 1
        // Signals that arrived live in the meantime are not lost.
        let kept = early.filter { $0.key < first }.sorted { $0.key < $1.key }
        for (sequence, signal) in kept {
            due.append(signal)
            early[sequence] = nil
        }
        position = first - 1
        advance(into: &due)
        return gone - UInt64(kept.count)
    }

    /// Gives up waiting: appends the held signals, in order. The position stays, so a later replay still fills the gap
    /// and delivers these signals again; the receiver recognises them by id.
    mutating func release(into due: inout [ProtoSignal]) {
        due += early.sorted { $0.key < $1.key }.map(\.value)
        early = [:]
    }

    /// The log went back, e.g. restored from a backup: replay it from the start; ids identify known signals.
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
