/// A sum of whole numbers over a window, exact: 2⁶⁴ terms of 64 bits fit.
struct ExactSum: InvertibleSum {
    private(set) var value: Int128 = 0

    mutating func add(_ term: Int128) { value += term }
    mutating func remove(_ term: Int128) { value -= term }
}
