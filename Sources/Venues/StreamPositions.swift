/// One of a session's connections; during a replacement, two are open.
public struct ConnectionID: Sendable, Hashable {
    /// Most connections that a session can distinguish.
    public static let limit = 4
    public static let main = ConnectionID(0)

    public let index: Int

    /// Requires `0 ≤ index < limit`.
    public init(_ index: Int) {
        precondition((0..<Self.limit).contains(index))
        self.index = index
    }
}

/// The last id of an instrument's depth stream on each connection. Each connection is in order by itself, so an id is
/// lost for good once every delivering connection has passed it.
struct StreamPositions: Sendable {
    private static let unheard: Int64 = -1

    /// Last id received on each connection.
    private var last = SIMD4<Int64>(repeating: unheard)
    /// Last id of the first update received on each connection.
    private var first = SIMD4<Int64>(repeating: unheard)

    mutating func note(_ id: Int64, on connection: ConnectionID) {
        if first[connection.index] == Self.unheard { first[connection.index] = id }
        last[connection.index] = max(last[connection.index], id)
    }

    /// The last id received on `connection`; −1 before the first.
    func last(on connection: ConnectionID) -> Int64 { last[connection.index] }

    mutating func forget(_ connection: ConnectionID) {
        first[connection.index] = Self.unheard
        last[connection.index] = Self.unheard
    }

    /// Whether no delivering connection can still bring `id`.
    func areAllBeyond(_ id: Int64) -> Bool {
        for index in 0..<ConnectionID.limit where last[index] != Self.unheard && last[index] < id { return false }
        return true
    }

    /// Whether `old` has reached the first update of `new`, so that closing `old` loses nothing.
    func hasHandedOver(from old: ConnectionID, to new: ConnectionID) -> Bool {
        first[new.index] != Self.unheard && last[old.index] >= first[new.index]
    }
}
