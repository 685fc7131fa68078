import TestSupport
@testable import Alerter
@testable import Runtime
import Wire
import Foundation
import Logging
import Testing
import Transport

/// Secrets planted in every setting, and services that echo what they are sent.
@Suite struct RedactionTests {
    private static let slackToken = "XyZabcSlackToken0123456789"
    private static let discordToken = "aBcDiscord_Token-9876543210"
    private static let botToken = "123456789:AAF-telegram_Bot0Token"
    private static let redaction = Redaction(
        addresses: [
            "https://hooks.slack.com/services/T0AB12CD3/B0EF45GH6/\(slackToken)",
            "https://discord.com/api/webhooks/1122334455667788/\(discordToken)",
            "https://hook-user:p%40ssw0rd@example.org/in/box?key=query%2Fsecret&plain=1#part",
            "http://am-user:am-password@127.0.0.1:9093/prefix", "http://proxy-user:proxy-password@10.0.0.1:3128",
        ], tokens: [botToken, "signing-key-0123456789"], names: ["-1001122334455"])

    /// What must not be readable, in whatever spelling it was sent.
    private static let secrets = [
        slackToken, "T0AB12CD3", discordToken, "1122334455667788", "hook-user", "p@ssw0rd", "query/secret",
        "am-password",
        "proxy-password", botToken, "AAF-telegram_Bot0Token", "signing-key-0123456789", "-1001122334455",
    ]

    private static let spellings: [(name: String, spell: @Sendable (String) -> String)] = [
        ("as it is", { $0 }), ("upper case", { $0.uppercased() }), ("lower case", { $0.lowercased() }),
        ("percent", { MessageText.linkComponent($0) }),
        ("percent, small", { MessageText.linkComponent($0).lowercased() }),
        ("percent twice", { MessageText.linkComponent(MessageText.linkComponent($0)) }),
        ("every byte", { $0.utf8.map { String(format: "%%%02x", $0) }.joined() }),
        ("JSON", { $0.replacing("/", with: "\\/") }),
        ("JSON, numbers", { $0.utf8.map { String(format: "\\u%04x", $0) }.joined() }),
        ("HTML", { $0.replacing("/", with: "&#x2F;").replacing("@", with: "&#64;") }),
        ("control characters", { $0.map { "\($0)\u{0}" }.joined() }), ("cut off", { String($0.dropLast(3)) }),
    ]

    @Test func noSpellingOfASecretIsShown() {
        for secret in Self.secrets {
            for (name, spell) in Self.spellings where name != "cut off" || secret.count >= 16 {
                let text = Self.redaction.line("Cannot POST /\(spell(secret)) now, sorry")
                #expect(
                    text == "Cannot POST /(secret) now, sorry" || text == "Cannot POST (secret) now, sorry",
                    "\(name) of \(secret): \(text)")
            }
            // At the very end, as a cut text has it.
            let tail = Self.redaction.line("at " + secret.prefix(max(6, secret.count / 2)))
            if secret.count >= 16 { #expect(!tail.contains(secret.prefix(6)), "\(tail)") }
        }
    }

    @Test func wholesAndPartsOfAnAddressAreBlanked() {
        for text in [
            "https://hooks.slack.com/services/T0AB12CD3/B0EF45GH6/\(Self.slackToken)",
            "/services/T0AB12CD3/B0EF45GH6/\(Self.slackToken)", "services/T0AB12CD3/B0EF45GH6/\(Self.slackToken)",
            "/in/box?key=query%2Fsecret&plain=1", "/in/box", "key=query%2Fsecret", "hook-user:p%40ssw0rd",
            Data("hook-user:p@ssw0rd".utf8).base64EncodedString(),
            Data("am-user:am-password".utf8).base64EncodedString(),
        ] {
            let shown = Self.redaction.line("x \(text) y")
            #expect(!shown.contains(text) && shown.contains("(secret)"), "\(shown)")
        }
        // Where to look stays readable.
        #expect(Self.redaction.line("https://hooks.slack.com: timed out") == "https://hooks.slack.com: timed out")
        #expect(Self.redaction.line("http://127.0.0.1:9093: refused") == "http://127.0.0.1:9093: refused")
        #expect(
            Redaction(addresses: ["https://api.telegram.org"]).line("https://api.telegram.org")
                == "https://api.telegram.org")
        #expect(Redaction().line("nothing is secret") == "nothing is secret")
        #expect(Redaction.proxies(in: ["https_proxy": "u:p@h:1", "no_proxy": "a", "X": "y"]) == ["http://u:p@h:1"])
    }

    /// Each channel against a service that echoes path, query, headers and body: in no reason, answer or state.
    @Test(.timeLimit(.minutes(1)), arguments: [200, 400, 404, 308, 500])
    func anEchoShowsNoSecret(status: Int) async throws {
        let receiver = try Receiver { _, request in
            let query = request.query.map { "\($0.name)=\($0.value)" }.joined(separator: "&")
            let authorization = request.header("Authorization") ?? ""
            return .answer(
                status, headers: [("Location", "http://other.example\(request.path)")],
                body: "Cannot POST \(request.path)?\(query) with \(authorization)")
        }
        defer { receiver.stop() }
        let host = "127.0.0.1:\(receiver.port)"
        var configuration = try await Self.configuration([
            "SLACK_WEBHOOK_URL": "http://\(host)/services/T0AB12CD3/B0EF45GH6/\(Self.slackToken)",
            "DISCORD_WEBHOOK_URL": "http://\(host)/api/webhooks/1122334455667788/\(Self.discordToken)",
            "ALERTER_WEBHOOK_URL": "http://hook-user:p%40ssw0rd@\(host)/in/box?key=query%2Fsecret",
            "ALERTER_ALERTMANAGER_URL": "http://am-user:am-password@\(host)/prefix",
            "TELEGRAM_BOT_TOKEN": Self.botToken,
            "TELEGRAM_CHAT_ID": "-1001122334455", "ALERTER_TELEGRAM_API_URL": "http://\(host)",
        ])
        configuration.hasConsole = false
        let bench = try DeliveryBench()
        let signal = DeliveryTests.signals(1)[0]
        var shown: [String] = []
        for sink in configuration.sinks(bench.http) {
            do throws(DeliveryFailure) {
                shown.append(try await sink.deliver(AlertMessage(signal, severity: .info)))
            } catch {
                shown.append(error.reason)
            }
        }
        #expect(shown.count == 5 && receiver.count == 5)
        let basic = [Data("hook-user:p@ssw0rd".utf8), Data("am-user:am-password".utf8)].map { $0.base64EncodedString() }
        for text in shown {
            #expect(text.contains("(secret)"), "\(text)")
            for secret in Self.secrets + basic + ["query%2Fsecret", "p%40ssw0rd"] {
                #expect(!text.contains(secret), "\(text)")
            }
        }
    }

    static func configuration(_ environment: [String: String]) async throws -> AlerterConfiguration {
        var settings = try await Settings(scope: "alerter", file: nil, environment: environment)
        let configuration = try AlerterOptions.parse([]).decode(&settings)
        for effective in settings.effective {
            for secret in secrets { #expect(!effective.value.contains(secret), "\(effective.name)") }
        }
        return configuration
    }
}
