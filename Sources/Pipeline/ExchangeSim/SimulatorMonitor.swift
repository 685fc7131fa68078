import Simulation
import Synchronization

/// The counts and states of a simulator since its start.
public struct SimulatorStatistics: Sendable, Equatable {
    /// Messages sent to clients, by `StreamKind`; a frame sent to three clients counts three times.
    public var messagesSent: [StreamKind: UInt64] = [:]
    public var clientsConnected = 0
    public var clientsAccepted: UInt64 = 0
    /// Disconnected because their queue was full.
    public var clientsTooSlow: UInt64 = 0
    /// Disconnected because no pong came.
    public var clientsMute: UInt64 = 0
    /// Disconnected because they sent too many messages.
    public var clientsTooChatty: UInt64 = 0
    public var requestsAnswered: UInt64 = 0
    /// Requests refused because they were over the venue's limit.
    public var requestsRefused: UInt64 = 0
    /// Holds that ended without a snapshot request.
    public var holdsExpired: UInt64 = 0
    /// Symbols whose market has ended.
    public var endedSymbols: [String] = []
    /// Why a market ended early, by symbol.
    public var failures: [String: String] = [:]
}

/// A simulator's port and statistics, to be read from any thread.
public final class SimulatorMonitor: Sendable {
    private struct State {
        var port: Int?
        var statistics = SimulatorStatistics()
    }

    private let state = Mutex(State())

    public init() {}

    /// The port that was bound; `nil` before that.
    public var port: Int? { state.withLock { $0.port } }
    /// As of the simulator's last round, a second ago at most.
    public var statistics: SimulatorStatistics { state.withLock { $0.statistics } }

    func set(port: Int) { state.withLock { $0.port = port } }
    func set(_ statistics: SimulatorStatistics) { state.withLock { $0.statistics = statistics } }
}
