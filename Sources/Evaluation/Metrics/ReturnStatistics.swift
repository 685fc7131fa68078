public import Microstructure
import RealModule

/// Statistics of returns over equal periods. Nothing is annualised: every ratio is per period.
public struct ReturnStatistics: Sendable, Equatable, Codable {
    public private(set) var count = 0
    public private(set) var mean = 0.0
    /// Sample standard deviation; `nil` for fewer than two returns.
    public private(set) var deviation: Double?
    /// m₃/m₂^1.5; `nil` if the returns do not vary.
    public private(set) var skewness: Double?
    /// m₄/m₂², 3 for a normal distribution; `nil` if the returns do not vary.
    public private(set) var kurtosis: Double?
    /// Root of the mean squared negative return, over all returns; `nil` for no returns.
    public private(set) var downsideDeviation: Double?

    public init(_ returns: [Double]) {
        count = returns.count
        guard count > 0 else { return }
        let n = Double(count)
        mean = returns.reduce(0, +) / n
        var (m2, m3, m4, downside) = (0.0, 0.0, 0.0, 0.0)
        for value in returns {
            let d = value - mean
            m2 += d * d
            m3 += d * d * d
            m4 += d * d * d * d
            downside += value < 0 ? value * value : 0
        }
        downsideDeviation = (downside / n).squareRoot()
        guard count > 1 else { return }
        deviation = (m2 / (n - 1)).squareRoot()
        guard m2 > 0 else { return }
        m2 /= n
        skewness = m3 / n / (m2 * m2.squareRoot())
        kurtosis = m4 / n / (m2 * m2)
    }

    /// Mean over deviation, a period; `nil` where the returns do not vary. Source: Sharpe (1994), Journal of Portfolio
    /// Management 21.
    public var sharpeRatio: Double? { deviation.flatMap { $0 > 0 ? mean / $0 : nil } }

    /// Mean over downside deviation, target zero; `nil` where no return is below it.
    /// Source: Sortino, Price (1994), Journal of Investing 3.
    public var sortinoRatio: Double? { downsideDeviation.flatMap { $0 > 0 ? mean / $0 : nil } }

    /// Probability that the true Sharpe ratio a period exceeds `benchmark`, in [0, 1]; `nil` if undefined. Source:
    /// Bailey, López de Prado (2012), Journal of Risk 15.
    public func probabilisticSharpeRatio(above benchmark: Double = 0) -> Double? {
        guard let sharpe = sharpeRatio, let variance = sharpeVariance(sharpe) else { return nil }
        return NormalDistribution.cumulative(
            (sharpe - benchmark) * (Double(count) - 1).squareRoot() / variance.squareRoot())
    }

    /// Number of returns needed for the observed ratio to exceed `benchmark` with `confidence`; `nil` if it does not
    /// exceed it. Source: Bailey, López de Prado (2012), Journal of Risk 15.
    public func minimumTrackRecord(above benchmark: Double = 0, confidence: Double = 0.95) -> Double? {
        guard let sharpe = sharpeRatio, sharpe > benchmark, let variance = sharpeVariance(sharpe) else { return nil }
        let z = NormalDistribution.quantile(confidence) / (sharpe - benchmark)
        return 1 + variance * z * z
    }

    /// The probability that the true ratio exceeds the expected best ratio of `trials` runs without skill.
    /// `sharpeDeviation` is the deviation of the trials' Sharpe ratios. `nil` if undefined. Source: Bailey, López de
    /// Prado (2014), Journal of Portfolio Management 40.
    public func deflatedSharpeRatio(trials: Int, sharpeDeviation: Double) -> Double? {
        probabilisticSharpeRatio(
            above: Self.expectedMaximumSharpe(trials: trials, sharpeDeviation: sharpeDeviation))
    }

    /// The expected Sharpe ratio of the best of `trials` independent runs without skill; 0 for one trial.
    public static func expectedMaximumSharpe(trials: Int, sharpeDeviation: Double) -> Double {
        guard trials > 1 else { return 0 }
        let n = Double(trials)
        let gamma = 0.577_215_664_901_532_9
        return sharpeDeviation
            * ((1 - gamma) * NormalDistribution.quantile(1 - 1 / n)
                + gamma * NormalDistribution.quantile(1 - 1 / (n * Double.exp(1))))
    }

    /// (T − 1) times the variance of the estimated ratio; `nil` if the moments make it non-positive.
    private func sharpeVariance(_ sharpe: Double) -> Double? {
        guard count > 1, let skewness, let kurtosis else { return nil }
        let variance = 1 - skewness * sharpe + (kurtosis - 1) / 4 * sharpe * sharpe
        return variance > 0 ? variance : nil
    }
}

extension Bootstrap {
    /// The bootstrap interval of the Sharpe ratio a period.
    public func sharpeInterval(_ returns: [Double]) -> ClosedRange<Double>? {
        interval(count: returns.count) { places in ReturnStatistics(places.map { returns[$0] }).sharpeRatio }
    }
}
