import Microstructure

/// The open labels. Each decision waits for the first quote after it, then for a barrier.
struct LabelBook: Sendable {
    private struct Waiting {
        var record: Int
        var side: Side
        var due: Timestamp
    }

    private struct Open {
        var record: Int
        var barrier: TripleBarrier
    }

    private let configuration: BacktestConfiguration
    private let limits: BarrierLimits
    private let instrument: Instrument
    private var waiting: [Waiting] = []
    private var open: [Open] = []

    init(_ configuration: BacktestConfiguration, instrument: Instrument) {
        self.configuration = configuration
        limits = configuration.limits
        self.instrument = instrument
    }

    var isIdle: Bool { waiting.isEmpty && open.isEmpty }

    mutating func enter(_ record: Int, side: Side, due: Timestamp) {
        waiting.append(Waiting(record: record, side: side, due: due))
    }

    mutating func process(market: MarketView, at time: Timestamp, done: (_ record: Int, Label) -> Void) {
        var place = 0
        while place < open.count {
            if let outcome = open[place].barrier.process(bid: market.bid, ask: market.ask, at: time) {
                done(open[place].record, label(open[place].barrier, outcome, market: market, at: time))
                open.remove(at: place)
            } else {
                place += 1
            }
        }
        place = 0
        while place < waiting.count {
            let next = waiting[place]
            guard time > next.due else {
                place += 1
                continue
            }
            let barrier = TripleBarrier(
                side: next.side, entryPrice: next.side == .long ? market.ask : market.bid, entryTime: time,
                limits: limits)
            open.append(Open(record: next.record, barrier: barrier))
            waiting.remove(at: place)
        }
    }

    mutating func finish(market: MarketView, at time: Timestamp, done: (_ record: Int, Label) -> Void) {
        for entry in open { done(entry.record, label(entry.barrier, .endOfData, market: market, at: time)) }
        open.removeAll()
        waiting.removeAll()
    }

    private func label(
        _ barrier: TripleBarrier, _ outcome: BarrierOutcome, market: MarketView, at time: Timestamp
    ) -> Label {
        let entry = instrument.value(barrier.entryPrice)
        let exit = instrument.value(barrier.side == .long ? market.bid : market.ask)
        return Label(
            outcome: outcome, entryTimeNanoseconds: barrier.entryTime.nanoseconds,
            exitTimeNanoseconds: time.nanoseconds, entryPrice: entry, exitPrice: exit,
            grossReturn: (exit - entry) / entry * Double(barrier.side.sign),
            netReturn: configuration.netReturn(side: barrier.side, entry: entry, exit: exit))
    }
}
