import TestSupport
@testable import Alerter
@testable import Runtime
import Wire
import Foundation
import Logging
import Synchronization
import Testing
import Transport

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
        let bench = try DeliveryBench()
        let sink = WebhookSink(
            rateLimits: [], url: receiver.url, secret: "key",
            post: HTTPPost(
                bench.http, timeoutSeconds: 5, redaction: Redaction(addresses: [receiver.url], tokens: ["key"])))
        try bench.add([signal])
        try await bench.deliver(on: sink) { receiver.acceptedCount == 1 }
        #expect(receiver.count == 3)
        let last = try #require(receiver.requests.last).request
        #expect(try JSONDecoder().decode(SignalDocument.self, from: Data(last.body)) == signal)
        #expect(last.header("X-Microstructure-Id") == signal.id)
        let code = HMACSHA256.authenticationCode(for: last.body, key: Array("key".utf8))
        #expect(
            last.header("X-Microstructure-Signature") == "sha256=" + code.map { String(format: "%02x", $0) }.joined())
        #expect(try bench.history().map(\.state) == ["sent"])
        #expect(try bench.history().map(\.attempts) == [3])
    }

    /// A receiver that refuses for good is asked once, and the next alert is not held up; `retry` brings it back.
    @Test(.timeLimit(.minutes(1))) func aRefusalIsFinalUntilRetried() async throws {
        let receiver = try Receiver(answers: [400, 200])
        defer { receiver.stop() }
        let bench = try DeliveryBench()
        let sink = WebhookSink(
            rateLimits: [], url: receiver.url, secret: nil, post: HTTPPost(bench.http, timeoutSeconds: 5))
        var second = signal
        second.id += "-2"
        try bench.add([signal, second])
        try await bench.deliver(on: sink) { receiver.count == 2 }
        #expect(try bench.history().map(\.state) == ["sent", "dead"])
        #expect(try bench.outbox.retry(channel: "slack", at: HostClock.now.nanoseconds) == 0)
        #expect(try bench.outbox.retry(channel: nil, at: HostClock.now.nanoseconds) == 1)
        try await bench.deliver(on: sink) { receiver.count == 3 }
        #expect(try bench.history().map(\.state) == ["sent", "sent"])
    }

    /// A revoked address is no fault of the alerts: they wait, the channel is tried now and then, and nothing of the
    /// address shows.
    @Test(.timeLimit(.minutes(1))) func aRevokedChannelKeepsItsAlerts() async throws {
        let receiver = try Receiver { _, request in .answer(404, body: "no such hook: \(request.path)") }
        defer { receiver.stop() }
        let bench = try DeliveryBench()
        let secret = receiver.address + "/secret-token"
        let sink = SlackSink(
            url: secret, links: SignalLinks(base: nil),
            post: HTTPPost(bench.http, timeoutSeconds: 5, redaction: Redaction(addresses: [secret])))
        try bench.add([signal])
        try await bench.deliver(on: sink) { try bench.history().first?.attempts == 1 }
        let alert = try #require(try bench.history().first)
        #expect(alert.state == "pending")
        #expect(alert.reason?.contains("404") == true && alert.reason?.contains("secret-token") == false)
    }
}

/// An outbox of its own with one channel's delivery.
final class DeliveryBench: @unchecked Sendable {
    let folder: URL
    let outbox: Outbox
    let http: HTTPClient

    init() throws {
        folder = try TestFiles.temporaryFolder()
        outbox = try Outbox(path: folder.path + "/alerts.sqlite", at: HostClock.now.nanoseconds)
        http = try HTTPClient()
    }

    deinit {
        http.shutdown()
        try? FileManager.default.removeItem(at: folder)
    }

    /// Puts signals in, for each of `channels`, all due at once.
    func add(_ signals: [SignalDocument], channels: [String] = ["webhook", "slack"], lane: String? = nil) throws {
        let now = HostClock.now.nanoseconds
        let entries = signals.map { signal in
            Outbox.Entry(
                signal: signal, severity: .warning,
                decisions: channels.map {
                    AlertDecision(
                        channel: $0, route: "default", outcome: .deliver(lane: lane ?? signal.symbol, readyAt: now))
                })
        }
        try outbox.insert(entries, positions: [:], at: now)
    }

    /// Runs the delivery until `condition` holds, then ends it in order.
    func deliver(
        on sink: any AlertSink, settings: AlertDelivery.Settings = .init(), health: Health? = nil,
        until condition: () async throws -> Bool
    ) async throws {
        let delivery = AlertDelivery(
            sink, outbox: outbox, settings: settings, logger: Logger(label: "test"), health: health)
        async let running: Void = delivery.run()
        let isDone = try await eventually(within: 40) {
            delivery.ring()
            return try await condition()
        }
        delivery.finish()
        await running
        #expect(isDone)
    }

    /// The webhook's and Slack's alerts are shown for the channel that was used, newest first.
    func history(_ channel: String? = nil) throws -> [AlertDocument] {
        var query = AlertQuery()
        query.limit = 1_000
        query.channel = channel
        return try #require(try outbox.alerts(matching: query)).alerts.filter { channel != nil || $0.attempts > 0 }
    }
}
