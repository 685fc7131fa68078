import Runtime
import Foundation

/// The symbols that this process serves.
package enum SymbolChoice: Sendable, Equatable {
    /// These, whether or not another process serves them too.
    case fixed([String])
    /// One of a pool: the preferred one, else the first that no other process serves.
    case pool([String], preferred: String?)
}

/// A symbol of a pool that this process holds as long as it lives.
struct SymbolClaim: ~Copyable {
    let symbol: String
    private let lock: FileLock

    /// How often a standby looks whether a symbol has become free.
    static let pollMilliseconds = 100

    /// The preferred symbol, or without one the first that is free; `nil` while that is taken. A process with a preferred
    /// symbol waits for it and takes no other.
    static func take(_ pool: [String], preferred: String?, in directory: LeaseDirectory) throws -> SymbolClaim? {
        for symbol in preferred.map({ [$0] }) ?? pool {
            guard let lock = try FileLock.take(directory.symbolLock(symbol)) else { continue }
            lock.write("\(getpid())\n")
            return SymbolClaim(symbol: symbol, lock: lock)
        }
        return nil
    }

    private init(symbol: String, lock: consuming FileLock) {
        self.symbol = symbol
        self.lock = lock
    }
}
