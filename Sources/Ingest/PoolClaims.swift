import Microstructure
import Runtime
import Venues

/// A process's place in a pool: it takes one market to serve, and holds those that their venue does not list, so that no
/// other process fails with them. Each is asked for again after a wait that doubles, from 30 s to the interval.
final class PoolClaims {
    /// A claim whose symbol its venue does not list.
    private final class Held {
        let claim: SymbolClaim
        let reason: String
        var askAgainAt: Int64

        init(_ claim: consuming SymbolClaim, _ reason: String, askAgainAt: Int64) {
            self.claim = claim
            self.reason = reason
            self.askAgainAt = askAgainAt
        }
    }

    /// What to serve next: a free market, or one that may be listed by now.
    enum Next: ~Copyable {
        case claimed(SymbolClaim)
        case askAgain(PoolMarket)
        case nothing
    }

    private let pool: [PoolMarket]
    let preferred: PoolMarket?
    private let directory: LeaseDirectory
    private let longestSeconds: Double
    private var held: [Held] = []
    private var waitSeconds: [PoolMarket: Double] = [:]
    /// The preferred market, held before, is listed by now: nobody else in the pool waits for it.
    private(set) var isPreferredListed = false

    init(_ pool: [PoolMarket], preferred: PoolMarket?, in directory: LeaseDirectory, longestSeconds: Double) {
        (self.pool, self.preferred, self.directory) = (pool, preferred, directory)
        self.longestSeconds = longestSeconds
    }

    /// The symbols held that their venue does not list: of one venue, or of all.
    func unlisted(at venue: Venue? = nil) -> [ListingSearch.Unlisted] {
        held.filter { venue == nil || $0.claim.market.venue == venue }.map {
            ListingSearch.Unlisted(symbol: $0.claim.market.symbol, reason: $0.reason)
        }
    }

    func next(at now: Int64) throws -> Next {
        isPreferredListed = false
        // With its preferred market not listed, a process is a standby for any other.
        let wanted = held.contains { $0.claim.market == preferred } ? nil : preferred
        if let claim = try SymbolClaim.take(pool, preferred: wanted, in: directory) { return .claimed(claim) }
        if let due = held.first(where: { $0.askAgainAt <= now }) { return .askAgain(due.claim.market) }
        return .nothing
    }

    /// The venue does not list the claim's symbol.
    func setAside(_ claim: consuming SymbolClaim, _ reason: String, at now: Int64) {
        claim.markUnlisted()
        let askAgainAt = nextAsk(claim.market, at: now)
        held.append(Held(claim, reason, askAgainAt: askAgainAt))
    }

    /// The venue still does not list a market held.
    func postpone(_ market: PoolMarket, at now: Int64) {
        held.first { $0.claim.market == market }?.askAgainAt = nextAsk(market, at: now)
    }

    /// Frees a market that its venue lists by now, for this process or another.
    func release(_ market: PoolMarket) {
        held.removeAll { $0.claim.market == market }
        if market == preferred { isPreferredListed = true }
    }

    /// Whether the venues list no symbol of the pool, as this process and the others have found.
    var isExhausted: Bool {
        pool.allSatisfy { market in
            held.contains { $0.claim.market == market } || SymbolClaim.isMarkedUnlisted(market, in: directory)
        }
    }

    private func nextAsk(_ market: PoolMarket, at now: Int64) -> Int64 {
        let seconds = waitSeconds[market] ?? min(ListingBoard.soonSeconds, longestSeconds)
        waitSeconds[market] = min(seconds * 2, longestSeconds)
        return now + Int64(seconds * 1e9)
    }
}
