import TestSupport
@testable import Alerter
@testable import Runtime
import Wire
import Foundation
import Logging
import Testing
import Transport

/// What each service's answers mean: delivered, tried again soon, held until a person mends the channel, or the fault
/// of one message.
@Suite(.serialized) struct ChannelTests {
    private static func telegram(_ description: String, parameters: String = "") -> String {
        #"{"ok":false,"error_code":400,"description":"Bad Request: \#(description)"\#(parameters)}"#
    }

    private struct Case: Sendable {
        let channel: String
        let status: Int
        var body = ""
        let cause: DeliveryFailure.Cause
        /// What a person is told.
        var mention = ""
    }

    private static let cases: [Case] = [
        // Telegram.
        .init(
            channel: "telegram", status: 400, body: telegram("chat not found"), cause: .held,
            mention: "TELEGRAM_CHAT_ID"),
        .init(
            channel: "telegram", status: 400, body: telegram("message thread not found"), cause: .held,
            mention: "TELEGRAM_THREAD_ID"),
        .init(
            channel: "telegram", status: 400, body: telegram("TOPIC_CLOSED"), cause: .held,
            mention: "TELEGRAM_THREAD_ID"),
        .init(
            channel: "telegram", status: 400,
            body: telegram("not enough rights to send text messages to the chat"), cause: .held, mention: "may write"),
        .init(
            channel: "telegram", status: 400, body: telegram("group chat was upgraded to a supergroup chat"),
            cause: .held),
        .init(channel: "telegram", status: 400, body: telegram("something new"), cause: .held),
        .init(channel: "telegram", status: 403, body: telegram("bot was kicked"), cause: .held, mention: "may write"),
        .init(
            channel: "telegram", status: 401, body: telegram("Unauthorized"), cause: .held,
            mention: "TELEGRAM_BOT_TOKEN"),
        .init(
            channel: "telegram", status: 404, body: telegram("Not Found"), cause: .held, mention: "TELEGRAM_BOT_TOKEN"),
        .init(channel: "telegram", status: 400, body: telegram("can't parse entities: chat tag"), cause: .refused),
        .init(channel: "telegram", status: 400, body: telegram("message is too long"), cause: .refused),
        .init(channel: "telegram", status: 429, body: telegram("Too Many Requests"), cause: .temporary),
        .init(channel: "telegram", status: 502, body: "<html>", cause: .temporary),
        // Slack.
        .init(channel: "slack", status: 400, body: "invalid_payload", cause: .refused),
        .init(channel: "slack", status: 400, body: "user_not_found", cause: .held, mention: "SLACK_WEBHOOK_URL"),
        .init(channel: "slack", status: 403, body: "action_prohibited", cause: .held, mention: "SLACK_WEBHOOK_URL"),
        .init(channel: "slack", status: 404, body: "no_service", cause: .held),
        .init(channel: "slack", status: 410, body: "channel_is_archived", cause: .held),
        .init(channel: "slack", status: 500, body: "rollup_error", cause: .temporary),
        // Discord.
        .init(channel: "discord", status: 400, body: #"{"code": 50035}"#, cause: .refused),
        .init(channel: "discord", status: 400, body: #"{"code": 220001}"#, cause: .held, mention: "thread_id"),
        .init(channel: "discord", status: 401, body: #"{"code": 50027}"#, cause: .held),
        .init(channel: "discord", status: 404, body: #"{"code": 10015}"#, cause: .held),
        .init(channel: "discord", status: 403, body: #"{"code": 200000}"#, cause: .refused),
        .init(channel: "discord", status: 429, body: "<!doctype html>Error 1015", cause: .temporary),
        // Any webhook.
        .init(channel: "webhook", status: 301, cause: .held, mention: "redirects"),
        .init(channel: "webhook", status: 302, cause: .held, mention: "redirects"),
        .init(channel: "webhook", status: 307, cause: .held, mention: "redirects to https://new.example:8443:"),
        .init(channel: "webhook", status: 308, cause: .held, mention: "redirects"),
        .init(channel: "webhook", status: 400, cause: .refused),
        .init(channel: "webhook", status: 422, cause: .refused),
        .init(channel: "webhook", status: 401, cause: .held), .init(channel: "webhook", status: 402, cause: .held),
        .init(channel: "webhook", status: 403, cause: .held), .init(channel: "webhook", status: 404, cause: .held),
        .init(channel: "webhook", status: 405, cause: .held), .init(channel: "webhook", status: 410, cause: .held),
        .init(channel: "webhook", status: 415, cause: .held), .init(channel: "webhook", status: 501, cause: .held),
        .init(channel: "webhook", status: 408, cause: .temporary),
        .init(channel: "webhook", status: 425, cause: .temporary),
        .init(channel: "webhook", status: 500, cause: .temporary),
        .init(channel: "webhook", status: 503, cause: .temporary),
        .init(channel: "alertmanager", status: 404, cause: .held),
        .init(channel: "alertmanager", status: 400, cause: .refused),
    ]

    @Test(.timeLimit(.minutes(1))) func everyAnswerHasOneMeaning() async throws {
        let cases = Self.cases
        let receiver = try Receiver { number, _ in
            let wanted = cases[number - 1]
            return .answer(
                wanted.status, headers: [("Location", "https://new.example:8443/token-of-the-hook")], body: wanted.body)
        }
        defer { receiver.stop() }
        let bench = try DeliveryBench()
        let sinks = Self.sinks(receiver.address, bench)
        for wanted in cases {
            let sink = try #require(sinks.first { $0.name == wanted.channel })
            let failure = await #expect(throws: DeliveryFailure.self) {
                try await sink.deliver(AlertMessage(DeliveryTests.signals(1)[0], severity: .info))
            }
            let place = "\(wanted.channel) \(wanted.status) \(wanted.body): \(failure?.reason ?? "")"
            #expect(failure?.cause == wanted.cause, "\(place)")
            #expect(wanted.mention.isEmpty || failure?.reason.contains(wanted.mention) == true, "\(place)")
            #expect(failure?.reason.contains("token-of-the-hook") == false, "\(place)")
        }
    }

    private static func sinks(_ address: String, _ bench: DeliveryBench) -> [any AlertSink] {
        let post = HTTPPost(bench.http, timeoutSeconds: 5)
        let links = SignalLinks(base: nil)
        return [
            TelegramSink(base: address, token: "123:ABC", chat: TelegramChat("-4123456789"), links: links, post: post),
            SlackSink(url: address, links: links, post: post), DiscordSink(url: address, links: links, post: post),
            WebhookSink(rateLimits: [], url: address, secret: nil, post: post),
            AlertmanagerSink(base: address, policy: AlertPolicy(), links: links, post: post),
        ]
    }

    /// Without an answer: a name that does not exist and a certificate that nobody trusts are a person's to mend.
    @Test(.timeLimit(.minutes(1))) func anUnknownHostIsHeld() async throws {
        let bench = try DeliveryBench()
        let post = HTTPPost(bench.http, timeoutSeconds: 20)
        let unknown = await #expect(throws: DeliveryFailure.self) {
            try await post.send([], to: "http://no-such-host.invalid/token-of-the-hook")
        }
        #expect(unknown?.cause == .held && unknown?.reason.contains("name") == true, "\(unknown?.reason ?? "")")
        #expect(unknown?.reason.contains("token-of-the-hook") == false)
        let closed = await #expect(throws: DeliveryFailure.self) {
            try await post.send([], to: "http://127.0.0.1:\(freePort())/")
        }
        #expect(closed?.cause == .temporary)
    }

    /// Nothing dies while the channel is to be mended: all are held with the reason, `/ready` says so, and once mended all
    /// go out.
    @Test(.timeLimit(.minutes(2)), arguments: ["webhook", "telegram"])
    func whatAPersonMustMendIsHeldAndTried(channel: String) async throws {
        let receiver = try Receiver { number, _ in
            guard number <= 2 else { return .answer(200, body: #"{"ok":true}"#) }
            return channel == "webhook" ? .answer(308) : .answer(400, body: Self.telegram("chat not found"))
        }
        defer { receiver.stop() }
        let bench = try DeliveryBench()
        let sink = try #require(Self.sinks(receiver.address, bench).first { $0.name == channel })
        let health = Health()
        try bench.add(DeliveryTests.signals(3, symbols: ["A", "B", "C"]), channels: [channel])
        var seen = ""
        try await bench.deliver(on: sink, health: health) {
            if let part = health.parts.first, !part.isReady { seen = part.detail }
            #expect(try bench.outbox.counts(.dead).isEmpty)
            if receiver.count == 1, try bench.outbox.counts(.pending)[channel] == 3 {
                let reasons = try bench.history(channel).map { $0.reason ?? "" }
                #expect(reasons.allSatisfy { $0.isEmpty || $0.hasPrefix("held until mended: status") }, "\(reasons)")
            }
            return try bench.outbox.counts(.sent)[channel] == 3
        }
        #expect(seen.hasPrefix("held until mended: status"), "\(seen)")
    }

    /// An alert that waited in quiet hours, or was dead and is retried, is not given up at its first try.
    @Test(.timeLimit(.minutes(1))) func nothingIsGivenUpAtItsFirstTry() async throws {
        let receiver = try Receiver(answers: [503, 200])
        defer { receiver.stop() }
        let bench = try DeliveryBench()
        let entry = Outbox.Entry(
            signal: DeliveryTests.signals(1)[0], severity: .info,
            decisions: [.init(channel: "webhook", route: "r", outcome: .deliver(lane: "l", readyAt: 1))])
        try bench.outbox.insert([entry], positions: [:], at: 1)
        let sink = WebhookSink(
            rateLimits: [], url: receiver.url, secret: nil, post: HTTPPost(bench.http, timeoutSeconds: 5))
        try await bench.deliver(on: sink) { try bench.history("webhook").first?.state == "sent" }
        #expect(try bench.history("webhook").first?.attempts == 2)
    }

    /// A receiver that refuses whatever it gets is not given alert after alert to lose.
    @Test(.timeLimit(.minutes(1))) func aReceiverThatRefusesEverythingIsHeld() async throws {
        let receiver = try Receiver(answers: [400])
        defer { receiver.stop() }
        let bench = try DeliveryBench()
        try bench.add(DeliveryTests.signals(20, symbols: (0..<20).map { "S\($0)" }), channels: ["webhook"])
        let sink = WebhookSink(
            rateLimits: [], url: receiver.url, secret: nil, post: HTTPPost(bench.http, timeoutSeconds: 5))
        try await bench.deliver(on: sink) {
            try bench.history("webhook").contains { $0.reason?.contains("in a row") == true }
        }
        #expect(try bench.outbox.counts(.dead)["webhook"] == ChannelState.refusalLimit)
        #expect(try bench.outbox.counts(.pending)["webhook"] == 20 - ChannelState.refusalLimit)
    }

    /// A group that became a supergroup: followed at once, kept for the next start, and told.
    @Test(.timeLimit(.minutes(1))) func aMigratedGroupIsFollowed() async throws {
        let receiver = try Receiver { _, request in
            let body = String(decoding: request.body, as: UTF8.self)
            guard body.contains(#""chat_id":"-4123456789""#) else { return .answer(200, body: #"{"ok":true}"#) }
            return .answer(
                400,
                body: Self.telegram(
                    "group chat was upgraded to a supergroup chat",
                    parameters: #","parameters":{"migrate_to_chat_id":-1002233445566}"#))
        }
        defer { receiver.stop() }
        let bench = try DeliveryBench()
        let health = Health()
        for round in 1...2 {
            let chat = try TelegramChat("-4123456789", keptIn: bench.outbox, logger: Logger(label: "test"))
            #expect(chat.id == (round == 1 ? "-4123456789" : "-1002233445566"))
            let sink = TelegramSink(
                base: receiver.address, token: "123:ABC", chat: chat, links: SignalLinks(base: nil),
                post: HTTPPost(bench.http, timeoutSeconds: 5))
            try bench.add(DeliveryTests.signals(1, from: round), channels: ["telegram"])
            try await bench.deliver(on: sink, health: health) {
                try bench.outbox.counts(.sent)["telegram"] == round && health.parts.first?.detail != ""
            }
            #expect(sink.notice.contains("TELEGRAM_CHAT_ID to -1002233445566"))
            #expect(health.parts.first?.detail == sink.notice && health.parts.first?.isReady == true)
        }
        #expect(receiver.count == 3 && receiver.acceptedCount == 2)
        // Another chat in the settings is not the old one's new id.
        let other = try TelegramChat("-5", keptIn: bench.outbox, logger: Logger(label: "test"))
        #expect(other.id == "-5" && other.notice.isEmpty)
    }

    /// A topic's id is in each message; the general topic has none.
    @Test(.timeLimit(.minutes(1)), arguments: [(nil, nil), ("42", 42), ("1", nil)] as [(String?, Int?)])
    func aTopicIsNamed(setting: String?, thread: Int?) async throws {
        var environment = ["TELEGRAM_BOT_TOKEN": "123:ABC", "TELEGRAM_CHAT_ID": "-1001", "ALERTER_CONSOLE": "false"]
        environment["TELEGRAM_THREAD_ID"] = setting
        let bench = try DeliveryBench()
        let sink = try #require(
            try await RedactionTests.configuration(environment).sinks(bench.http).first as? TelegramSink)
        let json = try messageJSON(sink.message(AlertMessage(DeliveryTests.signals(1)[0], severity: .info)))
        let object = try JSONSerialization.jsonObject(with: Data(json)) as? [String: Any]
        #expect(object?["message_thread_id"] as? Int == thread && object?["chat_id"] as? String == "-1001")
    }

    @Test(arguments: ["x", "0", "-3", "1.5"]) func aBadTopicIsRefused(text: String) async throws {
        let environment = ["TELEGRAM_BOT_TOKEN": "123:ABC", "TELEGRAM_CHAT_ID": "-1001", "TELEGRAM_THREAD_ID": text]
        let error = await #expect(throws: ConfigurationError.self) {
            try await RedactionTests.configuration(environment)
        }
        #expect(error?.setting == "TELEGRAM_THREAD_ID")
    }
}
