import TestSupport
@testable import Alerter
@testable import Runtime
import Wire
import Foundation
import Logging
import Testing
import Transport

private struct NothingDue: Error {}

/// Many alerts at once on a channel with a slow rate: digests, the severest first, and nothing lost or unnamed.
@Suite(.serialized) struct DigestTests {
    /// Signal `number` of its own symbol; every tenth is critical, the last of all.
    private static func signals(_ count: Int, from first: Int = 0) -> [SignalDocument] {
        (first..<first + count).map { number in
            var signal = SignalDocument(
                id: "id-\(number)", timestamp: 1_700_000_000 + Double(number) / 10, signalType: "drift",
                score: number % 10 == 9 ? 0.95 : 0.3, symbol: "S\(number)USDT")
            signal.metric = "imbalance_10"
            signal.direction = "up"
            return signal
        }
    }

    private static func add(_ signals: [SignalDocument], to bench: DeliveryBench, channel: String) throws {
        let now = HostClock.now.nanoseconds
        let policy = AlertPolicy()
        try bench.outbox.insert(
            signals.map { signal in
                Outbox.Entry(
                    signal: signal, severity: policy.severity(of: signal.score),
                    decisions: [
                        .init(channel: channel, route: "r", outcome: .deliver(lane: signal.symbol, readyAt: now))
                    ])
            }, positions: [:], at: now)
    }

    private static func sink(_ channel: String, _ address: String, _ bench: DeliveryBench) -> any AlertSink {
        let post = HTTPPost(bench.http, timeoutSeconds: 5)
        let links = SignalLinks(base: "http://gateway.example")
        return switch channel {
        case "slack": SlackSink(url: address, links: links, post: post)
        case "discord": DiscordSink(url: address, links: links, post: post)
        case "telegram":
            TelegramSink(base: address, token: "t", chat: TelegramChat("-100"), links: links, post: post)
        default: WebhookSink(rateLimits: [], url: address, secret: nil, post: post)
        }
    }

    /// The symbols that the texts of a message name, in their order.
    private static func symbols(_ body: [UInt8]) -> [String] {
        String(decoding: body, as: UTF8.self).matches(of: /\d\d:\d\d:\d\d\.\d\d\d (S\d+USDT) drift/).map {
            String($0.1)
        }
    }

