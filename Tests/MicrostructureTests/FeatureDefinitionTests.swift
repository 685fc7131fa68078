import Foundation
import TestSupport
import Testing

@testable import Microstructure

/// The definitions, taken literally: it keeps every event for ever and recomputes each column from all of them.
private struct Definition {
    let parameters: FeatureParameters
    private var clock: Int64?
    private var firstTime: Int64 = 0
    private var trades: [(time: Int64, size: Double, sign: Double, price: Double)] = []
    private var books: [(bids: [(Double, Double)], asks: [(Double, Double)])] = []
    /// Microprices of the vectors since the book was last not believed, the unchanged book of a heartbeat included.
    private var microprices: [Double] = []
    private var epoch: UInt64?
    private var isBookKnown = false
    private var vectorsSinceHeartbeat = 0

    init(_ parameters: FeatureParameters) { self.parameters = parameters }

    /// The vector by column name, `nil` if the event writes none.
    mutating func process(_ event: MarketEvent, _ levels: [PriceLevel]) -> [String: Double]? {
        switch event {
        case .quote(let quote):
            move(quote.times)
            return nil
        case .trade(let trade):
            move(trade.times)
            trades.append(
                (
                    clock ?? 0, Double(trade.quantity.mantissa), trade.aggressor == .buy ? 1 : -1,
                    Double(trade.price.mantissa)
                ))
            return nil
        case .book(let update):
            move(update.times)
            enter(update.epoch)
            isBookKnown = update.validity == .valid
            guard isBookKnown else {
                microprices = []
                return nil
            }
            func side(_ range: Range<Int>) -> [(Double, Double)] {
                levels[range].map { (Double($0.price.mantissa), Double($0.quantity.mantissa)) }
            }
            books.append((side(update.bids), side(update.asks)))
            vectorsSinceHeartbeat += 1
            return vector(isBookBelieved: true)
        case .heartbeat(let heartbeat):
            move(heartbeat.times)
            enter(heartbeat.epoch)
            if heartbeat.validity != .valid { microprices = [] }
            defer { vectorsSinceHeartbeat = 0 }
            guard vectorsSinceHeartbeat == 0 else { return nil }
            return vector(isBookBelieved: isBookKnown && heartbeat.validity == .valid)
        }
    }

    private mutating func move(_ times: EventTimes) {
        let time = times.receive.nanoseconds
        if clock == nil { firstTime = time }
        clock = max(clock ?? time, time)
    }

    private mutating func enter(_ new: UInt64) {
        guard new != epoch else { return }
        epoch = new
        books = []
        microprices = []
        isBookKnown = false
    }

    private mutating func vector(isBookBelieved: Bool) -> [String: Double] {
        var columns: [String: Double] = [:]
        if let book = books.last {
            let micro = microprice(book)
            if isBookBelieved {
                columns = bookColumns(book, micro, previous: microprices.last ?? .nan)
                microprices.append(micro)
            }
        }
        let now = clock ?? 0
        for seconds in parameters.windowSeconds {
            let width = Int64(seconds) * second
            let inside = trades.filter { $0.time > now - width && $0.time <= now }
            let volume = inside.reduce(0) { $0 + $1.size }
            columns["trade_imbalance_\(seconds)s"] = inside.reduce(0) { $0 + $1.size * $1.sign }
            columns["trade_volume_\(seconds)s"] = volume
            columns["trade_count_\(seconds)s"] = Double(inside.count)
            columns["volume_z_\(seconds)s"] = volumeScore(volume, width, now)
            columns["realized_vol_\(seconds)s"] = realizedVolatility(width, now)
        }
        let day = Date(timeIntervalSince1970: Double(now / second)).formatted(.iso8601)
        let clockParts = day.dropFirst(11).prefix(5).split(separator: ":").compactMap { Double($0) }
        columns["hour"] = clockParts[0]
        columns["minute"] = clockParts[0] * 60 + clockParts[1]
        return columns
    }

