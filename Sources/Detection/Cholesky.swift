/// Solves a symmetric positive definite system.
enum Cholesky {
    /// `matrix` is row by row, its lower triangle is read and overwritten. O(order³/6).
    static func solve(_ matrix: inout [Double], order: Int, _ vector: inout [Double]) {
        matrix.withUnsafeMutableBufferPointer { matrix in
            for row in 0..<order {
                for column in 0...row {
                    var sum = matrix[row * order + column]
                    for index in 0..<column { sum -= matrix[row * order + index] * matrix[column * order + index] }
                    matrix[row * order + column] =
                        row == column ? max(sum, 1e-12).squareRoot() : sum / matrix[column * order + column]
                }
            }
            for row in 0..<order {
                for index in 0..<row { vector[row] -= matrix[row * order + index] * vector[index] }
                vector[row] /= matrix[row * order + row]
            }
            for row in stride(from: order - 1, through: 0, by: -1) {
                for index in (row + 1)..<max(order, row + 1) {
                    vector[row] -= matrix[index * order + row] * vector[index]
                }
                vector[row] /= matrix[row * order + row]
            }
        }
    }
}
