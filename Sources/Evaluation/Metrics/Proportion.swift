/// A proportion of a number of cases.
public enum Proportion {
    /// Wilson's interval at 95 %; `nil` for no cases. Source: Wilson (1927), Journal of the American Statistical
    /// Association 22.
    public static func wilsonInterval(_ hits: Int, of count: Int) -> ClosedRange<Double>? {
        guard count > 0 else { return nil }
        let (z, n) = (1.959963984540054, Double(count))
        let share = Double(hits) / n
        let centre = (share + z * z / (2 * n)) / (1 + z * z / n)
        let reach = z / (1 + z * z / n) * (share * (1 - share) / n + z * z / (4 * n * n)).squareRoot()
        return max(0, centre - reach)...min(1, centre + reach)
    }
}
