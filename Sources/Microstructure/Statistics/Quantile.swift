/// Quantiles of a sample.
public enum Quantile {
    /// Linear between the two nearest order statistics; `nil` if empty. `sorted` ascends, `probability` is in [0, 1].
    /// Source: Hyndman, Fan (1996), The American Statistician 50, type 7.
    public static func linear(_ sorted: [Double], _ probability: Double) -> Double? {
        guard !sorted.isEmpty else { return nil }
        let place = probability * Double(sorted.count - 1)
        let below = max(0, min(Int(place), sorted.count - 1))
        let above = min(below + 1, sorted.count - 1)
        return sorted[below] + (place - Double(below)) * (sorted[above] - sorted[below])
    }
}
