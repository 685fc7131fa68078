import CZeroMQ

/// The options of a socket, applied before it binds or connects. Declarations show the defaults.
///
/// An option that the socket kind does not support (such as `routerMandatory` on a `pub`) fails `Socket.init` with
/// `EINVAL` and the option's name. Source: zmq_setsockopt(3), libzmq 4.3.4.
public struct SocketOptions: Sendable {
    /// Messages queued per peer before the socket applies back-pressure (`pub` drops instead); 0 is no limit.
    public var sendHighWaterMark = 1_000
    /// Messages received from one peer and not yet read; 0 is no limit. Over `inproc` both marks add up.
    public var receiveHighWaterMark = 1_000
    /// The largest frame accepted from a network peer; a peer that sends a larger one is disconnected. `nil` is no
    /// limit. Not applied over `inproc`.
    public var maximumMessageBytes: Int? = 16 * 1024 * 1024
    /// How long unsent messages outlive the socket; the context's `deinit` waits for it. −1 is for ever.
    public var lingerMilliseconds = 1_000
    /// How long `send` blocks before it throws an error with `isTimeout`; `nil` is for ever.
    public var sendTimeoutMilliseconds: Int?
    /// How long `receive` blocks before it throws an error with `isTimeout`; `nil` is for ever.
    public var receiveTimeoutMilliseconds: Int?

    /// The first pause before a lost peer is tried again; it doubles up to the maximum.
    public var reconnectIntervalMilliseconds = 100
    /// The longest pause between attempts; 0 keeps the first pause.
    public var maximumReconnectIntervalMilliseconds = 2_000
    /// How long one attempt to connect may take; 0 leaves it to the system.
    public var connectTimeoutMilliseconds = 0
    /// How long a new peer may take for its handshake; 0 is for ever.
    public var handshakeIntervalMilliseconds = 30_000
    /// The pause between heartbeats to the peers; 0 sends none.
    public var heartbeatIntervalMilliseconds = 0
    /// How long a heartbeat may go unanswered before the peer is disconnected; `nil` is the interval.
    public var heartbeatTimeoutMilliseconds: Int?
    /// How long the *peer* waits for our next heartbeat before it disconnects us; 0 does not request it.
    public var heartbeatTimeToLiveMilliseconds = 0
    public var tcpKeepalive = TCPKeepalive.systemDefault

    /// Queue only to completed connections: a `push` without peers then back-pressures instead of queueing.
    public var immediate = false
    /// Keep only the newest message (single frame messages only; the high-water marks are ignored).
    public var conflate = false
    public var ipv6 = false

    /// `xpub`: also pass up subscriptions that another peer already has.
    public var xpubVerbose = false
    /// `xpub`: also pass up duplicate unsubscriptions.
    public var xpubVerboser = false
    /// `pub` and `xpub`: at a slow subscriber's high-water mark, `offer` returns `.backPressured` and sends to nobody,
    /// instead of silently dropping that subscriber's copy.
    public var xpubNoDrop = false
    /// `router`: `offer` returns `.unreachable` for an unknown peer instead of silently dropping.
    public var routerMandatory = false
    /// `router`: a new peer with a known identity takes the place of the old one.
    public var routerHandover = false
    /// The identity shown to `router` peers, 1 to 255 bytes not beginning with 0; `nil` lets the router invent one.
    public var routingID: [UInt8]?

    /// Encryption; `nil` is plain text. Both ends must use it.
    public var curve: CurveRole?

    public init() {}

    /// Keep-alive probes of a TCP connection.
    public enum TCPKeepalive: Sendable, Equatable {
        case systemDefault
        case off
        case on(idleSeconds: Int, intervalSeconds: Int, count: Int)
    }
}

extension SocketOptions {
    /// Sets only values that differ from libzmq's defaults, so that kinds without an option are not asked for it.
    func apply(to handle: UnsafeMutableRawPointer) throws(ZMQError) {
        let setter = OptionSetter(handle: handle)
        try setter.set(ZMQ_SNDHWM, "ZMQ_SNDHWM", sendHighWaterMark, minimum: 0)
        try setter.set(ZMQ_RCVHWM, "ZMQ_RCVHWM", receiveHighWaterMark, minimum: 0)
        try setter.setWide(ZMQ_MAXMSGSIZE, "ZMQ_MAXMSGSIZE", maximumMessageBytes)
        try setter.set(ZMQ_LINGER, "ZMQ_LINGER", lingerMilliseconds, minimum: -1)
        try setter.set(ZMQ_SNDTIMEO, "ZMQ_SNDTIMEO", sendTimeoutMilliseconds, minimum: 0)
        try setter.set(ZMQ_RCVTIMEO, "ZMQ_RCVTIMEO", receiveTimeoutMilliseconds, minimum: 0)
        try applyConnectionOptions(setter)
        try setter.set(ZMQ_IMMEDIATE, "ZMQ_IMMEDIATE", immediate)
        try setter.set(ZMQ_CONFLATE, "ZMQ_CONFLATE", conflate)
        try setter.set(ZMQ_IPV6, "ZMQ_IPV6", ipv6)
        try setter.set(ZMQ_XPUB_VERBOSE, "ZMQ_XPUB_VERBOSE", xpubVerbose)
        try setter.set(ZMQ_XPUB_VERBOSER, "ZMQ_XPUB_VERBOSER", xpubVerboser)
        try setter.set(ZMQ_XPUB_NODROP, "ZMQ_XPUB_NODROP", xpubNoDrop)
        try setter.set(ZMQ_ROUTER_MANDATORY, "ZMQ_ROUTER_MANDATORY", routerMandatory)
        try setter.set(ZMQ_ROUTER_HANDOVER, "ZMQ_ROUTER_HANDOVER", routerHandover)
        if let routingID { try setter.set(ZMQ_ROUTING_ID, "ZMQ_ROUTING_ID", bytes: routingID) }
        try curve?.apply(setter)
    }

