import Microstructure

/// A venue's rule that changed at known times. A recording is read by the rule of its own day.
struct DatedRule<Value: Sendable>: Sendable {
    private let first: Value
    /// In the order of their times.
    private let changes: [(from: Timestamp, value: Value)]

    init(_ first: Value, _ changes: (from: Timestamp, value: Value)...) {
        self.first = first
        self.changes = changes
    }

    /// The rule that holds at `time`.
    subscript(time: Timestamp) -> Value { changes.last { $0.from <= time }?.value ?? first }
}
