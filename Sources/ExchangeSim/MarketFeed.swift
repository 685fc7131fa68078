import Microstructure
import Simulation

/// One symbol's market with its clock and followers.
final class MarketFeed {
    var market: any SimulatedMarket
    private(set) var clock: MarketClock
    /// Subscribers by stream name; at most the open connections.
    private(set) var followers: [String: [SimulatedClient]] = [:]
    private(set) var history: TradeHistory
    /// The venue's word for the market's status; `nil` for a symbol that the venue does not list. A market that does
    /// not trade sends nothing, and its clock stands still.
    private(set) var status: String? = MarketFeed.tradingStatus
    /// The book that a client must have; kept if a truth file or the control API needs it.
    private(set) var truth: TruthBook?
    /// Records created by a snapshot and not yet returned by `note`.
    private var newRecords: [TruthBook.Record] = []
    /// The ids of the trades in the frame last noted.
    private(set) var notedTrades: [Int64] = []
    private var plantedCount = 0
    /// The snapshot served before the last one: older than the stream.
    private var earlierSnapshot: [UInt8]?
    private var lastSnapshot: [UInt8]?
    private let dialect: any VenueDialect

    static let tradingStatus = "TRADING"

    init(
        _ market: any SimulatedMarket, dialect: any VenueDialect, speed: MarketSpeed, keepsTruth: Bool = false,
        tradeHistory: Int = 100_000
    ) {
        self.market = market
        self.dialect = dialect
        clock = MarketClock(speed: speed)
        history = TradeHistory(limit: tradeHistory)
        truth = keepsTruth ? TruthBook() : nil
    }

    /// Adds a frame about to be sent to the history and the truth; returns the new records.
    func note(_ frame: MarketFrame) -> [TruthBook.Record] {
        notedTrades.removeAll(keepingCapacity: true)
        guard !frame.isCopy else { return [] }
        switch frame.kind {
        case .trade:
            for trade in dialect.trades(in: frame) {
                history.process(trade)
                truth?.process(tradeID: trade.id)
                notedTrades.append(trade.id)
            }
        case .depth:
            guard truth != nil else { break }
            if let change = dialect.depthChange(in: frame) {
                if let record = truth?.process(change) { newRecords.append(record) }
            } else {
                truth?.lose()
            }
        case .quote, .other: break
        }
        defer { newRecords.removeAll() }
        return newRecords
    }

    /// The events planted since the last call, in the venue's time.
    func newlyPlanted() -> [(event: PlantedEvent, times: ClosedRange<Timestamp>)] {
        let planted = market.planted
        guard planted.count > plantedCount else { return [] }
        defer { plantedCount = planted.count }
        return planted[plantedCount...].map { ($0, market.time(at: $0.start)...market.time(at: $0.end)) }
    }

    private var isTrading: Bool { status == Self.tradingStatus }

    /// Stops or resumes the market.
    func change(to status: String?, at now: Int64) {
        self.status = status
        if !isTrading {
            clock.hold(atOffset: clock.offset(at: now), wall: now)
        } else if market.phase != .held {
            clock.resume(at: now)
        }
    }

    var isPaced: Bool { clock.speed != .unpaced }

    /// Adds a follower; the first one opens the market.
    func add(_ client: SimulatedClient, to stream: String, at now: Int64) {
        followers[stream, default: []].append(client)
        clock.start(at: now)
    }

    func remove(_ client: SimulatedClient, from stream: String) {
        followers[stream]?.removeAll { $0 === client }
        if followers[stream]?.isEmpty == true { followers[stream] = nil }
    }

    func hasFollower(over bytes: Int) -> Bool {
        followers.values.contains { $0.contains { $0.bufferedBytes > bytes } }
    }

    /// The next due frame; stops the clock at a hold. `nil` before the market opens.
    func nextFrame(at now: Int64) throws(CaptureError) -> MarketFrame? {
        guard clock.isStarted, isTrading else { return nil }
        guard let frame = try market.nextFrame(dueBy: clock.dueOffset(at: now)) else {
            if market.phase == .held { clock.hold(atOffset: market.nextDue ?? 0, wall: now) }
            return nil
        }
        clock.reach(offset: frame.due)
        return frame
    }

    /// Ends a hold that has lasted `limit` ns; returns `true` if it did.
    func expireHold(after limit: Int64, at now: Int64) -> Bool {
        guard isTrading, let since = clock.heldSince, now - since >= limit else { return false }
        market.release()
        clock.resume(at: now)
        return true
    }

    func snapshot(limit: Int, at now: Int64) -> [UInt8]? {
        let answer = market.snapshot(limit: limit)
        if truth != nil,
            let book = market.book(limit: 5_000) ?? market.snapshot(limit: 5_000).flatMap({ dialect.book(in: $0) })
        {
            newRecords += truth?.process(snapshot: book) ?? []
        }
        if market.phase != .held, isTrading { clock.resume(at: now) }
        if let answer { (earlierSnapshot, lastSnapshot) = (lastSnapshot, answer) }
        return answer
    }

    /// An earlier snapshot; `nil` before one has been served.
    func staleSnapshot() -> [UInt8]? { earlierSnapshot ?? lastSnapshot }

    /// The wait until the next frame or the end of a hold, in ns; `nil` while only a client can change anything.
    func wait(from now: Int64, holdLimit: Int64) -> Int64? {
        guard isTrading else { return nil }
        if let since = clock.heldSince { return max(0, since + holdLimit - now) }
        guard let due = market.nextDue, isPaced || !followers.isEmpty else { return nil }
        return clock.wait(until: due, from: now)
    }
}
