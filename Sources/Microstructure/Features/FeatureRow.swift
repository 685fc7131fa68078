/// A vector under construction: measures declare their columns once, then put their values in the same order.
///
/// It writes straight into the engine's array, which must outlive it: an array would check for sharing at every value.
struct FeatureRow {
    private(set) var columns: [Column] = []
    private let values: UnsafeMutableBufferPointer<Double>
    private var next = 0
    private let isBookBelieved: Bool

    /// A row that only accepts declarations.
    init() { self.init(UnsafeMutableBufferPointer(start: nil, count: 0), isBookBelieved: false) }

    /// A row that fills `values`. Without a trusted book its book columns become NaN.
    init(_ values: UnsafeMutableBufferPointer<Double>, isBookBelieved: Bool) {
        self.values = values
        self.isBookBelieved = isBookBelieved
    }

    mutating func declare(_ columns: [Column]) { self.columns += columns }

    mutating func put(_ value: Double) {
        precondition(next < values.count)
        values[next] = value
        next += 1
    }

    /// Puts a value that comes from the book.
    mutating func put(book value: Double) {
        put(isBookBelieved ? value : .nan)
    }

    /// Ends the vector. Every declared column must have its value.
    func end() { precondition(next == values.count) }
}
