import Microstructure

/// Which trade ids of an instrument have arrived and which are missing, for a venue with contiguous ids.
///
/// A late trade (reordered, or over the slower of two connections) fills its gap. So every id is passed on exactly
/// once, whichever way it arrives.
struct TradeSequence: Sendable {
    /// Most open gaps; above it the oldest is given up.
    static let holeLimit = 256

    enum Arrival: Sendable, Hashable {
        /// Newer than all before; `missed` ids between are missing.
        case newest(missed: Int64)
        /// Fills a gap.
        case late
        case duplicate
    }

    /// A range of consecutive missing ids.
    struct Hole: Sendable, Hashable {
        var ids: ClosedRange<Int64>
        /// The venue's time of an earlier trade: the missing trades are not older.
        let earliest: Timestamp
    }

    /// Highest id seen; −1 before the first.
    private(set) var last: Int64 = -1
    /// The venue's time of the trade `last`.
    private(set) var lastTime = Timestamp(nanoseconds: 0)
    /// Missing ids, oldest first.
    private(set) var holes: [Hole] = []

    /// Number of ids still missing.
    var missing: Int64 { holes.reduce(0) { $0 + Int64($1.ids.count) } }

    /// The venue's time of a trade before the missing trade `id`, or before those after the newest one.
    func earliest(of id: Int64) -> Timestamp { holes.first { $0.ids.contains(id) }?.earliest ?? lastTime }

    /// The ids of `range` that are still missing.
    func missing(in range: ClosedRange<Int64>) -> [ClosedRange<Int64>] {
        holes.lazy.map(\.ids).filter { $0.overlaps(range) }.map { $0.clamped(to: range) }
    }

    /// - Parameter limit: most ids of a gap; older ids are given up and added to `givenUp`, as are the ids of the
    ///   oldest gap beyond `holeLimit`.
    mutating func process(_ id: Int64, at time: Timestamp, limit: Int64, givenUp: inout UInt64) -> Arrival {
        guard id > last else { return fill(id) ? .late : .duplicate }
        let missed = last < 0 ? 0 : id - last - 1
        if missed > 0 { open(through: id - 1, limit: limit, givenUp: &givenUp) }
        (last, lastTime) = (id, time)
        return .newest(missed: missed)
    }

    /// A trade later than the newest one by more than this but with a lower id belongs to another series.
    static let restartNanoseconds: Int64 = 10_000_000_000
    /// No market has so many trades while we look away: an id further ahead belongs to another series. Sums of gaps
    /// stay far below `UInt64.max`, whatever ids come.
    static let greatestGap: Int64 = 1 << 32

    /// Whether `id` is further ahead than any gap can be. O(1), for any id.
    func isOutOfReach(_ id: Int64) -> Bool { last >= 0 && id > last && id - last > Self.greatestGap }

    /// Whether the venue has restarted its numbering (a reset test network, a restarted simulator): ids grow with time,
    /// so a lower id on a later trade means another series. Without this check all its trades would be taken for
    /// duplicates.
    func isOfNewSeries(_ id: Int64, at time: Timestamp) -> Bool {
        if id > last { return isOutOfReach(id) }
        return time.nanoseconds(since: lastTime) > Self.restartNanoseconds && !holes.contains { $0.ids.contains(id) }
    }

    /// Marks the ids after `last` up to `id` as missing: the venue is known to have issued them.
    mutating func expect(through id: Int64, at time: Timestamp, limit: Int64, givenUp: inout UInt64) {
        guard id > last else { return }
        open(through: id, limit: limit, givenUp: &givenUp)
        (last, lastTime) = (id, time)
    }

    private mutating func open(through id: Int64, limit: Int64, givenUp: inout UInt64) {
        let missed = id - last
        let kept = min(missed, limit)
        givenUp &+= UInt64(missed - kept)
        if kept > 0 { holes.append(Hole(ids: (id - kept + 1)...id, earliest: lastTime)) }
        if holes.count > Self.holeLimit { givenUp += UInt64(holes.removeFirst().ids.count) }
    }

    /// Removes `id` from the gaps; `false` if it is in none. Later ids of its gap are not older than `time`, if given.
    mutating func fill(_ id: Int64, at time: Timestamp? = nil) -> Bool { fill(id...id, at: time) }

    /// Removes `ids` from the gap that contains them; `false` if no gap has all of them.
    mutating func fill(_ ids: ClosedRange<Int64>, at time: Timestamp? = nil) -> Bool {
        guard
            let index = holes.lastIndex(where: {
                $0.ids.contains(ids.lowerBound) && $0.ids.contains(ids.upperBound)
            })
        else { return false }
        let hole = holes.remove(at: index)
        if ids.upperBound < hole.ids.upperBound {
            holes.insert(
                Hole(
                    ids: (ids.upperBound + 1)...hole.ids.upperBound,
                    earliest: time.map { max($0, hole.earliest) } ?? hole.earliest), at: index)
        }
        if ids.lowerBound > hole.ids.lowerBound {
            holes.insert(
                Hole(ids: hole.ids.lowerBound...(ids.lowerBound - 1), earliest: hole.earliest), at: index)
        }
        return true
    }

    /// Gives up all missing ids up to `id`; returns their number.
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
