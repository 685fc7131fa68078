/// The limit of a stream's silence while its distribution is not yet known, from its first few messages.
///
/// After n messages in a time T, a stream of constant rate is silent for longer than x with the probability
/// (1 + x / T)⁻ⁿ. The limit is `SilenceWatch.factor` times the silence that is exceeded with the probability 10⁻⁴: for a
/// message every 100 ms, 25 s after three of them, 6 s after ten and 4 s after fifty. It does not fall below
/// `SilenceWatch.leastLimitNanoseconds`, and does not rise above the larger of `firstLimitNanoseconds` and `factor` times
/// the longest silence so far (a thin market widens its own limit), nor above `SilenceWatch.greatestLimitNanoseconds`.
///
/// Source: the predictive distribution of a Poisson process under the prior 1 / rate (Lomax, or Pareto type II).
struct EarlySilence: Sendable {
    /// The limit before any interval is known.
    static let firstLimitNanoseconds: Int64 = 60_000_000_000
    /// Messages closer than this are of one cause (several trades of one order) and count once.
    static let burstNanoseconds: Int64 = 50_000_000
    /// −ln 10⁻⁴.
    private static let surprise = 9.210_340_371_976_18

    private var messages = 0
    private var observed: Int64 = 0
    private var longest: Int64 = 0
    private var sinceCounted: Int64 = 0

    mutating func process(_ interval: Int64) {
        observed += interval
        longest = max(longest, interval)
        sinceCounted += interval
        guard sinceCounted >= Self.burstNanoseconds else { return }
        sinceCounted = 0
        messages += 1
    }

    /// In ns.
    var limit: Int64 {
        let most = min(
            max(Self.firstLimitNanoseconds, longest * SilenceWatch.factor), SilenceWatch.greatestLimitNanoseconds)
        guard messages > 0 else { return most }
        let exceeded = Double(observed) * Self.exponentialMinusOne(Self.surprise / Double(messages))
        let limit = min(exceeded * Double(SilenceWatch.factor), Double(most))
        return max(Int64(limit), SilenceWatch.leastLimitNanoseconds)
    }

    /// eʸ − 1 for y from 0 to 10.
    private static func exponentialMinusOne(_ y: Double) -> Double {
        var (term, sum) = (1.0, 0.0)
        for index in 1...50 {
            term *= y / Double(index)
            sum += term
        }
        return sum
    }
}
