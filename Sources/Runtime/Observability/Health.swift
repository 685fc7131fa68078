import Foundation
import Synchronization

/// What `/health` and `/ready` answer: is each part of this process alive, and is it doing its job?
package final class Health: Sendable {
    /// A part without a heartbeat for this long is dead.
    package static let silenceLimitSeconds = 10.0

    package struct Part: Sendable {
        package let name: String
        package let isAlive: Bool
        package let isReady: Bool
        package let detail: String
    }

    private struct State {
        var lastBeat: Int64
        var isReady: Bool
        var detail: String
    }

    private let states = Mutex<[String: State]>([:])

    package init() {}

    /// The part's thread is alive. Call it about once a second.
    package func beat(_ part: String, isReady: Bool, detail: String = "") {
        let now = HostClock.monotonicNanoseconds
        states.withLock { $0[part] = State(lastBeat: now, isReady: isReady, detail: detail) }
    }

    package var parts: [Part] {
        let now = HostClock.monotonicNanoseconds
        return states.withLock { states in
            states.sorted { $0.key < $1.key }.map { name, state in
                Part(
                    name: name, isAlive: Double(now - state.lastBeat) / 1e9 < Self.silenceLimitSeconds,
                    isReady: state.isReady, detail: state.detail)
            }
        }
    }
}
