import RealModule

/// Removes autocorrelation from a standardised series: returns the residual of an autoregression of order 1 or 2,
/// fitted online, in standard deviations of the residual.
///
/// Autocovariances with exponential forgetting, Yule–Walker equations in closed form: `φ₁ = ρ₁(1−ρ₂)/(1−ρ₁²)`,
/// `φ₂ = (ρ₂−ρ₁²)/(1−ρ₁²)`, `σ² = γ₀(1−φ₁ρ₁−φ₂ρ₂)`; `e = (z − φ₁z₁ − φ₂z₂)/σ`. Fitted on the observations before z.
/// O(1), no allocation.
/// Source: Brockwell, Davis (2016), Introduction to Time Series and Forecasting, section 5.1.
public struct Whitener: Sendable, Codable {
    /// 0 (no whitening) to 2.
    public let order: Int
    private let decay: Double
    private let warmUpObservations: Int
    private var observations = 0
    private var variance = 0.0
    private var lag1 = 0.0
    private var lag2 = 0.0
    private var previous = Double.nan
    private var beforePrevious = Double.nan

    /// Correlations are limited to this magnitude: a series of equal values has no innovation to scale by.
    public static let correlationLimit = 0.999

    public init(order: Int, halfLifeObservations: Double, warmUpObservations: Int) {
        precondition((0...2).contains(order) && halfLifeObservations >= 1 && warmUpObservations >= 2)
        self.order = order
        self.warmUpObservations = warmUpObservations
        decay = Double.exp2(-1 / halfLifeObservations)
    }

    /// Passes every value through unchanged.
    static let none = Whitener(order: 0, halfLifeObservations: 1, warmUpObservations: 2)

    /// The current coefficients of the autoregression.
    public var coefficients: (first: Double, second: Double) {
        guard variance > 0, order > 0 else { return (0, 0) }
        let limit = Self.correlationLimit
        let rho1 = min(limit, max(-limit, lag1 / variance))
        guard order == 2 else { return (rho1, 0) }
        let rest = 1 - rho1 * rho1
        // Outside this triangle the autoregression would explode.
        let second = min(limit, max(-limit, (min(limit, max(-limit, lag2 / variance)) - rho1 * rho1) / rest))
        return (rho1 * (1 - second), second)
    }

    /// The innovation of `z` in standard deviations; NaN during the warm-up, after a NaN, and for NaN.
    public mutating func process(_ z: Double) -> Double {
        guard order > 0 else { return z }
        defer { (previous, beforePrevious) = (z, previous) }
        guard !z.isNaN else { return .nan }
        let isComplete = !previous.isNaN && (order == 1 || !beforePrevious.isNaN)
        defer { observe(z) }
        guard isComplete, observations >= warmUpObservations, variance > 0 else { return .nan }
        let (first, second) = coefficients
        let foreseen = first * previous + (order == 2 ? second * beforePrevious : 0)
        let rho1 = first / (1 - second)
        let share = 1 - first * rho1 - second * (second + rho1 * first)
        let scale = (variance * max(share, 1 - Self.correlationLimit)).squareRoot()
        let innovation = (z - foreseen) / scale
        return innovation.isFinite ? innovation : .nan
    }

    public mutating func reset() {
        (observations, variance, lag1, lag2) = (0, 0, 0, 0)
        (previous, beforePrevious) = (.nan, .nan)
    }

    private mutating func observe(_ z: Double) {
        guard !previous.isNaN else { return }
        observations += 1
        // A plain mean at first, until forgetting takes over.
        let weight = max(1 - decay, 1 / Double(observations))
        variance += weight * (z * z - variance)
        lag1 += weight * (z * previous - lag1)
        if order == 2, !beforePrevious.isNaN { lag2 += weight * (z * beforePrevious - lag2) }
    }
}
