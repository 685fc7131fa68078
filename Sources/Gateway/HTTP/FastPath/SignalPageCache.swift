import NIOCore
import Synchronization

/// Caches the written answers to signal queries until a signal is stored or deleted.
final class SignalPageCache: Sendable {
    /// Most queries cached, and the longest page cached; longer pages are written anew each time.
    static let limit = 64
    static let byteLimit = 64 << 10

    private struct State {
        /// Rises with every change of the store.
        var version: UInt64 = 0
        var pages: [String: ByteBuffer] = [:]
    }

    private let state = Mutex(State())

    /// Clears the cache because the store has changed.
    func invalidate() {
        state.withLock { state in
            state.version += 1
            state.pages.removeAll(keepingCapacity: true)
        }
    }

    func page(_ query: String) -> ByteBuffer? { state.withLock { $0.pages[query] } }

    /// Writes the page of `query`, and caches it if the store has not changed meanwhile.
    func load(_ query: String, _ write: () async throws -> ByteBuffer) async throws -> ByteBuffer {
        let version = state.withLock { $0.version }
        let page = try await write()
        state.withLock { state in
            guard state.version == version, page.readableBytes <= Self.byteLimit else { return }
            if state.pages.count >= Self.limit { state.pages.removeAll(keepingCapacity: true) }
            state.pages[query] = page
        }
        return page
    }
}
