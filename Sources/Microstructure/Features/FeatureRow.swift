/// The vector in the making: measures declare their columns once, then put their values in the same order.
struct FeatureRow: Sendable {
    private(set) var names: [String] = []
    private(set) var values: [Double] = []
    private var next = 0
    private var isBookBelieved = false

    mutating func declare(_ columns: [String]) {
        names += columns
        values += columns.map { _ in .nan }
    }

    /// Begins a new vector. Without a believed book its book columns become NaN.
    mutating func begin(isBookBelieved: Bool) {
        next = 0
        self.isBookBelieved = isBookBelieved
    }

    mutating func put(_ value: Double) {
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
