import Runtime
import Venues

/// A process's place in a pool: it takes one symbol to serve, and holds those that the venue does not list, so that no
/// other process fails with them. Each is asked for again after a wait that doubles, from 30 s to the interval.
final class PoolClaims {
    /// A claim whose symbol is not listed.
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

    /// What to serve next: a free symbol, or one that may be listed by now.
    enum Next: ~Copyable {
        case claimed(SymbolClaim)
        case askAgain(String)
        case nothing
    }

    private let pool: [String]
    private let preferred: String?
    private let directory: LeaseDirectory
    private let longestSeconds: Double
    private var held: [Held] = []
    private var waitSeconds: [String: Double] = [:]
    /// The preferred symbol, held before, is listed by now: nobody else in the pool waits for it.
    private(set) var isPreferredListed = false

    init(_ pool: [String], preferred: String?, in directory: LeaseDirectory, longestSeconds: Double) {
        (self.pool, self.preferred, self.directory) = (pool, preferred, directory)
        self.longestSeconds = longestSeconds
    }

    /// The symbols held that the venue does not list.
    var unlisted: [ListingSearch.Unlisted] {
        held.map { ListingSearch.Unlisted(symbol: $0.claim.symbol, reason: $0.reason) }
    }

    func next(at now: Int64) throws -> Next {
        isPreferredListed = false
        // With its preferred symbol not listed, a process is a standby for any other.
        let wanted = held.contains { $0.claim.symbol == preferred } ? nil : preferred
        if let claim = try SymbolClaim.take(pool, preferred: wanted, in: directory) { return .claimed(claim) }
        if let due = held.first(where: { $0.askAgainAt <= now }) { return .askAgain(due.claim.symbol) }
        return .nothing
    }

    /// The venue does not list the claim's symbol.
    func setAside(_ claim: consuming SymbolClaim, _ reason: String, at now: Int64) {
        claim.markUnlisted()
        let askAgainAt = nextAsk(claim.symbol, at: now)
        held.append(Held(claim, reason, askAgainAt: askAgainAt))
    }

    /// The venue still does not list a symbol held.
    func postpone(_ symbol: String, at now: Int64) {
        held.first { $0.claim.symbol == symbol }?.askAgainAt = nextAsk(symbol, at: now)
    }

    /// Frees a symbol that the venue lists by now, for this process or another.
    func release(_ symbol: String) {
        held.removeAll { $0.claim.symbol == symbol }
        if symbol == preferred { isPreferredListed = true }
    }

    /// Whether the venue lists no symbol of the pool, as this process and the others have found.
    var isExhausted: Bool {
        pool.allSatisfy { symbol in
            held.contains { $0.claim.symbol == symbol } || SymbolClaim.isMarkedUnlisted(symbol, in: directory)
        }
    }

    private func nextAsk(_ symbol: String, at now: Int64) -> Int64 {
        let seconds = waitSeconds[symbol] ?? min(ListingBoard.soonSeconds, longestSeconds)
        waitSeconds[symbol] = min(seconds * 2, longestSeconds)
        return now + Int64(seconds * 1e9)
    }
}
