/// The vector in the making: measures declare their columns once, then put their values in the same order.
///
/// It writes straight into the engine's array, which it must not outlive: an array would be asked for every value whether
/// it is shared.
struct FeatureRow {
    private(set) var columns: [Column] = []
    private let values: UnsafeMutableBufferPointer<Double>
    private var next = 0
    private let isBookBelieved: Bool

    /// A row that only takes declarations.
    init() { self.init(UnsafeMutableBufferPointer(start: nil, count: 0), isBookBelieved: false) }

    /// A row that fills `values`. Without a believed book its book columns become NaN.
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
