public import Microstructure

/// The stretch of time that a label looks at: from its entry to the touch that decided it, both included.
public struct LabelSpan: Sendable, Hashable {
    public var start: Timestamp
    public var end: Timestamp

    /// Requires that it does not end before it starts.
    public init(start: Timestamp, end: Timestamp) {
        precondition(start <= end)
        self.start = start
        self.end = end
    }

    /// Do they share a moment: does one start in the other, end in it, or cover it?
    public func overlaps(_ other: LabelSpan) -> Bool { start <= other.end && other.start <= end }
}
