import TestSupport
import Testing

@testable import Microstructure

/// The columns of activity, flow and cost, taken literally: each is recomputed from all events so far.
private struct ActivityDefinition {
    let parameters: FeatureParameters
    private var market = LiteralMarket()
    /// Twice the mid that each taker met, by its first trade's event.
    private var met: [Int: Int64] = [:]

    init(_ parameters: FeatureParameters) { self.parameters = parameters }

    /// Whether the vector that the event writes has a trusted book; `nil` if it writes none.
    mutating func process(_ event: MarketEvent, _ levels: [PriceLevel]) -> Bool? {
        let vector = market.process(event, levels)
        if let taker = market.takers.last, taker.trades.count == 1, taker.trades[0].index == market.index {
            met[market.index] = doubleMid(met: taker)
        }
        return vector
    }

    /// The vector of the last event by column name.
    func columns(isBookBelieved: Bool) -> [String: Double] {
        var columns: [String: Double] = [:]
        addTakers(&columns)
        addFlowScores(&columns)
        guard isBookBelieved else { return columns }
        addUpdateRates(&columns)
        addQuotes(&columns)
        addBookFlow(&columns)
        addReplenishment(&columns)
        addDepthBands(&columns)
        columns["resilience"] = resilience()
        addSpreads(&columns)
        return columns
    }

    private var now: Int64 { market.clock }

    /// The windows by name, and when each begins.
    private func windows(_ seconds: [Int]) -> [(name: String, seconds: Double, begin: Int64)] {
        seconds.map { ("\($0)s", Double($0), now - Int64($0) * second) }
    }

    // MARK: The venue's messages

    private func addUpdateRates(_ columns: inout [String: Double]) {
        var accepted: [(time: Int64, id: Int64)] = []
        for next in market.ids {
            if let last = accepted.last, next.id < last.id {
                guard next.time - last.time >= 5 * second else { continue }
                accepted = []
            }
            accepted.append(next)
        }
        for window in windows(parameters.windowSeconds) {
            guard let latest = accepted.last, let before = accepted.last(where: { $0.time <= window.begin }) else {
                continue
            }
            columns["update_rate_\(window.name)"] = Double(latest.id - before.id) / window.seconds
        }
    }

    private func addQuotes(_ columns: inout [String: Double]) {
        guard let first = market.quotes.first else { return }
        var (changes, flickers): ([Int64], [Int64]) = ([], [])
        for prices in [market.quotes.map(\.best.bid.price), market.quotes.map(\.best.ask.price)] {
            var runs: [(price: Int64, time: Int64)] = []
            for (quote, price) in zip(market.quotes, prices) where runs.last?.price != price {
                runs.append((price, quote.time))
            }
            changes += runs.dropFirst().map(\.time)
            for number in runs.indices.dropFirst(2) where runs[number].price == runs[number - 2].price {
                let away = runs[number].time - runs[number - 1].time
                if away <= Int64(parameters.flickerMilliseconds) * 1_000_000 { flickers.append(runs[number].time) }
            }
        }
        for window in windows(parameters.windowSeconds) where first.time <= window.begin {
            columns["quote_rate_\(window.name)"] =
                Double(market.quotes.count { $0.time > window.begin }) / window.seconds
            columns["best_price_change_rate_\(window.name)"] =
                Double(changes.count { $0 > window.begin }) / window.seconds
        }
        for window in windows(parameters.longWindowSeconds) where first.time <= window.begin {
            columns["flicker_\(window.name)"] = Double(flickers.count { $0 > window.begin }) / window.seconds
        }
    }

    // MARK: The book

