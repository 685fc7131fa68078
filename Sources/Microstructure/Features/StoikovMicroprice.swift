/// The price expected from the book's own history: `microprice_stoikov` = M + G*(I, S), in the quote asset.
///
/// The state of the book is its imbalance I = Qᵇ/(Qᵇ+Qᵃ) in ten quantile buckets and its spread S, one tick or more
/// (`MicropriceModel`). Buckets come from the first 500 transitions of an epoch; then the model is refitted after every
/// 500th, and a price always uses an earlier fit.
///
/// NaN before the first fit, in a one-sided, crossed or locked book, in a state unknown to the fit, and in a state from
/// which no price move was ever reached. O(1) an update, O(states³) at a fit.
/// Source: Stoikov (2018), The micro-price, Quantitative Finance 18; SSRN 2970694.
struct StoikovMicroprice: Measure {
    /// The data of one book that a fit needs.
    fileprivate struct Observation: Sendable {
        let bidQuantity: Int64
        let askQuantity: Int64
        /// 0 for a spread of one tick, 1 for a wider one.
        let spreadClass: Int
        /// Pᵇ + Pᵃ = 2M, in price units.
        let doubleMid: Int128
        let tickSize: Int64
    }

    private let interval: Int
    /// The first transitions, until the buckets are known.
    private var sample: [(from: Observation, to: Observation)] = []
    private var model: MicropriceModel
    private var edges: ImbalanceBuckets?
    private var untilFit: Int
    private var last: Observation?
    private var adjustment = Double.nan

    init(_ parameters: FeatureParameters) {
        interval = parameters.micropriceInterval
        untilFit = interval
        sample.reserveCapacity(interval)
        model = MicropriceModel(weightLimit: Double(parameters.micropriceMemory))
    }

    var columns: [Column] {
        [
            Column(
                "microprice_stoikov", source: .book, side: .signed, unit: .quoteCurrency,
                meaning: "the price that the book's own history expects (Stoikov)")
        ]
    }

    mutating func processBook(_ market: borrowing MarketState) {
        guard let current = Self.observe(market) else {
            last = nil
            adjustment = .nan
            return
        }
        adjustment = .nan
        if let edges {
            let ticks = model.adjustment(edges.state(current))
            adjustment = market.priceScale.value(ticks * Double(current.tickSize))
        }
        if let last { process(from: last, to: current) }
        last = current
    }

    mutating func forgetBook() { last = nil }

    mutating func startEpoch() {
        sample.removeAll(keepingCapacity: true)
        model.removeAll()
        edges = nil
        untilFit = interval
        last = nil
        adjustment = .nan
    }

    func write(_ market: borrowing MarketState, into row: inout FeatureRow) {
        guard let bid = market.book.bestBid, let ask = market.book.bestAsk else { return row.put(.nan) }
        let mid = market.priceScale.value(Int128(bid.price.mantissa) + Int128(ask.price.mantissa)) / 2
        row.put(book: mid + adjustment)
    }

    private mutating func process(from: Observation, to: Observation) {
        if let edges {
            model.add(from: edges.state(from), to: edges.state(to), halfTicks: Self.halfTicks(from, to))
        } else {
            sample.append((from, to))
        }
        untilFit -= 1
        guard untilFit == 0 else { return }
        untilFit = interval
        if edges == nil {
            let edges = ImbalanceBuckets(sample.map { ($0.from.bidQuantity, $0.from.askQuantity) })
            for (from, to) in sample {
                model.add(from: edges.state(from), to: edges.state(to), halfTicks: Self.halfTicks(from, to))
            }
            self.edges = edges
            sample.removeAll(keepingCapacity: true)
        }
        model.fit()
    }

    private static func observe(_ market: borrowing MarketState) -> Observation? {
        guard let bid = market.book.bestBid, let ask = market.book.bestAsk, bid.quantity > .zero,
            ask.quantity > .zero, bid.price < ask.price, let spread = market.book.spread
        else { return nil }
        return Observation(
            bidQuantity: bid.quantity.mantissa, askQuantity: ask.quantity.mantissa,
            spreadClass: spread <= Int128(market.tickSize) ? 0 : 1,
            doubleMid: Int128(bid.price.mantissa) + Int128(ask.price.mantissa), tickSize: market.tickSize)
    }

    /// How far the mid moved, in half ticks, as −2…2. A move of less than half a tick counts as one.
    private static func halfTicks(_ from: Observation, _ to: Observation) -> Int {
        let change = to.doubleMid - from.doubleMid
        guard change != 0 else { return 0 }
        let steps = max(1, min(2, change.magnitude / UInt128(to.tickSize)))
        return change < 0 ? -Int(steps) : Int(steps)
    }
}

extension ImbalanceBuckets {
    /// The state of a book: its bucket, plus ten for a wide spread.
    fileprivate func state(_ book: StoikovMicroprice.Observation) -> Int {
        bucket(bid: book.bidQuantity, ask: book.askQuantity) + Self.count * book.spreadClass
    }
}
