import Microstructure
import RealModule

/// A small market without a file: zero-intelligence order flow on aggregated price levels.
///
/// Limit orders, cancellations and market orders arrive as Poisson processes. A limit order is priced from the
/// *opposite* best, so it never crosses, and half of them are eager (at the best, or inside the spread); the
/// others fall off with a heavy tail. Which share of the flow cancels grows with the book, so the book neither
/// dries up nor piles up. Every 15 to 30 s an episode of 3 to 5 s sends one-sided market orders into a
/// thinning side. Source of the flow: Smith, Farmer, Gillemot, Krishnamurthy (2003), Quantitative Finance 3.
///
/// The same parameters, seed and start time give the same frames byte for byte. A change of the book is one
/// update id; the book at id `u` has the best prices of the `bookTicker` with that `u`.
public struct SyntheticMarket: SimulatedMarket, Sendable {
    /// A planted episode, as offsets in ns.
    public struct Episode: Sendable, Hashable {
        public let start: Int64
        public let end: Int64
        /// The side that takes liquidity; the price follows it.
        public let aggressor: AggressorSide
    }

    /// Episodes remembered; above it the oldest half goes.
    static let episodeLimit = 1_024
    /// Levels a side that neither a market order nor a cancellation removes.
    static let keptLevels = 20
    /// Levels that one market order eats at most.
    static let sweptLevels = 10
    static let depthInterval: Int64 = 100_000_000

    public let parameters: SyntheticParameters
    public var listing: Listing { parameters.listing }
    public let startTime: Timestamp
    public let phase = MarketPhase.running
    /// The episodes so far and the next, oldest first.
    public private(set) var episodes: [Episode] = []

    private(set) var book: OrderBook
    private(set) var frames: SyntheticFrames
    private var random: SplitMix64
    /// Its own generator: when episodes happen does not depend on the flow.
    private var episodeRandom: SplitMix64
    private var updateID: Int64
    private var nextEvent: Int64 = 0
    private var nextDepth = SyntheticMarket.depthInterval

    public init(_ parameters: SyntheticParameters, seed: UInt64, startTime: Timestamp) {
        self.parameters = parameters
        self.startTime = startTime
        // Symbols of one seed are different markets (FNV-1a).
        let symbolSeed = parameters.listing.symbol.utf8.reduce(seed ^ 0xCBF2_9CE4_8422_2325) {
            ($0 ^ UInt64($1)) &* 0x100_0000_01B3
        }
        random = SplitMix64(seed: symbolSeed)
        episodeRandom = SplitMix64(seed: ~symbolSeed)
        updateID = 1_000_000_000 + Int64(symbolSeed % 1_000_000_000)
        frames = SyntheticFrames(listing: parameters.listing, lastUpdateID: updateID, firstTradeID: updateID / 10)
        book = OrderBook(levelLimit: 8 * parameters.levelsPerSide)
        fillBook()
        planEpisode(after: 0)
        advance()
    }

    public var nextDue: Int64? { frames.queue.first?.due }

    public mutating func nextFrame(dueBy offset: Int64) throws(CaptureError) -> MarketFrame? {
        guard let due = nextDue, due <= offset else { return nil }
        let frame = frames.takeFirst()
        if frames.queue.isEmpty { advance() }
        return frame
    }

    /// The book now. It may be ahead of the depth stream by what has happened since its last event.
    public mutating func snapshot(limit: Int) -> [UInt8]? { frames.snapshot(of: book, limit: limit) }

    /// Nothing: a synthetic market is never held.
    public mutating func release() {}

    /// Lets things happen until there is a frame to send. Depth events are due every 100 ms where anything changed.
    private mutating func advance() {
        while frames.queue.isEmpty {
            if nextEvent < nextDepth {
                happen(at: nextEvent)
                let rate = parameters.orderRate + marketOrderRate(at: nextEvent)
                nextEvent += max(1, Int64(random.exponential() / rate * 1e9))
            } else {
                frames.appendDepth(book, due: nextDepth, time: millisecond(at: nextDepth))
                nextDepth += Self.depthInterval
            }
        }
    }

    private func millisecond(at offset: Int64) -> Int64 { time(at: offset).bucket(width: 1_000_000) }

    // MARK: - Episodes

    private mutating func planEpisode(after offset: Int64) {
        func draw(_ range: ClosedRange<Double>, _ random: inout SplitMix64) -> Int64 {
            Int64((range.lowerBound + random.uniform() * (range.upperBound - range.lowerBound)) * 1e9)
        }
        let start = offset + draw(parameters.episodeGapSeconds, &episodeRandom)
        let end = start + draw(parameters.episodeLengthSeconds, &episodeRandom)
        let side: AggressorSide = episodeRandom.chance(0.5) ? .buy : .sell
        if episodes.count >= Self.episodeLimit { episodes.removeFirst(Self.episodeLimit / 2) }
        episodes.append(Episode(start: start, end: end, aggressor: side))
    }

    private func aggressor(at offset: Int64) -> AggressorSide? {
        guard let episode = episodes.last, offset >= episode.start else { return nil }
        return episode.aggressor
    }

    private func marketOrderRate(at offset: Int64) -> Double {
        parameters.marketOrderRate * (aggressor(at: offset) == nil ? 1 : parameters.episodeIntensity)
    }

    // MARK: - Flow

