import RealModule

/// Learns signatures from events, and the weights of signatures from a market in which nothing happens.
struct EventLearning {
    private let layout: ShiftLayout
    private let quietMean: [Double]
    private let quietCovariance: [Double]

    /// Added to the variances, as a share of each: keeps weights small where columns nearly repeat each other.
    static let ridge = 0.2
    /// Most terms of a signature.
    static let termLimit = 40
    /// Variance of a logarithm below which its shift is not known; usual is 0.01 to 0.1.
    static let leastVariance = 1e-4
    /// How the number of terms is brought down: the least important are left out, and the others weighed anew.
    private static let stages = [300, 150, 80]

    init(_ watch: EventWatch, isSigned: [Bool], quiet: ExcessMoments) {
        layout = ShiftLayout(watch, isSigned: isSigned)
        quietMean = quiet.mean(mirror: layout.mirror)
        quietCovariance = quiet.covariance(mirror: layout.mirror)
    }

    /// The terms that tell events of that mean from nothing.
    ///
    /// - Parameter scatter: the events' own covariance, and how much of it counts as noise.
    func terms(mean: [Double], scatter: (covariance: [Double], share: Double)? = nil) -> [EventSignature.Term] {
        let width = quietMean.count
        let excess = mean.indices.map { mean[$0] - quietMean[$0] }
        var kept = Array(0..<width)
        var weights: [Double] = []
        for limit in Self.stages + [Self.termLimit] {
            weights = self.weights(of: excess, kept, scatter)
            let important = kept.indices.sorted {
                let (a, b) = (importance(weights[$0], kept[$0]), importance(weights[$1], kept[$1]))
                return (b, kept[$0]) < (a, kept[$1])
            }.prefix(limit)
            kept = important.map { kept[$0] }.sorted()
        }
        weights = self.weights(of: excess, kept, scatter)
        return zip(kept, weights).map {
            layout.term(at: $0, excess: Self.rounded(excess[$0]), weight: Self.rounded($1))
        }
    }

    /// The same terms with weights for this market.
    func reweighed(_ terms: [EventSignature.Term]) -> [EventSignature.Term] {
        let kept = terms.map { layout.place(of: $0) }
        var excess = Array(repeating: 0.0, count: quietMean.count)
        for (term, place) in zip(terms, kept) { excess[place] = term.excess }
        return zip(terms, weights(of: excess, kept, nil)).map { term, weight in
            var term = term
            term.weight = Self.rounded(weight)
            return term
        }
    }

    private func importance(_ weight: Double, _ place: Int) -> Double {
        weight.magnitude * max(0, quietCovariance[place * quietMean.count + place]).squareRoot()
    }

    /// Solves (Σ + ridge)·w = excess over the kept places.
    private func weights(
        of excess: [Double], _ kept: [Int], _ scatter: (covariance: [Double], share: Double)?
    ) -> [Double] {
        let width = quietMean.count
        let count = kept.count
        var matrix = Array(repeating: 0.0, count: count * count)
        for (row, place) in kept.enumerated() {
            for (column, other) in kept[...row].enumerated() {
                var value = quietCovariance[place * width + other]
                if let scatter { value += scatter.share * scatter.covariance[place * width + other] }
                matrix[row * count + column] = value
            }
            // Without the sum, two shifts that always come together would weigh endlessly.
            matrix[row * count + row] = matrix[row * count + row] * (1 + Self.ridge) + 1e-6
        }
        // Of a shift that hardly ever shows while nothing happens, such as that of a column without values, nobody knows
        // how much it says.
        let isKnown = kept.map { quietCovariance[$0 * width + $0] >= Self.leastVariance }
        for row in 0..<count where !isKnown[row] {
            for column in 0..<count { (matrix[row * count + column], matrix[column * count + row]) = (0, 0) }
            matrix[row * count + row] = 1
        }
        var solution = zip(kept, isKnown).map { $1 ? excess[$0] : 0 }
        Cholesky.solve(&matrix, order: count, &solution)
        return solution
    }

    /// Four significant digits: more say nothing, and a profile is read by people.
    static func rounded(_ value: Double) -> Double {
        guard value != 0, value.isFinite else { return 0 }
        let scale = Double.exp10(3 - Double.log10(value.magnitude).rounded(.down))
        return (value * scale).rounded() / scale
    }
}
