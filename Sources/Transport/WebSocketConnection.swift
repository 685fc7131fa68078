import CLibWebSockets
import Synchronization

/// One WebSocket connection, of a client or of a server. Belongs to its loop's thread.
public final class WebSocketConnection {
    /// Unique in the process.
    public let id: UInt64
    /// The requested path, percent-decoded on a server.
    public let path: String
    /// On a server, the decoded items of the request's query; empty on a client.
    public let query: [(name: String, value: String)]
    /// Any object of the caller's, to be found again in a callback.
    public var userInfo: AnyObject?
    public private(set) var pingsSent = 0
    public private(set) var pongsReceived = 0

    let core: LoopCore
    private let limits: Limits
    private var wsi: OpaquePointer?
    private var delegate: (any WebSocketDelegate)?
    private var phase = Phase.connecting
    /// The first cause of the end wins; it is reported when libwebsockets releases the socket.
    private var cause: WebSocketCloseReason?
    private var outgoing = OutgoingQueue()
    /// Earlier fragments of the incoming message; at most `maxFrameBytes`.
    private var fragments: [UInt8] = []
    private var closeFrame: (code: UInt16, reason: [UInt8])?
    private var pingIsDue = false
    private var wasFull = false
    private var heardSincePing = false
    private var pongDeadline: EventLoop.Timer?
    private var nextPing: EventLoop.Timer?
    private var phaseDeadline: EventLoop.Timer?
    private var request: WebSocketRequest?
    /// Names the proxy in the message of a failure; empty without one.
    private var proxySuffix = ""
    /// A client's socket holds a reference to its connection until libwebsockets destroys it.
    var isHeldByLibrary = false

    enum Phase { case connecting, open, closing, closed }

    struct Limits {
        var maxFrameBytes: Int
        var maxQueuedBytes: Int
        var pingIntervalMilliseconds = 0
        var pongTimeoutMilliseconds = 10_000
    }

    /// How long a closing handshake may take before the TCP connection is dropped.
    static let closeTimeoutMilliseconds = 5_000

    private static let lastID = Atomic<UInt64>(0)

    private init(
        core: LoopCore, limits: Limits, path: String, query: [(name: String, value: String)],
        delegate: any WebSocketDelegate
    ) {
        id = Self.lastID.wrappingAdd(1, ordering: .relaxed).newValue
        self.core = core
        self.limits = limits
        self.path = path
        self.query = query
        self.delegate = delegate
    }

    /// A client's connection; it starts in the loop's next round.
    convenience init(connecting request: WebSocketRequest, delegate: any WebSocketDelegate, core: LoopCore) {
        let limits = Limits(
            maxFrameBytes: request.maxFrameBytes, maxQueuedBytes: request.maxQueuedBytes,
            pingIntervalMilliseconds: request.pingIntervalMilliseconds,
            pongTimeoutMilliseconds: request.pongTimeoutMilliseconds)
        let path = (try? WebSocketURL(request.url))?.path ?? ""
        self.init(core: core, limits: limits, path: path, query: [], delegate: delegate)
        self.request = request
        core.startLater(self)
    }

    /// A server's connection, already open.
    convenience init(
        accepted wsi: OpaquePointer, _ upgrade: ServerRequest, limits: Limits, delegate: any WebSocketDelegate,
        core: LoopCore
    ) {
        self.init(core: core, limits: limits, path: upgrade.path, query: upgrade.query, delegate: delegate)
        self.wsi = wsi
    }

    // MARK: For the caller

    /// True from `didOpen` until `close`, `abort` or the end.
    public var isOpen: Bool { phase == .open }

    /// Payload bytes queued and not yet handed to the socket.
    public var bufferedBytes: Int { outgoing.bytes }

    /// Time since the last byte from the peer, of a message, a ping or a pong: what says that the line is alive. The
    /// kernel measures it, so it is right even when this process was stalled. `nil` without an open connection.
    public var millisecondsSinceData: Int? {
        guard phase == .open, let wsi else { return nil }
        let milliseconds = transport_milliseconds_since_data(wsi)
        return milliseconds < 0 ? nil : milliseconds
    }

    /// Queues a text message; the bytes must be UTF-8. Copies them once.
    public func send(text: Span<UInt8>) -> SendOutcome {
        text.withUnsafeBytes { enqueue($0, LWS_WRITE_TEXT) }
    }

    public func send(text: String) -> SendOutcome {
        var text = text
        return text.withUTF8 { enqueue(UnsafeRawBufferPointer($0), LWS_WRITE_TEXT) }
    }

    /// Queues a binary message. Copies the bytes once.
    public func send(binary: Span<UInt8>) -> SendOutcome {
        binary.withUnsafeBytes { enqueue($0, LWS_WRITE_BINARY) }
    }

    public func send(_ bytes: [UInt8], kind: MessageKind) -> SendOutcome {
        bytes.withUnsafeBytes { enqueue($0, kind == .text ? LWS_WRITE_TEXT : LWS_WRITE_BINARY) }
    }

