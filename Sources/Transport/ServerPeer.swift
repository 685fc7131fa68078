import CLibWebSockets

/// One TCP connection of a server: HTTP exchanges one after the other, and possibly a WebSocket at the end.
final class ServerPeer {
    private let server: Server
    private var exchange: HTTPExchange?
    private var upgrade: (request: ServerRequest, delegate: any WebSocketDelegate)?
    private(set) var socket: WebSocketConnection?
    /// Completions reported since the socket was last writable.
    private var repeatedCompletions = 0

    init(_ server: Server, _ wsi: OpaquePointer) {
        self.server = server
        server.add(self, wsi)
    }

    // MARK: HTTP

    /// The headers of a request are complete. Non-zero asks libwebsockets to close.
    func requested(_ wsi: OpaquePointer) -> Int32 {
        exchange?.gone()
        exchange = nil
        guard let request = ServerRequest(wsi, customHeaders: server.options.customHeaders) else { return -1 }
        let takesBody = ["POST", "PUT", "PATCH"].contains(request.method)
        if request.header("transfer-encoding") != nil { return refuse(wsi, 411) }
        var length = 0
        if let text = request.header("content-length") {
            guard text.utf8.count <= 18, text.utf8.allSatisfy({ (48...57).contains($0) }), let value = Int(text) else {
                return refuse(wsi, 400)
            }
            length = value
        } else if takesBody {
            return refuse(wsi, 411)
        }
        let exchange = HTTPExchange(
            request, on: wsi, core: server.core, idleTimeoutSeconds: server.options.idleTimeoutSeconds)
        self.exchange = exchange
        if length > server.options.maxBodyBytes {
            exchange.isRefused = true
            guard refuse(wsi, 413) < 0, length <= Self.maxDiscardedBodies * server.options.maxBodyBytes else {
                return -1
            }
            return 0
        }
        if length > 0, request.header("expect")?.lowercased() == "100-continue", !write(wsi, continueLine) { return -1 }
        // With a body, or for a POST with an empty body, libwebsockets reports the completion itself.
        if length == 0 && request.method != "POST" { complete() }
        return 0
    }

    /// The body of a refused request is read and discarded up to this many times the limit, so that the client sees the
    /// answer instead of a reset connection.
    private static let maxDiscardedBodies = 16

    private let continueLine = Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)

    func bodyArrived(_ bytes: UnsafeRawBufferPointer) -> Int32 {
        guard let exchange, exchange.phase == .reading else { return 0 }
        guard !exchange.isRefused else { return 0 }
        guard exchange.request.body.count + bytes.count <= server.options.maxBodyBytes else { return -1 }
        exchange.request.body.append(contentsOf: bytes)
        return 0
    }

    func bodyCompleted() -> Int32 {
        guard let exchange else { return 0 }
        if exchange.isRefused { return -1 }
        guard exchange.phase == .reading else {
            // libwebsockets 4.1 reports a body again when a further request has already arrived, and endlessly when the
            // body itself was pipelined behind another request: close such a connection.
            repeatedCompletions += 1
            return repeatedCompletions > 1 ? -1 : 0
        }
        complete()
        return 0
    }

    private func complete() {
        guard let exchange, exchange.phase == .reading else { return }
        exchange.becomeWaiting()
        server.delegate.didReceive(exchange.request, responder: HTTPResponder(exchange))
    }

    func writable(_ wsi: OpaquePointer) -> Int32 {
        repeatedCompletions = 0
        if let socket { return socket.writable(wsi) }
        return exchange?.writable(wsi) ?? 0
    }

    /// Writes an answer that ends the connection. Always negative.
    private func refuse(_ wsi: OpaquePointer, _ status: Int) -> Int32 {
        let text = Array("\(status) \(HTTPSyntax.phrase(status))\n".utf8)
        let head = HTTPSyntax.head(
            status: status, headers: [("content-type", "text/plain")], contentLength: text.count, closes: true)
        _ = write(wsi, head + text)
        return -1
    }

    private func write(_ wsi: OpaquePointer, _ bytes: [UInt8]) -> Bool {
        var queue = OutgoingQueue()
        bytes.withUnsafeBytes { queue.append($0, mode: LWS_WRITE_HTTP_HEADERS) }
        return queue.writeFirst(to: wsi)
    }

    // MARK: WebSocket

    /// 0 lets the upgrade proceed; a positive value means an answer has been written.
    func upgradeRequested(_ wsi: OpaquePointer, to name: String) -> Int32 {
        guard name.lowercased() == "websocket" else {
            _ = refuse(wsi, 400)
            return 1
        }
        guard let request = ServerRequest(wsi, customHeaders: server.options.customHeaders) else { return -1 }
        guard request.method == "GET" else {
            _ = refuse(wsi, 405)
            return 1
        }
        switch server.delegate.didRequestUpgrade(request) {
        case .accept(let delegate):
            upgrade = (request, delegate)
            return 0
        case .refuse(let status):
            _ = refuse(wsi, min(max(400, status), 599))
            return 1
        }
    }

    func upgraded(_ wsi: OpaquePointer) -> Int32 {
        guard let upgrade else { return -1 }
        self.upgrade = nil
        let limits = WebSocketConnection.Limits(
            maxFrameBytes: server.options.maxFrameBytes, maxQueuedBytes: server.options.maxQueuedBytes)
        let socket = WebSocketConnection(
            accepted: wsi, upgrade.request, limits: limits, delegate: upgrade.delegate, core: server.core)
        self.socket = socket
        return socket.opened()
    }

    // MARK: End

    func ended() {
        exchange?.gone()
        exchange = nil
        socket?.finish(server.isStopped ? .closedLocally : .closedByPeer(code: 1006, reason: ""))
    }

    func destroyed() {
        ended()
        server.remove(self)
    }
}