    private func addBookFlow(_ columns: inout [String: Double]) {
        guard let begin = market.books.lastIndex(where: { !$0.continues }),
            !market.doubts.contains(where: { $0.index > market.books[begin].index })
        else { return }
        let chain = Array(market.books[begin...])
        for window in windows(parameters.windowSeconds) where chain[0].time <= window.begin {
            var sums: [String: Int64] = [:]
            for (old, new) in zip(chain, chain.dropFirst()) where new.time > window.begin {
                // An ask is a bid at a negative price.
                func negative(_ levels: [LiteralMarket.Level]) -> [LiteralMarket.Level] {
                    levels.map { (-$0.price, $0.size) }
                }
                for (side, old, new) in [
                    ("bid", old.bids, new.bids), ("ask", negative(old.asks), negative(new.asks)),
                ] {
                    guard let oldWorst = old.last?.price, let newWorst = new.last?.price else { continue }
                    for price in Set((old + new).map(\.price)) where price >= max(oldWorst, newWorst) {
                        let change =
                            (new.first { $0.price == price }?.size ?? 0) - (old.first { $0.price == price }?.size ?? 0)
                        sums["\(side)_\(change > 0 ? "additions" : "removals")", default: 0] += abs(change)
                    }
                }
            }
            for name in ["bid_additions", "ask_additions", "bid_removals", "ask_removals"] {
                columns["\(name)_\(window.name)"] = Double(sums[name, default: 0])
            }
            for (name, buying, selling) in [
                ("addition", "bid_additions", "ask_additions"), ("removal", "ask_removals", "bid_removals"),
            ] {
                let (buying, selling) = (Double(sums[buying, default: 0]), Double(sums[selling, default: 0]))
                columns["\(name)_imbalance_\(window.name)"] = (buying - selling) / (buying + selling)
            }
        }
    }

    private func addDepthBands(_ columns: inout [String: Double]) {
        guard let book = market.books.last, let bid = book.bids.first, let ask = book.asks.first else { return }
        for distance in parameters.depthBandBasisPoints {
            func depth(_ levels: [LiteralMarket.Level]) -> Double {
                let doubleMid = bid.price + ask.price
                let inside = levels.filter { abs(2 * $0.price - doubleMid) * 10_000 <= doubleMid * Int64(distance) }
                return Double(inside.reduce(0) { $0 + $1.size })
            }
            let (bids, asks) = (depth(book.bids), depth(book.asks))
            columns["bid_depth_\(distance)bps"] = bids
            columns["ask_depth_\(distance)bps"] = asks
            columns["depth_imbalance_\(distance)bps"] = (bids - asks) / (bids + asks)
        }
    }

    private func resilience() -> Double? {
        var value: Double?
        var freeFrom: (time: Int64, index: Int) = (.min, -1)
        let delay = Int64(parameters.resilienceSeconds) * second
        for taker in market.takers where taker.prices > 1 {
            guard let trade = taker.trades.first(where: { $0.price != taker.trades[0].price }),
                let book = market.books.last(where: { $0.index < trade.index })
            else { continue }
            let isDoubted = market.doubts.contains { $0.index > book.index && $0.index < trade.index }
            let levels = (taker.sign > 0 ? book.asks : book.bids).prefix(10)
            let depth = levels.reduce(0) { $0 + $1.size }
            guard !isDoubted, book.venue < taker.venue, depth > 0, let worst = levels.last?.price else { continue }
            guard trade.time >= freeFrom.time || trade.index > freeFrom.index else { continue }
            let due = trade.time + delay
            freeFrom = (due, .max)
            if let doubt = market.doubts.first(where: { $0.index > trade.index && $0.time < due }) {
                freeFrom.index = doubt.index
                continue
            }
            guard due <= now, let later = market.books.last(where: { $0.time < due }) else { continue }
            let back =
                (taker.sign > 0 ? later.asks.filter { $0.price <= worst } : later.bids.filter { $0.price >= worst })
            value = Double(back.reduce(0) { $0 + $1.size }) / Double(depth)
        }
        return value
    }

    // MARK: Takers

    private func addTakers(_ columns: inout [String: Double]) {
        for window in windows(parameters.windowSeconds) {
            let inside = market.takers.filter { $0.start > window.begin }
            columns["taker_count_\(window.name)"] = Double(inside.count)
            columns["taker_imbalance_\(window.name)"] =
                Double(inside.reduce(0) { $0 + $1.sign }) / Double(inside.count)
            columns["largest_taker_\(window.name)"] = Double(inside.map(\.size).max() ?? 0)
            columns["sweep_prices_\(window.name)"] = Double(inside.map(\.prices).max() ?? 0)
        }
        let length = parameters.takerMedianLength
        let sizes = market.takers.dropLast().suffix(length).map(\.size).sorted()
        if sizes.count == length { columns["median_taker_\(length)"] = Double(sizes[(length + 1) / 2 - 1]) }
    }