    /// Sends a ping before the queued messages. Does nothing if an unsent ping is waiting.
    public func ping() {
        guard phase == .open, let wsi else { return }
        pingIsDue = true
        lws_callback_on_writable(wsi)
    }

    /// Closes with a handshake after the queued messages; drops the connection if that takes longer than five seconds.
    /// No further messages are delivered. The reason is cut to the protocol's 123 bytes.
    public func close(code: UInt16 = 1000, reason: String = "") {
        switch phase {
        case .connecting: abort()
        case .open:
            end(.closedLocally, code: code, reason: reason)
        case .closing, .closed: break
        }
    }

    /// Drops the TCP connection at once: no close frame, queued messages are lost.
    public func abort() {
        guard phase != .closed else { return }
        settle(.closedLocally)
        drop()
    }

    /// Like `abort`, but the peer gets a TCP reset.
    public func reset() {
        guard phase != .closed else { return }
        settle(.closedLocally)
        outgoing.removeAll()
        if let wsi { transport_reset_later(wsi) }
    }

    /// Stops reading, pings included, while the connection stays open: the peer sees it half-open.
    public func stopReading() {
        guard phase == .open, let wsi else { return }
        _ = transport_allow_reading(wsi, 0)
    }

    // MARK: Ways to end

    private func settle(_ reason: WebSocketCloseReason) {
        if cause == nil { cause = reason }
        phase = .closing
    }

    private func drop() {
        outgoing.removeAll()
        if let wsi { transport_kill_later(wsi) }
    }

    private func end(_ reason: WebSocketCloseReason, code: UInt16, reason text: String) {
        guard phase == .open, let wsi else { return }
        settle(reason)
        closeFrame = (code, Array(text.utf8.prefix(123)))
        phaseDeadline = core.schedule(afterMilliseconds: Self.closeTimeoutMilliseconds) { [weak self] in self?.drop() }
        lws_callback_on_writable(wsi)
    }

    /// Reports the end once and releases everything.
    func finish(_ reason: WebSocketCloseReason) {
        guard phase != .closed else { return }
        phase = .closed
        wsi = nil
        for timer in [nextPing, pongDeadline, phaseDeadline] { timer?.cancel() }
        (nextPing, pongDeadline, phaseDeadline) = (nil, nil, nil)
        outgoing.removeAll()
        fragments = []
        core.interrupt()
        let delegate = delegate
        self.delegate = nil
        var reason = cause ?? (core.isDestroying ? .closedLocally : reason)
        if case .failed(let message, let status) = reason {
            reason = .failed(message: message + proxySuffix, httpStatus: status)
        }
        delegate?.didClose(self, reason: reason)
    }

    // MARK: Client

    func start() {
        guard let request, phase == .connecting else { return finish(.closedLocally) }
        self.request = nil
        let url: WebSocketURL
        let host: ClientHost
        do {
            url = try WebSocketURL(request.url)
            let route = try request.proxies.route(to: request.url)
            proxySuffix = route.suffix
            guard route.proxy == nil || route.proxy?.scheme == "http" else {
                return finish(.failed(message: "WebSockets can pass http proxies only, not", httpStatus: nil))
            }
            host = try core.clientHost(caFile: url.isSecure ? request.tls.caFile : nil, proxy: route.proxy)
        } catch let error as WebSocketURL.Malformed {
            return finish(.failed(message: error.message, httpStatus: nil))
        } catch {
            return finish(.failed(message: "\(error)", httpStatus: nil))
        }
        guard request.headers.count <= 64, request.headers.allSatisfy({ HTTPSyntax.isHeader($0.name, $0.value) }) else {
            return finish(.failed(message: "a request header is malformed, or there are more than 64", httpStatus: nil))
        }
        headers = request.headers
        phaseDeadline = core.schedule(afterMilliseconds: request.connectTimeoutMilliseconds) { [weak self] in
            guard let self, phase == .connecting else { return }
            let seconds = Double(request.connectTimeoutMilliseconds) / 1_000
            settle(
                proxySuffix.isEmpty
                    ? .timedOut(.connect) : .failed(message: "no connection within \(seconds) s", httpStatus: nil))
            drop()
        }
        host.connect(self, to: url, request)
    }

    /// Headers of the handshake being written.
    private(set) var headers: [(name: String, value: String)] = []

    /// libwebsockets has made a socket for this connection.
    func attach(_ wsi: OpaquePointer) {
        guard phase != .closed else { return }
        self.wsi = wsi
        if cause != nil { drop() }
    }

    // MARK: Events

    func opened() -> Int32 {
        guard cause == nil else { return -1 }
        phase = .open
        phaseDeadline?.cancel()
        phaseDeadline = nil
        headers = []
        scheduleNextPing()
        delegate?.didOpen(self)
        return 0
    }

