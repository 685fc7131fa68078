/// One side of a book: price levels, which readers see best first.
///
/// Levels are stored worst first, since nearly every change is close to the best price: an insertion then moves a few
/// levels at the end of the array instead of thousands at its front.
public struct BookSide: Sendable, Equatable {
    public enum Kind: Sendable { case bid, ask }

    public let kind: Kind
    private var worstFirst: [PriceLevel] = []

    public init(_ kind: Kind, reserving capacity: Int = 1_024) {
        self.kind = kind
        worstFirst.reserveCapacity(capacity)
    }

    public var count: Int { worstFirst.count }
    public var isEmpty: Bool { worstFirst.isEmpty }
    public var best: PriceLevel? { worstFirst.last }

    /// The level at `rank`, 0 being the best. Requires `rank < count`.
    public subscript(rank: Int) -> PriceLevel { worstFirst[worstFirst.count - 1 - rank] }

    /// Appends the best `count` levels, or all where there are fewer, best first. O(count).
    func appendBest(_ count: Int, to levels: inout [PriceLevel]) {
        let count = min(count, worstFirst.count)
        levels.append(addingCapacity: count) { output in
            output.withUnsafeMutableBufferPointer { new, initialized in
                worstFirst.withUnsafeBufferPointer { stored in
                    let best = stored.count &- 1
                    for rank in 0..<count { new.initializeElement(at: rank, to: stored[best &- rank]) }
                }
                initialized = count
            }
        }
    }

    /// The size resting at `price`, zero if there is none. O(log n).
    public func quantity(at price: Price) -> Quantity {
        let index = insertionIndex(of: price)
        guard index < worstFirst.count, worstFirst[index].price == price else { return .zero }
        return worstFirst[index].quantity
    }

    /// Sets the size at a price; zero removes the level, and removing an unknown level is normal. O(log n) to find the
    /// level, O(distance from the best) to insert or remove it.
    public mutating func set(_ price: Price, to quantity: Quantity) {
        let index = insertionIndex(of: price)
        let exists = index < worstFirst.count && worstFirst[index].price == price
        switch (exists, quantity == .zero) {
        case (true, false): worstFirst[index].quantity = quantity
        case (true, true): remove(atStored: index)
        case (false, false): insert(PriceLevel(price: price, quantity: quantity), atStored: index)
        case (false, true): break
        }
    }

    /// Sets the size at many prices, like `set(_:to:)` at each. O(changes · log n) to find the levels; if the changes
    /// come best first, each level moves at most once, and only levels between an insertion and a removal move.
    public mutating func set(_ changes: [PriceLevel]) {
        guard changes.count > 1, areBestFirst(changes) else {
            for change in changes { set(change.price, to: change.quantity) }
            return
        }
        withUnsafeTemporaryAllocation(of: Step.self, capacity: changes.count) { steps in
            var total = 0
            var count = 0
            var end = worstFirst.count
            for (number, change) in changes.enumerated() {
                let step = step(to: change, number, before: end)
                steps.initializeElement(at: count, to: step)
                count &+= step.shift & 1
                total &+= step.shift
                end = step.place
            }
            let length = worstFirst.count
            for _ in 0..<max(0, total) { worstFirst.append(changes[0]) }
            worstFirst.withUnsafeMutableBufferPointer { levels in
                guard let levels = levels.baseAddress else { return }
                let steps = UnsafeBufferPointer(rebasing: steps[..<count])
                Self.moveUp(levels, length, steps, total, changes)
                Self.moveDown(levels, length, steps, changes)
            }
            if total < 0 { worstFirst.removeLast(-total) }
        }
    }

    private func areBestFirst(_ levels: [PriceLevel]) -> Bool {
        var last = levels[0].price
        for level in levels.dropFirst() {
            guard isBetter(last, than: level.price) else { return false }
            last = level.price
        }
        return true
    }

    /// A level inserted (`shift` 1) or removed (−1) at a place; all better levels move by `shift`.
    private struct Step {
        let place: Int
        let shift: Int
        /// Index of the change.
        let number: Int
    }

    /// Finds the place of a change, at most `end`, the place of the previous change. Applies a change of size at once.
    @inline(__always)
    private mutating func step(to change: PriceLevel, _ number: Int, before end: Int) -> Step {
        let place = insertionIndex(of: change.price, before: end)
        let exists = place < worstFirst.count && worstFirst[place].price == change.price
        if exists, change.quantity != .zero {
            worstFirst[place].quantity = change.quantity
            return Step(place: place, shift: 0, number: number)
        }
        let shift = exists ? -1 : (change.quantity == .zero ? 0 : 1)
        return Step(place: place, shift: shift, number: number)
    }

