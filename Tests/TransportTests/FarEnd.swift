import Foundation
import Synchronization

@testable import Transport

/// A server on a thread of its own, for tests that cannot turn a loop because they await.
final class FarEnd: Sendable {
    private struct State {
        var port = 0
        var requestCount = 0
        var isStopping = false
        var error: TransportError?
    }

    private let state = Mutex(State())
    private let ready = DispatchSemaphore(value: 0)
    private let done = DispatchSemaphore(value: 0)

    var port: Int { state.withLock { $0.port } }
    var requestCount: Int { state.withLock { $0.requestCount } }

    init(_ answer: @escaping @Sendable (ServerRequest, HTTPResponder) -> Void) throws {
        Thread { [self] in
            serve(answer)
            done.signal()
        }
        .start()
        ready.wait()
        if let error = state.withLock({ $0.error }) { throw error }
    }

    private func serve(_ answer: @escaping @Sendable (ServerRequest, HTTPResponder) -> Void) {
        do {
            let loop = try EventLoop()
            let site = Site()
            site.onRequest = { [self] request, responder in
                state.withLock { $0.requestCount += 1 }
                answer(request, responder)
            }
            let server = try loop.listen(ServerOptions(), delegate: site)
            state.withLock { $0.port = server.port }
            ready.signal()
            while !state.withLock({ $0.isStopping }) { loop.runOnce(timeoutMilliseconds: 10) }
        } catch {
            state.withLock { $0.error = error }
            ready.signal()
        }
    }

    func stop() {
        state.withLock { $0.isStopping = true }
        done.wait()
    }

    /// Leaves a request without an answer for ever: the responder is never released.
    static func keep(_ responder: HTTPResponder) { _ = Unmanaged.passRetained(responder) }
}
