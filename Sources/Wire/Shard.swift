import Microstructure

/// One process's share of the markets; the processes divide them without communication.
///
/// Rendezvous hashing: each shard bids a hash of the market and its own index, and the highest bid owns the market. So
/// every process finds the same owner, each market has exactly one, and an added shard takes about `1/(count + 1)` of
/// each old shard and moves nothing else. Source: Thaler, Ravishankar (1998), Using name-based mappings to increase hit
/// rates, IEEE/ACM Transactions on Networking 6.
public struct Shard: Sendable, Hashable {
    /// Most shards.
    public static let countLimit = 1_024

    /// This process's shard, from 0.
    public let index: Int
    /// Number of shards.
    public let count: Int

    /// `nil` where `count` is not in 1…`countLimit` or `index` not in 0..<`count`.
    public init?(index: Int, count: Int) {
        guard (1...Self.countLimit).contains(count), (0..<count).contains(index) else { return nil }
        self.index = index
        self.count = count
    }

    /// Whether `market` is this process's: `venue.symbol`, as in `Topic.market`. O(count · length).
    public func owns(_ market: String) -> Bool { Self.owner(of: market, count: count) == index }

    /// The index of the shard that owns `market` among `count` shards, at least 1.
    public static func owner(of market: String, count: Int) -> Int {
        var hash = StableHash()
        hash.combine(market)
        var (winner, highest) = (0, UInt64.min)
        for index in 0..<count {
            let bid = hash.bid(index)
            if bid > highest { (winner, highest) = (index, bid) }
        }
        return winner
    }
}

extension StableHash {
    fileprivate func bid(_ index: Int) -> UInt64 {
        var hash = self
        hash.combine(UInt64(index))
        return hash.mixed
    }
}
