import RealModule

/// The probability that the best-looking trial is below average on data that did not select it.
///
/// Combinatorially symmetric cross-validation: the periods are cut into blocks, each half of the blocks picks the best
/// trial by Sharpe ratio, and the other half ranks it. O(C(S, S/2)·N·S).
/// Source: Bailey, Borwein, López de Prado, Zhu (2017), Journal of Computational Finance 20.
public struct BacktestOverfitting: Sendable, Equatable, Codable {
    /// Most blocks: 12,870 halves.
    public static let blockLimit = 16

    /// Share of halves whose best trial ranks at the median or below on the other half, in [0, 1].
    public let probability: Double
    /// Share of halves whose best trial has a negative ratio on the other half.
    public let probabilityOfLoss: Double
    public let halves: Int
    public let trials: Int

    /// - Parameters:
    ///   - returns: one row a trial, all of equal length.
    ///   - blocks: even, 2 to `blockLimit`; trailing periods that do not fill a block are dropped.
    ///
    /// `nil` with fewer than two trials, or fewer than two periods a block.
    public init?(returns: [[Double]], blocks: Int = 16) {
        precondition(blocks >= 2 && blocks <= Self.blockLimit && blocks.isMultiple(of: 2))
        guard returns.count > 1, let periods = returns.first?.count, periods / blocks >= 2 else { return nil }
        precondition(returns.allSatisfy { $0.count == periods })
        let width = periods / blocks
        // The Sharpe ratio of a set of blocks needs only the sums of each block.
        let sums = returns.map { row in
            (0..<blocks).map { block in
                row[(block * width)..<((block + 1) * width)].reduce(into: (sum: 0.0, squares: 0.0)) {
                    $0.sum += $1
                    $0.squares += $1 * $1
                }
            }
        }
        let n = Double(width * blocks / 2)
        func sharpe(_ trial: Int, _ mask: Int) -> Double {
            var (sum, squares) = (0.0, 0.0)
            for block in 0..<blocks where mask >> block & 1 == 1 {
                sum += sums[trial][block].sum
                squares += sums[trial][block].squares
            }
            let variance = (squares - sum * sum / n) / (n - 1)
            // A trial that never traded has a neutral ratio.
            return variance > 1e-30 ? sum / n / variance.squareRoot() : 0
        }
        var (count, overfit, losses) = (0, 0, 0)
        for mask in 0..<(1 << blocks) where mask.nonzeroBitCount == blocks / 2 {
            let inside = returns.indices.map { sharpe($0, mask) }
            let outside = returns.indices.map { sharpe($0, (1 << blocks) - 1 - mask) }
            guard let best = inside.indices.max(by: { (inside[$0], $1) < (inside[$1], $0) }) else { continue }
            let below = outside.count { $0 < outside[best] }
            let equal = outside.count { $0 == outside[best] }
            // Ties share their mean rank, counted from 1.
            let rank = Double(below) + Double(equal + 1) / 2
            if rank / Double(returns.count + 1) <= 0.5 { overfit += 1 }
            if outside[best] < 0 { losses += 1 }
            count += 1
        }
        (halves, trials) = (count, returns.count)
        probability = Double(overfit) / Double(count)
        probabilityOfLoss = Double(losses) / Double(count)
    }
}
