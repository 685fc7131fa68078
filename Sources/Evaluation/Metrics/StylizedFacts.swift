import Microstructure
import RealModule

/// Stylised facts of a recorded market, in numbers: a synthetic market must share them with a real one.
///
/// Feed it the events of one market in order; prices in the quote asset, sizes in the base asset, times in ns. O(1) an
/// event; its lists grow with the recording. Sources of the facts and of real markets' values: Cont (2001), "Empirical
/// properties of asset returns", Quantitative Finance 1; Bouchaud, Mézard, Potters (2002), Quantitative Finance 2, for
/// the book; Lillo, Mike, Farmer (2005), Phys. Rev. E 71, for the signs.
public struct StylizedFacts: Sendable {
    /// One fact; NaN if the recording is too short or lacks the stream.
    public struct Fact: Sendable, Equatable {
        public let name: String
        public let value: Double
    }

    private struct Quote: Sendable {
        let time: Int64
        let mid: Double
        let spread: Double
    }

    /// One market order: consecutive trades of the same millisecond and side.
    private struct Order: Sendable {
        let millisecond: Int64
        let isBuy: Bool
        var size: Double
    }

    /// Smallest price step, in the quote asset; NaN while unknown.
    public var tick = Double.nan
    private var first: Int64?
    private var last: Int64 = 0
    private var quotes: [Quote] = []
    private var bestSizes: [Double] = []
    private var tradeSizes: [Double] = []
    private var orders: [Order] = []
    private var books = 0
    /// Sums, over books and both sides, of the size within each reach (in basis points) of the mid price.
    private var depth = [Double](repeating: 0, count: reaches.count)
    private var levels = [Double](repeating: 0, count: reaches.count)
    private static let reaches = [1.0, 5, 10]

    public init() {}

    public mutating func processQuote(
        time: Int64, bid: Double, bidSize: Double, ask: Double, askSize: Double
    ) {
        note(time)
        quotes.append(Quote(time: time, mid: 0.5 * (bid + ask), spread: ask - bid))
        bestSizes.append(bidSize)
        bestSizes.append(askSize)
    }

    /// - Parameter time: venue time, to the millisecond: trades of equal time belong to one order.
    public mutating func processTrade(time: Int64, size: Double, isBuy: Bool) {
        note(time)
        tradeSizes.append(size)
        let millisecond = time / 1_000_000
        if let order = orders.last, order.millisecond == millisecond, order.isBuy == isBuy {
            orders[orders.count - 1].size += size
        } else {
            orders.append(Order(millisecond: millisecond, isBuy: isBuy, size: size))
        }
    }

    /// Levels best first, as prices and sizes.
    public mutating func processBook(
        time: Int64, bids: [(price: Double, size: Double)], asks: [(price: Double, size: Double)]
    ) {
        guard let bid = bids.first?.price, let ask = asks.first?.price else { return }
        note(time)
        books += 1
        let mid = 0.5 * (bid + ask)
        func add(_ side: [(price: Double, size: Double)]) {
            for level in side {
                let distance = abs(level.price / mid - 1) * 1e4
                for (index, reach) in Self.reaches.enumerated() where distance <= reach {
                    depth[index] += level.size
                    levels[index] += 1
                }
            }
        }
        add(bids)
        add(asks)
    }

    private mutating func note(_ time: Int64) {
        first = first ?? time
        last = max(last, time)
    }

    public var seconds: Double { first.map { Double(last - $0) / 1e9 } ?? 0 }

    // MARK: - Answers

