import TestSupport
@testable import Alerter
import Foundation
import Testing
import Transport
import Wire

/// The alerter as its users run it: its commands, its history through the gateway, its silences, its secrets.
@Suite(.serialized) struct AlerterProcessTests {
    private static func send(
        _ method: String, _ url: String, body: String = ""
    ) async throws -> (status: Int, body: String, location: String?) {
        let http = try HTTPClient()
        defer { http.shutdown() }
        let answer = try await http.send(
            HTTPRequest(
                method: method, url: url, headers: [(name: "Content-Type", value: "application/json")],
                body: Array(body.utf8)))
        return (answer.status, String(decoding: answer.body, as: UTF8.self), answer.header("Location"))
    }

    private static func page(_ url: String) async throws -> AlertPage {
        try JSONDecoder().decode(AlertPage.self, from: Data(try await send("GET", url).body.utf8))
    }

    /// A signal posted at the gateway: through the log to the alerter, into its history, and muted by a silence.
    @Test(.timeLimit(.minutes(5))) func alertsAndSilencesThroughTheGateway() async throws {
        let receiver = try Receiver(answers: [200])
        defer { receiver.stop() }
        let stage = try Stage(webhook: receiver.url)
        defer { stage.remove() }
        let alerts = stage.gatewayAddress + "/api/v1/alerts"
        let silences = stage.gatewayAddress + "/api/v1/silences"
        func post(_ symbol: String) async throws -> String {
            let body = #"{"timestamp":1696867200.0,"signal_type":"buy_imbalance","score":0.85,"symbol":"\#(symbol)"}"#
            let answer = try await Self.send("POST", stage.gatewayAddress + "/api/v1/signals", body: body)
            #expect(answer.status == 202)
            return try JSONDecoder().decode(SignalDocument.self, from: Data(answer.body.utf8)).id
        }
        #expect(await eventually { (try? await Self.send("GET", alerts).status) == 200 }, "\(stage.logs)")
        let first = try await post("BTC/USDT")
        #expect(await eventually { receiver.acceptedIDs == [first] }, "\(stage.logs)")
        let sent = try await eventually {
            try await Self.page(alerts + "?symbol=BTC/USDT&state=sent").alerts.count == 1
        }
        #expect(sent)

        let new = try await Self.send(
            "POST", silences, body: #"{"symbols": ["BTC*"], "duration_seconds": 600, "comment": "upgrade"}"#)
        #expect(new.status == 201, "\(new.body)")
        let location = try #require(new.location)
        #expect(try await Self.send("GET", silences).body.contains("upgrade"))
        let second = try await post("BTCUSDT")
        let third = try await post("ETHUSDT")
        #expect(await eventually { receiver.acceptedIDs == [first, third] })
        let muted = try await Self.page(alerts + "?state=suppressed")
        #expect(muted.alerts.map(\.signal.id) == [second] && muted.alerts.first?.reason == "silenced")
        #expect(try await Self.send("DELETE", stage.gatewayAddress + location).status == 204)
        #expect(try await Self.send("DELETE", stage.gatewayAddress + location).status == 404)
        let fourth = try await post("BTCUSDT")
        #expect(await eventually { receiver.acceptedIDs == [first, third, fourth] })

        // A silence outlives the alerter.
        _ = try await Self.send("POST", silences, body: #"{"types": ["buy_*"], "duration_seconds": 600}"#)
        try await stage.kill("alerter")
        let fifth = try await post("BTCUSDT")
        let isKept = await eventually(within: 30) {
            (try? await Self.page(alerts + "?state=suppressed").alerts.first?.signal.id) == fifth
        }
        #expect(isKept, "\(stage.logs)")

        for (method, url, body, status, mention) in [
            ("GET", alerts + "?state=lost", "", 400, "pending, sent, dead, suppressed"),
            ("GET", alerts + "?limit=0", "", 400, "limit"), ("GET", alerts + "?cursor=x", "", 400, "next_cursor"),
            ("GET", silences + "/..%2f..%2f..%2fmetrics", "", 404, "silence"),
            ("GET", alerts + "?limit=1%0d%0aX:1", "", 400, "limit"), ("GET", alerts + "?colour=red", "", 400, "colour"),
            ("POST", silences, "nonsense", 400, "JSON object"),
            ("POST", silences, #"{"duration_seconds": "long"}"#, 400, "duration"),
            ("POST", silences, #"{"comment": "for ever"}"#, 400, "has to end"),
            ("POST", silences, #"{"duration_seconds": -1}"#, 400, "in the future"),
            ("POST", silences, #"{"duration_seconds": 60, "channels": ["pager"]}"#, 400, "pager"),
            ("POST", silences, #"{"duration_seconds": 60, "symbol": "A"}"#, 400, "'symbol'"),
            ("POST", silences, String(repeating: " ", count: 20_000), 413, "16384"),
            ("DELETE", silences + "/none", "", 404, "none"),
        ] {
            let answer = try await Self.send(method, url, body: body)
            #expect(
                answer.status == status && answer.body.contains(mention), "\(url) \(body.prefix(80)): \(answer.body)")
        }
        await stage.stop()
    }

    /// `test` says what each service answered, `retry` revives, `--check-config` explains, and no secret shows anywhere.
    @Test(.timeLimit(.minutes(5))) func commandsSayWhatTheyDoAndNoSecret() async throws {
        let receiver = try Receiver { _, request in
            request.path.hasPrefix("/bot")
                ? .answer(401, body: #"{"ok":false,"description":"Unauthorized"}"#) : .answer(200, body: "ok")
        }
        defer { receiver.stop() }
        let folder = try TestFiles.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let secrets = ["slack-hush", "discord-hush", "telegram-hush", "hook-hush", "chat-hush", "signature-hush"]
        let file = folder.path + "/discord-url"
        try "\(receiver.address)/\(secrets[1])\n".write(toFile: file, atomically: true, encoding: .utf8)
        let environment = [
            "SLACK_WEBHOOK_URL": "\(receiver.address)/\(secrets[0])", "DISCORD_WEBHOOK_URL_FILE": file,
            "TELEGRAM_BOT_TOKEN": secrets[2], "TELEGRAM_CHAT_ID": secrets[4],
            "ALERTER_WEBHOOK_URL": "\(receiver.address)/\(secrets[3])", "ALERTER_WEBHOOK_SECRET": secrets[5],
        ]
        let options = ["--telegram-api-url", receiver.address, "--state-dir", folder.path]
        var texts: [String] = []
        func run(_ arguments: [String], _ tag: String) async throws -> (code: Int32?, text: String) {
            let program = try Program("alerter", arguments, in: folder, tag: tag, environment: environment)
            let code = await program.exitCode()
            let text = program.outputText + program.logText
            texts.append(text)
            return (code, text)
        }
        let all = try await run(["test"] + options, "-all")
        #expect(all.code == 1, "\(all.text)")
        for channel in ["console", "webhook", "slack", "discord"] { #expect(all.text.contains("\(channel): accepted")) }
        #expect(all.text.contains("telegram: not accepted: status 401") && all.text.contains("Unauthorized"))
        let one = try await run(["test", "slack"] + options, "-one")
        #expect(one.code == 0 && one.text.contains("slack: accepted") && !one.text.contains("discord"))
        let none = try await run(["test", "pager"] + options, "-none")
        #expect(none.code == 78 && none.text.contains("pager"))

        let policy = folder.path + "/policy.json"
        try #"{"routes": [{"name": "majors", "match": {"minSeverity": "warning"}, "channels": ["slack"]}]}"#.write(
            toFile: policy, atomically: true, encoding: .utf8)
        let explained = try await run(["--check-config", "--policy", policy] + options, "-check")
        #expect(explained.code == 0, "\(explained.text)")
        #expect(explained.text.contains("slack at once by route 'majors'"))
        #expect(explained.text.contains("no route takes it"))
        #expect(explained.text.contains("discordWebhookUrl = (set)    (DISCORD_WEBHOOK_URL_FILE)"))

        let lost = try await run(["retry"] + options, "-retry")
        #expect(lost.code == 1 && lost.text.contains("no outbox"))
        let outbox = try Outbox(path: folder.path + "/alerts.sqlite", at: 1)
        let signal = SignalDocument(
            id: "id-0", timestamp: 1_700_000_000, signalType: "drift", score: 0.5, symbol: "BTCUSDT")
        let entry = Outbox.Entry(
            signal: signal, severity: .info,
            decisions: [.init(channel: "slack", route: "r", outcome: .deliver(lane: "l", readyAt: 0))])
        try outbox.insert([entry], positions: [:], at: 1)
        guard case .parcel(let parcel) = try outbox.next(on: "slack", at: 2, limits: ParcelLimits()) else {
            Issue.record("nothing to send")
            return
        }
        try outbox.markDead(parcel, reason: "refused", at: 2)
        // Beside the process that owns the outbox.
        let retried = try await run(["retry", "slack"] + options, "-again")
        #expect(retried.code == 0 && retried.text.contains("1 alerts"), "\(retried.text)")
        #expect(try outbox.counts(.pending) == ["slack": 1])

        for secret in secrets { #expect(texts.allSatisfy { !$0.contains(secret) }, "\(secret)") }
        for (name, value) in [
            ("TELEGRAM_CHAT_ID", ""), ("SLACK_WEBHOOK_URL", "hush-hush"), ("DISCORD_WEBHOOK_URL_FILE", "/none"),
        ] {
            let program = try Program(
                "alerter", ["--check-config"] + options, in: folder, tag: "-\(name)",
                environment: environment.merging([name: value]) { $1 })
            #expect(await program.exitCode() == 78)
            #expect(program.logText.split(separator: "\n").count == 1 && !program.logText.contains("hush-hush"))
        }
    }

    /// How long from the market event that made a signal, and from its logging, to the request at the receiver. Printed,
    /// not judged: another machine is another answer.
    @Test(.timeLimit(.minutes(5))) func fromSignalToRequest() async throws {
        let receiver = try Receiver(answers: [200])
        defer { receiver.stop() }
        let stage = try Stage(webhook: receiver.url, only: ["detector", "alerter"])
        defer { stage.remove() }
        let count = ProcessInfo.processInfo.environment["LATENCY_SIGNALS"].flatMap(Int.init) ?? 100
        let source = try VectorSource(stage.features, symbols: ["AUSDT", "BUSDT"], signalsPerSecond: 25)
        #expect(await eventually(within: 60) { receiver.acceptedCount >= count + 20 }, "\(stage.logs)")
        source.stop()
        await stage.stop()
        let logged = Dictionary(uniqueKeysWithValues: try stage.loggedSignals().map { ($0.id, $0) })
        // The first ones find the connection not yet there.
        let entries = receiver.accepted.dropFirst(20).prefix(count)
        func report(_ name: String, _ start: (ProtoSignal) -> Int64) {
            let times = entries.compactMap { entry in
                logged[entry.request.header("X-Microstructure-Id") ?? ""].map { entry.atNanoseconds - start($0) }
            }.sorted()
            func milliseconds(_ share: Double) -> String {
                String(format: "%.2f ms", Double(times[min(times.count - 1, Int(Double(times.count) * share))]) / 1e6)
            }
            #expect(times.count == count)
            print(
                "latency, \(name) → HTTP request: p50 \(milliseconds(0.5)), p99 \(milliseconds(0.99)), \(count) signals"
            )
        }
        report("vector received by the detector's host") { $0.detectedTimeNs }
        report("signal handed to the log") { $0.loggedTimeNs }
    }
}
