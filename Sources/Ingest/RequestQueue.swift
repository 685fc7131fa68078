import Microstructure
import Venues

/// REST requests waiting for the weight budget: the clock before snapshots before trades before the symbols' status, each
/// in order of arrival.
struct RequestQueue {
    enum Purpose: Sendable {
        case clock
        case snapshot(InstrumentID)
        /// Trades from `first` on. A probe checks whether a silent stream has missed any.
        case trades(InstrumentID, first: Int64, source: TradeSource, isProbe: Bool)
        /// Whether the venue lists these symbols, and whether they trade.
        case listings([String])

        fileprivate var rank: Int {
            switch self {
            case .clock: 0
            case .snapshot: 1
            case .trades: 2
            case .listings: 3
            }
        }
    }

    /// A result from the HTTP client's thread.
    struct Answer {
        let purpose: Purpose
        let result: Result<RESTAnswer, RESTFailure>
    }

    /// Requests under way at once.
    static let concurrency = 8
    /// Most waiting requests: enough for a snapshot and a backfill of each of a thousand instruments, and for the
    /// clock. Further ones are refused.
    static let limit = 2_560

    private var waiting: [(purpose: Purpose, request: VenueRequest)] = []
    private var underWay = 0
    /// The venue requested a pause until this time (monotonic ns).
    private(set) var pausedUntil: Int64 = 0
    var budget: WeightBudget

    /// - Parameter weightLimit: weight a minute.
    init(weightLimit: Int) { budget = WeightBudget(limit: weightLimit) }

    /// Returns `false` at the limit.
    mutating func add(_ purpose: Purpose, _ request: VenueRequest) -> Bool {
        guard waiting.count < Self.limit else { return false }
        let index = waiting.firstIndex { $0.purpose.rank > purpose.rank } ?? waiting.count
        waiting.insert((purpose, request), at: index)
        return true
    }

    enum Next {
        case send(Purpose, VenueRequest)
        /// Ask again after this many ns.
        case wait(Int64)
        case idle
    }

    /// The next request that may be sent now.
    mutating func next(monotonic: Int64, wall: Timestamp) -> Next {
        guard let first = waiting.first, underWay < Self.concurrency else { return .idle }
        if pausedUntil > monotonic { return .wait(pausedUntil - monotonic) }
        if let wait = budget.take(first.request.weight, at: wall) { return .wait(wait) }
        waiting.removeFirst()
        underWay += 1
        return .send(first.purpose, first.request)
    }

    mutating func completed() { underWay -= 1 }

    /// Applies a `Retry-After` to all requests.
    mutating func pause(until moment: Int64) { pausedUntil = max(pausedUntil, moment) }
}
