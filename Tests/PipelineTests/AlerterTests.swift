import Foundation
import Logging
import Synchronization
import Testing
import Transport

@testable import Pipeline

@Suite struct AlerterTests {
    private let signal: SignalDocument = {
        var signal = SignalDocument(
            id: "0000000000000001-BTCUSDT-drift", timestamp: 1_696_867_200, signalType: "drift", score: 0.85,
            symbol: "BTCUSDT")
        signal.direction = "up"
        signal.metric = "imbalance_10"
        return signal
    }()

    @Test func theConsoleLineHoldsWhatMatters() {
        let line = ConsoleSink.line(signal, hasColour: false)
        #expect(
            line == "SIGNAL 2023-10-09T16:00:00.000Z BTCUSDT drift up score=0.850 metric=imbalance_10 "
                + "id=0000000000000001-BTCUSDT-drift")
    }

    @Test func aHostileFieldCannotSteerTheTerminal() {
        var hostile = signal
        hostile.symbol = "A\u{1B}[2J\nB"
        #expect(ConsoleSink.line(hostile, hasColour: false).contains("A[2JB"))
    }

    /// A receiver that is busy, then broken, then well: the alert arrives once, signed, as JSON.
    @Test(.timeLimit(.minutes(1))) func theWebhookRetriesAndSigns() async throws {
        let receiver = try Receiver(answers: [429, 500, 200])
        defer { receiver.stop() }
        let http = try HTTPClient()
        defer { http.shutdown() }
        let sink = WebhookSink(url: receiver.url, secret: "key", timeoutSeconds: 5, http: http)
        let delivery = AlertDelivery(sink, logger: Logger(label: "test"))
        delivery.enqueue(signal)
        delivery.finish()
        await delivery.run()
        let requests = receiver.requests
        #expect(requests.count == 3)
        let last = try #require(requests.last)
        #expect(try JSONDecoder().decode(SignalDocument.self, from: Data(last.body)) == signal)
        #expect(last.header("X-Microstructure-Id") == signal.id)
        let code = HMACSHA256.authenticationCode(for: last.body, key: Array("key".utf8))
        #expect(
            last.header("X-Microstructure-Signature") == "sha256=" + code.map { String(format: "%02x", $0) }.joined())
    }

    /// A receiver that refuses for good is asked once, and the next alert is not held up.
    @Test(.timeLimit(.minutes(1))) func aRefusalIsFinal() async throws {
        let receiver = try Receiver(answers: [400, 200])
        defer { receiver.stop() }
        let http = try HTTPClient()
        defer { http.shutdown() }
        let delivery = AlertDelivery(
            WebhookSink(url: receiver.url, secret: nil, timeoutSeconds: 5, http: http), logger: Logger(label: "test"))
        delivery.enqueue(signal)
        delivery.enqueue(signal)
        delivery.finish()
        await delivery.run()
        #expect(receiver.requests.count == 2)
    }
}

/// A webhook's receiving end: answers with the given statuses in turn, the last one for ever.
private final class Receiver: ServerDelegate, @unchecked Sendable {
    private let seen = Mutex<[ServerRequest]>([])
    private let answers: [Int]
    private let stopSignal = StopSignal()
    private let ready = DispatchSemaphore(value: 0)
    private let port = Mutex(0)

    var requests: [ServerRequest] { seen.withLock { $0 } }
    var url: String { "http://127.0.0.1:\(port.withLock { $0 })/hook" }

    init(answers: [Int]) throws {
        self.answers = answers
        let thread = Thread { [self] in
            var options = ServerOptions()
            options.customHeaders = ["x-microstructure-id", "x-microstructure-signature"]
            guard let loop = try? EventLoop(), let server = try? loop.listen(options, delegate: self) else {
                ready.signal()
                return
            }
            port.withLock { $0 = server.port }
            stopSignal.onRequest { [wake = loop.wake] in wake.wake() }
            ready.signal()
            while !stopSignal.isRequested { loop.runOnce(timeoutMilliseconds: 1_000) }
        }
        thread.start()
        ready.wait()
        try #require(port.withLock { $0 } != 0)
    }

    func stop() { stopSignal.request() }

    func didReceive(_ request: ServerRequest, responder: HTTPResponder) {
        let count = seen.withLock { seen in
            seen.append(request)
            return seen.count
        }
        let status = answers[min(count, answers.count) - 1]
        responder.respond(status: status, headers: status == 429 ? [("Retry-After", "0")] : [], text: "")
    }
}