    public var facts: [Fact] {
        func rate(_ count: Int) -> Double { Double(count) / seconds }
        let returns = [0.1, 1, 10].map(returns)
        let volumes = orders.map(\.size).sorted()
        let trades = tradeSizes.sorted()
        let sides = orders.map { $0.isBuy ? 1.0 : -1 }
        let absolute = returns[1].map(abs)
        let spread = timeWeightedSpread
        let bookSides = Double(2 * books)
        return [
            Fact(name: "seconds", value: seconds),
            Fact(name: "trades a second", value: rate(tradeSizes.count)),
            Fact(name: "market orders a second", value: rate(orders.count)),
            Fact(name: "changes of the best prices or sizes a second", value: rate(quotes.count)),
            Fact(name: "spread, mean, in basis points", value: spread.mean),
            Fact(name: "time at a spread of one tick, share", value: spread.oneTick),
            Fact(name: "size at the best price, median", value: Quantile.linear(bestSizes.sorted(), 0.5) ?? .nan),
            Fact(name: "depth within 1 bp, a side", value: depth[0] / bookSides),
            Fact(name: "depth within 5 bp, a side", value: depth[1] / bookSides),
            Fact(name: "depth within 10 bp, a side", value: depth[2] / bookSides),
            Fact(name: "levels within 10 bp, a side", value: levels[2] / bookSides),
            Fact(name: "trade size, median", value: Quantile.linear(trades, 0.5) ?? .nan),
            Fact(name: "market order size, median", value: Quantile.linear(volumes, 0.5) ?? .nan),
            Fact(name: "market order size, 90 %", value: Quantile.linear(volumes, 0.9) ?? .nan),
            Fact(name: "market order size, mean", value: volumes.reduce(0, +) / Double(volumes.count)),
            Fact(name: "market orders in 0.1 s, variance over mean", value: fano(0.1)),
            Fact(name: "market orders in 1 s, variance over mean", value: fano(1)),
            Fact(name: "market orders in 10 s, variance over mean", value: fano(10)),
            Fact(name: "sign of market orders, autocorrelation at 1", value: Sample.autocorrelation(sides, 1)),
            Fact(name: "sign of market orders, autocorrelation at 10", value: Sample.autocorrelation(sides, 10)),
            Fact(name: "sign of market orders, autocorrelation at 50", value: Sample.autocorrelation(sides, 50)),
            Fact(name: "move in 0.1 s, deviation in bp", value: Sample.deviation(returns[0])),
            Fact(name: "move in 1 s, deviation in bp", value: Sample.deviation(returns[1])),
            Fact(name: "move in 10 s, deviation in bp", value: Sample.deviation(returns[2])),
            Fact(name: "0.1 s without a move, share", value: Sample.share(returns[0]) { $0 == 0 }),
            Fact(name: "1 s without a move, share", value: Sample.share(returns[1]) { $0 == 0 }),
            Fact(name: "move in 1 s, excess kurtosis", value: Sample.excessKurtosis(returns[1])),
            Fact(name: "move in 1 s, autocorrelation at 1", value: Sample.autocorrelation(returns[1], 1)),
            Fact(name: "size of the move in 1 s, autocorrelation at 1", value: Sample.autocorrelation(absolute, 1)),
            Fact(name: "size of the move in 1 s, autocorrelation at 5", value: Sample.autocorrelation(absolute, 5)),
        ]
    }

    /// Moves of the mid price between the ends of steps of `step` seconds, in basis points (logarithmic), from the
    /// first quote or from `origin` (ns).
    public func returns(_ step: Double) -> [Double] { returns(step, from: quotes.first?.time ?? 0, to: last) }

    public func returns(_ step: Double, from origin: Int64, to end: Int64) -> [Double] {
        let prices = midPrices(step, from: origin, to: end)
        return zip(prices, prices.dropFirst()).map { Double.log($1 / $0) * 1e4 }
    }

    /// The mid price at the ends of steps of `step` seconds; NaN before the first quote.
    public func midPrices(_ step: Double, from origin: Int64, to end: Int64) -> [Double] {
        let width = Int64(step * 1e9)
        guard width > 0, origin <= end else { return [] }
        var prices: [Double] = []
        var (time, index, mid) = (origin, 0, Double.nan)
        while time <= end {
            while index < quotes.count, quotes[index].time <= time {
                mid = quotes[index].mid
                index += 1
            }
            prices.append(mid)
            time += width
        }
        return prices
    }

    /// From the first event to the last, in ns.
    public var span: ClosedRange<Int64>? { first.map { $0...last } }

    /// The autocorrelation of the signs of market orders at lags 1 to `count`.
    public func signAutocorrelation(upTo count: Int) -> [Double] {
        let sides = orders.map { $0.isBuy ? 1.0 : -1 }
        return (1...count).map { Sample.autocorrelation(sides, $0) }
    }

    /// Correlation of two markets' moves over `step` seconds, in the time that both cover.
    public func correlation(with other: StylizedFacts, step: Double) -> Double {
        guard let here = span, let there = other.span else { return .nan }
        let (start, end) = (max(here.lowerBound, there.lowerBound), min(here.upperBound, there.upperBound))
        let pairs = zip(returns(step, from: start, to: end), other.returns(step, from: start, to: end))
            .filter { $0.isFinite && $1.isFinite }
        return Sample.correlation(pairs.map(\.0), pairs.map(\.1))
    }

    private var timeWeightedSpread: (mean: Double, oneTick: Double) {
        var (weight, sum, oneTick) = (0.0, 0.0, 0.0)
        for (quote, next) in zip(quotes, quotes.dropFirst()) {
            let time = Double(next.time - quote.time)
            weight += time
            sum += time * quote.spread / quote.mid * 1e4
            if quote.spread < 1.5 * tick { oneTick += time }
        }
        return (sum / weight, tick.isNaN ? .nan : oneTick / weight)
    }

    private func fano(_ seconds: Double) -> Double {
        guard let start = orders.first?.millisecond, let end = orders.last?.millisecond else { return .nan }
        let width = Int64(seconds * 1e3)
        var counts = [Double](repeating: 0, count: Int((end - start) / width) + 1)
        for order in orders { counts[Int((order.millisecond - start) / width)] += 1 }
        let deviation = Sample.deviation(counts)
        return deviation * deviation / Sample.mean(counts)
    }
}
