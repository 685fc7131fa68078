/// How fast a market's time runs.
public enum MarketSpeed: Sendable, Hashable {
    /// Multiple of wall-clock time; 1 is real time. Greater than 0.
    case factor(Double)
    /// As fast as the clients read.
    case unpaced
}

/// Converts wall-clock time (ns, any origin, monotonic) into a market's offset (ns since it opened).
///
/// It stands still before `start` and between `hold` and `resume`.
public struct MarketClock: Sendable {
    public let speed: MarketSpeed
    public private(set) var isStarted = false
    /// When the current hold began, in wall-clock ns.
    public private(set) var heldSince: Int64?
    /// A wall-clock time and the offset at that time; set at each start and resume.
    private var wallAnchor: Int64 = 0
    private var offsetAnchor: Int64 = 0

    public init(speed: MarketSpeed) {
        if case .factor(let factor) = speed { precondition(factor > 0 && factor.isFinite) }
        self.speed = speed
    }

    /// Opens the market; a second call does nothing.
    public mutating func start(at wall: Int64) {
        guard !isStarted else { return }
        isStarted = true
        wallAnchor = wall
    }

    /// Stops the clock exactly at `offset`; a second call does nothing.
    public mutating func hold(atOffset offset: Int64, wall: Int64) {
        guard heldSince == nil else { return }
        heldSince = wall
        offsetAnchor = offset
    }

    /// Resumes the clock from the offset where it was held.
    public mutating func resume(at wall: Int64) {
        guard heldSince != nil else { return }
        heldSince = nil
        wallAnchor = wall
    }

    /// Moves an unpaced clock to a frame's offset: it stands at the offset of the last frame sent.
    public mutating func reach(offset: Int64) {
        if speed == .unpaced { offsetAnchor = max(offsetAnchor, offset) }
    }

    /// The offset at `wall`; if unpaced, the last offset reached.
    public func offset(at wall: Int64) -> Int64 {
        guard isStarted, heldSince == nil, case .factor(let factor) = speed else { return offsetAnchor }
        return offsetAnchor + Int64(Double(wall - wallAnchor) * factor)
    }

    /// The offset up to which frames are due at `wall`; unpaced, all are.
    public func dueOffset(at wall: Int64) -> Int64 {
        isStarted && heldSince == nil && speed == .unpaced ? .max : offset(at: wall)
    }

    /// Wall-clock ns from `wall` until `offset` is due, at least 0; `nil` while the clock stands still.
    public func wait(until offset: Int64, from wall: Int64) -> Int64? {
        guard isStarted, heldSince == nil else { return nil }
        guard case .factor(let factor) = speed else { return 0 }
        let wait = (Double(offset - self.offset(at: wall)) / factor).rounded(.up)
        return wait <= 0 ? 0 : Int64(min(wait, 1e18))
    }
}
