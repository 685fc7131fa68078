import Foundation
import Synchronization
import Testing
import Transport

@testable import Pipeline

/// A webhook's receiving end on this machine, as well or badly behaved as `behave` says.
final class Receiver: ServerDelegate, @unchecked Sendable {
    enum Reply: Sendable {
        case answer(Int, headers: [(name: String, value: String)] = [], body: String = "")
        /// Cuts the connection without an answer.
        case reset
        /// Never answers.
        case hang
    }

    struct Request: Sendable {
        let request: ServerRequest
        /// The answer was 2xx.
        let isAccepted: Bool
        let atNanoseconds: Int64
    }

    private let seen = Mutex<[Request]>([])
    private let behave: @Sendable (_ number: Int, ServerRequest) -> Reply
    private let stopSignal = StopSignal()
    private let ready = DispatchSemaphore(value: 0)
    private let bound = Mutex(0)
    private let chosenPort: Int
    /// Requests that nobody answers; touched on the server's thread only.
    private var hanging: [HTTPResponder] = []

    /// - Parameter behave: called on the server's thread with the number of the request, from 1.
    init(port: Int = 0, _ behave: @escaping @Sendable (_ number: Int, ServerRequest) -> Reply) throws {
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
            stopSignal.onRequest { [wake = loop.wake] in wake.wake() }
            ready.signal()
            while !stopSignal.isRequested { loop.runOnce(timeoutMilliseconds: 1_000) }
            hanging = []
        }
        thread.start()
        ready.wait()
        try #require(self.port != 0)
    }

    /// Answers with the given statuses in turn, the last one for ever.
    convenience init(answers: [Int]) throws {
        try self.init { number, _ in
            let status = answers[min(number, answers.count) - 1]
            return .answer(status, headers: status == 429 ? [("Retry-After", "0")] : [])
        }
    }

    var port: Int { bound.withLock { $0 } }
    var address: String { "http://127.0.0.1:\(port)" }
    var url: String { address + "/hook" }
    var requests: [Request] { seen.withLock { $0 } }
    var count: Int { seen.withLock { $0.count } }
    var accepted: [Request] { seen.withLock { $0.filter(\.isAccepted) } }
    var acceptedCount: Int { seen.withLock { $0.count { $0.isAccepted } } }
    /// The signal ids of accepted requests, in their order.
    var acceptedIDs: [String] { accepted.compactMap { $0.request.header("X-Microstructure-Id") } }

    func stop() { stopSignal.request() }

    func didReceive(_ request: ServerRequest, responder: HTTPResponder) {
        let number = seen.withLock { $0.count + 1 }
        let reply = behave(number, request)
        var isAccepted = false
        if case .answer(let status, _, _) = reply { isAccepted = (200..<300).contains(status) }
        seen.withLock {
            $0.append(Request(request: request, isAccepted: isAccepted, atNanoseconds: Clock.now.nanoseconds))
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