    private func bookColumns(
        _ book: (bids: [(Double, Double)], asks: [(Double, Double)]), _ micro: Double, previous: Double
    ) -> [String: Double] {
        var columns: [String: Double] = [:]
        func depth(_ side: [(Double, Double)], _ levels: Int) -> Double { side.prefix(levels).reduce(0) { $0 + $1.1 } }
        for levels in [5, 10] {
            let (bid, ask) = (depth(book.bids, levels), depth(book.asks, levels))
            columns["imbalance_\(levels)"] = bid + ask > 0 ? (bid - ask) / (bid + ask) : .nan
        }
        columns["bid_depth_10"] = depth(book.bids, 10)
        columns["ask_depth_10"] = depth(book.asks, 10)
        columns["depth_ratio"] = depth(book.asks, 10) > 0 ? depth(book.bids, 10) / depth(book.asks, 10) : .nan
        columns["microprice"] = micro
        columns["microprice_drift"] = micro - previous
        guard let bid = book.bids.first?.0, let ask = book.asks.first?.0 else { return columns }
        columns["mid"] = (bid + ask) / 2
        columns["spread"] = ask - bid
        columns["spread_bps"] = 1e4 * (ask - bid) / ((bid + ask) / 2)
        let spreads = books.compactMap { book in book.asks.first.flatMap { ask in book.bids.first.map { ask.0 - $0.0 } }
        }
        .suffix(parameters.spreadCompressionLength)
        if spreads.count >= parameters.spreadCompressionMinimum {
            columns["spread_compression"] = (ask - bid) / (spreads.reduce(0, +) / Double(spreads.count))
        }
        return columns
    }

    private func microprice(_ book: (bids: [(Double, Double)], asks: [(Double, Double)])) -> Double {
        guard let bid = book.bids.first, let ask = book.asks.first, bid.1 + ask.1 > 0 else { return .nan }
        return (ask.0 * bid.1 + bid.0 * ask.1) / (bid.1 + ask.1)
    }

    private func volumeScore(_ volume: Double, _ width: Int64, _ now: Int64) -> Double {
        let (first, current) = (firstTime / width, now / width)
        guard current > first + 1 else { return .nan }
        let buckets = Array((first + 1)..<current).suffix(parameters.volumeBuckets)
        guard buckets.count >= parameters.volumeBucketMinimum else { return .nan }
        let volumes = buckets.map { bucket in
            trades.filter { $0.time / width == bucket }.reduce(0) { $0 + $1.size }
        }
        let mean = volumes.reduce(0, +) / Double(volumes.count)
        let variance = volumes.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(volumes.count - 1)
        return variance > 0 ? (volume - mean) / variance.squareRoot() : .nan
    }

    private func realizedVolatility(_ width: Int64, _ now: Int64) -> Double {
        let priced = trades.filter { $0.price > 0 }
        guard priced.count > 1 else { return .nan }
        var sum = 0.0
        for (before, after) in zip(priced, priced.dropFirst()) where after.time > now - width {
            let logReturn = log(after.price / before.price)
            sum += logReturn * logReturn
        }
        return sum.squareRoot()
    }
}

