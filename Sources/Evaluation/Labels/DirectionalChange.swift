public import Microstructure

/// Price moves of at least a given size, from an extreme until the price has turned by that size.
///
/// A move is confirmed once the price is `size` away from its last extreme; its start is that extreme. O(1) a price.
/// Source: Guillaume et al. (1997), Finance and Stochastics 1.
public struct DirectionalChange: Sendable, Equatable {
    public struct Move: Sendable, Equatable {
        /// Where the price turned.
        public var start: Timestamp
        /// When the price was `size` away from the turn.
        public var confirmed: Timestamp
        public var side: Side
    }

    private let size: Double
    private var high: (price: Double, time: Timestamp)?
    private var low: (price: Double, time: Timestamp)?
    private var side: Side?

    /// Requires a size in (0, 1), a share of the price.
    public init(size: Double) {
        precondition(size > 0 && size < 1)
        self.size = size
    }

    /// Takes one positive price, in time order; returns the move that it completes.
    public mutating func process(_ price: Double, at time: Timestamp) -> Move? {
        guard let top = high, let bottom = low else {
            (high, low) = ((price, time), (price, time))
            return nil
        }
        if price > top.price { high = (price, time) }
        if price < bottom.price { low = (price, time) }
        if side != .long, price >= bottom.price * (1 + size) {
            (side, high) = (.long, (price, time))
            defer { low = (price, time) }
            return Move(start: bottom.time, confirmed: time, side: .long)
        }
        if side != .short, price <= top.price * (1 - size) {
            (side, low) = (.short, (price, time))
            defer { high = (price, time) }
            return Move(start: top.time, confirmed: time, side: .short)
        }
        return nil
    }

    public static func == (left: Self, right: Self) -> Bool {
        left.size == right.size && left.side == right.side && left.high?.price == right.high?.price
            && left.low?.price == right.low?.price && left.high?.time == right.high?.time
            && left.low?.time == right.low?.time
    }
}
