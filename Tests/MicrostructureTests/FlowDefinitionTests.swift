import Foundation
import TestSupport
import Testing

@testable import Microstructure

/// Order flow, toxicity and price impact taken literally: every event is kept for ever and each column recomputed
/// from all of them.
private struct FlowDefinition {
    typealias Level = (price: Int64, size: Int64)
    typealias Best = (bid: Level, ask: Level)

    let parameters: FeatureParameters
    private var clock: Int64?
    private var trades: [(time: Int64, price: Int64, size: Int64, sign: Int64)] = []
    /// Order flows since the epoch began, and whether there was one at all.
    private var flows: [(time: Int64, flow: Double)] = []
    private var hasFlow = false
    private var flowsWritten = 0
    private var lastBest: Best?
    /// The quotes of the present spell of quotes, and the books since the last of them; no quotes: the book is used.
    private var quotes: [(time: Int64, id: Int64, best: Best)] = []
    private var booksSinceQuote: [(time: Int64, best: Best?)] = []
    private static let patience = 5 * second
    private var books: [(bids: [Level], asks: [Level])] = []
    private var epoch: UInt64?
    private var isBookKnown = false
    private var vectorsSinceHeartbeat = 0

    init(_ parameters: FeatureParameters) { self.parameters = parameters }

    /// The vector by column name, `nil` if the event writes none.
    mutating func process(_ event: MarketEvent, _ levels: [PriceLevel]) -> [String: Double]? {
        switch event {
        case .quote(let quote):
            move(quote.times)
            take(quote)
            return nil
        case .trade(let trade):
            move(trade.times)
            let sign: Int64 = trade.aggressor == .buy ? 1 : -1
            trades.append((clock ?? 0, trade.price.mantissa, trade.quantity.mantissa, sign))
            return nil
        case .book(let update):
            move(update.times)
            enter(update.epoch)
            isBookKnown = update.validity == .valid
            guard isBookKnown else {
                breakChains()
                return nil
            }
            let book = (levels[update.bids].map(Self.level), levels[update.asks].map(Self.level))
            takeBest(book)
            books.append(book)
            vectorsSinceHeartbeat += 1
            return vector(isBookBelieved: true, hasUpdate: true)
        case .heartbeat(let heartbeat):
            move(heartbeat.times)
            enter(heartbeat.epoch)
            if heartbeat.validity != .valid { breakChains() }
            defer { vectorsSinceHeartbeat = 0 }
            guard vectorsSinceHeartbeat == 0 else { return nil }
            return vector(isBookBelieved: isBookKnown && heartbeat.validity == .valid, hasUpdate: false)
        }
    }

    private static func level(_ level: PriceLevel) -> Level { (level.price.mantissa, level.quantity.mantissa) }

    private mutating func move(_ times: EventTimes) { clock = max(clock ?? .min, times.receive.nanoseconds) }

    private mutating func enter(_ new: UInt64) {
        guard new != epoch else { return }
        epoch = new
        isBookKnown = false
        books = []
        forgetFlows()
    }

    private mutating func take(_ quote: Quote) {
        if quotes.isEmpty { forgetFlows() }
        if let last = quotes.last, quote.updateID < last.id {
            guard (clock ?? 0) - last.time >= Self.patience else { return }
            lastBest = nil
        }
        let best = (Self.level(quote.bid), Self.level(quote.ask))
        quotes.append((clock ?? 0, quote.updateID, best))
        booksSinceQuote = []
        chain(best.0, best.1)
    }

    private mutating func takeBest(_ book: (bids: [Level], asks: [Level])) {
        var best: Best?
        if let bid = book.bids.first, let ask = book.asks.first { best = (bid, ask) }
        if let quote = quotes.last?.best {
            booksSinceQuote.append((clock ?? 0, best))
            // The quotes are out of date once all books of the last five seconds, and one before, speak against the last.
            let against = booksSinceQuote.reversed().prefix { book in
                guard let best = book.best else { return true }
                return best.bid != quote.bid || best.ask != quote.ask
            }
            guard let first = against.last, (clock ?? 0) - first.time >= Self.patience else { return }
            forgetFlows()
        }
        if let best { chain(best.bid, best.ask) } else { lastBest = nil }
    }

    private mutating func forgetFlows() {
        (quotes, booksSinceQuote) = ([], [])
        lastBest = nil
        (flows, hasFlow, flowsWritten) = ([], false, 0)
    }

    private mutating func breakChains() {
        lastBest = nil
        books = []
    }

