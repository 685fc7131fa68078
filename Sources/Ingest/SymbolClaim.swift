import Runtime
import Foundation
import Microstructure
import Venues

/// A market that a process of a pool can serve.
package struct PoolMarket: Sendable, Hashable {
    /// The name of the endpoint by which configuration chooses the venue.
    package let endpoint: String
    /// On the bus.
    package let venue: Venue
    /// As on the bus.
    package let symbol: String

    package init(_ endpoint: VenueEndpoint, _ symbol: String) {
        self.endpoint = endpoint.name
        venue = endpoint.venue
        self.symbol = symbol
    }
}

/// The symbols that this process serves.
package enum SymbolChoice: Sendable, Equatable {
    /// These symbols of the one venue, whether or not another process serves them too.
    case fixed([String])
    /// One market of a pool: the preferred one, otherwise the first that no other process serves.
    case pool([PoolMarket], preferred: PoolMarket?)
}

/// A market of a pool, held by this process for its lifetime.
struct SymbolClaim: ~Copyable {
    let market: PoolMarket
    private let lock: FileLock

    /// How often a standby checks whether a market has become free.
    static let pollMilliseconds = 100
    private static let unlistedMark = "not listed\n"

    /// Takes the preferred market, or without a preference the first free one; `nil` while taken. A process with a
    /// preferred market waits for it and takes no other.
    static func take(
        _ pool: [PoolMarket], preferred: PoolMarket?, in directory: LeaseDirectory
    ) throws -> SymbolClaim? {
        for market in preferred.map({ [$0] }) ?? pool {
            guard let lock = try FileLock.take(directory.lock(of: market)) else { continue }
            lock.write("\(getpid())\n")
            return SymbolClaim(market: market, lock: lock)
        }
        return nil
    }

    private init(market: PoolMarket, lock: consuming FileLock) {
        self.market = market
        self.lock = lock
    }

    /// Tells other processes that the venue does not list the symbol: it is held, not served.
    borrowing func markUnlisted() { lock.write("\(getpid())\n" + Self.unlistedMark) }

    /// Whether the process that holds the market has found that the venue does not list it.
    static func isMarkedUnlisted(_ market: PoolMarket, in directory: LeaseDirectory) -> Bool {
        guard let bytes = FileManager.default.contents(atPath: directory.lock(of: market)) else { return false }
        return String(decoding: bytes, as: UTF8.self).hasSuffix(unlistedMark)
    }
}

extension LeaseDirectory {
    fileprivate func lock(of market: PoolMarket) -> String { symbolLock(market.symbol, venue: market.venue.rawValue) }
}
