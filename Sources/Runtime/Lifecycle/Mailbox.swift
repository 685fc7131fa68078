import Foundation

/// A bounded queue from any thread or task to one thread.
package final class Mailbox<Item: Sendable>: Sendable {
    private let limit: Int
    private let waker: @Sendable () -> Void
    private let condition = NSCondition()
    // Both are touched under `condition` only.
    private nonisolated(unsafe) var items: [Item] = []
    private nonisolated(unsafe) var isClosed = false

    /// - Parameter waker: called after each added item, for a consumer that also waits for other events.
    package init(limit: Int, waking waker: @escaping @Sendable () -> Void = {}) {
        self.limit = limit
        self.waker = waker
    }

    /// Adds an item and returns `true`; `false` where the mailbox is full or closed. Never waits.
    package func offer(_ item: Item) -> Bool {
        condition.withLock {
            guard !isClosed, items.count < limit else { return false }
            items.append(item)
            condition.broadcast()
            waker()
            return true
        }
    }

    /// Adds an item, waiting while the mailbox is full; `false` where it is closed. For threads, not for tasks.
    package func put(_ item: Item) -> Bool {
        condition.withLock {
            while !isClosed, items.count >= limit { condition.wait() }
            guard !isClosed else { return false }
            items.append(item)
            condition.broadcast()
            waker()
            return true
        }
    }

    /// Takes all items, waiting up to `seconds` for the first; empty where none came, or `wake()` was called.
    package func take(waitingUpTo seconds: Double) -> [Item] {
        condition.withLock {
            if items.isEmpty, !isClosed, seconds > 0 { _ = condition.wait(until: Date(timeIntervalSinceNow: seconds)) }
            guard !items.isEmpty else { return [] }
            defer {
                items = []
                condition.broadcast()
            }
            return items
        }
    }

    /// Ends a wait of `take`.
    package func wake() { condition.withLock { condition.broadcast() } }

    /// Refuses further items and returns the items not taken.
    package func close() -> [Item] {
        condition.withLock {
            isClosed = true
            defer {
                items = []
                condition.broadcast()
            }
            return items
        }
    }
}