    private func addFlowScores(_ columns: inout [String: Double]) {
        let current = now / second
        let begin = (market.firstTime ?? now) / second + 1
        var net: [Int64: Int64] = [:]
        for trade in market.trades { net[trade.time / second, default: 0] += trade.sign * trade.size }
        for window in windows(parameters.flowScoreWindowSeconds) {
            var (meanSquare, count) = (0.0, 0)
            for end in begin..<max(begin, current) where end - begin + 1 >= Int64(window.seconds) {
                let sum = ((end - Int64(window.seconds) + 1)...end).reduce(0.0) { $0 + Double(net[$1, default: 0]) }
                count = min(count + 1, parameters.flowScoreMemorySeconds)
                meanSquare += (sum * sum - meanSquare) / Double(count)
            }
            guard count >= parameters.flowScoreMinimum, meanSquare > 0 else { continue }
            let flow = market.trades.reduce(0) { $0 + ($1.time > window.begin ? $1.sign * $1.size : 0) }
            columns["flow_z_\(window.name)"] = Double(flow) / meanSquare.squareRoot()
        }
    }

    // MARK: Trades beside the best prices

    private func addReplenishment(_ columns: inout [String: Double]) {
        let doubt = market.doubts.last?.index ?? -1
        guard let first = market.states.first(where: { $0.index > doubt && $0.best != nil }) else { return }
        var terms: [(time: Int64, bid: Int64, ask: Int64)] = []
        for (before, after) in zip(market.states, market.states.dropFirst())
        where after.index > first.index && after.continues {
            guard let old = before.best, let new = after.best else { continue }
            let bid =
                new.bid.price == old.bid.price
                ? new.bid.size - old.bid.size : new.bid.price < old.bid.price ? -old.bid.size : 0
            let ask =
                new.ask.price == old.ask.price
                ? new.ask.size - old.ask.size : new.ask.price > old.ask.price ? -old.ask.size : 0
            terms.append((after.time, bid, ask))
        }
        for taker in market.takers {
            for trade in taker.trades.prefix(while: { $0.price == taker.trades[0].price })
            where trade.index > first.index {
                terms.append((trade.time, trade.sign < 0 ? trade.size : 0, trade.sign > 0 ? trade.size : 0))
            }
        }
        for window in windows(parameters.longWindowSeconds) where first.time <= window.begin {
            let inside = terms.filter { $0.time > window.begin }
            let (bid, ask) = (Double(inside.reduce(0) { $0 + $1.bid }), Double(inside.reduce(0) { $0 + $1.ask }))
            columns["bid_replenishment_\(window.name)"] = bid
            columns["ask_replenishment_\(window.name)"] = ask
            columns["replenishment_imbalance_\(window.name)"] = (bid - ask) / (abs(bid) + abs(ask))
        }
    }

    /// Twice the mid of the last state in which the taker's first price can be traded.
    private func doubleMid(met taker: LiteralMarket.Taker) -> Int64? {
        let price = taker.trades[0].price
        var searched: [LiteralMarket.Best] = []
        for state in market.states.reversed() {
            guard let best = state.best else { break }
            // Of states of the same prices, one is searched.
            if let last = searched.last, last.bid.price == best.bid.price, last.ask.price == best.ask.price { continue }
            searched.append(best)
        }
        return searched.prefix(64).first { taker.sign > 0 ? $0.ask.price <= price : $0.bid.price >= price }
            .map { $0.bid.price + $0.ask.price }
    }

