import CLibWebSockets
import Synchronization

/// State that an `EventLoop` owns and its connections share: the context, timers and virtual hosts. It outlives the
/// loop while a connection is referenced, but its context ends with the loop.
final class LoopCore {
    private(set) var context: OpaquePointer?
    /// True while the context is torn down: connections ending now were ended by us.
    private(set) var isDestroying = false
    let waker: WakeHandle
    let maxDescriptors: Int
    private(set) var servers: [Server] = []
    private var clientHosts: [ClientHost] = []
    private var hostResources: [HostResources] = []
    private var timers: [UnsafeRawPointer: EventLoop.Timer] = [:]
    private let roundLimit: UnsafeMutablePointer<transport_timer>

    /// Virtual hosts a loop may try to open in its life: one per server, and one per CA file and proxy of its clients.
    static let maxHosts = 4096

    init(_ options: EventLoop.Options) throws(TransportError) {
        TransportLog.install
        TransportLog.clearLastError()
        var info = lws_context_creation_info()
        info.options = transport_context_options()
        info.port = Int32(CONTEXT_PORT_NO_LISTEN)
        info.gid = -1
        info.uid = -1
        // Descriptors besides connections: listening sockets, the wake-up descriptor and the random device.
        maxDescriptors = options.maxConnections + 64
        info.fd_limit_per_thread = UInt32(clamping: maxDescriptors)
        info.max_http_header_pool = UInt16(clamping: options.maxConnections)
        info.max_http_header_data2 = UInt32(clamping: min(max(options.maxHeaderBytes, 1024), 65_535))
        info.pt_serv_buf_size = UInt32(Self.receiveBufferBytes)
        info.timeout_secs = UInt32(clamping: options.handshakeTimeoutSeconds)
        guard let context = lws_create_context(&info) else {
            throw TransportError("create an event loop", TransportLog.lastError)
        }
        self.context = context
        waker = WakeHandle(context)
        roundLimit = .allocate(capacity: 1)
        roundLimit.initialize(to: transport_timer())
    }

    /// Most bytes per socket read; a message that fits arrives without being copied together.
    static let receiveBufferBytes = 64 * 1024

    func destroy() {
        guard let context else { return }
        isDestroying = true
        waker.retire()
        // The caller may keep a timer longer than the context lives, so it must leave the context's list first.
        for timer in Array(timers.values) { timer.cancel() }
        timers.removeAll()
        lws_sul_cancel(&roundLimit.pointee.sul)
        for connection in starting { connection.finish(.closedLocally) }
        starting.removeAll()
        lws_context_destroy(context)
        self.context = nil
        servers.removeAll()
        clientHosts.removeAll()
        hostResources.removeAll()
    }

    deinit {
        destroy()
        roundLimit.deallocate()
    }

    /// One round of service that ends after about `milliseconds` of silence; 0 does not wait.
    func serve(milliseconds: Int) {
        guard let context else { return }
        if milliseconds <= 0 {
            _ = lws_service(context, -1)
            return
        }
        // lws_service has ignored its own timeout since 3.2 and sleeps until the next timer, so add a timer. The poll
        // inside rounds down to milliseconds, hence the 999 µs.
        let limit = lws_usec_t(min(milliseconds, 86_400_000)) * 1000 + 999
        lws_sul_schedule(context, 0, &roundLimit.pointee.sul, { _ in }, limit)
        _ = lws_service(context, 0)
        if self.context != nil { lws_sul_cancel(&roundLimit.pointee.sul) }
    }

    /// Makes the current or next round return without waiting.
    func interrupt() {
        if let context, !isDestroying { lws_cancel_service(context) }
    }

    /// Connections requested by `connect` that no `runOnce` has started yet.
    private var starting: [WebSocketConnection] = []

    func startLater(_ connection: WebSocketConnection) {
        starting.append(connection)
        schedule(afterMilliseconds: 0) { [unowned self] in
            let all = starting
            starting.removeAll()
            for connection in all { connection.start() }
        }
    }

    // MARK: Timers

