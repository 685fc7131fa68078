import RealModule

/// The run lengths that `BayesianChangePoint` keeps, longest first: one column for each quantity, processed four rows
/// at a time. Padding rows beyond `count` have probability 0. Memory is reserved once; nothing allocates later.
struct RunLengthTable: Sendable {
    /// The columns of every table; four for each input follow.
    private enum Column {
        static let start = 0
        static let logProbability = 1
        static let logBest = 2
        static let segments = 3
        static let perInput = 4
    }

    /// Number of rows.
    private(set) var count = 0
    private let inputs: Int
    /// Row capacity of a column: a multiple of four.
    private let room: Int
    /// Values, column by column.
    private var values: [Double]

    init(limit: Int, inputs: Int) {
        self.inputs = inputs
        room = (limit + 3) / 4 * 4
        values = Array(repeating: 0, count: room * (Column.segments + Column.perInput * inputs))
    }

    // MARK: Rows

    func start(_ row: Int) -> Int { Int(values[row]) }
    func logProbability(_ row: Int) -> Double { values[Column.logProbability * room + row] }
    func logBest(_ row: Int) -> Double { values[Column.logBest * room + row] }

    func segment(_ row: Int, of input: Int) -> SegmentMoments {
        let place = (Column.segments + Column.perInput * input) * room + row
        return SegmentMoments(
            count: Int(values[place]), mean: values[place + room], beta: values[place + 2 * room],
            logBeta: values[place + 3 * room])
    }

    mutating func set(_ segment: SegmentMoments, _ row: Int, of input: Int) {
        let place = (Column.segments + Column.perInput * input) * room + row
        values[place] = Double(segment.count)
        values[place + room] = segment.mean
        values[place + 2 * room] = segment.beta
        values[place + 3 * room] = segment.logBeta
    }

    /// Adds a row; the caller must set its segments.
    mutating func append(start: Int, logProbability: Double, logBest: Double) {
        values[count] = Double(start)
        values[Column.logProbability * room + count] = logProbability
        values[Column.logBest * room + count] = logBest
        count += 1
        fill()
    }

    mutating func removeAll() {
        count = 0
    }

    mutating func remove(_ row: Int) {
        values.withUnsafeMutableBufferPointer { values in
            guard var place = values.baseAddress?.advanced(by: row) else { return }
            for _ in 0..<(Column.segments + Column.perInput * inputs) {
                place.update(from: place + 1, count: count - row - 1)
                place += room
            }
        }
        count -= 1
        fill()
    }

    /// Removes the rows with a lower log probability than `limit`.
    mutating func removeRows(lessProbableThan limit: Double) {
        guard let first = firstRow(of: Column.logProbability, where: { .!($0 .>= limit) }) else { return }
        let (room, count) = (room, count)
        var kept = first
        values.withUnsafeMutableBufferPointer { values in
            guard let values = values.baseAddress, first < count else { return }
            let probabilities = values + Column.logProbability * room
            var row = first
            while row < count {
                while row < count, !(probabilities[row] >= limit) { row += 1 }
                let start = row
                while row < count, probabilities[row] >= limit { row += 1 }
                for column in 0..<(Column.segments + Column.perInput * inputs) {
                    (values + column * room + kept).update(from: values + column * room + start, count: row - start)
                }
                kept += row - start
            }
        }
        self.count = kept
        fill()
    }

    /// Pads the last group of four rows.
    private mutating func fill() {
        for row in count..<(count + 3) / 4 * 4 {
            values[Column.logProbability * room + row] = -.infinity
            values[Column.logBest * room + row] = -.infinity
            for input in 0..<inputs { set(SegmentMoments(count: 0, mean: 0, beta: 1, logBeta: 0), row, of: input) }
        }
    }

    // MARK: Four rows at a time

