import Microstructure

/// Where a schema's vectors hold the values that charts and the overview show; `nil` where the schema has no such column.
struct ChartColumns: Sendable {
    let mid, microprice, imbalance5, imbalance10: Int?

    init(_ schema: FeatureSchema) {
        func place(_ name: String) -> Int? { schema.columns.firstIndex { $0.name == name } }
        mid = place("mid")
        microprice = place("microprice")
        imbalance5 = place("imbalance_5")
        imbalance10 = place("imbalance_10")
    }
}

/// The last minutes of one market, one row a second: what the dashboard's charts begin with.
///
/// A row lies at the place of its second, so that a trade or a vector that comes a little late, since both take different
/// ways, still joins its own second. Memory: `secondsLimit` rows of 64 bytes, 19,200 bytes, from the first event on.
struct MarketHistory: Sendable {
    /// Seconds kept: five minutes.
    static let secondsLimit = 300
    /// How long a state is taken to last without a newer vector.
    static let carryLimit: Int64 = 10

    struct Row: Sendable {
        let second: Int64
        /// Whether a vector came in this second; else the values are those of the second before.
        var hasVector = false
        /// After the last vector of the second; NaN while the book was not valid.
        var mid = Double.nan
        var microprice = Double.nan
        var imbalance5 = Double.nan
        var imbalance10 = Double.nan
        /// Quantities that buyers and sellers took in this second, without backfilled trades.
        var bought = 0.0
        var sold = 0.0
    }

    /// Empty, or `secondsLimit` rows: second `s` lies at `s mod secondsLimit`.
    private var places: [Row] = []
    private var newest: Int64 = 0

    mutating func add(_ values: [Double], isValid: Bool, _ columns: ChartColumns, at timeNs: Int64) {
        update(timeNs) { row in
            func value(_ place: Int?) -> Double { isValid ? place.map { values[$0] } ?? .nan : .nan }
            row.hasVector = true
            row.mid = value(columns.mid)
            row.microprice = value(columns.microprice)
            row.imbalance5 = value(columns.imbalance5)
            row.imbalance10 = value(columns.imbalance10)
        }
    }

    mutating func add(quantity: Double, isBuy: Bool, at timeNs: Int64) {
        update(timeNs) { row in
            if isBuy { row.bought += quantity } else { row.sold += quantity }
        }
    }

    /// Ignores times before 1970. A time far before the newest one means that the clock was set back, or that the newest
    /// one was wrong: the history begins anew, since its rows have to ascend.
    private mutating func update(_ timeNs: Int64, _ change: (inout Row) -> Void) {
        guard timeNs >= 0 else { return }
        let second = timeNs / 1_000_000_000
        if places.isEmpty || newest - second >= Int64(Self.secondsLimit) {
            places = Array(repeating: Row(second: -1), count: Self.secondsLimit)
            newest = second
        }
        newest = max(newest, second)
        let place = Int(second % Int64(Self.secondsLimit))
        if places[place].second != second { places[place] = Row(second: second) }
        change(&places[place])
    }

    /// The rows, oldest first. A second without a vector has the values of the vector before. O(`secondsLimit`).
    var rows: [Row] {
        guard !places.isEmpty else { return [] }
        var found: [Row] = []
        found.reserveCapacity(places.count)
        var last: Row?
        for second in max(0, newest - Int64(Self.secondsLimit) + 1)...newest {
            var row = places[Int(second % Int64(Self.secondsLimit))]
            guard row.second == second else { continue }
            if row.hasVector {
                last = row
            } else if let last, second - last.second <= Self.carryLimit {
                (row.mid, row.microprice) = (last.mid, last.microprice)
                (row.imbalance5, row.imbalance10) = (last.imbalance5, last.imbalance10)
            }
            found.append(row)
        }
        return found
    }
}
