import Evaluation
import Microstructure

/// A market that does everything a recorded one does: books, quotes, trades, heartbeats, holes, silences, jumps.
struct RandomMarket {
    struct Step {
        var event: MarketEvent
        var levels: [PriceLevel]
        var time: Timestamp
    }

    static let instrument = Instrument(venue: .binance, symbol: "TESTUSDT", priceExponent: -2, quantityExponent: -3)
    static let start = Timestamp(nanoseconds: 1_700_000_000_000_000_000)

    private var random: SplitMix64
    private var mid: Int64 = 10_000
    private var time = start
    private var epoch: UInt64 = 1
    private var id: Int64 = 0

    init(seed: UInt64) { random = SplitMix64(seed: seed) }

    /// - Parameter bias: of the price's steps, −1 to 1.
    mutating func steps(_ count: Int, from begin: Timestamp? = nil, bias: Double = 0) -> [Step] {
        if let begin { time = begin }
        return (0..<count).map { _ in step(bias) }
    }

    private mutating func step(_ bias: Double) -> Step {
        let pause = random.uniform() < 0.01 ? 5_000_000_000 : Int64(random.uniform() * 200_000_000)
        time = time.advanced(byNanoseconds: pause)
        let times = EventTimes(
            venue: time.advanced(byNanoseconds: -Int64(random.uniform() * 20_000_000)), receive: time)
        let size = random.uniform() < 0.02 ? 60.0 : 8
        mid = max(200, mid + Int64(((random.uniform() - 0.5 + bias * 0.2) * size).rounded()))
        let half = 1 + Int64(random.uniform() * 3)
        let instrument = InstrumentID(0)
        let kind = random.uniform()
        if kind < 0.55 {
            var levels: [PriceLevel] = []
            let depth = 1 + random.index(below: 6)
            for rank in 0..<depth { levels.append(level(mid - half - 2 * Int64(rank))) }
            for rank in 0..<depth { levels.append(level(mid + half + 2 * Int64(rank))) }
            if random.uniform() < 0.01 { epoch += 1 }
            let update = BookSnapshot(
                instrument: instrument, times: times, epoch: epoch, updateID: id,
                validity: random.uniform() < 0.02 ? .resyncing : .valid, bids: 0..<depth, asks: depth..<(2 * depth))
            return Step(event: .book(update), levels: levels, time: time)
        }
        if kind < 0.75 {
            let quote = Quote(
                instrument: instrument, times: times, updateID: id, bid: level(mid - half), ask: level(mid + half))
            return Step(event: .quote(quote), levels: [], time: time)
        }
        if kind < 0.95 {
            id += 1
            let isBuy = random.uniform() < 0.5
            let trade = Trade(
                instrument: instrument, times: times, id: id, price: Price(isBuy ? mid + half : mid - half),
                quantity: Quantity(1 + Int64(random.uniform() * 5_000)), aggressor: isBuy ? .buy : .sell)
            return Step(event: .trade(trade), levels: [], time: time)
        }
        let heartbeat = Heartbeat(instrument: instrument, times: times, validity: .valid, epoch: epoch)
        return Step(event: .heartbeat(heartbeat), levels: [], time: time)
    }

    private mutating func level(_ price: Int64) -> PriceLevel {
        PriceLevel(price: Price(price), quantity: Quantity(1 + Int64(random.uniform() * 4_000)))
    }
}

extension Backtest {
    mutating func process(_ step: RandomMarket.Step) { process(step.event, levels: step.levels.span) }
}
