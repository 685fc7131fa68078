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
    /// Sums of products of deviations, row by row. Only the lower triangle is valid; whole rows are added for speed.
    private var products = InlineArray<100, Double>(repeating: 0)

    init(weightLimit: Double) {
        precondition(weightLimit >= 2)
        self.weightLimit = weightLimit
    }

    mutating func removeAll() { self = RunningCovariance(weightLimit: weightLimit) }

    /// Takes one observation of finite values.
    mutating func add(_ values: Vector) {
        if weight >= weightLimit {
            weight /= 2
            var products = products.mutableSpan
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

    // Uses spans, as below: each subscript of an inline array may copy the whole array.
    private static func add(
        to products: inout InlineArray<100, Double>, _ values: borrowing Vector, _ mean: borrowing Vector,
        _ before: borrowing Vector
    ) {
        var products = products.mutableSpan
        let (values, mean, before) = (values.span, mean.span, before.span)
        for row in 0..<size {
            let after = values[row] - mean[row]
            for column in 0..<size { products[row * size + column] += after * before[column] }
        }
    }

    /// The unit eigenvector of the largest eigenvalue of the covariance, with a non-negative sum of elements; `nil`
    /// unless something varies.
    ///
    /// Cyclic Jacobi rotations, which converge quadratically and keep small matrices accurate to the last digits.
    /// Source: Golub, Van Loan, Matrix Computations, 8.5.
    var firstPrincipalComponent: Vector? {
        var matrix = SquareMatrix(lowerTriangleOf: products)
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
            component[index] = vectors[largest, index]
            sum += component[index]
        }
        if sum < 0 { for index in 0..<Self.size { component[index].negate() } }
        return component
    }
}

/// A 10×10 matrix of doubles stored in place, for Jacobi rotations.
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
    init(lowerTriangleOf other: InlineArray<100, Double>) {
        elements = other
        var elements = elements.mutableSpan
        for row in 1..<Self.size {
            for column in 0..<row { elements[column * Self.size + row] = elements[row * Self.size + column] }
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

    /// Rotates rows and columns `p` and `q` of the symmetric matrix so that element (p, q) becomes zero, and the rows
    /// of `vectors` likewise. Only rows, which are contiguous, are rotated; columns are copied from them.
    mutating func rotate(_ p: Int, _ q: Int, into vectors: inout SquareMatrix) {
        let size = Self.size
        let offDiagonal = self[p, q]
        guard offDiagonal != 0 else { return }
        let (atP, atQ) = (self[p, p], self[q, q])
        let theta = (atQ - atP) / (2 * offDiagonal)
        let tangent = (theta < 0 ? -1 : 1) / (theta.magnitude + (theta * theta + 1).squareRoot())
        let cosine = 1 / (tangent * tangent + 1).squareRoot()
        let sine = tangent * cosine
        rotateRows(p, q, cosine, sine)
        vectors.rotateRows(p, q, cosine, sine)
        (self[p, p], self[q, q]) = (atP - tangent * offDiagonal, atQ + tangent * offDiagonal)
        (self[p, q], self[q, p]) = (0, 0)
        var elements = elements.mutableSpan
        for index in 0..<size {
            elements[unchecked: index * size + p] = elements[unchecked: p * size + index]
            elements[unchecked: index * size + q] = elements[unchecked: q * size + index]
        }
    }

    @inline(__always)
    private mutating func rotateRows(_ p: Int, _ q: Int, _ cosine: Double, _ sine: Double) {
        var elements = elements.mutableSpan
        elements.withUnsafeMutableBytes { bytes in
            let (p, q) = (p * Self.size * 8, q * Self.size * 8)
            // Explicit pairs: the compiler does not know that the rows are different, so it would not vectorise.
            for place in stride(from: 0, to: Self.size * 8, by: 16) {
                let upper = bytes.loadUnaligned(fromByteOffset: p + place, as: SIMD2<Double>.self)
                let lower = bytes.loadUnaligned(fromByteOffset: q + place, as: SIMD2<Double>.self)
                bytes.storeBytes(of: cosine * upper - sine * lower, toByteOffset: p + place, as: SIMD2<Double>.self)
                bytes.storeBytes(of: sine * upper + cosine * lower, toByteOffset: q + place, as: SIMD2<Double>.self)
            }
        }
    }
}
