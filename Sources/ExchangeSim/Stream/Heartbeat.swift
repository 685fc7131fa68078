/// When a connection's next heartbeat is due.
struct Heartbeat {
    /// In ns of the monotonic clock; `nil` for none.
    private let interval: Int64?
    private var last: Int64?

    init(interval: Int64? = nil) { self.interval = interval }

    /// Whether one is due; counts it as sent. The first is due an interval after the first call.
    mutating func isDue(at now: Int64) -> Bool {
        guard let interval else { return false }
        guard let last else {
            self.last = now
            return false
        }
        guard now - last >= interval else { return false }
        self.last = now
        return true
    }
}