    /// Handles one piece of a message. The delegate gets the whole message, directly from libwebsockets' buffer if it
    /// arrived in one piece.
    func received(_ data: UnsafeMutableRawPointer?, _ count: Int, on wsi: OpaquePointer) -> Int32 {
        heardSincePing = true
        guard phase == .open else { return 0 }
        let remaining = Int(clamping: lws_remaining_packet_payload(wsi))
        let total = fragments.count.addingReportingOverflow(count).partialValue.addingReportingOverflow(remaining)
        guard !total.overflow, total.partialValue <= limits.maxFrameBytes else {
            fragments = []
            end(.tooLarge(limitBytes: limits.maxFrameBytes), code: 1009, reason: "message too big")
            return 0
        }
        let bytes = UnsafeRawBufferPointer(start: data, count: data == nil ? 0 : count)
        let isFinal = lws_is_final_fragment(wsi) != 0
        if isFinal && fragments.isEmpty {
            deliver(bytes, wsi)
            return 0
        }
        fragments.append(contentsOf: bytes)
        guard isFinal else { return 0 }
        let message = fragments
        fragments = []
        message.withUnsafeBytes { deliver($0, wsi) }
        // Keep the buffer for the next message, unless a callback ended the connection.
        if phase == .open && fragments.isEmpty {
            fragments = message
            fragments.removeAll(keepingCapacity: true)
        }
        return 0
    }

    private func deliver(_ bytes: UnsafeRawBufferPointer, _ wsi: OpaquePointer) {
        let kind = lws_frame_is_binary(wsi) != 0 ? MessageKind.binary : .text
        let message = Span<UInt8>(_unsafeBytes: bytes)
        delegate?.didReceive(message, kind: kind, on: self)
    }

    func pongArrived() {
        heardSincePing = true
        pongsReceived += 1
        if phase == .open { delegate?.didReceivePong(on: self) }
    }

    /// The peer's close frame; libwebsockets answers it and then reports the end.
    func peerClosed(_ payload: UnsafeRawBufferPointer) {
        let code = payload.count >= 2 ? UInt16(payload[0]) << 8 | UInt16(payload[1]) : 1005
        let text = String(decoding: payload.dropFirst(2), as: UTF8.self)
        settle(.closedByPeer(code: code, reason: text))
        outgoing.removeAll()
    }

    // MARK: Writing

    private func enqueue(_ bytes: UnsafeRawBufferPointer, _ mode: lws_write_protocol) -> SendOutcome {
        guard phase == .open, let wsi else { return .closed }
        // A single message may exceed the limit, or it could never be sent.
        guard outgoing.isEmpty || outgoing.bytes + bytes.count <= limits.maxQueuedBytes else {
            wasFull = true
            return .full
        }
        if outgoing.isEmpty { lws_callback_on_writable(wsi) }
        outgoing.append(bytes, mode: mode)
        return .queued
    }

    /// The socket takes bytes. Non-zero asks libwebsockets to close.
    func writable(_ wsi: OpaquePointer) -> Int32 {
        if pingIsDue {
            pingIsDue = false
            if !writePing(wsi) { return -1 }
        } else if let closeFrame, outgoing.isEmpty {
            // Only in its own round: libwebsockets would drop the close frame behind unsent bytes.
            var reason = closeFrame.reason
            lws_close_reason(wsi, lws_close_status(UInt32(closeFrame.code)), &reason, reason.count)
            return -1
        }
        while !outgoing.isEmpty && lws_send_pipe_choked(wsi) == 0 {
            if !outgoing.writeFirst(to: wsi) { return -1 }
        }
        if !outgoing.isEmpty || closeFrame != nil { lws_callback_on_writable(wsi) }
        if wasFull && outgoing.bytes <= limits.maxQueuedBytes / 2 {
            wasFull = false
            if phase == .open { delegate?.didDrain(self) }
        }
        return 0
    }

    private func writePing(_ wsi: OpaquePointer) -> Bool {
        pingsSent += 1
        // Never empty: on a server, libwebsockets does not report the answer to an empty ping.
        let payload = [UInt8](repeating: 0, count: OutgoingQueue.headroom) + "ping".utf8
        return payload.withUnsafeBytes { source in
            withUnsafeTemporaryAllocation(of: UInt8.self, capacity: source.count) { copy in
                _ = copy.initialize(from: source)
                return lws_write(wsi, copy.baseAddress! + OutgoingQueue.headroom, 4, LWS_WRITE_PING) >= 4
            }
        }
    }

    // MARK: Liveness

    private func scheduleNextPing() {
        guard limits.pingIntervalMilliseconds > 0 else { return }
        nextPing = core.schedule(afterMilliseconds: limits.pingIntervalMilliseconds) { [weak self] in
            guard let self, phase == .open else { return }
            ping()
            awaitPong()
            scheduleNextPing()
        }
    }

    private func awaitPong() {
        guard pongDeadline?.isPending != true else { return }
        heardSincePing = false
        pongDeadline = core.schedule(afterMilliseconds: limits.pongTimeoutMilliseconds) { [weak self] in
            guard let self, phase == .open, !heardSincePing else { return }
            settle(.timedOut(.pong))
            drop()
        }
    }
}