    private mutating func chain(_ bid: Level, _ ask: Level) {
        guard bid.size > 0, ask.size > 0, bid.price < ask.price else { return lastBest = nil }
        if let lastBest {
            hasFlow = true
            flows.append((clock ?? 0, Self.flow(from: lastBest, to: (bid, ask))))
        }
        lastBest = (bid, ask)
    }

    private static func flow(from old: Best, to new: Best) -> Double {
        let bidFlow =
            new.bid.price > old.bid.price
            ? new.bid.size : new.bid.price < old.bid.price ? -old.bid.size : new.bid.size - old.bid.size
        let askFlow =
            new.ask.price < old.ask.price
            ? new.ask.size : new.ask.price > old.ask.price ? -old.ask.size : new.ask.size - old.ask.size
        return Double(bidFlow - askFlow)
    }

    private mutating func vector(isBookBelieved: Bool, hasUpdate: Bool) -> [String: Double] {
        var columns: [String: Double] = [:]
        let now = clock ?? 0
        if isBookBelieved, hasFlow {
            columns["ofi"] = flows[flowsWritten...].reduce(0) { $0 + $1.flow }
            for seconds in parameters.orderFlowWindowSeconds {
                columns["ofi_\(seconds)s"] = flows.filter { $0.time > now - Int64(seconds) * second }
                    .reduce(0) { $0 + $1.flow }
            }
        }
        flowsWritten = flows.count
        if isBookBelieved, hasUpdate, books.count > 1 {
            let (before, after) = (books[books.count - 2], books[books.count - 1])
            for level in 0..<min(before.bids.count, before.asks.count, after.bids.count, after.asks.count, 10) {
                columns["mlofi_\(level + 1)"] = Self.flow(
                    from: (before.bids[level], before.asks[level]), to: (after.bids[level], after.asks[level]))
            }
        }
        columns["vpin"] = vpin()
        let bars = bars(until: now)
        columns.merge(impact(bars)) { $1 }
        return columns
    }

    /// Lays the traded units in a row and cuts them into buckets.
    private func vpin() -> Double {
        let buckets = parameters.vpinBuckets
        guard let first = trades.first,
            let start = trades.indices.first(where: {
                $0 >= buckets && trades[$0].time - first.time >= Int64(parameters.vpinWarmUpSeconds) * second
            })
        else { return .nan }
        let volume = Int(max(1, trades[..<start].reduce(0) { $0 + $1.size } / Int64(buckets)))
        let units = trades[start...].flatMap { repeatElement(Int($0.sign), count: Int($0.size)) }
        let complete = units.count / volume
        guard complete >= buckets else { return .nan }
        let imbalances = ((complete - buckets)..<complete).map { bucket in
            abs(units[(bucket * volume)..<((bucket + 1) * volume)].reduce(0, +))
        }
        return Double(imbalances.reduce(0, +)) / Double(volume * buckets)
    }

    private struct Bar {
        var change = 0.0
        var logReturn = 0.0
        var net = 0.0
        var dollars = 0.0
        var root = 0.0
    }

    private func bars(until now: Int64) -> [Bar] {
        let priced = trades.filter { $0.price > 0 }
        guard let first = priced.first else { return [] }
        var bars: [Bar] = []
        let seconds = (first.time / second + 1)..<max(first.time / second + 1, now / second)
        for number in seconds.suffix(parameters.impactBars) {
            let inside = priced.filter { $0.time / second == number }
            guard let open = priced.last(where: { $0.time / second < number })?.price else { continue }
            let close = inside.last?.price ?? open
            bars.append(
                Bar(
                    change: Double(close - open), logReturn: log(Double(close) / Double(open)),
                    net: inside.reduce(0) { $0 + Double($1.sign * $1.size) },
                    dollars: inside.reduce(0) { $0 + Double($1.price * $1.size) },
                    root: inside.reduce(0) { $0 + Double($1.sign) * Double($1.price * $1.size).squareRoot() }))
        }
        return bars
    }

    private func impact(_ bars: [Bar]) -> [String: Double] {
        guard bars.count >= parameters.impactBarMinimum else { return [:] }
        var columns: [String: Double] = [:]
        columns["kyle_lambda"] = Self.slope(bars.map(\.change), on: bars.map(\.net))
        columns["hasbrouck_lambda"] = Self.slope(bars.map(\.logReturn), on: bars.map(\.root))
        let traded = bars.filter { $0.dollars > 0 }
        if !traded.isEmpty {
            columns["amihud"] = traded.reduce(0) { $0 + abs($1.logReturn) / $1.dollars } / Double(traded.count)
        }
        let (earlier, later) = (bars.dropLast().map(\.change), bars.dropFirst().map(\.change))
        let count = Double(earlier.count)
        let covariance =
            (count * zip(earlier, later).reduce(0) { $0 + $1.0 * $1.1 } - earlier.reduce(0, +) * later.reduce(0, +))
            / (count * (count - 1))
        if covariance < 0 { columns["roll_spread"] = 2 * (-covariance).squareRoot() }
        return columns
    }

