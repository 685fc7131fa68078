/// Mean and covariance of ten variables, updated one observation at a time.
///
/// Once the observations weigh `weightLimit` their weight is halved, so that the past fades and the numbers stay
/// bounded. O(10²) an observation, no allocation.
/// Source: Welford (1962), Technometrics 4, in its matrix form.
struct RunningCovariance: Sendable {
    typealias Vector = InlineArray<10, Double>
    private static let size = 10

    private let weightLimit: Double
    private var weight = 0.0
    private var mean = Vector(repeating: 0)
    /// Sums of products of deviations, the lower triangle row by row.
    private var products = InlineArray<55, Double>(repeating: 0)

    init(weightLimit: Double) {
        precondition(weightLimit >= 2)
        self.weightLimit = weightLimit
    }

    mutating func removeAll() { self = RunningCovariance(weightLimit: weightLimit) }

    /// Takes one observation of finite values.
    mutating func add(_ values: Vector) {
        if weight >= weightLimit {
            weight /= 2
            for index in products.indices { products[index] /= 2 }
        }
        weight += 1
        var before = values
        for row in 0..<Self.size {
            before[row] -= mean[row]
            mean[row] += before[row] / weight
        }
        Self.add(to: &products, values, mean, before)
    }

    // By spans, as below: each subscript of an inline array may copy the whole of it.
    private static func add(
        to products: inout InlineArray<55, Double>, _ values: borrowing Vector, _ mean: borrowing Vector,
        _ before: borrowing Vector
    ) {
        var products = products.mutableSpan
        let (values, mean, before) = (values.span, mean.span, before.span)
        var index = 0
        for row in 0..<size {
            let after = values[row] - mean[row]
            for column in 0...row {
                products[index] += after * before[column]
                index += 1
            }
        }
    }

    /// The unit eigenvector of the largest eigenvalue of the covariance, its elements summing to no less than zero;
    /// `nil` unless something varies.
    ///
    /// Cyclic Jacobi rotations, which converge quadratically and keep small matrices accurate to the last digits.
    /// Source: Golub, Van Loan, Matrix Computations, 8.5.
    var firstPrincipalComponent: Vector? {
        var matrix = SquareMatrix(products)
        guard matrix.trace > 0, matrix.trace.isFinite else { return nil }
        var vectors = SquareMatrix.identity
        for _ in 0..<60 {
            guard matrix.offDiagonalSquares > 1e-40 * matrix.trace * matrix.trace else { break }
            for row in 1..<Self.size {
                for column in 0..<row { matrix.rotate(row, column, into: &vectors) }
            }
        }
        var largest = 0
        for index in 1..<Self.size where matrix[index, index] > matrix[largest, largest] { largest = index }
        var component = Vector(repeating: 0)
        var sum = 0.0
        for index in 0..<Self.size {
            component[index] = vectors[index, largest]
            sum += component[index]
        }
        if sum < 0 { for index in 0..<Self.size { component[index].negate() } }
        return component
    }
}

/// A 10×10 matrix of doubles in place, for Jacobi's rotations.
private struct SquareMatrix {
    private static let size = 10
    private var elements = InlineArray<100, Double>(repeating: 0)

    static var identity: SquareMatrix {
        var matrix = SquareMatrix()
        for index in 0..<size { matrix[index, index] = 1 }
        return matrix
    }

    private init() {}

    /// The symmetric matrix with this lower triangle.
    init(_ triangle: InlineArray<55, Double>) {
        let triangle = triangle.span
        var index = 0
        for row in 0..<Self.size {
            for column in 0...row {
                self[row, column] = triangle[index]
                self[column, row] = triangle[index]
                index += 1
            }
        }
    }

    subscript(row: Int, column: Int) -> Double {
        get { elements[row * Self.size + column] }
        set { elements[row * Self.size + column] = newValue }
    }

    var trace: Double {
        var sum = 0.0
        for index in 0..<Self.size { sum += self[index, index] }
        return sum
    }

    var offDiagonalSquares: Double {
        let elements = elements.span
        var sum = 0.0
        for row in 1..<Self.size {
            for column in 0..<row { sum += elements[row * Self.size + column] * elements[row * Self.size + column] }
        }
        return sum
    }

    /// Rotates rows and columns `p` and `q` such that element (p, q) becomes zero, and the columns of `vectors` along.
    mutating func rotate(_ p: Int, _ q: Int, into vectors: inout SquareMatrix) {
        var matrix = elements.mutableSpan
        var vectors = vectors.elements.mutableSpan
        let size = Self.size
        func at(_ row: Int, _ column: Int) -> Int { row * size + column }
        let offDiagonal = matrix[at(p, q)]
        guard offDiagonal != 0 else { return }
        let theta = (matrix[at(q, q)] - matrix[at(p, p)]) / (2 * offDiagonal)
        let tangent = (theta < 0 ? -1 : 1) / (theta.magnitude + (theta * theta + 1).squareRoot())
        let cosine = 1 / (tangent * tangent + 1).squareRoot()
        let sine = tangent * cosine
        for index in 0..<size {
            let (left, right) = (matrix[at(index, p)], matrix[at(index, q)])
            matrix[at(index, p)] = cosine * left - sine * right
            matrix[at(index, q)] = sine * left + cosine * right
        }
        for index in 0..<size {
            let (upper, lower) = (matrix[at(p, index)], matrix[at(q, index)])
            matrix[at(p, index)] = cosine * upper - sine * lower
            matrix[at(q, index)] = sine * upper + cosine * lower
            let (left, right) = (vectors[at(index, p)], vectors[at(index, q)])
            vectors[at(index, p)] = cosine * left - sine * right
            vectors[at(index, q)] = sine * left + cosine * right
        }
        (matrix[at(p, q)], matrix[at(q, p)]) = (0, 0)
    }
}
