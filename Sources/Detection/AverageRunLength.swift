import RealModule

/// Average number of observations until a CUSUM alarms, on independent normal observations of deviation 1 and mean
/// `shift`, with both sides starting at 0. Without a shift it is the mean number between false alarms, with a shift the
/// mean delay.
///
/// One side walks in (0, h) until it returns to 0 or leaves above h. With N(z) the mean steps of such an excursion from
/// z and P(z) the probability that it leaves above, the run length is N(0)/P(0). Both solve a Fredholm equation of the
/// second kind with the kernel φ(x − z + k − shift), solved at Gauss–Legendre nodes. Unlike the equation for the run
/// length itself it stays well conditioned, so a run length of 1e12 has as many digits as one of 10: relative error
/// below 1e-9. The two sides never alarm at once, so `1/ARL = 1/ARL⁺ + 1/ARL⁻` is exact.
///
/// O(h³) in time. Source: Page (1954), Biometrika 41; both sides: van Dobben de Bruyn (1968), Cumulative sum tests;
/// method: Atkinson (1997), The numerical solution of integral equations of the second kind, section 4.1.
public enum AverageRunLength {
    /// Largest supported threshold, in standard deviations.
    public static let thresholdLimit = 100.0

    /// Run length of the upper side alone. Requires finite arguments, `drift ≥ 0` and `0 < threshold ≤ thresholdLimit`.
    /// At least 1; infinite if beyond the range of Double.
    public static func oneSided(drift: Double, threshold: Double, shift: Double = 0) -> Double {
        precondition(drift >= 0 && threshold > 0 && threshold <= thresholdLimit && shift.isFinite && drift.isFinite)
        let step = shift - drift
        let rule = GaussLegendre(count: 24 + Int(4 * threshold), length: threshold)
        var matrix = SquareMatrix(order: rule.nodes.count)
        for (row, z) in rule.nodes.enumerated() {
            for (column, x) in rule.nodes.enumerated() {
                matrix[row, column] = (row == column ? 1 : 0) - rule.weights[column] * density(x - z - step)
            }
        }
        var steps = rule.nodes.map { _ in 1.0 }
        var crossings = rule.nodes.map { upperTail(threshold - $0 - step) }
        matrix.solve(&steps, &crossings)
        var (meanSteps, crossing) = (1.0, upperTail(threshold - step))
        for (index, x) in rule.nodes.enumerated() {
            let weight = rule.weights[index] * density(x - step)
            meanSteps += weight * steps[index]
            crossing += weight * crossings[index]
        }
        return meanSteps / crossing
    }

    /// Run length of the two-sided chart that `CUSUM` implements. Requirements as for `oneSided`.
    public static func twoSided(drift: Double, threshold: Double, shift: Double = 0) -> Double {
        let rise = oneSided(drift: drift, threshold: threshold, shift: shift)
        let fall = shift == 0 ? rise : oneSided(drift: drift, threshold: threshold, shift: -shift)
        return 1 / (1 / rise + 1 / fall)
    }

    /// Siegmund's approximation of `oneSided`, about 1 % too large at k = 0.5 and h ≥ 3, in O(1):
    /// `(e^(−2Δb) + 2Δb − 1)/(2Δ²)` with `Δ = shift − drift` and `b = threshold + 1.166`.
    /// Source: Siegmund (1985), Sequential analysis, section 2.6.
    public static func siegmundOneSided(drift: Double, threshold: Double, shift: Double = 0) -> Double {
        let (step, height) = (shift - drift, threshold + 1.166)
        let exponent = -2 * step * height
        // The limit at Δ = 0 is b²; near it the difference would lose digits.
        guard exponent.magnitude > 1e-4 else { return height * height * (1 + exponent / 3) }
        return (Double.expMinusOne(exponent) - exponent) / (2 * step * step)
    }

    /// Siegmund's approximation of `twoSided`.
    public static func siegmundTwoSided(drift: Double, threshold: Double, shift: Double = 0) -> Double {
        1
            / (1 / siegmundOneSided(drift: drift, threshold: threshold, shift: shift)
                + 1 / siegmundOneSided(drift: drift, threshold: threshold, shift: -shift))
    }

