/// Detects a change of market regime: `regime_change_probability` = P(r ≤ 5), the probability that at most 5 seconds
/// have passed since the last change of regime, in [0, 1], and `regime_run_length`, the most probable age of the regime
/// in seconds.
///
/// Both come from `BayesianChangePoint` over the log returns of the mid from one UTC second to the next; a regime has
/// constant mean and variance. Returns are standardised by the mean and deviation of the epoch's first 60, so that the
/// prior of a standard normal fits; these 60 are not used again. A regime is expected to last 300 seconds.
///
/// NaN until 20 returns after those 60. The warm-up continues while the mid has never moved, since there is no
/// deviation to standardise by. An untrusted book breaks the chain of returns: the next close is only a starting point.
/// More than a minute of silence, or without a trusted book, restarts the measure, as a new book epoch does.
/// O(run lengths kept, ≤ 512) once a second, O(1) a vector.
/// Source: Adams, MacKay (2007), arXiv 0710.3742.
struct RegimeChange: Measure {
    private static let widthNanoseconds: Int64 = 1_000_000_000
    /// Longest silence that counts as a quiet market, and longest time without a book that is skipped.
    private static let silenceLimitSeconds: Int64 = 60

    /// Keeps the missing part of a probability below 1e-9 of it.
    private static let pruning = 1e-16

    private let warmUpCount: Int
    private let minimum: Int
    private let recentLength: Int
    private var posterior: BayesianChangePoint
    /// The second that the clock is in; `nil` before the first event.
    private var second: Int64?
    /// Seconds since the book was last seen.
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

    /// The book is still from before the clock moved: the elapsed seconds close at it.
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

    /// Twice the mid, in price units; `nil` without a trusted, positive mid.
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
