import Microstructure

/// One symbol's market as an exchange serves it: frames that fall due, and the book on request, both as the bytes a
/// client gets. It is independent of the venue's format: `EncodedMarket` writes a synthetic market in a venue's
/// dialect, and a player of recordings repeats the bytes recorded.
///
/// A market reads no clock. Its time is an *offset*: nanoseconds since the market was opened, at market speed;
/// `MarketClock` derives it from wall-clock time.
public protocol SimulatedMarket {
    /// The market's entry in the exchange's list of symbols.
    var listing: Listing { get }
    /// The venue's time at offset 0.
    var startTime: Timestamp { get }
    var phase: MarketPhase { get }
    /// Offset of the next frame or hold, in ns; `nil` after the end.
    var nextDue: Int64? { get }
    /// The next frame if it is due by `offset` (ns), else `nil`. Call it until it returns `nil`.
    mutating func nextFrame(dueBy offset: Int64) throws(CaptureError) -> MarketFrame?
    /// The body of the answer to a book request, at most `limit` levels a side, best first; `nil` while the book is
    /// unknown (after a gap in a recording).
    mutating func snapshot(limit: Int) -> [UInt8]?
    /// The book that the stream has published so far, at most `limit` levels a side, in 10⁻⁸; `nil` if only the body of
    /// `snapshot` tells.
    func book(limit: Int) -> SimulatedBook?
    /// The planted events begun so far, oldest first; empty for a recording.
    var planted: [PlantedEvent] { get }
    /// Ends a hold for which no client requested the book.
    mutating func release()
}

extension SimulatedMarket {
    public var planted: [PlantedEvent] { [] }
    public func book(limit: Int) -> SimulatedBook? { nil }

    /// The venue's time at `offset` ns.
    public func time(at offset: Int64) -> Timestamp { startTime.advanced(byNanoseconds: offset) }
}

public enum MarketPhase: Sendable, Hashable {
    case running
    /// Waits, at the point where the recorder requested the book, until a client requests it too.
    case held
    /// No further frame will come.
    case ended
}

/// A message of a stream, in the bytes of a venue.
public struct MarketFrame: Sendable, Equatable {
    /// The stream's name, by which clients subscribe, e.g. Binance's `btcusdt@depth@100ms`.
    public let stream: String
    public let kind: StreamKind
    /// Offset at which it is due, in ns.
    public let due: Int64
    /// The whole message.
    public let bytes: [UInt8]
    /// The event's position in `bytes`; the envelope around it names the stream, if the venue has one.
    public let payload: Range<Int>
    /// What it says, if it was written from an event; else its bytes tell.
    public var event: SimulatedEvent?
    /// Whether it says in another form what another frame says too: it is no further event of the market.
    public var isCopy = false
    /// The listing's units in 10⁻⁸, with `event`.
    var units: (price: Int64, quantity: Int64)? { event?.units }

    public init(
        stream: String, kind: StreamKind, due: Int64, bytes: [UInt8], payload: Range<Int>,
        event: SimulatedEvent? = nil
    ) {
        self.stream = stream
        self.kind = kind
        self.due = due
        self.bytes = bytes
        self.payload = payload
        self.event = event
    }

    /// Whether further messages of the same change follow.
    public var isPart: Bool {
        guard case .depth(let change) = event?.content else { return false }
        return change.isPart
    }

    public func with(_ bytes: [UInt8], payload: Range<Int>) -> MarketFrame {
        var frame = MarketFrame(stream: stream, kind: kind, due: due, bytes: bytes, payload: payload, event: event)
        frame.isCopy = isCopy
        return frame
    }

    /// Keeps the first `share` (0…1) of the message: it is cut off in the middle.
    public func truncated(toShare share: Double) -> MarketFrame {
        let length = max(1, min(bytes.count - 1, Int(Double(bytes.count) * share)))
        let end = min(payload.upperBound, length)
        return with(Array(bytes[..<length]), payload: min(payload.lowerBound, end)..<end)
    }
}

/// The kind of data a stream carries; faults and statistics refer to it.
public enum StreamKind: Int, Sendable, Hashable, CaseIterable {
    /// Changes of the book.
    case depth
    case trade
    /// The best bid and ask.
    case quote
    case other

    /// The kind with this name in fault files: `depth`, `trade` or `bookTicker`.
    init?(channelName: String) {
        switch channelName {
        case "depth": self = .depth
        case "trade": self = .trade
        case "bookTicker": self = .quote
        default: return nil
        }
    }

    /// The name in fault files and statistics; the same for every venue.
    public var channelName: String {
        switch self {
        case .depth: "depth"
        case .trade: "trade"
        case .quote: "bookTicker"
        case .other: "other"
        }
    }
}
