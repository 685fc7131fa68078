import Simulation
import Synchronization

/// The counts and states of a simulator since its start.
package struct SimulatorStatistics: Sendable, Equatable {
    /// Messages sent to clients, by `StreamKind`; a frame sent to three clients counts three times.
    package var messagesSent: [StreamKind: UInt64] = [:]
    package var clientsConnected = 0
    package var clientsAccepted: UInt64 = 0
    /// Disconnected because their queue was full.
    package var clientsTooSlow: UInt64 = 0
    /// Disconnected because they sent no pong.
    package var clientsMute: UInt64 = 0
    /// Disconnected because they sent too many messages.
    package var clientsTooChatty: UInt64 = 0
    package var requestsAnswered: UInt64 = 0
    /// Requests refused for exceeding the venue's limit.
    package var requestsRefused: UInt64 = 0
    /// Holds that ended without a snapshot request.
    package var holdsExpired: UInt64 = 0
    /// Symbols whose market has ended, at any venue.
    package var endedSymbols: [String] = []
    /// Why a market ended early, by symbol.
    package var failures: [String: String] = [:]

    /// Adds another venue's counts; the venues' symbols may be the same.
    mutating func add(_ other: SimulatorStatistics) {
        messagesSent.merge(other.messagesSent, uniquingKeysWith: +)
        clientsConnected += other.clientsConnected
        clientsAccepted += other.clientsAccepted
        clientsTooSlow += other.clientsTooSlow
        clientsMute += other.clientsMute
        clientsTooChatty += other.clientsTooChatty
        requestsAnswered += other.requestsAnswered
        requestsRefused += other.requestsRefused
        holdsExpired += other.holdsExpired
        endedSymbols += other.endedSymbols.filter { !endedSymbols.contains($0) }
        failures.merge(other.failures) { "\($0); \($1)" }
    }
}

/// A simulator's port and statistics, to be read from any thread.
package final class SimulatorMonitor: Sendable {
    private struct State {
        var port: Int?
        var statistics = SimulatorStatistics()
    }

    private let state = Mutex(State())

    package init() {}

    /// The bound port; `nil` before binding.
    package var port: Int? { state.withLock { $0.port } }
    /// As of the simulator's last round, at most a second ago.
    package var statistics: SimulatorStatistics { state.withLock { $0.statistics } }

    func set(port: Int) { state.withLock { $0.port = port } }
    func set(_ statistics: SimulatorStatistics) { state.withLock { $0.statistics = statistics } }
}
