import Foundation

/// Where a process keeps what must outlive it.
package enum StateFolder {
    /// `$STATE_DIRECTORY` (systemd), else `$XDG_STATE_HOME/microstructure`, else `~/.local/state/microstructure`.
    package static func standard(
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) -> String {
        func value(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
        if let folder = value("STATE_DIRECTORY") { return folder }
        let state = value("XDG_STATE_HOME") ?? (value("HOME") ?? ".") + "/.local/state"
        return state + "/microstructure"
    }
}