    /// The threshold h at which the two-sided chart has one false alarm in `observations` on average, to 1e-9.
    ///
    /// `nil` if there is none: `observations` is at most 1/P(|z| > k), the run length at h = 0, or above 1e100, or h
    /// would be beyond `thresholdLimit`. Starts at Siegmund's h and refines it by the exact run length.
    public static func threshold(observations: Double, drift: Double) -> Double? {
        precondition(drift >= 0 && drift.isFinite)
        guard observations <= 1e100, observations > 1 / (2 * upperTail(drift)) else { return nil }
        // ln ARL is nearly linear in h, so a few secant steps suffice; the bracket keeps them safe.
        func excess(_ threshold: Double) -> Double {
            Double.log(twoSided(drift: drift, threshold: threshold) / observations)
        }
        var (low, high) = (0.0, siegmundThreshold(observations: observations, drift: drift))
        var (lowExcess, highExcess) = (-Double.log(observations * 2 * upperTail(drift)), excess(high))
        while highExcess < 0 {
            guard high < thresholdLimit else { return nil }
            (low, lowExcess) = (high, highExcess)
            high = min(high + 0.5, thresholdLimit)
            highExcess = excess(high)
        }
        // Regula falsi; halves the excess of the retained end (Illinois).
        var lastWasLow: Bool?
        for _ in 0..<200 where high - low > 1e-9 {
            let middle = low - lowExcess * (high - low) / (highExcess - lowExcess)
            guard middle > low, middle < high else { break }
            let value = excess(middle)
            if value.magnitude < 1e-12 { return middle }
            if value < 0 {
                (low, lowExcess) = (middle, value)
                if lastWasLow == true { highExcess /= 2 }
                lastWasLow = true
            } else {
                (high, highExcess) = (middle, value)
                if lastWasLow == false { lowExcess /= 2 }
                lastWasLow = false
            }
        }
        return lowExcess.magnitude < highExcess.magnitude ? low : high
    }

    private static func siegmundThreshold(observations: Double, drift: Double) -> Double {
        var (low, high) = (0.0, thresholdLimit)
        while high - low > 1e-3 {
            let middle = (low + high) / 2
            if siegmundTwoSided(drift: drift, threshold: middle) < observations { low = middle } else { high = middle }
        }
        return high
    }

    private static func density(_ x: Double) -> Double {
        Double.exp(-x * x / 2) / (2 * .pi).squareRoot()
    }

    /// P(z > x), to full relative precision.
    private static func upperTail(_ x: Double) -> Double { Double.erfc(x / 2.0.squareRoot()) / 2 }
}

/// Nodes and weights of Gauss–Legendre quadrature on [0, length], exact for polynomials of degree 2·count − 1.
private struct GaussLegendre {
    var nodes: [Double] = []
    var weights: [Double] = []

    init(count: Int, length: Double) {
        for index in 1...count {
            // Newton's method on the Legendre polynomial, from the customary cosine starting value.
            var x = Double.cos(.pi * (Double(index) - 0.25) / (Double(count) + 0.5))
            var slope = 0.0
            for _ in 0..<100 {
                var (value, before) = (x, 1.0)
                for degree in stride(from: 2.0, through: Double(count), by: 1) {
                    (value, before) = (((2 * degree - 1) * x * value - (degree - 1) * before) / degree, value)
                }
                slope = Double(count) * (x * value - before) / (x * x - 1)
                let correction = value / slope
                x -= correction
                if correction.magnitude < 1e-15 { break }
            }
            nodes.append(length * (1 - x) / 2)
            weights.append(length / ((1 - x * x) * slope * slope))
        }
    }
}

/// A dense matrix, row by row.
private struct SquareMatrix {
    let order: Int
    private var elements: [Double]

    init(order: Int) {
        self.order = order
        elements = Array(repeating: 0, count: order * order)
    }

    subscript(row: Int, column: Int) -> Double {
        get { elements[row * order + column] }
        set { elements[row * order + column] = newValue }
    }

    /// Solves for two right-hand sides in place, by elimination with partial pivots; overwrites the matrix.
    mutating func solve(_ first: inout [Double], _ second: inout [Double]) {
        for pivot in 0..<order {
            var best = pivot
            for row in pivot..<order where self[row, pivot].magnitude > self[best, pivot].magnitude { best = row }
            if best != pivot {
                for column in pivot..<order { elements.swapAt(pivot * order + column, best * order + column) }
                first.swapAt(pivot, best)
                second.swapAt(pivot, best)
            }
            for row in (pivot + 1)..<max(order, pivot + 1) {
                let factor = self[row, pivot] / self[pivot, pivot]
                guard factor != 0 else { continue }
                for column in pivot..<order { self[row, column] -= factor * self[pivot, column] }
                first[row] -= factor * first[pivot]
                second[row] -= factor * second[pivot]
            }
        }
        for row in stride(from: order - 1, through: 0, by: -1) {
            for column in (row + 1)..<max(order, row + 1) {
                first[row] -= self[row, column] * first[column]
                second[row] -= self[row, column] * second[column]
            }
            first[row] /= self[row, row]
            second[row] /= self[row, row]
        }
    }
}
