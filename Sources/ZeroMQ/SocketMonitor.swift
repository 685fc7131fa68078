import CZeroMQ

/// A change in one of a socket's connections.
public struct MonitorEvent: Sendable, Hashable {
    /// The meanings are those of `ZMQ_EVENT_…` in zmq_socket_monitor(3).
    public enum Kind: UInt16, Sendable, Hashable, CaseIterable {
        case connected = 0x0001
        case connectDelayed = 0x0002
        case connectRetried = 0x0004
        case listening = 0x0008
        case bindFailed = 0x0010
        case accepted = 0x0020
        case acceptFailed = 0x0040
        case closed = 0x0080
        case closeFailed = 0x0100
        case disconnected = 0x0200
        case monitorStopped = 0x0400
        /// Without detail; `value` is an errno.
        case handshakeFailed = 0x0800
        /// The peer can now send and receive.
        case handshakeSucceeded = 0x1000
        /// `value` is a `ZMQ_PROTOCOL_ERROR_…`; wrong keys are `0x11000001`.
        case handshakeFailedProtocol = 0x2000
        /// `value` is a ZAP status: 300, 400 or 500.
        case handshakeFailedAuthentication = 0x4000

        /// All kinds but `connectDelayed` and `connectRetried`, which repeat while a peer is away.
        public static let connectionChanges = Set(allCases).subtracting([.connectDelayed, .connectRetried])
    }

    public let kind: Kind
    /// A file descriptor, an errno, a pause in ms or a code, according to `kind`.
    public let value: UInt32
    /// The local or remote endpoint concerned.
    public let endpoint: String
}

/// The connection events of one socket, on the socket's thread. Created by `Socket.monitor`; one per socket at a time
/// (a second one ends the first).
///
/// Drain it: libzmq queues up to 100,000 events here and then stops its I/O thread until there is room.
public struct SocketMonitor: ~Copyable {
    /// The receiving end of the `inproc` pair that libzmq writes to.
    let events: Socket
    private let monitored: SocketLiveness
    private var message = Message(maximumFrames: 2)

    static let queueLimit = 100_000

    fileprivate init(_ events: consuming Socket, of monitored: SocketLiveness) {
        self.events = events
        self.monitored = monitored
    }

    deinit {
        // A monitor running without a reader would block the I/O thread at the next event.
        if monitored.isOpen { _ = retryingInterrupts { zmq_socket_monitor(monitored.handle, nil, 0) } }
    }

    /// The next event, `nil` when there is none now or the context was shut down. Never blocks.
    /// Events of kinds unknown here are skipped.
    public mutating func next() throws(ZMQError) -> MonitorEvent? {
        while try events.tryReceive(into: &message) == .received {
            if let event = decoded() { return event }
        }
        return nil
    }

    /// Waits for the next event of one of `kinds`, passing over the others.
    /// - Parameter timeoutMilliseconds: −1 waits for ever.
    /// - Returns: `nil` when the time is over or the context was shut down.
    public mutating func wait(
        for kinds: Set<MonitorEvent.Kind>, timeoutMilliseconds: Int
    ) throws(ZMQError) -> MonitorEvent? {
        let deadline = Deadline(milliseconds: timeoutMilliseconds)
        var poller = Poller(capacity: 1)
        _ = try poller.add(events)
        repeat {
            while let event = try next() {
                if kinds.contains(event.kind) { return event }
            }
        } while try poller.wait(timeoutMilliseconds: deadline.remainingMilliseconds).isReady
        return nil
    }

    /// Frame 0: event number (16 bits) and value (32 bits) in native order, packed; frame 1: the endpoint.
    private func decoded() -> MonitorEvent? {
        guard message.frameCount == 2, message.frameSize(0) == 6 else { return nil }
        let (number, value) = message.withFrame(0) { frame in
            (
                frame.bytes.unsafeLoadUnaligned(as: UInt16.self),
                frame.bytes.unsafeLoadUnaligned(fromByteOffset: 2, as: UInt32.self)
            )
        }
        guard let kind = MonitorEvent.Kind(rawValue: number) else { return nil }
        return MonitorEvent(kind: kind, value: value, endpoint: message.text(1))
    }
}

@available(*, unavailable, message: "a monitor stays on the thread of its socket")
extension SocketMonitor: Sendable {}

extension PollOutcome {
    fileprivate var isReady: Bool {
        if case .ready = self { true } else { false }
    }
}

extension Socket {
    /// Begins to report this socket's connection events (`tcp` and `ipc`; `inproc` has none).
    /// Corresponds to `zmq_socket_monitor`.
    public func monitor(
        _ kinds: Set<MonitorEvent.Kind> = MonitorEvent.Kind.connectionChanges
    ) throws(ZMQError) -> SocketMonitor {
        let number = context.monitorCount.add(1, ordering: .relaxed).newValue
        let endpoint = "inproc://monitor.\(number)"
        var options = SocketOptions()
        options.receiveHighWaterMark = SocketMonitor.queueLimit
        options.lingerMilliseconds = 0
        let events = try Socket(.pair, in: context, options: options)
        let mask = kinds.reduce(Int32(0)) { $0 | Int32($1.rawValue) }
        try check("zmq_socket_monitor", endpoint) { zmq_socket_monitor(handle, endpoint, mask) }
        let monitor = SocketMonitor(events, of: liveness)
        try monitor.events.connect(endpoint)
        return monitor
    }
}