    /// Multiplies the probabilities by the density of x and adds x to the segments; returns the greatest logs.
    mutating func observe(
        _ x: Double, of input: Int, _ density: borrowing SegmentDensity
    ) -> (logProbability: Double, logBest: Double) {
        var probable = SIMD4<Double>(repeating: -.infinity)
        var best = probable
        withRows { rows, room, count in
            let segment = (Column.segments + Column.perInput * input) * room
            for row in stride(from: 0, to: count, by: 4) {
                var moments = SegmentVector(
                    count: rows[segment + row], mean: rows[segment + room + row], beta: rows[segment + 2 * room + row],
                    logBeta: rows[segment + 3 * room + row])
                let logDensity = density.observe(x, into: &moments)
                rows[segment + row] = moments.count
                rows[segment + room + row] = moments.mean
                rows[segment + 2 * room + row] = moments.beta
                rows[segment + 3 * room + row] = moments.logBeta
                rows[Column.logProbability * room + row] += logDensity
                rows[Column.logBest * room + row] += logDensity
                probable = probable.greater(rows[Column.logProbability * room + row])
                best = best.greater(rows[Column.logBest * room + row])
            }
        }
        return (probable.max(), best.max())
    }

    /// Σ exp(log probability − `largest`).
    mutating func sum(relativeTo largest: Double) -> Double {
        var sum = SIMD4<Double>()
        withRows { rows, room, count in
            for row in stride(from: Column.logProbability * room, to: Column.logProbability * room + count, by: 4) {
                sum += (rows[row] - largest).exponentialOfNegative
            }
        }
        return sum.sum()
    }

    /// Adds to the logs of all rows; returns the smallest log probability.
    mutating func shift(logProbability: Double, logBest: Double) -> Double {
        var least = SIMD4<Double>(repeating: .infinity)
        withRows { rows, room, count in
            for row in stride(from: 0, to: count, by: 4) {
                let probability = rows[Column.logProbability * room + row] + logProbability
                rows[Column.logProbability * room + row] = probability
                rows[Column.logBest * room + row] += logBest
                least.replace(with: probability, where: (probability .< least) .& (probability .> -.infinity))
            }
        }
        return least.min()
    }

    /// The first row with this log probability.
    func row(logProbability: Double) -> Int? { firstRow(of: Column.logProbability) { $0 .== logProbability } }

    /// The first row whose best segmentation has this log probability.
    func row(logBest: Double) -> Int? { firstRow(of: Column.logBest) { $0 .== logBest } }

    /// The last of the most probable rows. Requires a row.
    var mostProbableRow: Int {
        values.withUnsafeBufferPointer { values in
            let probabilities = values[Column.logProbability * room..<Column.logProbability * room + count]
            var best = probabilities.endIndex - 1
            for row in probabilities.indices.reversed() where values[row] > values[best] { best = row }
            return best - probabilities.startIndex
        }
    }

    /// Also searches the padding rows.
    @inline(__always)
    private func firstRow(of column: Int, where matches: (SIMD4<Double>) -> SIMDMask<SIMD4<Int64>>) -> Int? {
        values.withUnsafeBytes { bytes in
            for row in stride(from: 0, to: count, by: 4) {
                let four = bytes.loadUnaligned(fromByteOffset: (column * room + row) * 8, as: SIMD4<Double>.self)
                let mask = matches(four)
                if any(mask) { return row + (0..<4).first { mask[$0] }! }
            }
            return nil
        }
    }

    /// Passes the columns to `body`, with the capacity of a column and the number of rows.
    @inline(__always)
    private mutating func withRows(_ body: (_ rows: Rows, _ room: Int, _ count: Int) -> Void) {
        let (room, count) = (room, count)
        values.withUnsafeMutableBytes { bytes in body(Rows(bytes: bytes), room, count) }
    }

    /// Reads and writes four numbers from an index on.
    private struct Rows {
        let bytes: UnsafeMutableRawBufferPointer

        subscript(place: Int) -> SIMD4<Double> {
            @inline(__always) get { bytes.loadUnaligned(fromByteOffset: place &* 8, as: SIMD4<Double>.self) }
            @inline(__always) nonmutating set {
                bytes.storeBytes(of: newValue, toByteOffset: place &* 8, as: SIMD4<Double>.self)
            }
        }
    }
}

/// The learnt state of four segments for one input.
struct SegmentVector {
    var count: SIMD4<Double>
    var mean: SIMD4<Double>
    var beta: SIMD4<Double>
    var logBeta: SIMD4<Double>
}
