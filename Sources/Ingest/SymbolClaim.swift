import Runtime
import Foundation

/// The symbols that this process serves.
package enum SymbolChoice: Sendable, Equatable {
    /// These symbols, whether or not another process serves them too.
    case fixed([String])
    /// One symbol of a pool: the preferred one, otherwise the first that no other process serves.
    case pool([String], preferred: String?)
}

/// A symbol of a pool, held by this process for its lifetime.
struct SymbolClaim: ~Copyable {
    let symbol: String
    private let lock: FileLock

    /// How often a standby checks whether a symbol has become free.
    static let pollMilliseconds = 100
    private static let unlistedMark = "not listed\n"

    /// Takes the preferred symbol, or without a preference the first free one; `nil` while taken. A process with a
    /// preferred symbol waits for it and takes no other.
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

    /// Tells other processes that the venue does not list the symbol: it is held, not served.
    borrowing func markUnlisted() { lock.write("\(getpid())\n" + Self.unlistedMark) }

    /// Whether the process that holds the symbol has found that the venue does not list it.
    static func isMarkedUnlisted(_ symbol: String, in directory: LeaseDirectory) -> Bool {
        guard let bytes = FileManager.default.contents(atPath: directory.symbolLock(symbol)) else { return false }
        return String(decoding: bytes, as: UTF8.self).hasSuffix(unlistedMark)
    }
}
