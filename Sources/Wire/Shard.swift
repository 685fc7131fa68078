import Microstructure

/// A process's part of the symbols, where several processes share them without talking to each other.
///
/// Rendezvous hashing: each slot bids a hash of the market and itself, and the highest bid wins. So every process finds
/// the same owner, the slots' parts are disjoint and together all, and another slot takes from each of the old ones
/// about its `1/(count + 1)` and moves nothing else. Source: Thaler, Ravishankar (1998), Using name-based mappings to
/// increase hit rates, IEEE/ACM Transactions on Networking 6.
public struct Shard: Sendable, Hashable {
    /// Most slots.
    public static let countLimit = 1_024

    /// This process's, from 0.
    public let slot: Int
    public let count: Int

    /// `nil` where `count` is not in 1…`countLimit` or `slot` not in 0..<`count`.
    public init?(slot: Int, count: Int) {
        guard (1...Self.countLimit).contains(count), (0..<count).contains(slot) else { return nil }
        self.slot = slot
        self.count = count
    }

    /// Whether `market` is this process's: `venue.symbol`, as in `Topic.market`. O(count · length).
    public func owns(_ market: String) -> Bool { Self.owner(of: market, count: count) == slot }

    /// The slot that wins `market` among `count`, at least 1.
    public static func owner(of market: String, count: Int) -> Int {
        var hash = StableHash()
        hash.combine(market)
        var (winner, highest) = (0, UInt64.min)
        for slot in 0..<count {
            let bid = hash.bid(slot)
            if bid > highest { (winner, highest) = (slot, bid) }
        }
        return winner
    }
}

extension StableHash {
    fileprivate func bid(_ slot: Int) -> UInt64 {
        var hash = self
        hash.combine(UInt64(slot))
        return hash.mixed
    }
}
