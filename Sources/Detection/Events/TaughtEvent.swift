public import Microstructure

/// A planted or labelled event, for learning its kind's signature.
public struct TaughtEvent: Sendable, Hashable {
    public var symbol: String
    public var kind: EventKind
    /// Half open, by receive time.
    public var start: Timestamp
    public var end: Timestamp
    /// `nil` if the label says none: then sizes are not told apart.
    public var size: Double?
    public var direction: Direction

    public init(
        symbol: String, kind: EventKind, start: Timestamp, end: Timestamp, size: Double? = nil,
        direction: Direction = .unsided
    ) {
        self.symbol = symbol
        self.kind = kind
        self.start = start
        self.end = end
        self.size = size
        self.direction = direction
    }
}