func serverCallback(
    _ wsi: OpaquePointer?, _ reason: lws_callback_reasons, _ user: UnsafeMutableRawPointer?,
    _ data: UnsafeMutableRawPointer?, _ count: Int
) -> Int32 {
    guard let wsi, reason != LWS_CALLBACK_GET_THREAD_ID, reason != LWS_CALLBACK_EVENT_WAIT_CANCELLED else { return 0 }
    // Created only if `data` and `count` describe a buffer: for other callback reasons the count may be negative.
    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: data, count: data == nil ? 0 : count) }
    switch reason {
    case LWS_CALLBACK_FILTER_NETWORK_CONNECTION:
        guard let server = server(of: wsi), !server.isStopped else { return -1 }
        return server.connectionCount < server.options.maxConnections ? 0 : -1
    case LWS_CALLBACK_SERVER_NEW_CLIENT_INSTANTIATED:
        guard lws_get_opaque_user_data(wsi) == nil, let server = server(of: wsi) else { break }
        lws_set_opaque_user_data(wsi, Unmanaged.passRetained(ServerPeer(server, wsi)).toOpaque())
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
        guard let data else { return -1 }
        let name = String(cString: data.assumingMemoryBound(to: CChar.self))
        return peer(of: wsi)?.upgradeRequested(wsi, to: name) ?? -1
    case LWS_CALLBACK_HTTP: return peer(of: wsi)?.requested(wsi) ?? -1
    case LWS_CALLBACK_HTTP_BODY: return peer(of: wsi)?.bodyArrived(bytes) ?? -1
    case LWS_CALLBACK_HTTP_BODY_COMPLETION: return peer(of: wsi)?.bodyCompleted() ?? -1
    case LWS_CALLBACK_HTTP_WRITEABLE, LWS_CALLBACK_SERVER_WRITEABLE: return peer(of: wsi)?.writable(wsi) ?? -1
    case LWS_CALLBACK_ESTABLISHED: return peer(of: wsi)?.upgraded(wsi) ?? -1
    case LWS_CALLBACK_RECEIVE: return peer(of: wsi)?.socket?.received(data, count, on: wsi) ?? -1
    case LWS_CALLBACK_RECEIVE_PONG: peer(of: wsi)?.socket?.pongArrived()
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE: peer(of: wsi)?.socket?.peerClosed(bytes)
    case LWS_CALLBACK_CLOSED, LWS_CALLBACK_CLOSED_HTTP: peer(of: wsi)?.ended()
    // A CONNECT request would turn the connection into a raw one.
    case LWS_CALLBACK_RAW_ADOPT, LWS_CALLBACK_RAW_RX: return -1
    case LWS_CALLBACK_WSI_DESTROY:
        guard let owner = lws_get_opaque_user_data(wsi) else { break }
        lws_set_opaque_user_data(wsi, nil)
        Unmanaged<ServerPeer>.fromOpaque(owner).takeRetainedValue().destroyed()
    default: break
    }
    return 0
}

private func peer(of wsi: OpaquePointer) -> ServerPeer? {
    guard let owner = lws_get_opaque_user_data(wsi) else { return nil }
    return Unmanaged<ServerPeer>.fromOpaque(owner).takeUnretainedValue()
}

/// Valid while the virtual host exists, which the loop's list of servers guarantees.
private func server(of wsi: OpaquePointer) -> Server? {
    guard let vhost = lws_get_vhost(wsi), let user = lws_vhost_user(vhost) else { return nil }
    return Unmanaged<Server>.fromOpaque(user).takeUnretainedValue()
}
