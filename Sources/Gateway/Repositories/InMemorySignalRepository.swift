import NIOCore
import Pipeline
import Synchronization

/// The newest signals in memory, gone with the process. At the limit a new signal takes the place of the oldest.
final class InMemorySignalRepository: SignalRepository {
    static let defaultLimit = 10_000

    private struct State {
        /// The signal of position p is at (p − 1) mod limit.
        var ring: [StoredSignal] = []
        var newest: UInt64 = 0
        var byID: [String: StoredSignal] = [:]

        var oldest: UInt64 { newest - UInt64(ring.count) + 1 }
    }

    private let limit: Int
    private let state = Mutex(State())

    init(limit: Int = InMemorySignalRepository.defaultLimit) {
        precondition(limit >= 1, "a repository holds at least one signal")
        self.limit = limit
    }

    /// O(1).
    func insert(_ document: SignalDocument) throws -> StoredSignal? {
        let json = ByteBuffer(bytes: try document.json())
        return state.withLock { state in
            guard state.byID[document.id] == nil else { return nil }
            state.newest += 1
            let stored = StoredSignal(position: state.newest, document: document, json: json)
            if state.ring.count < limit {
                state.ring.append(stored)
            } else {
                let index = slot(of: state.newest)
                state.byID[state.ring[index].document.id] = nil
                state.ring[index] = stored
            }
            state.byID[document.id] = stored
            return stored
        }
    }

    var count: Int { state.withLock { $0.ring.count } }

    /// O(1).
    func signal(id: String) -> StoredSignal? { state.withLock { $0.byID[id] } }

    /// O(signals held) where few match, O(limit of the query) where all do.
    func signals(matching query: SignalQuery) -> [StoredSignal] {
        state.withLock { state in
            var found: [StoredSignal] = []
            guard !state.ring.isEmpty else { return found }
            for position in (state.oldest...state.newest).reversed() {
                let signal = state.ring[slot(of: position)]
                if query.matches(signal.document) { found.append(signal) }
                if found.count == query.limit { break }
            }
            return found
        }
    }

    /// O(signals returned).
    func backlog(after id: String) -> SignalBacklog {
        state.withLock { state in
            let seen = state.byID[id]
            let first = max((seen?.position ?? 0) + 1, state.oldest)
            let signals = first <= state.newest ? (first...state.newest).map { state.ring[slot(of: $0)] } : []
            return SignalBacklog(signals: signals, isComplete: seen != nil, end: state.newest)
        }
    }

    private func slot(of position: UInt64) -> Int { Int((position - 1) % UInt64(limit)) }
}
