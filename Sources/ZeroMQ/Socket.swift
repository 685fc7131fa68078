import CZeroMQ

/// A libzmq socket. Use and destroy it on the thread that created it; it keeps its context alive.
///
/// Sending is in `Socket+Send.swift`, receiving in `Socket+Receive.swift`. Endpoints are `tcp://host:port` (port `*`
/// for any free one), `ipc://path` and `inproc://name`.
public struct Socket: ~Copyable {
    public enum Kind: Sendable, Hashable {
        case pair, pub, sub, req, rep, dealer, router, pull, push, xpub, xsub

        var rawValue: Int32 {
            switch self {
            case .pair: ZMQ_PAIR
            case .pub: ZMQ_PUB
            case .sub: ZMQ_SUB
            case .req: ZMQ_REQ
            case .rep: ZMQ_REP
            case .dealer: ZMQ_DEALER
            case .router: ZMQ_ROUTER
            case .pull: ZMQ_PULL
            case .push: ZMQ_PUSH
            case .xpub: ZMQ_XPUB
            case .xsub: ZMQ_XSUB
            }
        }
    }

    public let kind: Kind
    let handle: UnsafeMutableRawPointer
    let context: Context
    let liveness: SocketLiveness
    /// The context's security, unless the options set their own.
    private let security: CurveSecurity?

    /// Corresponds to `zmq_socket` and `zmq_setsockopt`.
    /// - Throws: `EMFILE` beyond the context's sockets, `ETERM` after its shutdown, `EINVAL` for an option's value.
    public init(_ kind: Kind, in context: Context, options: SocketOptions = SocketOptions()) throws(ZMQError) {
        handle = try Socket.open(kind, in: context, options)
        self.kind = kind
        self.context = context
        liveness = SocketLiveness(handle)
        security = options.curve == nil ? context.security : nil
    }

    private static func open(
        _ kind: Kind, in context: Context, _ options: SocketOptions
    ) throws(ZMQError) -> UnsafeMutableRawPointer {
        guard let handle = zmq_socket(context.handle, kind.rawValue) else {
            throw ZMQError("zmq_socket", code: zmq_errno(), subject: "\(kind)")
        }
        do throws(ZMQError) {
            try options.apply(to: handle)
        } catch {
            zmq_close(handle)
            throw error
        }
        return handle
    }

    deinit {
        liveness.isOpen = false
        zmq_close(handle)
    }

    /// Listens on an endpoint. Corresponds to `zmq_bind`.
    /// - Returns: the endpoint with its actual port or path.
    @discardableResult
    public func bind(_ endpoint: String) throws(ZMQError) -> String {
        try Socket.checkPort("zmq_bind", endpoint)
        try secure(endpoint, isBound: true)
        try check("zmq_bind", endpoint) { zmq_bind(handle, endpoint) }
        return try lastEndpoint
    }

    /// Connects, and reconnects whenever the peer is lost, until `disconnect`. The peer need not be there yet.
    /// Corresponds to `zmq_connect`.
    public func connect(_ endpoint: String) throws(ZMQError) {
        try Socket.checkPort("zmq_connect", endpoint)
        try secure(endpoint, isBound: false)
        try check("zmq_connect", endpoint) { zmq_connect(handle, endpoint) }
    }

    /// The role in an encrypted connection is known only when the socket binds or connects.
    private func secure(_ endpoint: String, isBound: Bool) throws(ZMQError) {
        guard let security, !endpoint.hasPrefix("inproc://") else { return }
        try security.role(ofBound: isBound).apply(OptionSetter(handle: handle))
    }

    /// Stops listening; existing connections stay. Takes the endpoint that `bind` returned. Corresponds to
    /// `zmq_unbind`.
    public func unbind(_ endpoint: String) throws(ZMQError) {
        try check("zmq_unbind", endpoint) { zmq_unbind(handle, endpoint) }
    }

    /// Corresponds to `zmq_disconnect`. - Throws: `ENOENT` if it was not connected there.
    public func disconnect(_ endpoint: String) throws(ZMQError) {
        try check("zmq_disconnect", endpoint) { zmq_disconnect(handle, endpoint) }
    }

    /// The endpoint of the last `bind` or `connect`, empty before. Corresponds to `ZMQ_LAST_ENDPOINT`.
    public var lastEndpoint: String {
        get throws(ZMQError) {
            var text = [CChar](repeating: 0, count: 1024)
            var size = text.count
            try check("zmq_getsockopt", "ZMQ_LAST_ENDPOINT") {
                zmq_getsockopt(handle, ZMQ_LAST_ENDPOINT, &text, &size)
            }
            // The size counts the closing zero.
            return String(decoding: text.prefix(max(size - 1, 0)).map(UInt8.init(bitPattern:)), as: UTF8.self)
        }
    }

    /// Subscribes to messages whose first frame begins with `prefix`; the empty prefix matches all. Subscriptions are
    /// counted: the same prefix twice takes two `unsubscribe`. `sub` and `xsub` only.
    public func subscribe(_ prefix: [UInt8]) throws(ZMQError) {
        try changeSubscription(ZMQ_SUBSCRIBE, "ZMQ_SUBSCRIBE", command: 1, prefix)
    }

    public func subscribe(_ prefix: String) throws(ZMQError) {
        try subscribe(Array(prefix.utf8))
    }

    public func unsubscribe(_ prefix: [UInt8]) throws(ZMQError) {
        try changeSubscription(ZMQ_UNSUBSCRIBE, "ZMQ_UNSUBSCRIBE", command: 0, prefix)
    }

    public func unsubscribe(_ prefix: String) throws(ZMQError) {
        try unsubscribe(Array(prefix.utf8))
    }

    /// libzmq 4.3.4 silently takes a TCP port beyond 65,535 modulo 65,536.
    private static func checkPort(_ call: StaticString, _ endpoint: String) throws(ZMQError) {
        guard endpoint.hasPrefix("tcp://"), let colon = endpoint.lastIndex(of: ":") else { return }
        let port = endpoint[endpoint.index(after: colon)...]
        if !port.isEmpty, port.allSatisfy(\.isWholeNumber), UInt16(port) == nil {
            throw ZMQError(call, code: EINVAL, subject: endpoint)
        }
    }

    /// An `xsub` subscribes by sending the command byte and the prefix; a `sub` by option.
    private func changeSubscription(
        _ option: Int32, _ name: String, command: UInt8, _ prefix: [UInt8]
    ) throws(ZMQError) {
        if kind == .xsub {
            let message = [command] + prefix
            try check("zmq_send", name) {
                message.withUnsafeBytes { zmq_send(handle, $0.baseAddress, $0.count, ZMQ_DONTWAIT) }
            }
        } else {
            try OptionSetter(handle: handle).set(option, name, bytes: prefix)
        }
    }
}

@available(*, unavailable, message: "a socket never leaves the thread that made it")
extension Socket: Sendable {}

/// Whether a socket's handle is still usable, for objects that refer to a socket without owning it (`Poller`,
/// `SocketMonitor`): they then fail with `ENOTSOCK` instead of touching freed memory. Use it on the socket's thread.
final class SocketLiveness {
    let handle: UnsafeMutableRawPointer
    var isOpen = true

    init(_ handle: UnsafeMutableRawPointer) {
        self.handle = handle
    }
}
