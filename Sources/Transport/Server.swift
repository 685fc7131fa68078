import CLibWebSockets
import Glibc

public struct ServerOptions: Sendable {
    /// The address to bind, an IPv4 or IPv6 literal or an interface's name.
    public var host = "127.0.0.1"
    /// 0 picks a free port, shown by `Server.port`.
    public var port = 0
    /// PEM files; with both set, the port speaks TLS only.
    public var tlsCertificateFile: String?
    public var tlsKeyFile: String?
    /// TCP connection limit; above it a new connection is closed at once.
    public var maxConnections = 512
    /// Request body limit; above it the answer is 413.
    public var maxBodyBytes = 1 << 20
    /// Limit of a whole incoming WebSocket message; above it the connection is closed with 1009.
    public var maxFrameBytes = 1 << 20
    /// Limit of the outgoing queue of each WebSocket connection in payload bytes; above it `send` returns `.full`.
    public var maxQueuedBytes = 1 << 20
    /// How long a kept-alive HTTP connection may be idle, and how long a client may read nothing of an answer.
    public var idleTimeoutSeconds = 30
    /// Additional request headers to include in `ServerRequest.headers`; at most 64.
    public var customHeaders: [String] = []
    /// Accepted WebSocket subprotocols. A client that requests only others is refused.
    public var subprotocols: [String] = []

    public init() {}
}

/// Decides what a server answers. All calls come from inside `EventLoop.runOnce`.
public protocol ServerDelegate: AnyObject {
    /// A complete request. Answer now or later.
    func didReceive(_ request: ServerRequest, responder: HTTPResponder)
    /// A WebSocket handshake: return the delegate of the new connection, or a refusal.
    func didRequestUpgrade(_ request: ServerRequest) -> UpgradeDecision
}

extension ServerDelegate {
    public func didRequestUpgrade(_ request: ServerRequest) -> UpgradeDecision { .refuse(status: 404) }
}

public enum UpgradeDecision {
    case accept(any WebSocketDelegate)
    /// An HTTP status of 400 or above.
    case refuse(status: Int)
}

/// An open port that answers HTTP/1.1 requests and WebSocket handshakes. Lives as long as its loop, or until `stop`.
/// Non-HTTP requests end their connection, or get a 4xx from libwebsockets.
public final class Server {
    /// The port actually bound.
    public private(set) var port = 0
    /// TCP connections that are open now.
    public var connectionCount: Int { peers.count }

    let options: ServerOptions
    let delegate: any ServerDelegate
    let core: LoopCore
    private(set) var isStopped = false
    /// At most `maxConnections`.
    private var peers: [ObjectIdentifier: OpaquePointer] = [:]
    private var listener: Int32?

    /// Buffer size of one read on a server's WebSocket connection.
    private static let receiveBufferBytes = 16 * 1024

