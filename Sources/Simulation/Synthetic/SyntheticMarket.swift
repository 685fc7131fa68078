import Microstructure

/// A `SyntheticBook` as the exchange shows it: trades, best prices, and the levels that have changed every 100 ms.
///
/// The same parameters, rules, seed and start time give the same frames byte for byte. A change of an order is one update
/// id; the book at id `u` has the best prices of the `bookTicker` with that `u`.
public struct SyntheticMarket: SimulatedMarket, Sendable {
    static let depthInterval: Int64 = 100_000_000

    public var listing: Listing { market.parameters.listing }
    public let startTime: Timestamp
    public let phase = MarketPhase.running

    private var market: SyntheticBook
    private var frames: SyntheticFrames
    private var nextDepth = SyntheticMarket.depthInterval

    public init(
        _ parameters: SyntheticParameters, events: [PlantingRule] = [], seed: UInt64, startTime: Timestamp
    ) {
        self.startTime = startTime
        market = SyntheticBook(parameters, events: events, seed: seed)
        frames = SyntheticFrames(
            listing: parameters.listing, lastUpdateID: market.updateID, firstTradeID: market.updateID / 10)
        advance()
    }

    /// What was planted: events begun so far, and the next of each rule.
    public var events: [PlantedEvent] { market.events }

    public var planted: [PlantedEvent] { market.begunEvents }

    public var nextDue: Int64? { frames.queue.first?.due }

    public mutating func nextFrame(dueBy offset: Int64) throws(CaptureError) -> MarketFrame? {
        guard let due = nextDue, due <= offset else { return nil }
        let frame = frames.takeFirst()
        if frames.queue.isEmpty { advance() }
        return frame
    }

    /// The book now. It may be ahead of the depth stream by what has happened since its last event.
    public mutating func snapshot(limit: Int) -> [UInt8]? { frames.snapshot(of: market, limit: limit) }

    /// Nothing: a synthetic market is never held.
    public mutating func release() {}

    /// Lets things happen until there is a frame to send. Depth events are due every 100 ms where anything changed.
    private mutating func advance() {
        while frames.queue.isEmpty {
            guard market.nextStep < nextDepth else {
                frames.appendDepth(market, due: nextDepth, time: millisecond(at: nextDepth))
                market.clearChanges()
                nextDepth += Self.depthInterval
                continue
            }
            let now = market.nextStep
            market.step()
            for happening in market.happenings {
                switch happening {
                case .trade(let price, let quantity, let aggressor):
                    frames.appendTrade(
                        price: price, quantity: quantity, aggressor: aggressor, due: now, time: millisecond(at: now))
                case .best(let id, let bid, let ask): frames.appendTicker(bid, ask, updateID: id, due: now)
                }
            }
            market.clearHappenings()
        }
    }

    private func millisecond(at offset: Int64) -> Int64 { time(at: offset).bucket(width: 1_000_000) }
}
