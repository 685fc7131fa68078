/// Quantile of the last `window` values.
///
/// Stores the values twice: in order of arrival and in order of size. Memory is fixed at `window` values and allocated
/// at the start; an insertion takes O(log window) to find its places and moves at most `window` doubles.
public struct RollingQuantile: Sendable, Codable {
    /// Values kept, 1 to `windowLimit`; the newest replaces the oldest.
    public let window: Int
    private var arrivals: [Double] = []
    private var sorted: [Double] = []
    /// Index of the oldest value once the window is full.
    private var oldest = 0

    /// Largest window: an insertion then moves at most 80 kB.
    public static let windowLimit = 10_000

    public init(window: Int) {
        precondition((1...Self.windowLimit).contains(window))
        self.window = window
        arrivals.reserveCapacity(window)
        sorted.reserveCapacity(window)
    }

    /// Rejects invalid data: the two orders must hold the same values.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        window = try container.decode(Int.self, forKey: .window)
        arrivals = try container.decode([Double].self, forKey: .arrivals)
        sorted = try container.decode([Double].self, forKey: .sorted)
        oldest = try container.decode(Int.self, forKey: .oldest)
        guard (1...Self.windowLimit).contains(window), arrivals.count <= window, (0..<window).contains(oldest),
            !arrivals.contains(where: \.isNaN), sorted == arrivals.sorted()
        else {
            throw DecodingError.dataCorrupted(
                DecodingError.Context(codingPath: decoder.codingPath, debugDescription: "the window is damaged"))
        }
        arrivals.reserveCapacity(window)
        sorted.reserveCapacity(window)
    }

    /// Values held, 0 to `window`.
    public var count: Int { sorted.count }

    /// Adds a value; NaN is ignored, since it has no rank.
    public mutating func insert(_ value: Double) {
        guard !value.isNaN else { return }
        guard count == window else {
            arrivals.append(value)
            sorted.insert(value, at: rank(of: value))
            return
        }
        let leaving = arrivals[oldest]
        arrivals[oldest] = value
        oldest = oldest + 1 == window ? 0 : oldest + 1
        replace(leaving, by: value)
    }

    /// The smallest value such that at least the share `probability` (0 to 1) of the values does not exceed it (nearest
    /// rank, no interpolation); NaN if empty. O(1).
    public func quantile(_ probability: Double) -> Double {
        precondition((0...1).contains(probability))
        guard count > 0 else { return .nan }
        let rank = Int((probability * Double(count)).rounded(.up))
        return sorted[max(rank, 1) - 1]
    }

    /// Index of the first value that is not below `value`.
    private func rank(of value: Double) -> Int {
        var (lower, upper) = (0, sorted.count)
        while lower < upper {
            let middle = (lower + upper) / 2
            if sorted[middle] < value { lower = middle + 1 } else { upper = middle }
        }
        return lower
    }

    /// Moves only the values between the two indices.
    private mutating func replace(_ leaving: Double, by value: Double) {
        let hole = rank(of: leaving)
        // Index of the first value not below `value`, with the leaving value still counted.
        let place = rank(of: value)
        sorted.withUnsafeMutableBufferPointer { values in
            guard let first = values.baseAddress else { return }
            if place > hole {
                (first + hole).update(from: first + hole + 1, count: place - hole - 1)
                first[place - 1] = value
            } else {
                (first + place + 1).update(from: first + place, count: hole - place)
                first[place] = value
            }
        }
    }
}
