import TestSupport
@testable import Alerter
@testable import Runtime
import Wire
import Foundation
import Testing
import Transport

/// What the services get, against their documented limits, with texts that mean harm.
@Suite struct PayloadTests {
    private static let hostile = [
        "", "BTCUSDT", "<!channel>", "<@U123|x>", "@everyone", "@here", "</b><script>alert(1)</script>", "&amp;<>\"'",
        "*_~`|>#[](){}\\", "```", ":smile:", "line\nbreak\r\n\tand tab", "\u{202E}evil\u{2066}", "\u{0}\u{1B}[2J\u{85}",
        "https://evil.example/?a=b", "[link](https://evil.example)", String(repeating: "&", count: 20_000),
        String(repeating: "👩‍👩‍👧‍👦", count: 3_000), String(repeating: "<", count: 300), "\u{2028}\u{2029}", "日本語\u{FFFF}",
        String(repeating: "_*", count: 5_000), "{\"json\": true}", "%00%0A", "'; DROP TABLE signal; --",
    ]

    private static func signal(_ text: String, _ other: String) -> SignalDocument {
        var signal = SignalDocument(id: text, timestamp: 1_696_867_200.5, signalType: other, score: 0.87, symbol: text)
        signal.metric = other
        signal.venue = text
        signal.direction = other
        signal.threshold = 0.5
        signal.onset = 1_696_867_198
        return signal
    }

    /// What a message does not carry is left out, and what is long ago is a time.
    @Test func factsSayWhatIsMeant() {
        var signal = SignalDocument(
            id: "1", timestamp: 1_796_055_569, signalType: "drift", score: 0.87, symbol: "BTCUSDT")
        func facts() -> [String: String] {
            Dictionary(AlertMessage.facts(of: signal).map { ($0.name, $0.value) }, uniquingKeysWith: { $1 })
        }
        (signal.threshold, signal.onset) = (0, 0)
        #expect(facts()["Threshold"] == nil && facts()["Began"] == nil)
        (signal.threshold, signal.onset) = (0.839, signal.timestamp - 2)
        #expect(facts()["Threshold"] == "0.839" && facts()["Began"] == "2.0 s earlier")
        signal.onset = 1_700_000_000
        #expect(facts()["Began"] == "2023-11-14T22:13:20.000Z")
    }

    /// A setting of a channel that there is not is refused.
    @Test(
        arguments: [
            (["--webhook-rate", "5"], [:], "--webhook-rate"),
            ([], ["ALERTER_WEBHOOK_SECRET": "hunter2"], "ALERTER_WEBHOOK_SECRET"),
            (["--telegram-api-url", "http://a"], [:], "--telegram-api-url"),
            (["--replay", "none", "--catch-up", "5"], [:], "--catch-up"),
        ] as [([String], [String: String], String)])
    func aSettingWithoutEffectIsRefused(
        _ arguments: [String], _ environment: [String: String], _ setting: String
    ) async throws {
        var settings = try await Settings(scope: "alerter", file: nil, environment: environment)
        let options = try AlerterOptions.parse(arguments)
        let error = #expect(throws: ConfigurationError.self) { try options.decode(&settings) }
        #expect(error?.setting == setting && error?.problem.hasPrefix("has no effect: ") == true)
    }

    /// Single signals of every pair of texts, and digests up to ten thousand signals of many symbols.
    private static let notifications: [AlertMessage] = {
        var all: [AlertMessage] = []
        for (index, text) in hostile.enumerated() {
            for step in 0..<5 {
                let other = hostile[(index + step * 5) % hostile.count]
                all.append(AlertMessage(signal(text, other), severity: .warning))
            }
        }
        for count in [2, 11, 10_000] {
            let signals = (0..<min(count, 10)).map {
                signal(hostile[$0 % hostile.count], hostile[($0 * 7) % hostile.count])
            }
            let groups = (0..<min(count, 1_000)).map {
                AlertMessage.Group(
                    symbol: hostile[$0 % hostile.count] + "\($0)", type: hostile[($0 * 3) % hostile.count],
                    count: count / 2, highestScore: 0.9)
            }
            all.append(AlertMessage(count: count, signals: signals, groups: groups, severity: .critical))
        }
        return all
    }()

    private static let links = SignalLinks(base: "http://gateway.example:8000")

    private static func post() throws -> HTTPPost { HTTPPost(try HTTPClient(), timeoutSeconds: 1) }