    @Test(.timeLimit(.minutes(1)), arguments: ["slack", "discord", "telegram"])
    func sixtySymbolsBecomeAFewMessages(channel: String) async throws {
        let receiver = try Receiver { _, _ in .answer(200, body: #"{"ok":true}"#) }
        defer { receiver.stop() }
        let bench = try DeliveryBench()
        try Self.add(Self.signals(60), to: bench, channel: channel)
        try await bench.deliver(on: Self.sink(channel, receiver.address, bench)) {
            try bench.outbox.counts(.sent)[channel] == 60
        }
        let named = receiver.requests.map { Self.symbols($0.request.body) }
        #expect((1...3).contains(named.count), "\(named.map(\.count))")
        // Each has its line, and the six critical ones are the first.
        #expect(Set(named.joined()) == Set((0..<60).map { "S\($0)USDT" }))
        #expect(Set(named[0].prefix(6)) == Set((0..<6).map { "S\($0 * 10 + 9)USDT" }), "\(named[0])")
        // A message's alerts became sent together.
        let alerts = try bench.history(channel)
        #expect(Set(alerts.map(\.message)).count == named.count && alerts.allSatisfy { $0.state == "sent" })
    }

    /// A few alerts have a message each, the severest first; a webhook always.
    @Test(.timeLimit(.minutes(1)), arguments: [("telegram", 2), ("webhook", 30)])
    func whatTheRateAllowsGoesOneByOne(channel: String, count: Int) async throws {
        let receiver = try Receiver { _, _ in .answer(200, body: #"{"ok":true}"#) }
        defer { receiver.stop() }
        let bench = try DeliveryBench()
        try Self.add(Self.signals(count, from: 12), to: bench, channel: channel)
        try await bench.deliver(on: Self.sink(channel, receiver.address, bench)) { receiver.acceptedCount == count }
        #expect(try bench.outbox.counts(.sent)[channel] == count)
        guard channel == "webhook" else { return }
        let scores = receiver.requests.map {
            (try? JSONDecoder().decode(SignalDocument.self, from: Data($0.request.body)))?.score ?? 0
        }
        #expect(scores == scores.sorted(by: >))
    }

    /// All symbols in one group, as `"groupBy": []` has them: what has no line waits for the next message.
    @Test func whatDoesNotFitWaits() throws {
        let bench = try DeliveryBench()
        try bench.add(Self.signals(500), channels: ["slack"], lane: "all")
        let sink = Self.sink("slack", "", bench)
        var sent = Set<String>()
        var messages = 0
        while case .parcel(let parcel) = try bench.outbox.next(
            on: "slack", at: HostClock.now.nanoseconds,
            limits: ParcelLimits(signals: sink.groupLimit, details: sink.detailLimit, room: { sink.room(for: $0) }))
        {
            let slack = try #require(sink as? SlackSink)
            let named = Self.symbols(try messageJSON(slack.message(parcel.notification)))
            #expect(named.count == parcel.sequences.count && sent.isDisjoint(with: named))
            sent.formUnion(named)
            messages += 1
            try bench.outbox.markSent(parcel, message: "m\(messages)", at: 1)
        }
        #expect(sent.count == 500 && messages < 15)
    }

    /// One signal that the service refuses takes none of its digest with it.
    @Test(.timeLimit(.minutes(1))) func aRefusedDigestIsDivided() async throws {
        let receiver = try Receiver { _, request in
            String(decoding: request.body, as: UTF8.self).contains("S13USDT drift")
                ? .answer(400, body: #"{"code": 50035}"#) : .answer(204)
        }
        defer { receiver.stop() }
        let bench = try DeliveryBench()
        try Self.add(Self.signals(16), to: bench, channel: "discord")
        try await bench.deliver(on: Self.sink("discord", receiver.address, bench)) {
            try bench.outbox.counts(.pending).isEmpty
        }
        let dead = try bench.history("discord").filter { $0.state == "dead" }
        #expect(dead.map(\.signal.symbol) == ["S13USDT"])
        #expect(try bench.outbox.counts(.sent)["discord"] == 15)
    }

    /// Killed after any answer of the service: the message in flight comes again, whole; nothing is lost.
    @Test(.timeLimit(.minutes(1))) func aDigestIsMarkedTogetherOrNotAtAll() throws {
        let bench = try DeliveryBench()
        try Self.add(Self.signals(120), to: bench, channel: "slack")
        let sink = Self.sink("slack", "", bench)
        let limits = ParcelLimits(
            signals: sink.groupLimit, details: sink.detailLimit, lanes: 3, room: { sink.room(for: $0) })
        func next() throws -> Parcel {
            guard
                case .parcel(let parcel) = try bench.outbox.next(
                    on: "slack", at: HostClock.now.nanoseconds, limits: limits)
            else { throw NothingDue() }
            return parcel
        }
        let first = try next()
        #expect(first.sequences.count > 30)
        // Not marked: a reopened outbox offers the very same.
        let reopened = try Outbox(path: bench.outbox.file.path, at: 1, isOwner: false)
        guard
            case .parcel(let again) = try reopened.next(
                on: "slack", at: HostClock.now.nanoseconds, limits: limits)
        else { throw NothingDue() }
        #expect(again.sequences == first.sequences)
        try bench.outbox.markSent(first, message: "m", at: 1)
        #expect(try reopened.counts(.sent)["slack"] == first.sequences.count)
        #expect(Set(try next().sequences).isDisjoint(with: first.sequences))
    }
}
