/// A queue of the newest elements in one block of memory, oldest first.
///
/// Unless made in full size, the block doubles while it fills, up to `limit` elements, and never shrinks: after its
/// busiest moment it allocates no more. At the limit an append pushes the oldest element out.
public struct RingBuffer<Element: Sendable>: Sendable {
    private var storage: [Element] = []
    private var head = 0
    public private(set) var count = 0
    /// Most elements kept.
    public let limit: Int

    /// Requires `limit > 0`.
    public init(limit: Int) {
        precondition(limit > 0)
        self.limit = limit
    }

    /// A buffer whose block has its full size at once, for a buffer that is sure to fill. Requires `limit > 0`.
    public init(limit: Int, filler: Element) {
        self.init(limit: limit)
        storage = Array(repeating: filler, count: limit)
    }

    public var isEmpty: Bool { count == 0 }
    public var isFull: Bool { count == limit }
    public var first: Element? { isEmpty ? nil : storage[head] }
    public var last: Element? { isEmpty ? nil : self[count - 1] }

    /// The element `offset` places after the oldest. Requires `0 ≤ offset < count`. O(1).
    public subscript(offset: Int) -> Element {
        precondition(offset >= 0 && offset < count)
        return storage[slot(offset)]
    }

    /// Calls `body` with every element, oldest first.
    @inline(__always)
    public func forEach(_ body: (Element) -> Void) {
        storage.withUnsafeBufferPointer { storage in
            let end = head + count
            for place in head..<min(end, storage.count) { body(storage[place]) }
            if end > storage.count { for place in 0..<end - storage.count { body(storage[place]) } }
        }
    }

    /// Appends at the newest end; returns the oldest element if that was removed. Amortised O(1).
    @discardableResult
    public mutating func append(_ element: Element) -> Element? {
        if isFull {
            let oldest = storage[head]
            storage[head] = element
            head = slot(1)
            return oldest
        }
        if count == storage.count { grow(filler: element) }
        storage[slot(count)] = element
        count += 1
        return nil
    }

    /// Removes and returns the oldest element. O(1).
    @discardableResult
    public mutating func popFirst() -> Element? {
        guard !isEmpty else { return nil }
        let oldest = storage[head]
        head = slot(1)
        count -= 1
        return oldest
    }

    /// Removes and returns the newest element. O(1).
    @discardableResult
    public mutating func popLast() -> Element? {
        guard let newest = last else { return nil }
        count -= 1
        return newest
    }

    /// Forgets all elements and keeps the memory. O(1): the old values stay in the block until overwritten.
    public mutating func removeAll() {
        head = 0
        count = 0
    }

    @inline(__always)
    private func slot(_ offset: Int) -> Int {
        let index = head + offset
        return index < storage.count ? index : index - storage.count
    }

    private mutating func grow(filler: Element) {
        let capacity = min(limit, max(16, storage.count * 2))
        var larger: [Element] = []
        larger.reserveCapacity(capacity)
        for offset in 0..<count { larger.append(storage[slot(offset)]) }
        larger.append(contentsOf: repeatElement(filler, count: capacity - count))
        storage = larger
        head = 0
    }
}
