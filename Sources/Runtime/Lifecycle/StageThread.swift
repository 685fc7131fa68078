import Foundation
import ServiceLifecycle
import Synchronization

/// Asks a stage's thread to end. Set once, from any thread.
package final class StopSignal: Sendable {
    private let requested = Atomic<Bool>(false)
    private let wakers = Mutex<[@Sendable () -> Void]>([])

    package init() {}

    package var isRequested: Bool { requested.load(ordering: .acquiring) }

    /// Runs `waker` on a stop request, or at once if already requested: it interrupts a wait.
    package func onRequest(_ waker: @escaping @Sendable () -> Void) {
        wakers.withLock { $0.append(waker) }
        if isRequested { waker() }
    }

    package func request() {
        requested.store(true, ordering: .releasing)
        for waker in wakers.withLock({ $0 }) { waker() }
    }
}

/// Runs one stage on a thread of its own, as a service of the process: no `await` between receive and send.
///
/// The body returns once `stop.isRequested` and it has drained; an error it throws ends the process.
package struct StageThread: Service {
    private let name: String
    private let body: @Sendable (StopSignal) throws -> Void

    package init(_ name: String, body: @escaping @Sendable (StopSignal) throws -> Void) {
        self.name = name
        self.body = body
    }

    package func run() async throws {
        let stop = StopSignal()
        try await withGracefulShutdownHandler {
            try await withTaskCancellationHandler {
                try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                    let thread = Thread { continuation.resume(with: Result { try body(stop) }) }
                    thread.name = name
                    thread.stackSize = 8 << 20
                    thread.start()
                }
            } onCancel: {
                stop.request()
            }
        } onGracefulShutdown: {
            stop.request()
        }
    }
}