    private static func slope(_ y: [Double], on x: [Double]) -> Double? {
        guard Set(x).count > 1 else { return nil }
        let (meanX, meanY) = (x.reduce(0, +) / Double(x.count), y.reduce(0, +) / Double(y.count))
        return zip(x, y).reduce(0) { $0 + ($1.0 - meanX) * ($1.1 - meanY) }
            / x.reduce(0) { $0 + ($1 - meanX) * ($1 - meanX) }
    }
}

/// Books, quotes and trades of a market that jumps, falls silent, and loses its book now and then.
private func randomFlow(_ random: inout SplitMix64, count: Int, withQuotes: Bool) -> MarketScript {
    var script = MarketScript()
    var time = 1_723_161_253 * second
    var epoch: UInt64 = 1
    for number in 0..<count {
        time += Int64.random(in: 0...(second / 3), using: &random)
        if random.chance(0.005) { time += 90 * second }
        if random.chance(0.01) { epoch += 1 }
        let validity: Validity = random.chance(0.03) ? .resyncing : .valid
        let mid = Int64.random(in: 9_990...10_010, using: &random)
        func size(_ random: inout SplitMix64) -> Int64 {
            random.chance(0.01) ? 0 : Int64.random(in: 1...300, using: &random)
        }
        switch Double.random(in: 0..<1, using: &random) {
        case ..<0.35:
            script.trade(
                time, price: random.chance(0.01) ? 0 : mid,
                size: random.chance(0.01) ? 9_000 : Int64.random(in: 1...100, using: &random),
                random.chance(0.5) ? .buy : .sell)
        case ..<0.6 where withQuotes:
            script.quote(
                time, bid: (mid - Int64.random(in: 0...2, using: &random), size(&random)),
                ask: (mid + Int64.random(in: 0...2, using: &random), size(&random)),
                // Now and then a repetition, or an id that no later one reaches.
                updateID: random.chance(0.05)
                    ? Int64(number / 2) : random.chance(0.005) ? Int64(number) << 32 : Int64(number))
        case ..<0.9:
            func side(_ step: Int64, _ random: inout SplitMix64) -> [(Int64, Int64)] {
                let levels = random.chance(0.1) ? Int.random(in: 0...9, using: &random) : 10
                return (0..<levels).map { (mid + step * Int64($0 + 1), size(&random)) }
            }
            script.book(time, bids: side(-1, &random), asks: side(1, &random), epoch: epoch, validity: validity)
        default: script.heartbeat(time, validity, epoch: epoch)
        }
    }
    return script
}

@Suite struct FlowDefinitionTests {
    private static let parameters = FeatureParameters(
        orderFlowWindowSeconds: [1, 2, 9], vpinBuckets: 7, vpinWarmUpSeconds: 20, impactBars: 15, impactBarMinimum: 5)

