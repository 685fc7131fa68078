import CLibCurl
import Glibc
import Synchronization

/// An HTTP/1.1 client: one libcurl multi handle on its own thread. Connections are kept and reused. Proxies are those
/// of the environment (`ProxyRules`).
public final class HTTPClient: Sendable {
    /// Most requests under way at once; a further one ends with `.tooManyRequests`.
    public static let maxRequests = 4096
    /// Most TCP connections at once; further requests wait for one.
    public static let maxConnections = 64

    private let worker: HTTPWorker

    private static let globalResult: UInt32 = transport_curl_global_init().rawValue

    /// - Throws: when libcurl or the thread cannot be started.
    public init() throws(TransportError) {
        guard Self.globalResult == CURLE_OK.rawValue else {
            throw TransportError("start the HTTP client", "libcurl cannot be initialised (\(Self.globalResult))")
        }
        worker = try HTTPWorker()
    }

    deinit { worker.shutdown() }

    /// Starts a request. `completion` is called exactly once: on the client's thread (it must not block it) or, if the
    /// request cannot start, on the caller's.
    @discardableResult
    public func send(
        _ request: HTTPRequest, completion: @escaping @Sendable (Result<HTTPResponse, HTTPError>) -> Void
    ) -> HTTPTask {
        let (id, refusal) = worker.submit(request, completion)
        if let refusal { completion(.failure(refusal)) }
        return HTTPTask(id: id, client: self)
    }

    /// The same with `await`; cancelling the task cancels the request.
    public func send(_ request: HTTPRequest) async throws(HTTPError) -> HTTPResponse {
        let link = Mutex<(task: HTTPTask?, isCancelled: Bool)>((nil, false))
        let result: Result<HTTPResponse, HTTPError> = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let task = send(request) { continuation.resume(returning: $0) }
                let isCancelled = link.withLock { link in
                    link.task = task
                    return link.isCancelled
                }
                if isCancelled { task.cancel() }
            }
        } onCancel: {
            let task = link.withLock { link in
                link.isCancelled = true
                return link.task
            }
            task?.cancel()
        }
        return try result.get()
    }

    func cancel(_ id: UInt64) { worker.cancel(id) }

    /// Ends all requests with `.cancelled`, stops the thread, and waits for both. Afterwards every request ends with
    /// `.cancelled`. Repeated calls do nothing; called inside a completion, it does not wait.
    public func shutdown() { worker.shutdown() }
}

/// The thread and the state it shares with callers.
private final class HTTPWorker: Sendable {
    private struct State {
        var nextID: UInt64 = 1
        var arrivals: [HTTPTransfer] = []
        var cancellations: [UInt64] = []
        /// Submitted and not yet completed.
        var requestCount = 0
        var isStopping = false
        var thread: pthread_t?
    }

    /// The multi handle; only the thread uses it, except for `curl_multi_wakeup`.
    private struct Handle: @unchecked Sendable { let multi: UnsafeMutableRawPointer }

    private let handle: Handle
    private let state = Mutex(State())

    init() throws(TransportError) {
        guard let multi = curl_multi_init() else {
            throw TransportError("start the HTTP client", "curl_multi_init failed")
        }
        handle = Handle(multi: multi)
        transport_curl_multi_set_long(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, HTTPClient.maxConnections)
        transport_curl_multi_set_long(multi, CURLMOPT_MAXCONNECTS, HTTPClient.maxConnections)
        var thread = pthread_t()
        let owner = Unmanaged.passRetained(self)
        let result = pthread_create(&thread, nil, runWorker, owner.toOpaque())
        guard result == 0 else {
            owner.release()
            throw TransportError("start the HTTP client", "pthread_create: \(String(cString: strerror(result)))")
        }
        state.withLock { $0.thread = thread }
    }

    deinit { curl_multi_cleanup(handle.multi) }

    func submit(
        _ request: HTTPRequest, _ completion: @escaping @Sendable (Result<HTTPResponse, HTTPError>) -> Void
    ) -> (id: UInt64, refusal: HTTPError?) {
        let answer: (UInt64, HTTPError?) = state.withLock { state in
            let id = state.nextID
            state.nextID += 1
            if state.isStopping { return (id, .cancelled) }
            guard state.requestCount < HTTPClient.maxRequests else {
                return (id, .tooManyRequests(limit: HTTPClient.maxRequests))
            }
            state.requestCount += 1
            state.arrivals.append(HTTPTransfer(id, request, completion))
            return (id, nil)
        }
        if answer.1 == nil { curl_multi_wakeup(handle.multi) }
        return answer
    }

    func cancel(_ id: UInt64) {
        state.withLock { state in
            guard state.requestCount > 0, state.cancellations.count < HTTPClient.maxRequests else { return }
            state.cancellations.append(id)
        }
        curl_multi_wakeup(handle.multi)
    }

    func shutdown() {
        let thread = state.withLock { state in
            state.isStopping = true
            let thread = state.thread
            state.thread = nil
            return thread
        }
        curl_multi_wakeup(handle.multi)
        guard let thread else { return }
        if pthread_equal(thread, pthread_self()) != 0 {
            pthread_detach(thread)
        } else {
            pthread_join(thread, nil)
        }
    }

    // MARK: The thread

    func run() {
        var active: [UInt64: HTTPTransfer] = [:]
        var running: Int32 = 0
        while true {
            let (arrivals, cancellations, isStopping) = state.withLock { state in
                defer {
                    state.arrivals = []
                    state.cancellations = []
                }
                return (state.arrivals, state.cancellations, state.isStopping)
            }
            for transfer in arrivals {
                if let refusal = transfer.start(on: handle.multi) {
                    complete(transfer, .failure(refusal))
                } else {
                    active[transfer.id] = transfer
                }
            }
            let doomed = isStopping ? Array(active.keys) : cancellations
            for id in doomed {
                guard let transfer = active.removeValue(forKey: id) else { continue }
                transfer.stop(on: handle.multi)
                complete(transfer, .failure(.cancelled))
            }
            if isStopping { return }
            curl_multi_perform(handle.multi, &running)
            var left: Int32 = 0
            while let message = curl_multi_info_read(handle.multi, &left) {
                guard message.pointee.msg == CURLMSG_DONE, let easy = message.pointee.easy_handle,
                    let transfer = HTTPTransfer.find(easy)
                else { continue }
                let result = transfer.result(message.pointee.data.result)
                active.removeValue(forKey: transfer.id)
                transfer.stop(on: handle.multi)
                complete(transfer, result)
            }
            curl_multi_poll(handle.multi, nil, 0, 60_000, nil)
        }
    }

    private func complete(_ transfer: HTTPTransfer, _ result: Result<HTTPResponse, HTTPError>) {
        state.withLock { $0.requestCount -= 1 }
        transfer.completion(result)
    }
}

private func runWorker(_ owner: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    if let owner { Unmanaged<HTTPWorker>.fromOpaque(owner).takeRetainedValue().run() }
    return nil
}
