import Foundation

/// The directory that the processes of a host share: which `ingest` serves which symbol, how often processes have connected
/// to the venue, the venue's trading rules, and which `features` and `detector` serves which shard of the symbols.
package struct LeaseDirectory: Sendable {
    package let path: String

    /// Makes the directory where it is absent.
    package init(_ path: String) throws(LeaseError) {
        self.path = path
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        } catch {
            throw LeaseError(path, ENOTDIR)
        }
        guard access(path, W_OK | X_OK) == 0 else { throw LeaseError(path, errno) }
    }

    /// `$XDG_STATE_HOME/microstructure`, else `~/.local/state/microstructure`.
    package static var defaultPath: String? {
        let environment = ProcessInfo.processInfo.environment
        if let state = environment["XDG_STATE_HOME"], state.hasPrefix("/") { return state + "/microstructure" }
        return environment["HOME"].flatMap { $0.hasPrefix("/") ? $0 + "/.local/state/microstructure" : nil }
    }

    /// Of a symbol: the process that holds it serves the symbol.
    package func symbolLock(_ symbol: String) -> String { "\(path)/symbol-\(symbol).lock" }

    /// Of a shard of the symbols, from 0: the process of that kind that holds it serves the shard.
    package func shardLock(_ kind: String, _ shard: Int) -> String { "\(path)/\(kind)-\(shard + 1).lock" }

    /// A file about one address of the venue.
    package func file(_ kind: String, for url: String) -> String {
        let host = url.split(separator: "/").dropFirst().first ?? "unknown"
        return "\(path)/\(kind)-\(host.replacing(":", with: "-"))"
    }
}