    private func addSpreads(_ columns: inout [String: Double]) {
        struct Cost {
            let time: Int64
            let basisPoints: Double
            let size: Double
        }
        let delay = Int64(parameters.realizedSpreadSeconds) * second
        var (effective, realized): ([Cost], [Cost]) = ([], [])
        for taker in market.takers {
            guard taker.trades[0].index > market.statesBegin, let mid = met[taker.trades[0].index] else { continue }
            for trade in taker.trades {
                func cost(_ time: Int64, _ other: Int64) -> Cost {
                    let paid = Double(trade.sign * (2 * trade.price - other)) / Double(mid)
                    return Cost(time: time, basisPoints: 2e4 * paid, size: Double(trade.size))
                }
                effective.append(cost(trade.time, mid))
                let due = trade.time + delay
                guard due <= now, let later = market.states.last(where: { $0.time < due })?.best else { continue }
                realized.append(cost(due, later.bid.price + later.ask.price))
            }
        }
        for window in windows(parameters.longWindowSeconds) {
            for (name, costs) in [("effective", effective), ("realized", realized)] {
                let inside = costs.filter { $0.time > window.begin }
                columns["\(name)_spread_\(window.name)"] =
                    inside.reduce(0) { $0 + $1.basisPoints * $1.size } / inside.reduce(0) { $0 + $1.size }
            }
        }
    }
}

@Suite struct ActivityDefinitionTests {
    private static let short = FeatureParameters(
        windowSeconds: [1, 2, 7], longWindowSeconds: [2, 9], flickerMilliseconds: 300, takerMedianLength: 7,
        depthBandBasisPoints: [3, 10, 20], resilienceSeconds: 2, realizedSpreadSeconds: 3,
        flowScoreWindowSeconds: [1, 3, 12], flowScoreMemorySeconds: 50, flowScoreMinimum: 10)

    /// Whether the column is one of those that are tested here.
    static func covers(_ name: String) -> Bool {
        [
            "update_rate", "quote_rate", "best_price_change", "flicker", "additions", "removals", "addition_imbalance",
            "removal_imbalance", "taker", "sweep_prices", "replenishment", "bps", "resilience", "effective_spread",
            "realized_spread", "flow_z",
        ].contains { name.contains($0) } && name != "spread_bps"
    }

    @Test(arguments: testSeeds, [FeatureParameters(), short])
    func everyColumnEqualsItsDefinition(seed: UInt64, parameters: FeatureParameters) {
        var random = SplitMix64(testSeed: seed)
        let script = restlessMarket(&random, count: 2_000)
        var engine = FeatureEngine.forTests(parameters)
        var definition = ActivityDefinition(parameters)
        var defined: [String: Int] = [:]
        let covered = engine.schema.names.enumerated().filter { Self.covers($0.element) }
        for (index, event) in script.events.enumerated() {
            let header = engine.process(event, levels: script.levels.span)
            let isBookBelieved = definition.process(event, script.levels)
            if (header == nil) != (isBookBelieved == nil) { Issue.record("event \(index): a vector more or less") }
            // One vector in four: what goes wrong in a window stays there, and all from all takes its time.
            guard let isBookBelieved, index % 4 == 0 else { continue }
            let expected = definition.columns(isBookBelieved: isBookBelieved)
            for (place, name) in covered {
                let (value, reference) = (engine.values[place], expected[name] ?? .nan)
                // A mean of costs of both signs is as exact as its terms.
                if !isClose(value, reference, scale: name.hasSuffix("spread") ? 1 : 0, tolerance: 1e-10) {
                    Issue.record("\(name) at event \(index): \(value), \(reference)")
                }
                if !reference.isNaN { defined[name, default: 0] += 1 }
            }
        }
        // The comparison is worth something only where there was something to compare.
        for (_, name) in covered { #expect(defined[name, default: 0] > 20, "\(name)") }
    }

    @Test(arguments: testSeeds)
    func featuresOfAPrefixAreThePrefixOfTheFeatures(seed: UInt64) {
        var random = SplitMix64(testSeed: seed)
        let script = restlessMarket(&random, count: 900)
        var whole = FeatureEngine.forTests()
        let all = whole.run(script)
        for length in [1, 100, 431, 899] {
            var engine = FeatureEngine.forTests()
            var written = 0
            for event in script.events.prefix(length) {
                guard engine.process(event, levels: script.levels.span) != nil else { continue }
                let isEqual = all[written].values.map(\.bitPattern) == engine.values.map(\.bitPattern)
                if !isEqual { Issue.record("vector \(written) of \(length) events") }
                written += 1
            }
            #expect(written == all.count { $0.index < length })
        }
    }
}