    private static func object(_ json: [UInt8]) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(json)) as? [String: Any])
    }

    private static func isClean(_ text: String) -> Bool {
        text.unicodeScalars.allSatisfy { scalar in
            (scalar.value >= 32 || scalar == "\n") && !(127...159).contains(scalar.value)
                && !(0x202A...0x202E).contains(scalar.value) && !(0x2066...0x2069).contains(scalar.value)
        }
    }

    @Test func slackTakesEveryMessage() throws {
        let sink = SlackSink(url: "", links: Self.links, post: try Self.post())
        for notification in Self.notifications {
            let json = try messageJSON(sink.message(notification))
            let message = try Self.object(json)
            let text = try #require(message["text"] as? String)
            #expect((1...40_000).contains(text.utf16.count) && !text.contains("<") && !text.contains(">"))
            #expect(message["unfurl_links"] as? Bool == false)
            let blocks = try #require(message["blocks"] as? [[String: Any]])
            #expect((1...50).contains(blocks.count))
            for block in blocks {
                let type = try #require(block["type"] as? String)
                let own = block["text"] as? [String: Any]
                let fields = block["fields"] as? [[String: Any]] ?? []
                let elements = block["elements"] as? [[String: Any]] ?? []
                #expect(fields.count <= 10 && elements.count <= 10)
                for part in [own].compactMap({ $0 }) + fields + elements {
                    let text = try #require(part["text"] as? String)
                    let limit = type == "header" ? 150 : fields.isEmpty ? 3_000 : 2_000
                    #expect((1...limit).contains(text.utf16.count), "\(type) of \(text.utf16.count)")
                    #expect(Self.isClean(text))
                    if part["type"] as? String == "mrkdwn" {
                        // The one place where markup is read holds our link alone.
                        #expect(
                            text.hasPrefix("<http://gateway.example:8000/?symbol=")
                                && text.hasSuffix("|Explanation>"))
                        #expect(text.count { "<>|".contains($0) } == 3)
                    } else {
                        #expect(part["type"] as? String == "plain_text" && part["emoji"] as? Bool == false)
                    }
                }
            }
        }
    }

    @Test func discordTakesEveryMessage() throws {
        let sink = DiscordSink(url: "", links: Self.links, post: try Self.post())
        for notification in Self.notifications {
            let message = try Self.object(try messageJSON(sink.message(notification)))
            let mentions = try #require(message["allowed_mentions"] as? [String: Any])
            #expect((mentions["parse"] as? [String])?.isEmpty == true)
            let embeds = try #require(message["embeds"] as? [[String: Any]])
            #expect((1...10).contains(embeds.count))
            var total = 0
            for embed in embeds {
                let title = embed["title"] as? String ?? ""
                let description = embed["description"] as? String ?? ""
                let fields = embed["fields"] as? [[String: Any]] ?? []
                #expect((1...256).contains(title.utf16.count) && description.utf16.count <= 4_096 && fields.count <= 25)
                total += title.utf16.count + description.utf16.count
                for text in [title, description] { #expect(Self.isClean(text)) }
                for field in fields {
                    let (name, value) = (field["name"] as? String ?? "", field["value"] as? String ?? "")
                    #expect((1...256).contains(name.utf16.count) && (1...1_024).contains(value.utf16.count))
                    #expect(Self.isClean(name + value))
                    total += name.utf16.count + value.utf16.count
                }
                // No markup survives: every character that could begin some stands behind a backslash.
                for text in [title, description] + fields.map({ $0["value"] as? String ?? "" }) {
                    let bare = text.replacing(/\\./, with: { _ in "" })
                    #expect(!bare.contains { "*_`~|<>[]()@#".contains($0) }, "\(bare.prefix(80))")
                }
                if let url = embed["url"] as? String { #expect(URL(string: url)?.host == "gateway.example") }
            }
            #expect(total <= 6_000)
        }
    }

    @Test func telegramTakesEveryMessage() throws {
        let sink = TelegramSink(
            base: "", token: "t", chat: TelegramChat("-100"), links: Self.links, post: try Self.post())
        for notification in Self.notifications {
            let message = try Self.object(try messageJSON(sink.message(notification)))
            #expect(message["chat_id"] as? String == "-100" && message["parse_mode"] as? String == "HTML")
            let html = try #require(message["text"] as? String)
            // Only our own tags, in pairs; then the text as Telegram counts it.
            var open: [Substring] = []
            for match in html.matches(of: /<(\/?)(\w+)([^>]*)>/) {
                let tag = match.2
                #expect(["b", "code", "a"].contains(tag), "\(tag)")
                if match.1.isEmpty { open.append(tag) } else { #expect(open.popLast() == tag) }
            }
            #expect(open.isEmpty)
            var text = html.replacing(/<[^>]*>/, with: { _ in "" })
            #expect(!text.contains("<") && !text.contains(">"))
            for (entity, character) in [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&amp;", "&")] {
                text = text.replacing(entity, with: character)
            }
            #expect((1...4_096).contains(text.utf16.count), "\(text.utf16.count)")
            #expect(Self.isClean(text))
        }
    }

    @Test func alertmanagerTakesEverySignal() throws {
        let sink = AlertmanagerSink(base: "", policy: AlertPolicy(), links: Self.links, post: try Self.post())
        for notification in Self.notifications {
            let alerts = notification.signals.map { sink.alert($0, at: 1_800_000_000) }
            let json = try messageJSON(alerts, isSnakeCase: false)
            for alert in try #require(try JSONSerialization.jsonObject(with: Data(json)) as? [[String: Any]]) {
                let labels = try #require(alert["labels"] as? [String: String])
                #expect(labels["alertname"] == "MicrostructureSignal")
                #expect(labels.keys.allSatisfy { $0.wholeMatch(of: /[a-zA-Z_][a-zA-Z0-9_]*/) != nil })
                #expect(labels.values.allSatisfy { !$0.isEmpty && Self.isClean($0) })
                let start = try Date(alert["startsAt"] as? String ?? "", strategy: .iso8601WithFraction)
                let end = try Date(alert["endsAt"] as? String ?? "", strategy: .iso8601WithFraction)
                #expect(start < end)
            }
        }
    }

    @Test(
        arguments: [
            (nil, nil), ("7", 7), ("0.5", 0.5), ("-1", nil), ("nan", nil), ("soon", nil), ("1e99", 259_200),
            ("Fri, 09 Aug 2024 12:00:30 GMT", 30), ("Fri, 09 Aug 2024 11:00:00 GMT", 0),
        ] as [(String?, Double?)]) func retryAfterIsSecondsOrADate(header: String?, seconds: Double?)
    {
        // 2024-08-09 12:00:00 UTC.
        #expect(RetryAfter.seconds(header, at: 1_723_204_800) == seconds)
    }

    /// The longest text of each kind is cut, and says so.
    @Test func whatIsTooLongIsCutBetweenCharacters() {
        #expect(MessageText.fit("abc", 3) == "abc")
        #expect(MessageText.fit("abcd", 3) == "ab…")
        #expect(MessageText.fit("👩‍👩‍👧‍👦x", 3) == "…")
        #expect(MessageText.fit("&&&", 12, escape: TelegramSink.escape) == "&amp;&amp;…")
        let lines = MessageText.lines(["one", "two", "three"], limit: 12) { "+\($0)" }
        #expect(lines == "one\ntwo\n+1")
    }

    /// The hints to wait, in a header or in a body.
    @Test(.timeLimit(.minutes(1))) func askedToWaitItSaysHowLong() async throws {
        let receiver = try Receiver { number, _ in
            switch number {
            case 1: .answer(429, headers: [("Retry-After", "7")])
            case 2:
                .answer(429, body: #"{"message": "You are being rate limited.", "retry_after": 0.65, "global": false}"#)
            case 3: .answer(429, body: #"{"ok":false,"error_code":429,"parameters":{"retry_after":12}}"#)
            case 4: .answer(429, headers: [("Retry-After", "1")], body: #"{"retry_after": 1.5}"#)
            case 5: .answer(503, headers: [("Retry-After", "-3")], body: #"{"retry_after": "soon"}"#)
            default: .answer(200)
            }
        }
        defer { receiver.stop() }
        let http = try HTTPClient()
        defer { http.shutdown() }
        let post = HTTPPost(http, timeoutSeconds: 5)
        for wait in [7, 0.65, 12, 1.5, nil] as [Double?] {
            let failure = await #expect(throws: DeliveryFailure.self) { try await post.send([], to: receiver.url) }
            #expect(failure?.retryAfterSeconds == wait && failure?.cause == .temporary)
        }
        // One connection served them all.
        #expect(try await post.send([], to: receiver.url) == "status 200")
    }
}

extension ParseStrategy where Self == Date.ISO8601FormatStyle {
    fileprivate static var iso8601WithFraction: Self { .init(includingFractionalSeconds: true) }
}
