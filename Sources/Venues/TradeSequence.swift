import Microstructure

/// Which trade ids of an instrument have come and which between them have not, for a venue whose ids are contiguous.
///
/// A trade that comes late (reordered, or over the slower of two connections) fills its hole. So every id is handed on
/// exactly once, whatever way it comes.
struct TradeSequence: Sendable {
    /// Most open holes; beyond that the oldest is given up.
    static let holeLimit = 256

    enum Arrival: Sendable, Hashable {
        /// Newer than all before; `missed` ids between are missing.
        case newest(missed: Int64)
        /// Fills a hole.
        case late
        case duplicate
    }

    /// Ids that have not come, one after another.
    struct Hole: Sendable, Hashable {
        var ids: ClosedRange<Int64>
        /// The venue's time of a trade before them: they are not older.
        let earliest: Timestamp
    }

    /// Highest id seen; −1 before the first.
    private(set) var last: Int64 = -1
    /// The venue's time of that trade.
    private(set) var lastTime = Timestamp(nanoseconds: 0)
    /// Ids that have not come, oldest first.
    private(set) var holes: [Hole] = []

    /// Ids that have not come and are still waited for.
    var missing: Int64 { holes.reduce(0) { $0 + Int64($1.ids.count) } }

    /// The ids of `range` that have not come and are still waited for.
    func missing(in range: ClosedRange<Int64>) -> [ClosedRange<Int64>] {
        holes.lazy.map(\.ids).filter { $0.overlaps(range) }.map { $0.clamped(to: range) }
    }

    /// - Parameter limit: ids that a hole may have; older ones are given up and added to `givenUp`, as are the ids of the
    ///   oldest hole beyond `holeLimit`.
    mutating func process(_ id: Int64, at time: Timestamp, limit: Int64, givenUp: inout UInt64) -> Arrival {
        guard id > last else { return fill(id) ? .late : .duplicate }
        let missed = last < 0 ? 0 : id - last - 1
        if missed > 0 { open(through: id - 1, limit: limit, givenUp: &givenUp) }
        (last, lastTime) = (id, time)
        return .newest(missed: missed)
    }

    /// A trade that is later than the newest one by more than this and has a lower id belongs to another series.
    static let restartNanoseconds: Int64 = 10_000_000_000

    /// Whether the venue has begun to count anew (a test network that was set back, a simulator that was started again):
    /// ids grow with time, so a lower one of a later trade cannot be of the same series. Without this all its trades
    /// would be taken for duplicates.
    func isOfNewSeries(_ id: Int64, at time: Timestamp) -> Bool {
        id <= last && time.nanoseconds(since: lastTime) > Self.restartNanoseconds
            && !holes.contains { $0.ids.contains(id) }
    }

    /// Marks the ids after `last` up to `id` as missing: it is known that the venue has issued them.
    mutating func expect(through id: Int64, at time: Timestamp, limit: Int64, givenUp: inout UInt64) {
        guard id > last else { return }
        open(through: id, limit: limit, givenUp: &givenUp)
        (last, lastTime) = (id, time)
    }

    private mutating func open(through id: Int64, limit: Int64, givenUp: inout UInt64) {
        let missed = id - last
        let kept = min(missed, limit)
        givenUp += UInt64(missed - kept)
        if kept > 0 { holes.append(Hole(ids: (id - kept + 1)...id, earliest: lastTime)) }
        if holes.count > Self.holeLimit { givenUp += UInt64(holes.removeFirst().ids.count) }
    }

    /// Takes `id` out of the holes; `false` where it is in none.
    mutating func fill(_ id: Int64) -> Bool { fill(id...id) }

    /// Takes `ids` out of the hole that they lie in; `false` where no hole has all of them.
    mutating func fill(_ ids: ClosedRange<Int64>) -> Bool {
        guard
            let index = holes.lastIndex(where: {
                $0.ids.contains(ids.lowerBound) && $0.ids.contains(ids.upperBound)
            })
        else { return false }
        let hole = holes.remove(at: index)
        if ids.upperBound < hole.ids.upperBound {
            holes.insert(
                Hole(ids: (ids.upperBound + 1)...hole.ids.upperBound, earliest: hole.earliest), at: index)
        }
        if ids.lowerBound > hole.ids.lowerBound {
            holes.insert(
                Hole(ids: hole.ids.lowerBound...(ids.lowerBound - 1), earliest: hole.earliest), at: index)
        }
        return true
    }

    /// Gives up all ids up to `id`; how many there were.
    mutating func giveUp(through id: Int64) -> UInt64 {
        var count: UInt64 = 0
        while let hole = holes.first, hole.ids.lowerBound <= id {
            holes.removeFirst()
            count += UInt64(min(hole.ids.upperBound, id) - hole.ids.lowerBound + 1)
            if hole.ids.upperBound > id {
                holes.insert(Hole(ids: (id + 1)...hole.ids.upperBound, earliest: hole.earliest), at: 0)
            }
        }
        return count
    }
}
