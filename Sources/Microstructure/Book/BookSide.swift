/// One side of a book: price levels, best first to the reader.
///
/// Levels are stored worst first, since nearly every change is close to the best price: an insertion moves a
/// few levels at the end of the array instead of thousands at its front.
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

    /// The size that rests at `price`, zero where there is none. O(log n).
    public func quantity(at price: Price) -> Quantity {
        let index = insertionIndex(of: price)
        guard index < worstFirst.count, worstFirst[index].price == price else { return .zero }
        return worstFirst[index].quantity
    }

    /// Sets the size at a price; zero removes the level, and removing an unknown level is normal.
    /// O(log n) to find, O(distance from the best) to insert or remove.
    public mutating func set(_ price: Price, to quantity: Quantity) {
        let index = insertionIndex(of: price)
        let exists = index < worstFirst.count && worstFirst[index].price == price
        switch (exists, quantity == .zero) {
        case (true, false): worstFirst[index].quantity = quantity
        case (true, true): worstFirst.remove(at: index)
        case (false, false): worstFirst.insert(PriceLevel(price: price, quantity: quantity), at: index)
        case (false, true): break
        }
    }

    public mutating func removeAll() { worstFirst.removeAll(keepingCapacity: true) }

    /// Drops the levels furthest from the best price until at most `limit` remain; returns how many went.
    public mutating func trim(to limit: Int) -> Int {
        let excess = worstFirst.count - limit
        guard excess > 0 else { return 0 }
        worstFirst.removeFirst(excess)
        return excess
    }

    // MARK: - By position, for `OrderBookL3`, whose queues lie as the levels do: worst first

    func storedIndex(of price: Price) -> Int? {
        let index = insertionIndex(of: price)
        return index < worstFirst.count && worstFirst[index].price == price ? index : nil
    }

    /// Adds to what rests at a price; says where that is stored and whether the level is new.
    mutating func add(_ quantity: Quantity, at price: Price) -> (index: Int, isNew: Bool) {
        let index = insertionIndex(of: price)
        if index < worstFirst.count, worstFirst[index].price == price {
            worstFirst[index].quantity.mantissa += quantity.mantissa
            return (index, false)
        }
        worstFirst.insert(PriceLevel(price: price, quantity: quantity), at: index)
        return (index, true)
    }

    mutating func take(_ quantity: Int64, atStored index: Int) { worstFirst[index].quantity.mantissa -= quantity }

    mutating func remove(atStored index: Int) { worstFirst.remove(at: index) }

    /// First index whose level is not worse than `price`. Looks at the last few levels before it halves:
    /// most changes are there.
    private func insertionIndex(of price: Price) -> Int {
        worstFirst.withUnsafeBufferPointer { levels in
            var upper = levels.count
            var lower = max(0, upper - 8)
            if lower > 0, !isWorse(levels[lower].price, than: price) {
                upper = lower
                lower = 0
            }
            while lower < upper {
                let middle = (lower + upper) / 2
                if isWorse(levels[middle].price, than: price) { lower = middle + 1 } else { upper = middle }
            }
            return lower
        }
    }

    @inline(__always)
    private func isWorse(_ left: Price, than right: Price) -> Bool {
        kind == .bid ? left < right : right < left
    }
}
