/// The kinds of faults that can be injected. The raw values name them in fault files and logs.
public enum FaultKind: String, Sendable, Hashable, CaseIterable, Codable {
    // Faults of single messages of a stream, on one connection.

    /// `count` messages of one stream in a row are not sent.
    case drop
    /// A message is sent twice.
    case duplicate
    /// A message is sent after the next message of its stream.
    case reorder
    /// A message is sent `milliseconds` late, after the messages that follow it meanwhile.
    case delay
    /// A depth update lacks its first `count` update ids, as if the venue had skipped them.
    case hole
    /// A message is cut off in the middle.
    case malformed
    /// A message is padded to `bytes`.
    case oversized
    /// A price or size has more digits than the instrument allows.
    case misfit
    /// A depth update contains a bid above the best ask.
    case crossed
    /// One stream sends nothing for `seconds`, while the other streams continue.
    case mute
    /// A depth update states another checksum than the book's.
    case badChecksum = "bad_checksum"
    /// A depth update states the checksum 0, as of a venue that has ceased to compute it.
    case zeroChecksum = "zero_checksum"
    /// The venue's numbers of a market's depth updates begin anew, as after its restart.
    case restart
    /// The book that begins a subscription comes `milliseconds` late; the changes do not wait for it.
    case lateSnapshot = "late_snapshot"

    // Faults of connections.

    /// The TCP connection is reset.
    case reset
    /// For `seconds` nothing is sent, read or closed; then the connection is reset.
    case halfOpen = "half_open"
    /// For `seconds` the venue sends no data, no heartbeat and no answer; then the connection is reset. Until then the
    /// line is open, and the pings of WebSocket are answered: only the silence shows it.
    case deaf
    /// The server closes with `code`.
    case close
    /// The server announces its shutdown, if the venue has a message for it, and closes with 1001 after `seconds`.
    case shutdown
    /// Connections end at the age of `seconds` with 1008: the 24-hour limit, shortened.
    case cut

    // Faults of REST requests.

    /// The venue's refusal of too many requests (429) with `Retry-After: seconds`.
    case rateLimit = "rate_limit"
    /// The venue's ban of the address (418) with `Retry-After: seconds`; every request until then gets the same answer.
    case ban
    /// `status`, 400 to 599, with the venue's own error body.
    case serverError = "server_error"
    /// No answer for `seconds`, then the connection is dropped.
    case timeout
    /// The body arrives in ten pieces over `seconds`.
    case slowBody = "slow_body"
    /// A book request is answered with an earlier book, older than the stream.
    case staleSnapshot = "stale_snapshot"

    // Faults of the clock.

    /// The venue's clock jumps by `milliseconds`, which may be negative.
    case clockStep = "clock_step"
    /// The venue's clock gains `ppm` microseconds a second from now on.
    case clockDrift = "clock_drift"

    /// What a fault affects.
    public enum Place: Sendable { case message, stream, snapshot, connection, request, clock }

    public var place: Place {
        switch self {
        case .drop, .duplicate, .reorder, .delay, .hole, .malformed, .oversized, .misfit, .crossed, .badChecksum,
            .zeroChecksum, .restart:
            .message
        case .mute: .stream
        case .lateSnapshot: .snapshot
        case .reset, .halfOpen, .deaf, .close, .shutdown, .cut: .connection
        case .rateLimit, .ban, .serverError, .timeout, .slowBody, .staleSnapshot: .request
        case .clockStep, .clockDrift: .clock
        }
    }
}

/// A fault and its parameters.
public struct Fault: Sendable, Hashable {
    public var kind: FaultKind
    /// Upper case; `nil` affects any symbol.
    public var symbol: String?
    /// `nil` affects any kind of stream. `hole`, `crossed`, `restart` and wrong checksums affect depth only.
    public var channel: StreamKind?
    /// A REST path; `nil` affects any path. `stale_snapshot` affects book requests only.
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
        milliseconds =
            switch kind {
            case .clockStep: 250
            case .lateSnapshot: 1_500
            default: 200
            }
        seconds =
            switch kind {
            case .mute: 5
            case .halfOpen, .deaf: 120
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
        if [.hole, .crossed, .badChecksum, .zeroChecksum, .restart].contains(kind) { self.channel = .depth }
    }

    func strikes(symbol: String, channel: StreamKind) -> Bool {
        (self.symbol ?? symbol) == symbol && (self.channel ?? channel) == channel
    }

    func strikes(path: String, isForBook: Bool, symbol: String?) -> Bool {
        (self.path ?? path) == path && (self.symbol == nil || self.symbol == symbol)
            && (isForBook || kind != .staleSnapshot)
    }
}
