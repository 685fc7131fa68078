import Synchronization

/// Lets one task wait for work or for a time, whichever comes first.
final class Doorbell: Sendable {
    private struct State {
        var isRung = false
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    /// Wakes the waiting task. Callable from any thread.
    func ring() {
        let waiter = state.withLock { state in
            defer { state.waiter = nil }
            if state.waiter == nil { state.isRung = true }
            return state.waiter
        }
        waiter?.resume()
    }

    /// Returns once rung since the last wait, after `nanoseconds`, or on cancellation.
    func wait(upTo nanoseconds: Int64) async {
        let timer = Task { [weak self] in
            try? await Task.sleep(for: .nanoseconds(max(0, nanoseconds)))
            if !Task.isCancelled { self?.ring() }
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isDue = state.withLock { state in
                    if state.isRung || Task.isCancelled {
                        state.isRung = false
                        return true
                    }
                    state.waiter = continuation
                    return false
                }
                if isDue { continuation.resume() }
            }
        } onCancel: {
            ring()
        }
        timer.cancel()
    }
}
