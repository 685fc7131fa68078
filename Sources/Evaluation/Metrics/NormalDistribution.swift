import RealModule

/// The standard normal distribution.
public enum NormalDistribution {
    /// Φ(x), in [0, 1]. Accurate in both tails.
    public static func cumulative(_ x: Double) -> Double { Double.erfc(-x / 2.0.squareRoot()) / 2 }

    /// Φ⁻¹(p): −∞ at 0, +∞ at 1, NaN outside [0, 1]. Relative error below 1e-14.
    ///
    /// A rational starting value (Abramowitz, Stegun (1964), 26.2.23), refined by Halley's steps on Φ.
    public static func quantile(_ probability: Double) -> Double {
        guard probability > 0, probability < 1 else {
            return probability == 0 ? -.infinity : probability == 1 ? .infinity : .nan
        }
        // Use only the lower tail, where Φ loses no digits.
        guard probability <= 0.5 else { return -quantile(1 - probability) }
        let t = (-2 * Double.log(probability)).squareRoot()
        var x =
            (2.515517 + t * (0.802853 + t * 0.010328)) / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308))) - t
        for _ in 0..<4 {
            let density = Double.exp(-x * x / 2) / (2 * Double.pi).squareRoot()
            guard density > 0 else { break }
            let step = (cumulative(x) - probability) / density
            x -= step / (1 + x * step / 2)
        }
        return x
    }
}
