import CZeroMQ
import Glibc

/// The events to wait for, or those that occurred.
public struct PollEvents: OptionSet, Sendable, Hashable {
    public let rawValue: Int16
    public init(rawValue: Int16) { self.rawValue = rawValue }

    public static let readable = PollEvents(rawValue: Int16(ZMQ_POLLIN))
    public static let writable = PollEvents(rawValue: Int16(ZMQ_POLLOUT))
    /// A plain file descriptor failed or was hung up; always reported, even if not requested. Never on a socket.
    public static let failed = PollEvents(rawValue: Int16(ZMQ_POLLERR))
}

/// How a wait ended.
public enum PollOutcome: Sendable, Hashable {
    /// The number of slots with events in `ready(_:)`.
    case ready(Int)
    case timedOut
    /// The context of one of the sockets was shut down.
    case shutdown
}

/// Waits for several sockets and plain file descriptors at once. Use it on the thread of its sockets.
///
/// The poller owns neither: `remove` a socket before it goes out of scope. A socket closed while still in a poller
/// makes `wait` throw `ENOTSOCK`; a closed descriptor is the caller's to remove, as with `poll(2)`.
public struct Poller: ~Copyable {
    /// One place in a poller, valid until `remove`.
    public struct Slot: Sendable, Hashable {
        let index: Int
    }

    /// Slots that fit; `add` fails with `ENOSPC` beyond it. Up to 16 a wait allocates nothing; beyond, libzmq does.
    public let capacity: Int

    private let items: UnsafeMutablePointer<zmq_pollitem_t>
    private let sockets: UnsafeMutablePointer<SocketLiveness?>
    /// Slots in use or freed by `remove`; a freed one has no socket and descriptor −1, which polling skips.
    private var used = 0

    /// - Parameter capacity: at least 1.
    public init(capacity: Int = 16) {
        precondition(capacity >= 1, "a poller has at least one slot")
        self.capacity = capacity
        items = .allocate(capacity: capacity)
        sockets = .allocate(capacity: capacity)
        items.initialize(repeating: Poller.freeItem, count: capacity)
        sockets.initialize(repeating: nil, count: capacity)
    }

    deinit {
        sockets.deinitialize(count: capacity)
        sockets.deallocate()
        items.deallocate()
    }

    public mutating func add(
        _ socket: borrowing Socket, for events: PollEvents = .readable
    ) throws(ZMQError) -> Slot {
        try add(zmq_pollitem_t(socket: socket.handle, fd: 0, events: events.rawValue, revents: 0), socket.liveness)
    }

    /// Waits for events of a monitor.
    public mutating func add(_ monitor: borrowing SocketMonitor) throws(ZMQError) -> Slot {
        try add(monitor.events)
    }

    public mutating func add(
        fileDescriptor: Int32, for events: PollEvents = .readable
    ) throws(ZMQError) -> Slot {
        guard fileDescriptor >= 0 else {
            throw ZMQError("Poller.add", code: EBADF, subject: "file descriptor \(fileDescriptor)")
        }
        return try add(zmq_pollitem_t(socket: nil, fd: fileDescriptor, events: events.rawValue, revents: 0), nil)
    }

    /// Changes what a slot waits for; empty suspends it.
    public mutating func watch(_ slot: Slot, for events: PollEvents) {
        items[checked(slot)].events = events.rawValue
        items[slot.index].revents = 0
    }

    /// Frees a slot for the next `add`.
    public mutating func remove(_ slot: Slot) {
        items[checked(slot)] = Poller.freeItem
        sockets[slot.index] = nil
    }

    /// Waits until a slot is ready. Corresponds to `zmq_poll`. O(slots).
    /// - Parameter timeoutMilliseconds: −1 waits for ever, 0 not at all.
    /// - Throws: `ENOTSOCK` if a socket was closed without `remove`.
    public mutating func wait(timeoutMilliseconds: Int) throws(ZMQError) -> PollOutcome {
        for index in 0..<used {
            if let socket = sockets[index], !socket.isOpen {
                throw ZMQError("zmq_poll", code: ENOTSOCK, subject: "slot \(index)")
            }
        }
        let deadline = Deadline(milliseconds: timeoutMilliseconds)
        var remaining = timeoutMilliseconds
        // Not `retryingInterrupts`: the remaining time shrinks with each attempt.
        while true {
            let count = zmq_poll(items, Int32(used), remaining)
            if count > 0 { return .ready(Int(count)) }
            if count == 0 { return .timedOut }
            let code = zmq_errno()
            clearReadiness()
            if code == ETERM { return .shutdown }
            guard code == EINTR else { throw ZMQError("zmq_poll", code: code) }
            remaining = deadline.remainingMilliseconds
        }
    }

    /// The events that the last `wait` found for a slot.
    public func ready(_ slot: Slot) -> PollEvents {
        PollEvents(rawValue: items[checked(slot)].revents)
    }

    private mutating func add(_ item: zmq_pollitem_t, _ socket: SocketLiveness?) throws(ZMQError) -> Slot {
        let index = (0..<used).first { items[$0].socket == nil && items[$0].fd == -1 } ?? used
        guard index < capacity else {
            throw ZMQError("Poller.add", code: ENOSPC, subject: "capacity \(capacity)")
        }
        items[index] = item
        sockets[index] = socket
        used = max(used, index + 1)
        return Slot(index: index)
    }

    private func checked(_ slot: Slot) -> Int {
        precondition(
            slot.index < used && (items[slot.index].socket != nil || items[slot.index].fd != -1),
            "slot \(slot.index) is not in use")
        return slot.index
    }

    private func clearReadiness() {
        for index in 0..<used { items[index].revents = 0 }
    }

    private static var freeItem: zmq_pollitem_t { zmq_pollitem_t(socket: nil, fd: -1, events: 0, revents: 0) }
}

@available(*, unavailable, message: "a poller stays on the thread of its sockets")
extension Poller: Sendable {}

/// A point in monotonic time; a negative number of milliseconds is never.
struct Deadline {
    private let instant: ContinuousClock.Instant?

    init(milliseconds: Int) {
        instant = milliseconds < 0 ? nil : .now + .milliseconds(milliseconds)
    }

    /// Rounded up, so that a wait of this length does not end early; −1 for never.
    var remainingMilliseconds: Int {
        guard let instant else { return -1 }
        let (seconds, attoseconds) = (instant - .now).components
        guard seconds >= 0, attoseconds >= 0 else { return 0 }
        return Int(seconds) * 1000 + Int((attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
    }
}
