import Storage
import Foundation
import Synchronization

/// The silences in force, kept in the outbox and read by the policy.
final class SilenceBoard: Sendable {
    private struct State {
        var silences: [Silence]
        var version = 0
    }

    private let outbox: Outbox
    private let state: Mutex<State>

    init(_ outbox: Outbox, at seconds: Double) throws(StorageError) {
        self.outbox = outbox
        state = Mutex(State(silences: try outbox.silences(at: seconds)))
    }

    /// The silences, if they have changed since `version`; else `nil`.
    func changed(since version: inout Int) -> [Silence]? {
        state.withLock { state in
            guard state.version != version else { return nil }
            version = state.version
            return state.silences
        }
    }

    func list(at seconds: Double) -> [Silence] {
        state.withLock { $0.silences.filter { $0.endsAt > seconds } }
    }

    func add(_ silence: Silence, at seconds: Double) throws(StorageError) -> Bool {
        guard try outbox.add(silence, at: seconds) else { return false }
        try reload(at: seconds)
        return true
    }

    func remove(_ id: String, at seconds: Double) throws(StorageError) -> Bool {
        guard try outbox.removeSilence(id) else { return false }
        try reload(at: seconds)
        return true
    }

    private func reload(at seconds: Double) throws(StorageError) {
        let silences = try outbox.silences(at: seconds)
        state.withLock { state in
            state.silences = silences
            state.version += 1
        }
    }
}