    init(_ options: ServerOptions, delegate: any ServerDelegate, core: LoopCore) throws(TransportError) {
        self.options = options
        self.delegate = delegate
        self.core = core
        let attempted = "listen on \(options.host):\(options.port)"
        guard let context = core.context, !core.isDestroying else {
            throw TransportError(attempted, "the event loop has ended")
        }
        guard (0...65_535).contains(options.port) else { throw TransportError(attempted, "no such port") }
        guard (options.tlsCertificateFile == nil) == (options.tlsKeyFile == nil) else {
            throw TransportError(attempted, "TLS needs both a certificate file and a key file")
        }
        for file in [options.tlsCertificateFile, options.tlsKeyFile] {
            if let file, access(file, R_OK) != 0 { throw TransportError(attempted, "cannot read \(file)") }
        }
        guard options.customHeaders.count <= 64, options.customHeaders.allSatisfy(HTTPSyntax.isToken) else {
            throw TransportError(attempted, "a custom header's name is malformed, or there are more than 64")
        }
        // The first protocol serves HTTP and WebSocket clients that request no subprotocol.
        let resources = HostResources(
            protocolNames: ["transport-server"] + options.subprotocols, receiveBytes: Self.receiveBufferBytes,
            serverCallback)
        try core.keep(resources, for: attempted)
        TransportLog.clearLastError()
        var info = lws_context_creation_info()
        info.port = Int32(options.port)
        info.options = transport_server_vhost_options(options.host.contains(":") ? 1 : 0)
        info.protocols = UnsafePointer(resources.protocols)
        info.vhost_name = resources.string("server-\(core.servers.count)")
        info.iface = resources.string(options.host)
        info.ssl_cert_filepath = resources.string(options.tlsCertificateFile)
        info.ssl_private_key_filepath = resources.string(options.tlsKeyFile)
        info.alpn = resources.string("http/1.1")
        info.keepalive_timeout = Int32(clamping: max(1, options.idleTimeoutSeconds))
        info.user = Unmanaged.passUnretained(self).toOpaque()
        // Below this number, descriptors are given out lowest first.
        let searchLimit = core.maxDescriptors + 4096
        let others = Self.listeners(on: nil, upTo: searchLimit)
        info.http_proxy_address = resources.string(Proxy.noneForLibWebSockets)
        guard let vhost = lws_create_vhost(context, &info) else {
            let words = TransportLog.lastError
            let reason = Self.bindProblem(options.host, options.port) ?? words
            throw TransportError(attempted, reason.isEmpty ? "the address cannot be bound" : reason)
        }
        port = Int(lws_get_vhost_listen_port(vhost))
        listener = Self.listeners(on: port, upTo: searchLimit).subtracting(others).first
    }

    /// Why the address cannot be bound; `nil` if it can be. libwebsockets says of every failure "init server failed".
    private static func bindProblem(_ host: String, _ port: Int) -> String? {
        var hints = addrinfo()
        hints.ai_flags = AI_PASSIVE | AI_NUMERICHOST
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(host, "\(port)", &hints, &found)
        guard code == 0, let address = found?.pointee else {
            return if_nametoindex(host) == 0 ? String(cString: gai_strerror(code)) : nil
        }
        defer { freeaddrinfo(found) }
        let descriptor = socket(address.ai_family, address.ai_socktype, address.ai_protocol)
        guard descriptor >= 0 else { return String(cString: strerror(errno)) }
        defer { close(descriptor) }
        var isReused: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &isReused, socklen_t(MemoryLayout<Int32>.size))
        guard bind(descriptor, address.ai_addr, address.ai_addrlen) != 0 else { return nil }
        return errno == EADDRINUSE
            ? "another process has this port; stop that process, or take another port"
            : String(cString: strerror(errno))
    }

    /// Closes the port and, without a close handshake, all its connections; takes effect with the loop's next round.
    public func stop() {
        guard !isStopped else { return }
        isStopped = true
        // lws_vhost_destroy of 4.1 leaves the port open. Shutting down the listening socket reports a hang-up, and
        // libwebsockets then closes it.
        if let listener { shutdown(listener, Int32(SHUT_RDWR)) }
        for wsi in peers.values { transport_kill_later(wsi) }
        core.interrupt()
    }

    func add(_ peer: ServerPeer, _ wsi: OpaquePointer) { peers[ObjectIdentifier(peer)] = wsi }
    func remove(_ peer: ServerPeer) { peers.removeValue(forKey: ObjectIdentifier(peer)) }

    /// This process's descriptors that listen on `port`; on any port if `nil`.
    private static func listeners(on port: Int?, upTo limit: Int) -> Set<Int32> {
        var found: Set<Int32> = []
        for descriptor in 0..<Int32(clamping: limit) {
            var isListening: Int32 = 0
            var size = socklen_t(MemoryLayout<Int32>.size)
            guard getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &isListening, &size) == 0, isListening != 0 else {
                continue
            }
            var address = sockaddr_in6()
            size = socklen_t(MemoryLayout<sockaddr_in6>.size)
            let result = withUnsafeMutablePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &size) }
            }
            // The port is at the same place for IPv4 and IPv6.
            guard result == 0, port == nil || Int(UInt16(bigEndian: address.sin6_port)) == port else { continue }
            found.insert(descriptor)
        }
        return found
    }
}
