/// A running sum of doubles that supports adding and subtracting forever without drift.
///
/// The sum is an unevaluated pair `high + low` with `|low| ≤ ulp(high)/2` ("double-double"), about 106 bits. One
/// addition errs by at most about 2⁻¹⁰⁵ of the larger of the sum and the term; a plain double errs by 2⁻⁵³, which gives
/// wrong digits in a window that slides for a day. O(1), no allocation.
///
/// Source: Knuth, TAOCP vol. 2, 4.2.2 (two-sum); Dekker (1971), Numerische Mathematik 18.
public struct CompensatedSum: InvertibleSum, Hashable {
    private var high = 0.0
    private var low = 0.0

    public init() {}

    /// The sum, rounded to double.
    public var value: Double { high }

    /// Adds a finite term.
    public mutating func add(_ term: Double) {
        let sum = high + term
        let shadow = sum - high
        let error = (high - (sum - shadow)) + (term - shadow)
        low += error
        high = sum + low
        low -= high - sum
    }

    /// Removes a term that was added before.
    public mutating func remove(_ term: Double) { add(-term) }
}