    func schedule(afterMicroseconds delay: Int, _ body: @escaping () -> Void) -> EventLoop.Timer {
        let timer = EventLoop.Timer(self, body)
        guard let context, !isDestroying, let entry = timer.entry else { return timer }
        timers[UnsafeRawPointer(entry)] = timer
        let due = lws_usec_t(clamping: max(0, delay))
        lws_sul_schedule(context, 0, &entry.pointee.sul, timerFired, due)
        return timer
    }

    @discardableResult
    func schedule(afterMilliseconds delay: Int, _ body: @escaping () -> Void) -> EventLoop.Timer {
        schedule(afterMicroseconds: min(max(0, delay), Int.max / 2000) * 1000, body)
    }

    func remove(_ entry: UnsafeRawPointer) { timers.removeValue(forKey: entry) }

    // MARK: Virtual hosts

    /// The virtual host for clients with these TLS options and this proxy; created on first use.
    func clientHost(caFile: String?, proxy: Proxy?) throws(TransportError) -> ClientHost {
        if let host = clientHosts.first(where: { $0.caFile == caFile && $0.proxy == proxy }) { return host }
        guard let context, !isDestroying else { throw TransportError("connect", "the event loop has ended") }
        let host = try ClientHost(context, caFile: caFile, proxy: proxy, index: hostResources.count, core: self)
        clientHosts.append(host)
        return host
    }

    /// Keeps a server, even once stopped: libwebsockets refers to it until the context ends.
    func add(_ server: Server) { servers.append(server) }

    /// Keeps the resources of a virtual host, even if its creation fails half-way.
    /// - Throws: when the loop has had `maxHosts` virtual hosts.
    func keep(_ resources: HostResources, for attempted: String) throws(TransportError) {
        guard hostResources.count < Self.maxHosts else {
            throw TransportError(
                attempted, "more than \(Self.maxHosts) servers and CA files in the life of one event loop")
        }
        hostResources.append(resources)
    }
}

/// Wakes an event loop from any thread, so that `runOnce` returns. Harmless once the loop has gone.
public final class WakeHandle: Sendable {
    private struct Target: @unchecked Sendable { var context: OpaquePointer? }
    private let target: Mutex<Target>

    init(_ context: OpaquePointer) { target = Mutex(Target(context: context)) }

    /// Corresponds to `lws_cancel_service`, the one call of libwebsockets that any thread may make.
    public func wake() {
        target.withLock { target in
            if let context = target.context { lws_cancel_service(context) }
        }
    }

    func retire() { target.withLock { $0.context = nil } }
}

/// A protocol's callback, as `lws_callback_function` declares it.
typealias LibWebSocketsCallback =
    @convention(c) (
        OpaquePointer?, lws_callback_reasons, UnsafeMutableRawPointer?, UnsafeMutableRawPointer?, Int
    ) -> Int32

/// Resources that a virtual host refers to while its context lives: its `lws_protocols` array and its strings.
final class HostResources {
    let protocols: UnsafeMutablePointer<lws_protocols>
    private let protocolCount: Int
    private var strings: [UnsafeMutablePointer<CChar>?] = []

    init(protocolNames: [String], receiveBytes: Int, _ callback: @escaping LibWebSocketsCallback) {
        protocolCount = protocolNames.count
        protocols = .allocate(capacity: protocolNames.count + 1)
        for (index, name) in protocolNames.enumerated() {
            var entry = lws_protocols()
            entry.name = string(name)
            entry.callback = callback
            entry.rx_buffer_size = receiveBytes
            (protocols + index).initialize(to: entry)
        }
        (protocols + protocolNames.count).initialize(to: lws_protocols())
    }

    /// A C string that lives as long as this object; `nil` stays `nil`.
    func string(_ text: String?) -> UnsafePointer<CChar>? {
        guard let text else { return nil }
        strings.append(strdup(text))
        return strings[strings.count - 1].map { UnsafePointer($0) }
    }

    deinit {
        protocols.deinitialize(count: protocolCount + 1)
        protocols.deallocate()
        for string in strings { free(string) }
    }
}
