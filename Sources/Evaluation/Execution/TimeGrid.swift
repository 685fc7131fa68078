public import Microstructure

/// Equal periods over a time span, fixed before a run so that all runs on the same data share them.
public struct TimeGrid: Sendable, Equatable {
    /// Most periods.
    public static let periodLimit = 1_024

    public let start: Timestamp
    public let periodNanoseconds: Int64
    public let count: Int

    /// Doubles `shortestSeconds` until at most `periodLimit` periods cover the span, both ends included.
    public init(from first: Timestamp, to last: Timestamp, shortestSeconds: Double) {
        precondition(first <= last && shortestSeconds > 0)
        var period = max(1, Int64((shortestSeconds * 1e9).rounded()))
        let span = last.nanoseconds(since: first)
        while span / period >= Int64(Self.periodLimit) { period *= 2 }
        start = first
        periodNanoseconds = period
        count = Int(span / period) + 1
    }

    /// The period that contains a time; times outside the grid map to the first or the last period.
    public func index(of time: Timestamp) -> Int {
        Int(clamping: max(0, min(Int64(count - 1), time.nanoseconds(since: start) / periodNanoseconds)))
    }

    /// The start of a period.
    public func time(of index: Int) -> Timestamp {
        start.advanced(byNanoseconds: Int64(index) * periodNanoseconds)
    }
}

/// The profit of each period of a grid, as a share of the initial capital.
public struct PeriodReturns: Sendable, Equatable {
    public let grid: TimeGrid
    public private(set) var values: [Double]
    /// Did the period have market data?
    public private(set) var isCovered: [Bool]

    public init(grid: TimeGrid) {
        self.grid = grid
        values = [Double](repeating: 0, count: grid.count)
        isCovered = [Bool](repeating: false, count: grid.count)
    }

    public mutating func add(_ profit: Double, in period: Int) { values[period] += profit }
    public mutating func cover(_ period: Int) { isCovered[period] = true }

    /// Adds another account's returns on the same grid; `weight` is its share of the capital.
    public mutating func add(_ other: PeriodReturns, weight: Double) {
        precondition(other.grid == grid)
        for period in values.indices {
            values[period] += weight * other.values[period]
            isCovered[period] = isCovered[period] || other.isCovered[period]
        }
    }

    /// Returns of the periods with market data, in order.
    public var covered: [Double] { zip(values, isCovered).compactMap { $1 ? $0 : nil } }
}
