/// How a change of a book says which state it follows.
public enum BookLink: Sendable, Hashable {
    /// It does not: the connection's order is all there is. A checksum may tell.
    case none
    /// The id of the state before, which the book must have, and the id after. Steps are arbitrary.
    case chain(previous: Int64, last: Int64)
    /// The id after, one more than before.
    case next(Int64)
    /// A time or id after; changes with an earlier one are in the book already.
    case later(Int64)

    /// The id of the state after; `nil` if it has none.
    var last: Int64? {
        switch self {
        case .none: nil
        case .chain(_, let last), .next(let last), .later(let last): last
        }
    }

    enum Joint: Sendable, Hashable {
        case joined
        /// The book contains the change already.
        case old
        case hole
    }

    /// Whether the change follows a book with the id `id`.
    func joint(after id: Int64) -> Joint {
        switch self {
        case .none: .joined
        case .chain(let previous, _): previous == id ? .joined : .hole
        case .next(let last): last == id &+ 1 ? .joined : last == id ? .old : .hole
        case .later(let last): last > id ? .joined : .old
        }
    }

    /// Whether a joint proves that nothing is missing.
    var provesContinuity: Bool {
        switch self {
        case .none, .later: false
        case .chain, .next: true
        }
    }
}