    /// Moves the levels with a new higher place, the highest first, and inserts new levels into the free places.
    private static func moveUp(
        _ levels: UnsafeMutablePointer<PriceLevel>, _ length: Int, _ steps: UnsafeBufferPointer<Step>, _ total: Int,
        _ changes: [PriceLevel]
    ) {
        var shift = total
        var end = length
        for step in steps {
            let start = step.shift < 0 ? step.place + 1 : step.place
            if shift > 0 { (levels + start + shift).update(from: levels + start, count: end - start) }
            shift -= step.shift
            if step.shift > 0, shift >= 0 { levels[step.place + shift] = changes[step.number] }
            end = step.place
        }
    }

    /// Moves the levels with a new lower place, the lowest first, and inserts new levels into the free places.
    private static func moveDown(
        _ levels: UnsafeMutablePointer<PriceLevel>, _ length: Int, _ steps: UnsafeBufferPointer<Step>,
        _ changes: [PriceLevel]
    ) {
        var shift = 0
        for index in steps.indices.reversed() {
            let step = steps[index]
            if step.shift > 0, shift < 0 { levels[step.place + shift] = changes[step.number] }
            shift += step.shift
            let start = step.shift < 0 ? step.place + 1 : step.place
            let end = index > 0 ? steps[index - 1].place : length
            if shift < 0 { (levels + start + shift).update(from: levels + start, count: end - start) }
        }
    }

    private func isBetter(_ left: Price, than right: Price) -> Bool {
        kind == .bid ? right < left : left < right
    }

    public mutating func removeAll() { worstFirst.removeAll(keepingCapacity: true) }

    /// Drops the levels furthest from the best price until at most `limit` remain; returns the number dropped.
    public mutating func trim(to limit: Int) -> Int {
        let excess = worstFirst.count - limit
        guard excess > 0 else { return 0 }
        worstFirst.removeFirst(excess)
        return excess
    }

    // MARK: - By position, for a book that stores something beside each level, worst first too (the simulator's `MatchingBook`)

    package func storedIndex(of price: Price) -> Int? {
        let index = insertionIndex(of: price)
        return index < worstFirst.count && worstFirst[index].price == price ? index : nil
    }

    /// Adds to the size at a price; returns the level's storage index and whether the level is new.
    package mutating func add(_ quantity: Quantity, at price: Price) -> (index: Int, isNew: Bool) {
        let index = insertionIndex(of: price)
        if index < worstFirst.count, worstFirst[index].price == price {
            worstFirst[index].quantity.mantissa += quantity.mantissa
            return (index, false)
        }
        insert(PriceLevel(price: price, quantity: quantity), atStored: index)
        return (index, true)
    }

    package mutating func take(_ quantity: Int64, atStored index: Int) {
        worstFirst[index].quantity.mantissa -= quantity
    }

    // `Array.insert` and `Array.remove` do the same, but cost several times as much for a few levels.

    private mutating func insert(_ level: PriceLevel, atStored index: Int) {
        let moved = worstFirst.count - index
        worstFirst.append(level)
        worstFirst.withUnsafeMutableBufferPointer { levels in
            guard let place = levels.baseAddress?.advanced(by: index) else { return }
            (place + 1).update(from: place, count: moved)
            place.pointee = level
        }
    }

    package mutating func remove(atStored index: Int) {
        let moved = worstFirst.count - 1 - index
        worstFirst.withUnsafeMutableBufferPointer { levels in
            guard let place = levels.baseAddress?.advanced(by: index) else { return }
            place.update(from: place + 1, count: moved)
        }
        worstFirst.removeLast()
    }

    /// First index whose level is not worse than `price`.
    private func insertionIndex(of price: Price) -> Int { insertionIndex(of: price, before: worstFirst.count) }

    /// First index below `end` whose level is not worse than `price`, else `end`. Searches the last levels first: most
    /// changes are there.
    ///
    /// Binary search without a comparison branch, which a processor mispredicts half the time. Prices are ≥ 0.
    @inline(__always)
    private func insertionIndex(of price: Price, before end: Int) -> Int {
        // Reverses the order of the asks, so that on both sides the lower rank is the worse one.
        let turn: Int64 = kind == .bid ? 0 : -1
        let rank = price.mantissa ^ turn
        return worstFirst.withUnsafeBufferPointer { levels in
            guard let first = levels.baseAddress else { return 0 }
            /// `step` if the level at the end of the next `step` places from `lower` is worse, else 0; since both
            /// numbers have the same sign, their difference tells.
            @inline(__always) func advance(_ lower: Int, _ step: Int) -> Int {
                step & Int(((first[lower &+ step &- 1].price.mantissa ^ turn) &- rank) &>> 63)
            }
            var lower = end &- 63
            if lower > 0, first[lower &- 1].price.mantissa ^ turn < rank {
                lower &+= advance(lower, 32)
                lower &+= advance(lower, 16)
                lower &+= advance(lower, 8)
                lower &+= advance(lower, 4)
                lower &+= advance(lower, 2)
                return lower &+ advance(lower, 1)
            }
            var length = lower > 0 ? lower &- 1 : end
            lower = 0
            while length > 0 {
                let half = (length &+ 1) &>> 1
                lower &+= advance(lower, half)
                length &-= half
            }
            return lower
        }
    }
}
