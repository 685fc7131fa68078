/// What to connect to, and the limits of the connection.
public struct WebSocketRequest: Sendable {
    /// `ws://` or `wss://` with host, optional port, path and query. IPv6 literals, user information, and more than
    /// `longestTarget` bytes of path and query are refused.
    public var url: String
    public var subprotocol: String?
    /// Additional request headers; at most 64, and with the URL within the loop's `maxHeaderBytes`.
    public var headers: [(name: String, value: String)] = []
    /// Time from `connect` until the upgrade is complete.
    public var connectTimeoutMilliseconds = 10_000
    /// Limit of a whole incoming message, after reassembly; above it the connection is closed with 1009.
    public var maxFrameBytes = 4 << 20
    /// Limit of the outgoing queue in payload bytes; above it `send` returns `.full`.
    public var maxQueuedBytes = 1 << 20
    /// Interval between pings; 0 sends none.
    public var pingIntervalMilliseconds = 0
    /// If nothing arrives within this time after a ping, the connection ends with `.timedOut(.pong)`.
    public var pongTimeoutMilliseconds = 10_000
    public var tls = TLSOptions()
    /// The proxy is asked to `CONNECT`; it must be an `http` one.
    public var proxies = ProxyRules.environment

    /// libwebsockets truncates longer ones, with a NUL at the end: its request line holds 2,047 bytes.
    public static let longestTarget = 2_000

    public init(url: String) { self.url = url }
}

/// How a client verifies a server's certificate. The chain, validity and host name are checked.
public struct TLSOptions: Sendable, Equatable {
    /// PEM file of the only trusted authorities; `nil` trusts those of the operating system.
    public var caFile: String?
    /// Accepts a self-signed certificate (for tests); the rest is still verified. For HTTP clients, libcurl cannot do
    /// this alone: it accepts any issuer and verifies only the host name.
    public var allowSelfSigned = false

    public init(caFile: String? = nil, allowSelfSigned: Bool = false) {
        self.caFile = caFile
        self.allowSelfSigned = allowSelfSigned
    }
}

public enum MessageKind: Sendable, Equatable { case text, binary }

/// Receives connection events; each connection holds it strongly until its `didClose`. All calls come from inside
/// `EventLoop.runOnce`, none from inside `connect`, `send` or `close`.
public protocol WebSocketDelegate: AnyObject {
    func didOpen(_ connection: WebSocketConnection)
    /// One whole message. The span is valid only during the call. Text is not checked to be UTF-8.
    func didReceive(_ message: Span<UInt8>, kind: MessageKind, on connection: WebSocketConnection)
    /// An answer to a ping. (Pings of the peer are answered with their payload and not reported.)
    func didReceivePong(on connection: WebSocketConnection)
    /// After a `send` that returned `.full`: the queue is at most half full again.
    func didDrain(_ connection: WebSocketConnection)
    /// The end, reported exactly once and last, even for a connection that never opened.
    func didClose(_ connection: WebSocketConnection, reason: WebSocketCloseReason)
}

extension WebSocketDelegate {
    public func didOpen(_ connection: WebSocketConnection) {}
    public func didReceivePong(on connection: WebSocketConnection) {}
    public func didDrain(_ connection: WebSocketConnection) {}
}

/// Why a connection ended.
public enum WebSocketCloseReason: Sendable, Equatable {
    /// The connection never opened: malformed URL, unknown name, refused, TLS, refused upgrade (then with HTTP status).
    case failed(message: String, httpStatus: Int?)
    /// The peer's close code and reason. 1005: its close frame had no code. 1006: the TCP connection ended without a
    /// close frame, or the peer broke the protocol. The library reports codes that RFC 6455 does not define
    /// (1012–1014 among them) as 1002.
    case closedByPeer(code: UInt16, reason: String)
    case timedOut(TimeoutPhase)
    /// A message was longer than `maxFrameBytes`.
    case tooLarge(limitBytes: Int)
    /// `close`, `abort`, `Server.stop` or the end of the loop.
    case closedLocally
}

extension WebSocketCloseReason: CustomStringConvertible {
    public var description: String {
        switch self {
        case .failed(let message, let status): "failed: \(message)" + (status.map { " (HTTP \($0))" } ?? "")
        case .closedByPeer(let code, let reason): "closed by the peer with \(code) \(reason)"
        case .timedOut(let phase): "timed out: \(phase)"
        case .tooLarge(let limit): "a message was longer than \(limit) bytes"
        case .closedLocally: "closed here"
        }
    }
}

public enum TimeoutPhase: Sendable, Equatable { case connect, pong }

public enum SendOutcome: Sendable, Equatable {
    case queued
    /// The queue has no room: nothing was queued; `didDrain` tells when to continue.
    case full
    /// The connection is not open.
    case closed
}
