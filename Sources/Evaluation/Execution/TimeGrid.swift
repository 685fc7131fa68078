public import Microstructure

/// Equal periods over a stretch of time: known before a run, so that all runs on the same data share them.
public struct TimeGrid: Sendable, Equatable {
    /// Most periods.
    public static let periodLimit = 1_024

    public let start: Timestamp
    public let periodNanoseconds: Int64
    public let count: Int

    /// Doubles `shortestSeconds` until at most `periodLimit` periods cover the stretch, both ends included.
    public init(from first: Timestamp, to last: Timestamp, shortestSeconds: Double) {
        precondition(first <= last && shortestSeconds > 0)
        var period = max(1, Int64((shortestSeconds * 1e9).rounded()))
        let span = last.nanoseconds(since: first)
        while span / period >= Int64(Self.periodLimit) { period *= 2 }
        start = first
        periodNanoseconds = period
        count = Int(span / period) + 1
    }

    /// The period of a moment; the first or the last of one outside.
    public func index(of time: Timestamp) -> Int {
        Int(clamping: max(0, min(Int64(count - 1), time.nanoseconds(since: start) / periodNanoseconds)))
    }

    /// The first moment of a period.
    public func time(of index: Int) -> Timestamp {
        start.advanced(byNanoseconds: Int64(index) * periodNanoseconds)
    }
}

/// What was earned in each period of a grid, as a share of the initial capital.
public struct PeriodReturns: Sendable, Equatable {
    public let grid: TimeGrid
    public private(set) var values: [Double]
    /// Was the market watched in the period?
    public private(set) var isCovered: [Bool]

    public init(grid: TimeGrid) {
        self.grid = grid
        values = [Double](repeating: 0, count: grid.count)
        isCovered = [Bool](repeating: false, count: grid.count)
    }

    public mutating func add(_ profit: Double, in period: Int) { values[period] += profit }
    public mutating func cover(_ period: Int) { isCovered[period] = true }

    /// Adds another account of the same grid; `weight` is its share of the capital.
    public mutating func add(_ other: PeriodReturns, weight: Double) {
        precondition(other.grid == grid)
        for period in values.indices {
            values[period] += weight * other.values[period]
            isCovered[period] = isCovered[period] || other.isCovered[period]
        }
    }

    /// Of the periods that were watched, in order.
    public var covered: [Double] { zip(values, isCovered).compactMap { $1 ? $0 : nil } }
}
