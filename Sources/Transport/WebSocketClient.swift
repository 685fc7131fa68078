import CLibWebSockets

/// The virtual host of a loop's clients with the same trusted authorities and the same proxy.
final class ClientHost {
    let caFile: String?
    let proxy: Proxy?
    private let context: OpaquePointer
    private let vhost: OpaquePointer

    private static let protocolName = "transport-client"

    init(
        _ context: OpaquePointer, caFile: String?, proxy: Proxy?, index: Int, core: LoopCore
    ) throws(TransportError) {
        self.context = context
        self.caFile = caFile
        self.proxy = proxy
        let attempted = caFile.map { "trust the authorities of \($0)" } ?? "prepare connections"
        if let caFile, access(caFile, R_OK) != 0 { throw TransportError(attempted, "the file cannot be read") }
        let resources = HostResources(
            protocolNames: [Self.protocolName], receiveBytes: LoopCore.receiveBufferBytes, clientCallback)
        try core.keep(resources, for: attempted)
        TransportLog.clearLastError()
        var info = lws_context_creation_info()
        info.port = Int32(CONTEXT_PORT_NO_LISTEN)
        info.options = transport_client_vhost_options(caFile == nil ? 0 : 1)
        info.protocols = UnsafePointer(resources.protocols)
        info.vhost_name = resources.string("client-\(index)")
        info.client_ssl_ca_filepath = resources.string(caFile)
        info.http_proxy_address = resources.string(Proxy.noneForLibWebSockets)
        guard let vhost = lws_create_vhost(context, &info) else {
            throw TransportError(attempted, TransportLog.lastError)
        }
        // A file without a usable certificate makes libwebsockets only log an error.
        if caFile != nil, !TransportLog.lastError.isEmpty {
            let reason = TransportLog.lastError
            lws_vhost_destroy(vhost)
            throw TransportError(attempted, reason)
        }
        if let proxy, lws_set_proxy(vhost, proxy.credentialsAndAuthority) != 0 {
            let reason = TransportLog.lastError
            lws_vhost_destroy(vhost)
            throw TransportError("prepare connections through \(proxy)", reason)
        }
        self.vhost = vhost
    }

    /// All outcomes arrive in `clientCallback`, or at once as `finish`.
    func connect(_ connection: WebSocketConnection, to url: WebSocketURL, _ request: WebSocketRequest) {
        // Balanced by WSI_DESTROY, or below if libwebsockets created no socket.
        let owner = Unmanaged.passRetained(connection)
        let texts: [String] = [
            url.host, url.target, url.authority, "http/1.1", request.subprotocol ?? "", Self.protocolName,
        ]
        let strings = texts.map { strdup($0) }
        defer { for string in strings { free(string) } }
        var wsi: OpaquePointer?
        var info = lws_client_connect_info()
        info.context = context
        info.vhost = vhost
        info.port = Int32(url.port)
        info.ssl_connection = transport_connect_flags(url.isSecure ? 1 : 0, request.tls.allowSelfSigned ? 1 : 0)
        info.address = UnsafePointer(strings[0])
        info.path = UnsafePointer(strings[1])
        info.host = UnsafePointer(strings[2])
        info.alpn = UnsafePointer(strings[3])
        if request.subprotocol != nil { info.protocol = UnsafePointer(strings[4]) }
        info.local_protocol_name = UnsafePointer(strings[5])
        info.opaque_user_data = owner.toOpaque()
        connection.isHeldByLibrary = true
        let made = withUnsafeMutablePointer(to: &wsi) { place in
            info.pwsi = place
            return lws_client_connect_via_info(&info)
        }
        if let made {
            connection.attach(made)
            return
        }
        connection.finish(.failed(message: "cannot resolve or reach \(url.authority)", httpStatus: nil))
        if connection.isHeldByLibrary {
            connection.isHeldByLibrary = false
            owner.release()
        }
    }
}

private func clientCallback(
    _ wsi: OpaquePointer?, _ reason: lws_callback_reasons, _ user: UnsafeMutableRawPointer?,
    _ data: UnsafeMutableRawPointer?, _ count: Int
) -> Int32 {
    guard let wsi, reason != LWS_CALLBACK_GET_THREAD_ID, reason != LWS_CALLBACK_EVENT_WAIT_CANCELLED else { return 0 }
    switch reason {
    case LWS_CALLBACK_CLIENT_RECEIVE:
        return clientConnection(wsi)?.received(data, count, on: wsi) ?? -1
    case LWS_CALLBACK_CLIENT_WRITEABLE:
        return clientConnection(wsi)?.writable(wsi) ?? -1
    case LWS_CALLBACK_CLIENT_RECEIVE_PONG:
        clientConnection(wsi)?.pongArrived()
    case LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER:
        for header in clientConnection(wsi)?.headers ?? [] {
            if transport_append_header(wsi, data, count, header.name + ":", header.value) != 0 { return -1 }
        }
    case LWS_CALLBACK_CLIENT_ESTABLISHED:
        return clientConnection(wsi)?.opened() ?? -1
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
        clientConnection(wsi)?.peerClosed(UnsafeRawBufferPointer(start: data, count: data == nil ? 0 : count))
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
        let text = UnsafeRawBufferPointer(start: data, count: data == nil ? 0 : count).prefix { $0 != 0 }
        let message = text.isEmpty ? "the connection failed" : String(decoding: text, as: UTF8.self)
        let status = lws_http_client_http_response(wsi)
        clientConnection(wsi)?.finish(.failed(message: message, httpStatus: status == 0 ? nil : Int(status)))
    case LWS_CALLBACK_CLIENT_CLOSED, LWS_CALLBACK_CLOSED_CLIENT_HTTP:
        clientConnection(wsi)?.finish(.closedByPeer(code: 1006, reason: ""))
    case LWS_CALLBACK_WSI_DESTROY:
        guard let owner = lws_get_opaque_user_data(wsi) else { break }
        lws_set_opaque_user_data(wsi, nil)
        let connection = Unmanaged<WebSocketConnection>.fromOpaque(owner).takeRetainedValue()
        connection.isHeldByLibrary = false
        connection.finish(.failed(message: "the connection ended before it opened", httpStatus: nil))
    default: break
    }
    return 0
}

private func clientConnection(_ wsi: OpaquePointer) -> WebSocketConnection? {
    guard let owner = lws_get_opaque_user_data(wsi) else { return nil }
    return Unmanaged<WebSocketConnection>.fromOpaque(owner).takeUnretainedValue()
}