    @Test(arguments: testSeeds, [true, false])
    func flowColumnsEqualTheirDefinition(seed: UInt64, withQuotes: Bool) {
        var random = SplitMix64(testSeed: seed)
        let script = randomFlow(&random, count: 1_500, withQuotes: withQuotes)
        var engine = FeatureEngine.forTests(Self.parameters)
        var definition = FlowDefinition(Self.parameters)
        let covered = engine.schema.names.filter { name in
            ["ofi", "vpin", "kyle", "amihud", "roll", "hasbrouck"].contains { name.contains($0) }
                && name != "ofi_integrated"
        }
        #expect(covered.count == 1 + 3 + 10 + 5)
        var defined: [String: Int] = [:]
        for (index, event) in script.events.enumerated() {
            let header = engine.process(event, levels: script.levels.span)
            let expected = definition.process(event, script.levels)
            #expect((header == nil) == (expected == nil), "event \(index)")
            guard let expected else { continue }
            for (name, value) in zip(engine.schema.names, engine.values) where covered.contains(name) {
                var reference = expected[name] ?? .nan
                // In a vector without a book update a level that has a flow has a flow of nothing.
                if name.hasPrefix("mlofi"), reference.isNaN, value == 0, case .heartbeat = event { reference = 0 }
                let scale = name.hasSuffix("lambda") ? 1e-4 : 0
                if !isClose(value, reference, scale: scale, tolerance: 1e-10) {
                    Issue.record("\(name) at event \(index): \(value), \(reference)")
                }
                if !reference.isNaN { defined[name, default: 0] += 1 }
            }
        }
        for name in covered { #expect(defined[name, default: 0] > 20, "\(name)") }
    }

    @Test func orderFlowCountsWhatJoinsAndLeaves() {
        var script = MarketScript()
        script.book(0, bids: [(99, 5)], asks: [(101, 5)])
        script.quote(1, bid: (99, 5), ask: (101, 5), updateID: 1)
        script.quote(2, bid: (99, 8), ask: (101, 5), updateID: 2)  // a bid grows: +3
        script.quote(3, bid: (100, 2), ask: (101, 4), updateID: 3)  // a better bid: +2; an ask shrinks: +1
        script.quote(2, bid: (90, 1), ask: (91, 1), updateID: 2)  // old news
        script.book(4, bids: [(100, 2)], asks: [(101, 4)])
        script.quote(5, bid: (99, 7), ask: (101, 4), updateID: 4)  // the better bid is gone: −2
        script.quote(6, bid: (99, 7), ask: (102, 9), updateID: 5)  // so is the ask: +4
        script.book(second + 2, bids: [(99, 7)], asks: [(102, 9)])
        var engine = FeatureEngine.forTests()
        let vectors = engine.run(script)
        #expect(vectors[0]["ofi"].isNaN && vectors[0]["ofi_1s"].isNaN)
        #expect(vectors[1]["ofi"] == 6 && vectors[1]["ofi_1s"] == 6)
        // The flow at 2 ns is exactly a second old, hence out.
        #expect(vectors[2]["ofi"] == 2 && vectors[2]["ofi_1s"] == 5 && vectors[2]["ofi_5s"] == 8)
    }

    @Test func integratedFlowWeighsTheLevelsThatMoveTogether() {
        // Only the sizes of level 1 and 2 change, always alike: w₁ = (1, 1, 0, …)/√2, so that the projection is
        // (mlofi_1 + mlofi_2)/Q̄/2.
        var script = MarketScript()
        var random = SplitMix64(testSeed: 7)
        var depths: [Double] = []
        for step in 0..<150 as Range<Int64> {
            let size = Int64.random(in: 1...50, using: &random)
            let bids = (0..<10).map { (Int64(100 - $0), $0 < 2 ? size : 30) }
            script.book(step, bids: bids, asks: (0..<10).map { (Int64(101 + $0), Int64(30)) })
            depths.append(Double(2 * size + 18 * 30) / 20)
        }
        var engine = FeatureEngine.forTests()
        let vectors = engine.run(script)
        #expect(vectors[..<101].allSatisfy { $0["ofi_integrated"].isNaN })
        for index in 101..<150 {
            let recent = depths[(index - 99)...index]
            let meanDepth = recent.reduce(0, +) / Double(recent.count)
            let expected = (vectors[index]["mlofi_1"] + vectors[index]["mlofi_2"]) / 2 / meanDepth
            #expect(isClose(vectors[index]["ofi_integrated"], expected, scale: 1e-3))
        }
    }

    @Test func vpinIsOneWhereEachBucketHasOneSide() {
        let parameters = FeatureParameters(vpinBuckets: 5, vpinWarmUpSeconds: 1)
        var script = MarketScript()
        for step in 0..<5 as Range<Int64> { script.trade(step, size: 10, step % 2 == 0 ? .buy : .sell) }
        script.trade(2 * second, size: .max / 2, .buy)
        script.heartbeat(2 * second)
        var engine = FeatureEngine.forTests(parameters)
        #expect(engine.run(script)[0]["vpin"] == 1)
    }

    @Test func rollHasNoAnswerToATrend() {
        var trend = MarketScript()
        var bounce = MarketScript()
        for step in 0..<40 as Range<Int64> {
            trend.trade(step * second, price: 1_000 + step * step)
            bounce.trade(step * second, price: 1_000 + step % 2)
        }
        trend.heartbeat(40 * second)
        bounce.heartbeat(40 * second)
        var (first, second) = (FeatureEngine.forTests(), FeatureEngine.forTests())
        #expect(first.run(trend)[0]["roll_spread"].isNaN)
        // Δp = ±1 in turns: the model's spread is 2 up to the sample's n/(n−1).
        let spread = second.run(bounce)[0]["roll_spread"]
        #expect(spread > 2 && spread < 2.1)
    }
}
