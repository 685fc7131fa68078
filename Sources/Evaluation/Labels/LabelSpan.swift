public import Microstructure

/// The time span of a label: from its entry to the barrier touch that decided it, both included.
public struct LabelSpan: Sendable, Hashable {
    public var start: Timestamp
    public var end: Timestamp

    /// Requires `start <= end`.
    public init(start: Timestamp, end: Timestamp) {
        precondition(start <= end)
        self.start = start
        self.end = end
    }

    /// Do the spans share a moment?
    public func overlaps(_ other: LabelSpan) -> Bool { start <= other.end && other.start <= end }
}
