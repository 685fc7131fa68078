/// Has the market changed its ways: `regime_change_probability` = P(r ≤ 5), the probability that at most 5 seconds have
/// passed since the last change of regime, in [0, 1], and `regime_run_length`, the most probable age of the regime in
/// seconds.
///
/// Both are those of `BayesianChangePoint` over the log returns of the mid from one UTC second to the next, whose mean
/// and variance a regime keeps. Returns are standardised by the mean and deviation of the first 60 of the epoch, so that
/// the prior of a standard normal fits; these 60 are not looked at again. A regime is expected to last 300 seconds.
///
/// NaN until 20 returns after those 60. While the mid has never moved there is nothing to standardise by, and the warm-up
/// goes on. A book that is not believed breaks the chain of returns: the next close is a starting point only. More than a
/// minute of silence, or without a believed book, starts the measure afresh, as a new book epoch does.
/// O(run lengths kept, ≤ 512) once a second, O(1) a vector.
/// Source: Adams, MacKay (2007), arXiv 0710.3742.
struct RegimeChange: Measure {
    private static let widthNanoseconds: Int64 = 1_000_000_000
    /// Seconds without an event that are still taken as a market at rest, and those without a book that are passed over.
    private static let silenceLimitSeconds: Int64 = 60

    /// What may be missing of a probability then stays below 1e-9 of it.
    private static let pruning = 1e-16

    private let warmUpCount: Int
    private let minimum: Int
    private let recentLength: Int
    private var posterior: BayesianChangePoint
    /// The second that the clock is in; `nil` before the first event.
    private var second: Int64?
    /// Seconds that have passed since something last was seen of the book.
    private var unseenSeconds: Int64 = 0
    private var previousClose: Int128?
    private var warmUp = RunningMoments()
    private var deviation: Double?
    private var probability = Double.nan
    private var runLength = Double.nan

    init(_ parameters: FeatureParameters) {
        warmUpCount = parameters.regimeWarmUp
        minimum = parameters.regimeMinimum
        recentLength = parameters.regimeRecentLength
        posterior = BayesianChangePoint(
            meanRunLength: Double(parameters.regimeMeanLength), stateLimit: parameters.regimeStateLimit,
            pruning: Self.pruning)
    }

    var columns: [Column] {
        [
            Column(
                "regime_change_probability", source: .book, unit: .one, meaning: "the probability of a new regime"),
            Column(
                "regime_run_length", source: .book, unit: .seconds, meaning: "the most probable age of the regime"),
        ]
    }

    /// The book is still that of before the clock moved: where the seconds that have passed closed.
    mutating func advance(_ market: borrowing MarketState) {
        let current = market.now.bucket(width: Self.widthNanoseconds)
        defer { second = current }
        guard let second, current > second else { return }
        let close = Self.close(market)
        unseenSeconds = current - second + (close == nil ? unseenSeconds : 0)
        guard unseenSeconds <= Self.silenceLimitSeconds else { return startEpoch() }
        guard let close else { return previousClose = nil }
        if let previousClose { process(LogReturn.value(from: previousClose, to: close)) }
        previousClose = close
        for _ in 0..<(current - second - 1) { process(0) }
    }

    mutating func forgetBook() { previousClose = nil }

    mutating func startEpoch() {
        posterior.removeAll()
        previousClose = nil
        warmUp = RunningMoments()
        deviation = nil
        (probability, runLength) = (.nan, .nan)
    }

    func write(_ market: borrowing MarketState, into row: inout FeatureRow) {
        row.put(book: probability)
        row.put(book: runLength)
    }

    /// Twice the mid, in price units; `nil` where there is none that is believed and has a logarithm.
    private static func close(_ market: borrowing MarketState) -> Int128? {
        guard market.isBookBelieved, let bid = market.book.bestBid, let ask = market.book.bestAsk else { return nil }
        let sum = Int128(bid.price.mantissa) + Int128(ask.price.mantissa)
        return sum > 0 ? sum : nil
    }

    private mutating func process(_ logReturn: Double) {
        guard let deviation else {
            warmUp.add(logReturn)
            if warmUp.count >= warmUpCount, warmUp.variance > 0 { self.deviation = warmUp.variance.squareRoot() }
            return
        }
        posterior.process((logReturn - warmUp.mean) / deviation)
        guard posterior.count >= minimum else { return }
        probability = posterior.probability(runLengthAtMost: recentLength)
        runLength = Double(posterior.mostProbableRunLength)
    }
}