    private mutating func happen(at offset: Int64) {
        if let episode = episodes.last, offset >= episode.end { planEpisode(after: episode.end) }
        let burst = aggressor(at: offset)
        let marketRate = marketOrderRate(at: offset)
        let before = (book.bids.best, book.asks.best)
        if random.chance(marketRate / (marketRate + parameters.orderRate)) {
            let side = burst.map { random.chance(0.95) ? $0 : $0.opposite } ?? (random.chance(0.5) ? .buy : .sell)
            marketOrder(side, at: offset)
        } else {
            let isBid = random.chance(0.5)
            let side = isBid ? book.bids : book.asks
            // In an episode the side that is being eaten is also being withdrawn.
            let isFleeing = burst.map { ($0 == .buy) != isBid } ?? false
            let cancels = Double(side.count) / Double(side.count + parameters.levelsPerSide) + (isFleeing ? 0.2 : 0)
            if side.count > Self.keptLevels, random.chance(cancels) {
                cancel(isBid)
            } else {
                limitOrder(isBid)
            }
        }
        if before.0 != book.bids.best || before.1 != book.asks.best {
            frames.appendTicker(book, updateID: updateID, due: offset)
        }
    }

    private mutating func limitOrder(_ isBid: Bool) {
        guard let bid = book.bids.best?.price.mantissa, let ask = book.asks.best?.price.mantissa else { return }
        let distance: Int64
        if random.chance(0.5) {
            // Eager: joins its best, or closes the spread; which side closes it decides where the price goes.
            // A weak pull to the start keeps the price in a range over days.
            let displacement = Double(bid - parameters.startPriceTicks) / Double(parameters.startPriceTicks)
            let pull = max(-0.2, min(0.2, displacement * (isBid ? -4 : 4)))
            distance = random.chance(0.25 + pull) ? 1 : ask - bid
        } else {
            distance = 1 + tail(parameters.patientDistanceTicks)
        }
        let price = isBid ? ask - distance : bid + distance
        guard price > 0 else { return }
        add(isBid, price, orderSize())
    }

    /// Heavy-tailed (Pareto with exponent 1.5 less its minimum), at most 200 times its scale.
    private mutating func tail(_ scale: Double) -> Int64 {
        Int64(scale * min(200, Double.pow(1 - random.uniform(), -1 / 1.5) - 1))
    }

    /// Exponential, one in twenty five times as large.
    private mutating func orderSize() -> Int64 {
        let scale = parameters.orderSizeSteps * (random.chance(0.05) ? 5 : 1)
        return max(1, Int64(scale * random.exponential()))
    }

    private mutating func cancel(_ isBid: Bool) {
        let side = isBid ? book.bids : book.asks
        // Orders near the best are the younger ones and the first to go.
        let rank =
            random.chance(0.6) ? min(side.count - 1, Int(3 * random.exponential())) : random.index(below: side.count)
        let level = side[rank]
        let rest = random.chance(0.4) ? 0 : Int64(Double(level.quantity.mantissa) * random.uniform())
        set(isBid, level.price, Quantity(rest))
    }

    private mutating func marketOrder(_ aggressor: AggressorSide, at offset: Int64) {
        let eatsAsks = aggressor == .buy
        var rest = orderSize()
        updateID += 1
        for _ in 0..<Self.sweptLevels where rest > 0 {
            let side = eatsAsks ? book.asks : book.bids
            guard side.count > Self.keptLevels, let best = side.best else { break }
            let taken = min(rest, best.quantity.mantissa)
            rest -= taken
            frames.appendTrade(
                price: best.price, quantity: Quantity(taken), aggressor: aggressor, due: offset,
                time: millisecond(at: offset))
            change(!eatsAsks, best.price, Quantity(best.quantity.mantissa - taken))
        }
        book.commit(updateID: updateID)
    }

    private mutating func add(_ isBid: Bool, _ price: Int64, _ size: Int64) {
        let resting = (isBid ? book.bids : book.asks).quantity(at: Price(price)).mantissa
        set(isBid, Price(price), Quantity(resting + size))
        let side = isBid ? book.bids : book.asks
        // The furthest orders expire.
        if side.count > 4 * parameters.levelsPerSide { set(isBid, side[side.count - 1].price, .zero) }
    }

    /// One change of the book, with its own id.
    private mutating func set(_ isBid: Bool, _ price: Price, _ quantity: Quantity) {
        updateID += 1
        change(isBid, price, quantity)
        book.commit(updateID: updateID)
    }

    private mutating func change(_ isBid: Bool, _ price: Price, _ quantity: Quantity) {
        if isBid { book.setBid(price, to: quantity) } else { book.setAsk(price, to: quantity) }
        frames.noteChange(isBid, price)
    }

    private mutating func fillBook() {
        book.reset(updateID: updateID)
        book.setBid(Price(parameters.startPriceTicks), to: Quantity(orderSize() * 4))
        book.setAsk(Price(parameters.startPriceTicks + 1), to: Quantity(orderSize() * 4))
        for _ in 0..<(3 * parameters.levelsPerSide) {
            let distance = 1 + tail(parameters.patientDistanceTicks)
            let bid = Price(max(1, parameters.startPriceTicks - distance))
            let ask = Price(parameters.startPriceTicks + 1 + distance)
            book.setBid(bid, to: Quantity(book.bids.quantity(at: bid).mantissa + orderSize()))
            book.setAsk(ask, to: Quantity(book.asks.quantity(at: ask).mantissa + orderSize()))
        }
        book.commit(updateID: updateID)
    }
}

extension AggressorSide {
    var opposite: AggressorSide { self == .buy ? .sell : .buy }
}
