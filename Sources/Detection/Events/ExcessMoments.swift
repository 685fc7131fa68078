/// Moments of the logarithms of shifts (`EventDetector.excesses`), with those of the mirror image: a market in which
/// nothing happens has no side.
struct ExcessMoments: Sendable {
    private(set) var count = 0.0
    private var sums: [Double]
    /// Sums of products, row by row; only of columns up to the row's.
    private var products: [Double]

    init(width: Int) {
        sums = Array(repeating: 0, count: width)
        products = Array(repeating: 0, count: width * width)
    }

    var width: Int { sums.count }

    mutating func add(_ excesses: [Double]) {
        count += 1
        // Most are 0, since most shifts are less than a unit.
        var nonzero: [Int] = []
        nonzero.reserveCapacity(excesses.count)
        for index in excesses.indices where excesses[index] != 0 { nonzero.append(index) }
        let width = width
        excesses.withUnsafeBufferPointer { excesses in
            products.withUnsafeMutableBufferPointer { products in
                for (rank, row) in nonzero.enumerated() {
                    let value = excesses[row]
                    for other in nonzero[...rank] { products[row * width + other] += value * excesses[other] }
                }
            }
        }
        for index in nonzero { sums[index] += excesses[index] }
    }

    func mean(mirror: [Int]) -> [Double] {
        sums.indices.map { (sums[$0] + sums[mirror[$0]]) / (2 * max(1, count)) }
    }

    func mean() -> [Double] { sums.map { $0 / max(1, count) } }

    /// Covariances, symmetrical under `mirror` if that is given; row by row.
    func covariance(mirror: [Int]?) -> [Double] {
        let width = width
        let mean = mirror.map { self.mean(mirror: $0) } ?? self.mean()
        func product(_ row: Int, _ column: Int) -> Double {
            row >= column ? products[row * width + column] : products[column * width + row]
        }
        var covariance = Array(repeating: 0.0, count: width * width)
        for row in 0..<width {
            for column in 0...row {
                var value = product(row, column)
                if let mirror { value = (value + product(mirror[row], mirror[column])) / 2 }
                value = value / max(1, count) - mean[row] * mean[column]
                covariance[row * width + column] = value
                covariance[column * width + row] = value
            }
        }
        return covariance
    }
}