    private func applyConnectionOptions(_ setter: OptionSetter) throws(ZMQError) {
        try setter.set(ZMQ_RECONNECT_IVL, "ZMQ_RECONNECT_IVL", reconnectIntervalMilliseconds, minimum: 0)
        try setter.set(
            ZMQ_RECONNECT_IVL_MAX, "ZMQ_RECONNECT_IVL_MAX", maximumReconnectIntervalMilliseconds, minimum: 0)
        try setter.set(ZMQ_CONNECT_TIMEOUT, "ZMQ_CONNECT_TIMEOUT", connectTimeoutMilliseconds, minimum: 0)
        try setter.set(ZMQ_HANDSHAKE_IVL, "ZMQ_HANDSHAKE_IVL", handshakeIntervalMilliseconds, minimum: 0)
        try setter.set(ZMQ_HEARTBEAT_IVL, "ZMQ_HEARTBEAT_IVL", heartbeatIntervalMilliseconds, minimum: 0)
        try setter.set(ZMQ_HEARTBEAT_TIMEOUT, "ZMQ_HEARTBEAT_TIMEOUT", heartbeatTimeoutMilliseconds, minimum: 0)
        try setter.set(ZMQ_HEARTBEAT_TTL, "ZMQ_HEARTBEAT_TTL", heartbeatTimeToLiveMilliseconds, minimum: 0)
        switch tcpKeepalive {
        case .systemDefault: break
        case .off: try setter.set(ZMQ_TCP_KEEPALIVE, "ZMQ_TCP_KEEPALIVE", 0, minimum: 0)
        case .on(let idleSeconds, let intervalSeconds, let count):
            try setter.set(ZMQ_TCP_KEEPALIVE, "ZMQ_TCP_KEEPALIVE", 1, minimum: 0)
            try setter.set(ZMQ_TCP_KEEPALIVE_IDLE, "ZMQ_TCP_KEEPALIVE_IDLE", idleSeconds, minimum: 1)
            try setter.set(ZMQ_TCP_KEEPALIVE_INTVL, "ZMQ_TCP_KEEPALIVE_INTVL", intervalSeconds, minimum: 1)
            try setter.set(ZMQ_TCP_KEEPALIVE_CNT, "ZMQ_TCP_KEEPALIVE_CNT", count, minimum: 1)
        }
    }
}

/// `zmq_setsockopt` on one socket; an error names the option and the value.
struct OptionSetter {
    let handle: UnsafeMutableRawPointer

    func set(_ option: Int32, _ name: String, _ value: Int?, minimum: Int) throws(ZMQError) {
        guard let value else { return }
        guard value >= minimum, var exact = Int32(exactly: value) else {
            throw ZMQError("zmq_setsockopt", code: EINVAL, subject: "\(name)=\(value)")
        }
        try check("zmq_setsockopt", "\(name)=\(value)") {
            zmq_setsockopt(handle, option, &exact, MemoryLayout<Int32>.size)
        }
    }

    /// A switch that is off in libzmq by default: `false` does nothing.
    func set(_ option: Int32, _ name: String, _ value: Bool) throws(ZMQError) {
        if value { try set(option, name, 1, minimum: 1) }
    }

    /// A 64-bit option where `nil` is libzmq's −1, "no limit".
    func setWide(_ option: Int32, _ name: String, _ value: Int?) throws(ZMQError) {
        guard value.map({ $0 >= 0 }) ?? true else {
            throw ZMQError("zmq_setsockopt", code: EINVAL, subject: "\(name)=\(value ?? -1)")
        }
        var exact = Int64(value ?? -1)
        try check("zmq_setsockopt", "\(name)=\(exact)") {
            zmq_setsockopt(handle, option, &exact, MemoryLayout<Int64>.size)
        }
    }

    func set(_ option: Int32, _ name: String, bytes: [UInt8]) throws(ZMQError) {
        try check("zmq_setsockopt", "\(name), \(bytes.count) bytes") {
            bytes.withUnsafeBytes { zmq_setsockopt(handle, option, $0.baseAddress, $0.count) }
        }
    }
}
