import Foundation

/// The directory that the processes of a host share. It records which `ingest` serves which symbol, how often processes
/// connected to the venue, the venue's trading rules, and which `features` and `detector` serve which shard.
package struct LeaseDirectory: Sendable {
    package let path: String

    /// Creates the directory if absent.
    package init(_ path: String) throws(LeaseError) {
        self.path = path
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        } catch {
            throw LeaseError(path, reason: FileProblem.reason(of: error))
        }
        guard access(path, W_OK | X_OK) == 0 else { throw LeaseError(path, errno) }
    }

    /// `$XDG_STATE_HOME/microstructure`, else `~/.local/state/microstructure`.
    package static var defaultPath: String? {
        let environment = ProcessInfo.processInfo.environment
        if let state = environment["XDG_STATE_HOME"], state.hasPrefix("/") { return state + "/microstructure" }
        return environment["HOME"].flatMap { $0.hasPrefix("/") ? $0 + "/.local/state/microstructure" : nil }
    }

    /// Lock file of a venue's symbol: the process that holds the lock serves the symbol.
    package func symbolLock(_ symbol: String, venue: String) -> String { "\(path)/symbol-\(venue)-\(symbol).lock" }

    /// Lock file of a shard (from 0): the process of that kind that holds the lock serves the shard.
    package func shardLock(_ kind: String, _ shard: Int) -> String { "\(path)/\(kind)-\(shard + 1).lock" }

    /// A file about one address of the venue: its host, port and path.
    package func file(_ kind: String, for url: String) -> String {
        let place = url.split(separator: "/").dropFirst().joined(separator: "-")
        return "\(path)/\(kind)-\(place.isEmpty ? "unknown" : place.replacing(":", with: "-"))"
    }
}
