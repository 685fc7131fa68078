import Testing
import Wire

@Suite struct ShardTests {
    private static let markets = (0..<5_000).map { "binance.S\($0)USDT" }

    /// Every process has to find the same owner, also one of another version or machine: computed apart in Python by the
    /// published definitions of FNV-1a and of MurmurHash3's finaliser.
    @Test func ownersNeverChange() {
        let owners = ["binance.BTCUSDT", "binance.ETHUSDT", "binance.SOLUSDT", "binance.XRPUSDT", "x"].map { market in
            [2, 3, 7, 100].map { Shard.owner(of: market, count: $0) }
        }
        #expect(owners == [[1, 1, 5, 20], [1, 1, 3, 14], [0, 2, 3, 3], [1, 1, 6, 75], [0, 0, 0, 93]])
    }

    @Test(arguments: [1, 2, 3, 8, 33]) func everyMarketHasOneOwnerAndAnotherSlotMovesItsShareOnly(count: Int) throws {
        let shards = try (0..<count).map { try #require(Shard(index: $0, count: count)) }
        var held = Array(repeating: 0, count: count)
        var moved = 0
        for market in Self.markets {
            let owner = Shard.owner(of: market, count: count)
            #expect(shards.filter { $0.owns(market) }.map(\.index) == [owner])
            held[owner] += 1
            let next = Shard.owner(of: market, count: count + 1)
            #expect(next == owner || next == count)
            if next != owner { moved += 1 }
        }
        // The markets are fixed, so these are facts, here to within five deviations of the binomial.
        func isFair(_ number: Int, _ share: Double) -> Bool {
            let mean = Double(Self.markets.count) * share
            return abs(Double(number) - mean) <= 5 * (mean * (1 - share)).squareRoot()
        }
        #expect(isFair(moved, 1 / Double(count + 1)), "\(moved) moved")
        for number in held { #expect(isFair(number, 1 / Double(count)), "\(held)") }
    }

    @Test func slotsLieWithinTheCount() {
        #expect(
            Shard(index: 0, count: 0) == nil && Shard(index: 1, count: 1) == nil && Shard(index: -1, count: 2) == nil)
        #expect(Shard(index: 0, count: 1_025) == nil && Shard(index: 1_023, count: 1_024) != nil)
    }
}
