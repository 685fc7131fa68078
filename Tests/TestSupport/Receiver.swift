import Foundation
import Synchronization
import Transport

/// No port could be bound.
package struct ReceiverError: Error {}

/// A webhook's receiving end on this machine, as well or badly behaved as `behave` says.
package final class Receiver: ServerDelegate, @unchecked Sendable {
    package enum Reply: Sendable {
        case answer(Int, headers: [(name: String, value: String)] = [], body: String = "")
        /// Cuts the connection without an answer.
        case reset
        /// Never answers.
        case hang
    }

    package struct Request: Sendable {
        package let request: ServerRequest
        /// The answer was 2xx.
        package let isAccepted: Bool
        package let atNanoseconds: Int64
    }

    private let seen = Mutex<[Request]>([])
    private let behave: @Sendable (_ number: Int, ServerRequest) -> Reply
    private let isStopping = Atomic<Bool>(false)
    private let ready = DispatchSemaphore(value: 0)
    private let bound = Mutex(0)
    private let chosenPort: Int
    /// Requests that nobody answers; touched on the server's thread only.
    private var hanging: [HTTPResponder] = []

    /// - Parameter behave: called on the server's thread with the number of the request, from 1.
    package init(port: Int = 0, _ behave: @escaping @Sendable (_ number: Int, ServerRequest) -> Reply) throws {
        self.behave = behave
        chosenPort = port
        let thread = Thread { [self] in
            var options = ServerOptions()
            options.port = chosenPort
            options.customHeaders = ["x-microstructure-id", "x-microstructure-signature"]
            guard let loop = try? EventLoop(), let server = try? loop.listen(options, delegate: self) else {
                ready.signal()
                return
            }
            bound.withLock { $0 = server.port }
            ready.signal()
            while !isStopping.load(ordering: .acquiring) { loop.runOnce(timeoutMilliseconds: 50) }
            hanging = []
        }
        thread.start()
        ready.wait()
        guard self.port != 0 else { throw ReceiverError() }
    }

    /// Answers with the given statuses in turn, the last one for ever.
    package convenience init(answers: [Int]) throws {
        try self.init { number, _ in
            let status = answers[min(number, answers.count) - 1]
            return .answer(status, headers: status == 429 ? [("Retry-After", "0")] : [])
        }
    }

    package var port: Int { bound.withLock { $0 } }
    package var address: String { "http://127.0.0.1:\(port)" }
    package var url: String { address + "/hook" }
    package var requests: [Request] { seen.withLock { $0 } }
    package var count: Int { seen.withLock { $0.count } }
    package var accepted: [Request] { seen.withLock { $0.filter(\.isAccepted) } }
    package var acceptedCount: Int { seen.withLock { $0.count { $0.isAccepted } } }
    /// The signal ids of accepted requests, in their order.
    package var acceptedIDs: [String] { accepted.compactMap { $0.request.header("X-Microstructure-Id") } }

    package func stop() { isStopping.store(true, ordering: .releasing) }

    package func didReceive(_ request: ServerRequest, responder: HTTPResponder) {
        let number = seen.withLock { $0.count + 1 }
        let reply = behave(number, request)
        var isAccepted = false
        if case .answer(let status, _, _) = reply { isAccepted = (200..<300).contains(status) }
        seen.withLock {
            $0.append(
                Request(
                    request: request, isAccepted: isAccepted, atNanoseconds: Int64(Date().timeIntervalSince1970 * 1e9)))
        }
        switch reply {
        case .answer(let status, let headers, let body):
            responder.respond(status: status, headers: headers, text: body)
        case .reset: responder.drop()
        case .hang:
            hanging.append(responder)
            if hanging.count > 1_000 { hanging.removeFirst(500) }
        }
    }
}
