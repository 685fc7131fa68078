import Synchronization
import Transport

/// Carries results from other threads to an event loop's thread. Bounded by its user's pending requests.
final class Inbox<Item: Sendable>: Sendable {
    private let items = Mutex<[Item]>([])
    private let waker: WakeHandle

    init(waking waker: WakeHandle) { self.waker = waker }

    func put(_ item: Item) {
        items.withLock { $0.append(item) }
        waker.wake()
    }

    func takeAll() -> [Item] {
        items.withLock { items in
            defer { items = [] }
            return items
        }
    }
}
