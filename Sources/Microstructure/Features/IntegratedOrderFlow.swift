/// The order flows of ten levels as one number: ofiᵐ/Q̄ projected on their first principal component,
/// w₁ᵀofi/‖w₁‖₁. Dimensionless.
///
/// Q̄ is the mean size of a level over the ten levels, both sides and the epoch's last 100 book updates that have all
/// these levels. w₁ comes from the sample covariance of the epoch's complete flow vectors and is refitted after every
/// 100th; a vector is always projected on an earlier fit of w₁. The elements of w₁ sum to a positive number. NaN before
/// the first fit, and if all flows so far were equal.
///
/// O(levels²) an update, and one eigenvector of a 10×10 matrix every 100.
/// Source: Cont, Cucuringu, Zhang (2023), Quantitative Finance 23; arXiv 2112.13213, section 2.2.
struct IntegratedOrderFlow: Sendable {
    private static let levels = BookTop.depth

    private let interval: Int
    /// For each of the last updates, the sum of its twenty sizes, in quantity units.
    private var depths: RingBuffer<Int128>
    private var depthSum: Int128 = 0
    private var covariance: RunningCovariance
    private var untilFit: Int
    private var weights = InlineArray<10, Double>(repeating: .nan)

    init(_ parameters: FeatureParameters) {
        interval = parameters.integratedFlowInterval
        untilFit = interval
        depths = RingBuffer(limit: parameters.integratedFlowDepthLength, filler: 0)
        covariance = RunningCovariance(weightLimit: Double(parameters.integratedFlowMemory))
    }

    mutating func startEpoch() {
        depths.removeAll()
        depthSum = 0
        covariance.removeAll()
        untilFit = interval
        weights = InlineArray(repeating: .nan)
    }

    /// Records the sizes of a book that has all levels; ignores any other book.
    mutating func note(_ book: borrowing BookTop) {
        guard min(book.bidCount, book.askCount) == Self.levels else { return }
        let depth = book.bidDepth + book.askDepth
        depthSum += depth - (depths.append(depth) ?? 0)
    }

    /// Returns the projection of `flows`, in quantity units, then adds them to the sample.
    mutating func process(_ flows: InlineArray<10, Double>) -> Double {
        guard depthSum > 0 else { return .nan }
        let meanDepth = Double(rounding: depthSum) / Double(2 * Self.levels * depths.count)
        var normalised = flows
        var projection = 0.0
        var norm = 0.0
        for level in 0..<Self.levels {
            normalised[level] /= meanDepth
            projection += weights[level] * normalised[level]
            norm += weights[level].magnitude
        }
        covariance.add(normalised)
        untilFit -= 1
        if untilFit == 0 {
            untilFit = interval
            weights = covariance.firstPrincipalComponent ?? InlineArray(repeating: .nan)
        }
        return projection / norm
    }
}