/// A market in which everything happens that may: bursts, silences, holes, clocks that step back.
private func randomMarket(_ random: inout SplitMix64, count: Int) -> MarketScript {
    var script = MarketScript()
    var time = 1_723_161_253 * second + Int64.random(in: 0..<second, using: &random)
    var epoch: UInt64 = 1
    for _ in 0..<count {
        switch Double.random(in: 0..<1, using: &random) {
        case ..<0.3: break
        case ..<0.5: time += second / 2
        case ..<0.52: time += 40 * second
        case ..<0.55: time -= Int64.random(in: 1...(3 * second), using: &random)
        default: time += Int64.random(in: 1...(2 * second), using: &random)
        }
        if random.chance(0.01) { epoch += 1 }
        let validity: Validity = random.chance(0.1) ? (random.chance(0.5) ? .stale : .resyncing) : .valid
        switch Double.random(in: 0..<1, using: &random) {
        case ..<0.4:
            // Prices move by at least 0.5 %, so that a plain logarithm of the quotient keeps twelve digits.
            script.trade(
                time, price: random.chance(0.02) ? 0 : Int64.random(in: 50...150, using: &random),
                size: random.chance(0.05) ? 0 : Int64.random(in: 1...1_000, using: &random),
                random.chance(0.5) ? .buy : .sell)
        case ..<0.8:
            let mid = Int64.random(in: 9_000...11_000, using: &random)
            func side(_ step: Int64) -> [(Int64, Int64)] {
                let count = random.chance(0.05) ? 0 : Int.random(in: 1...13, using: &random)
                return (0..<count).map {
                    (mid + step * Int64($0 + 1), random.chance(0.02) ? 0 : Int64.random(in: 1...500, using: &random))
                }
            }
            script.book(time, bids: side(-1), asks: side(3), epoch: epoch, validity: validity)
        case ..<0.85: script.quote(time)
        default: script.heartbeat(time, validity, epoch: epoch)
        }
    }
    return script
}

@Suite struct FeatureDefinitionTests {
    private static let short = FeatureParameters(
        windowSeconds: [1, 2, 7], spreadCompressionLength: 9, spreadCompressionMinimum: 3, volumeBuckets: 12,
        volumeBucketMinimum: 5)

    /// The columns that `Definition` knows; the others have tests of their own.
    private static func covers(_ name: String) -> Bool {
        let others = ["stoikov", "ofi", "vpin", "kyle", "amihud", "roll", "hasbrouck", "regime"]
        return !others.contains { name.contains($0) } && !ActivityDefinitionTests.covers(name)
    }

    @Test(arguments: testSeeds, [FeatureParameters(), short])
    func everyColumnEqualsItsDefinition(seed: UInt64, parameters: FeatureParameters) {
        var random = SplitMix64(testSeed: seed)
        let script = randomMarket(&random, count: 1_200)
        var engine = FeatureEngine.forTests(parameters)
        var definition = Definition(parameters)
        var defined: [String: Int] = [:]
        for (index, event) in script.events.enumerated() {
            let header = engine.process(event, levels: script.levels.span)
            let expected = definition.process(event, script.levels)
            #expect((header == nil) == (expected == nil), "event \(index)")
            guard let expected else { continue }
            for (name, value) in zip(engine.schema.names, engine.values) where Self.covers(name) {
                let reference = expected[name] ?? .nan
                // A difference of nearly equal terms is as exact as its terms.
                let scale = name == "microprice_drift" ? 1e4 : name.hasPrefix("volume_z") ? 10 : 0
                #expect(isClose(value, reference, scale: scale), "\(name) at event \(index): \(value), \(reference)")
                if !reference.isNaN { defined[name, default: 0] += 1 }
            }
        }
        // The comparison is worth something only where there was something to compare.
        for name in engine.schema.names where Self.covers(name) { #expect(defined[name, default: 0] > 20, "\(name)") }
    }

    @Test(arguments: testSeeds)
    func featuresOfAPrefixAreThePrefixOfTheFeatures(seed: UInt64) {
        var random = SplitMix64(testSeed: seed)
        let script = randomMarket(&random, count: 800)
        var whole = FeatureEngine.forTests()
        let all = whole.run(script)
        for length in [0, 1, 7, 100, 431, 799] {
            var engine = FeatureEngine.forTests()
            var written = 0
            for (index, event) in script.events.prefix(length).enumerated() {
                guard let header = engine.process(event, levels: script.levels.span) else { continue }
                #expect(all[written].index == index && all[written].header == header)
                #expect(all[written].values.map(\.bitPattern) == engine.values.map(\.bitPattern))
                written += 1
            }
            #expect(written == all.count { $0.index < length })
        }
    }
}
