/// What can be made to go wrong. The raw values are the names of fault files and accounts.
public enum FaultKind: String, Sendable, Hashable, CaseIterable, Codable {
    // Single messages of a stream, on one connection.

    /// `count` messages of one stream in a row are not sent.
    case drop
    /// A message is sent twice.
    case duplicate
    /// A message is sent behind the next one of its stream.
    case reorder
    /// A message is sent `milliseconds` late, behind whatever came meanwhile.
    case delay
    /// A depth update's `U` is moved up by `count` ids, as if the venue had skipped them.
    case hole
    /// A message breaks off in its middle.
    case malformed
    /// A message is blown up to `bytes`.
    case oversized
    /// A price or size has more digits than the instrument has.
    case misfit
    /// A depth update bids more than the best ask.
    case crossed
    /// One stream sends nothing for `seconds`, while the others talk.
    case mute

    // Connections.

    /// The TCP connection is reset.
    case reset
    /// Nothing is sent or read any more, and nothing closed, for `seconds`; then the connection is dropped.
    case halfOpen = "half_open"
    /// The server closes with `code`.
    case close
    /// `serverShutdown` is announced; `seconds` later the server closes with 1001.
    case shutdown
    /// Connections end at the age of `seconds` with 1008: the 24-hour cut on a shortened clock.
    case cut

    // REST requests.

    /// 429 with `Retry-After: seconds`.
    case rateLimit = "rate_limit"
    /// 418 with `Retry-After: seconds`; every request until then is answered the same.
    case ban
    /// `status`, 400 to 599, with the venue's own body for it.
    case serverError = "server_error"
    /// No answer for `seconds`, then the connection is dropped.
    case timeout
    /// The body comes in ten pieces over `seconds`.
    case slowBody = "slow_body"
    /// The depth of an earlier moment: older than the stream.
    case staleSnapshot = "stale_snapshot"

    // The clock.

    /// The venue's clock jumps by `milliseconds`, which may be negative.
    case clockStep = "clock_step"
    /// The venue's clock gains `ppm` microseconds a second, from then on.
    case clockDrift = "clock_drift"

    /// Where it strikes.
    public enum Place: Sendable { case message, stream, connection, request, clock }

    public var place: Place {
        switch self {
        case .drop, .duplicate, .reorder, .delay, .hole, .malformed, .oversized, .misfit, .crossed: .message
        case .mute: .stream
        case .reset, .halfOpen, .close, .shutdown, .cut: .connection
        case .rateLimit, .ban, .serverError, .timeout, .slowBody, .staleSnapshot: .request
        case .clockStep, .clockDrift: .clock
        }
    }
}

/// A fault with all that it needs to be done.
public struct Fault: Sendable, Hashable {
    public var kind: FaultKind
    /// Upper case; `nil` strikes any.
    public var symbol: String?
    /// `depth`, `trade` or `bookTicker`; `nil` strikes any. `hole` and `crossed` strike depth alone.
    public var channel: StreamKind?
    /// A REST path; `nil` strikes any. `stale_snapshot` strikes depth alone.
    public var path: String?
    public var count: Int
    public var milliseconds: Int
    public var seconds: Double
    public var code: Int
    public var status: Int
    public var bytes: Int
    public var ppm: Double

    public init(_ kind: FaultKind, symbol: String? = nil, channel: StreamKind? = nil) {
        self.kind = kind
        self.symbol = symbol
        self.channel = channel
        count = 1
        milliseconds = kind == .clockStep ? 250 : 200
        seconds =
            switch kind {
            case .mute: 5
            case .halfOpen: 120
            case .shutdown: 10
            case .cut: 60
            case .timeout: 30
            case .slowBody: 3
            case .ban: 5
            default: 1
            }
        code = 1011
        status = 503
        bytes = 2 << 20
        ppm = 200
        switch kind {
        case .hole, .crossed: self.channel = .depth
        case .staleSnapshot: path = "/api/v3/depth"
        default: break
        }
    }

    func strikes(symbol: String, channel: StreamKind) -> Bool {
        (self.symbol ?? symbol) == symbol && (self.channel ?? channel) == channel
    }

    func strikes(path: String, symbol: String?) -> Bool {
        (self.path ?? path) == path && (self.symbol == nil || self.symbol == symbol)
    }
}
