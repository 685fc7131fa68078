/// A hash table from non-zero 64-bit keys to slots of a store: open addressing with linear probing, at most half full, so that
/// a look-up touches one or two cache lines. A removal moves later entries back, so that no tombstones pile up.
///
/// Grows by doubling, and never shrinks; O(1) else.
struct SlotTable: Sendable {
    private struct Entry {
        /// Zero if the place is free.
        var key: UInt64
        var slot: Int32
    }

    private var entries: [Entry]
    private var mask: Int
    private(set) var count = 0

    /// - Parameter capacity: keys held before the table first grows; at least 1.
    init(reserving capacity: Int) {
        var places = 16
        while places < 2 * capacity { places *= 2 }
        entries = Array(repeating: Entry(key: 0, slot: 0), count: places)
        mask = places - 1
    }

    /// What one key takes at most and at least, in bytes.
    static var bytesPerPlace: Int { MemoryLayout<Entry>.stride }
    var places: Int { entries.count }

    /// The finaliser of MurmurHash3, halved: ids count up, and their low bits alone would cluster.
    @inline(__always)
    private static func home(of key: UInt64, _ mask: Int) -> Int {
        let bits = (key ^ (key &>> 33)) &* 0xff51_afd7_ed55_8ccd
        return Int(truncatingIfNeeded: bits ^ (bits &>> 33)) & mask
    }

    /// The slot of a key; −1 if the table does not have it.
    @inline(__always)
    func slot(of key: UInt64) -> Int32 {
        let mask = mask
        return entries.withUnsafeBufferPointer { entries in
            var place = Self.home(of: key, mask)
            while entries[place].key != 0 {
                if entries[place].key == key { return entries[place].slot }
                place = (place &+ 1) & mask
            }
            return -1
        }
    }

    /// Requires that the table does not have the key, and that the key is not zero.
    mutating func insert(_ key: UInt64, _ slot: Int32) {
        if 2 * (count + 1) > entries.count { grow() }
        place(Entry(key: key, slot: slot))
        count += 1
    }

    private mutating func place(_ entry: Entry) {
        let mask = mask
        var place = Self.home(of: entry.key, mask)
        entries.withUnsafeMutableBufferPointer { entries in
            while entries[place].key != 0 { place = (place &+ 1) & mask }
            entries[place] = entry
        }
    }

    private mutating func grow() {
        let old = entries
        entries = Array(repeating: Entry(key: 0, slot: 0), count: 2 * old.count)
        mask = entries.count - 1
        for entry in old where entry.key != 0 { place(entry) }
    }

    /// Removes a key if the table has it.
    mutating func remove(_ key: UInt64) {
        let mask = mask
        var place = Self.home(of: key, mask)
        let isRemoved = entries.withUnsafeMutableBufferPointer { entries in
            while entries[place].key != key {
                guard entries[place].key != 0 else { return false }
                place = (place &+ 1) & mask
            }
            // Each entry behind the hole that may not be found across it moves into it.
            var hole = place
            var next = (hole &+ 1) & mask
            while entries[next].key != 0 {
                let distance = (next &- Self.home(of: entries[next].key, mask)) & mask
                if distance >= (next &- hole) & mask {
                    entries[hole] = entries[next]
                    hole = next
                }
                next = (next &+ 1) & mask
            }
            entries[hole].key = 0
            return true
        }
        if isRemoved { count -= 1 }
    }

    mutating func removeAll() {
        for place in entries.indices { entries[place].key = 0 }
        count = 0
    }
}
