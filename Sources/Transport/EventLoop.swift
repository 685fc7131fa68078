import CLibWebSockets

/// One libwebsockets context: the WebSocket clients and HTTP/WebSocket servers of one thread. Not `Sendable`: the loop,
/// its connections, timers and servers stay on one thread; only `wake` may cross threads.
///
/// Every delegate callback comes from inside `runOnce`. A delegate must not release the last reference to the loop from
/// inside a callback. Names are resolved by the system's blocking resolver: a slow DNS server stalls the loop.
public final class EventLoop {
    public struct Options: Sendable {
        /// Limit on connections of all the loop's clients and servers together; above it, new ones fail.
        public var maxConnections = 1024
        /// Limit on request line and headers in bytes (response headers, for clients); 1,024–65,535. A server drops the
        /// connection of a larger request.
        public var maxHeaderBytes = 8192
        /// How long a peer may take to finish TLS, its request headers, or a piece of its request body.
        public var handshakeTimeoutSeconds = 20
        public init() {}
    }

    let core: LoopCore

    /// Wakes the loop from any thread.
    public var wake: WakeHandle { core.waker }

    /// - Throws: when the context cannot be created (no memory, no descriptors).
    public init(_ options: Options = Options()) throws(TransportError) {
        core = try LoopCore(options)
    }

    deinit { close() }

    /// Ends every connection and frees the context, on the loop's own thread. Use it if the last reference may be
    /// released elsewhere, at worst while the process exits and OpenSSL's exit handlers run. The loop is unusable
    /// afterwards.
    public func close() { core.destroy() }

    /// Serves due events and returns: after one round of socket events, when a timer is due, after `wake.wake()`, or
    /// after about `timeoutMilliseconds` of silence; 0 does not wait. It may return early.
    public func runOnce(timeoutMilliseconds: Int) {
        core.serve(milliseconds: timeoutMilliseconds)
    }

    /// Calls `body` once from a later `runOnce`, `afterMilliseconds` from now; the order of equal times is not defined.
    @discardableResult
    public func schedule(afterMilliseconds delay: Int, _ body: @escaping () -> Void) -> Timer {
        core.schedule(afterMilliseconds: delay, body)
    }

    /// Starts a connection and returns at once. All outcomes, including a malformed URL, reach the delegate from inside
    /// `runOnce`; there is exactly one `didClose`. The loop does not reconnect: the caller decides.
    public func connect(_ request: WebSocketRequest, delegate: any WebSocketDelegate) -> WebSocketConnection {
        WebSocketConnection(connecting: request, delegate: delegate, core: core)
    }

    /// Opens a port for HTTP/1.1 and WebSocket.
    /// - Throws: when the address cannot be bound or the certificate cannot be used.
    public func listen(_ options: ServerOptions, delegate: any ServerDelegate) throws(TransportError) -> Server {
        let server = try Server(options, delegate: delegate, core: core)
        core.add(server)
        return server
    }

    /// Receives libwebsockets' log lines (errors, warnings, notices) of every loop in the process, on the thread that
    /// produced them; `nil`, the default, drops them.
    public static func routeLog(_ sink: (@Sendable (LogLevel, String) -> Void)?) { TransportLog.setSink(sink) }
}

extension EventLoop {
    /// A scheduled call. Dropping the reference does not cancel it.
    public final class Timer {
        private weak var core: LoopCore?
        private var body: (() -> Void)?
        private(set) var entry: UnsafeMutablePointer<transport_timer>?

        init(_ core: LoopCore, _ body: @escaping () -> Void) {
            self.core = core
            self.body = body
            let entry = UnsafeMutablePointer<transport_timer>.allocate(capacity: 1)
            entry.initialize(to: transport_timer())
            entry.pointee.owner = Unmanaged.passUnretained(self).toOpaque()
            self.entry = entry
        }

        deinit { entry?.deallocate() }

        /// False once it has fired or been cancelled.
        public var isPending: Bool { body != nil }

        /// No effect if already fired. O(1).
        public func cancel() {
            guard let entry else { return }
            lws_sul_cancel(&entry.pointee.sul)
            forget()
            core?.remove(UnsafeRawPointer(entry))
            release()
        }

        /// Drops the body and everything it holds, without touching the context's list.
        func forget() { body = nil }

        private func release() {
            entry?.deallocate()
            entry = nil
        }

        fileprivate func fire() {
            guard let entry else { return }
            let body = body
            forget()
            core?.remove(UnsafeRawPointer(entry))
            release()
            // Timers run before the round waits for sockets; this round must not wait any more.
            core?.interrupt()
            body?()
        }
    }
}

/// The first member of a `transport_timer` is the entry of libwebsockets' list, so both have one address.
func timerFired(_ sul: UnsafeMutablePointer<lws_sorted_usec_list_t>?) {
    guard let sul else { return }
    let entry = UnsafeMutableRawPointer(sul).assumingMemoryBound(to: transport_timer.self)
    guard let owner = entry.pointee.owner else { return }
    Unmanaged<EventLoop.Timer>.fromOpaque(owner).takeUnretainedValue().fire()
}
