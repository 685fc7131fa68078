import TestSupport
@testable import Alerter
@testable import Runtime
import Wire
import Foundation
import Testing
import Transport

/// The outbox and the channels, with real servers on this machine.
@Suite(.serialized) struct DeliveryTests {
    static func signals(_ count: Int, symbols: [String] = ["BTCUSDT"], from first: Int = 0) -> [SignalDocument] {
        (first..<first + count).map { number in
            var signal = SignalDocument(
                id: "id-\(number)", timestamp: 1_700_000_000 + Double(number) / 10, signalType: "drift",
                score: Double(number % 100) / 100, symbol: symbols[number % symbols.count])
            signal.metric = "imbalance_10"
            signal.direction = "up"
            return signal
        }
    }

    /// Ten thousand signals at once: a first message, then digests at the service's rate; all of it in the history.
    @Test(.timeLimit(.minutes(2))) func aBurstOfTenThousandBecomesAFewMessages() async throws {
        let receiver = try Receiver { _, _ in .answer(200, body: "ok") }
        defer { receiver.stop() }
        let bench = try DeliveryBench()
        let sink = SlackSink(
            url: receiver.url, links: SignalLinks(base: nil), post: HTTPPost(bench.http, timeoutSeconds: 5)
        )
        let before = Self.residentMegabytes
        var peak = before
        var added = 0
        try await bench.deliver(on: sink) {
            // As fast as the outbox takes them, while the channel delivers.
            if added < 10_000 {
                try bench.add(Self.signals(500, from: added), channels: ["slack"])
                added += 500
            }
            peak = max(peak, Self.residentMegabytes)
            return try added == 10_000 && bench.outbox.counts(.sent)["slack"] == 10_000
        }
        let texts = try receiver.accepted.map { entry in
            let object = try JSONSerialization.jsonObject(with: Data(entry.request.body)) as? [String: Any]
            return object?["text"] as? String ?? ""
        }
        print("burst: 10000 signals, \(texts.count) messages: \(texts)")
        print("burst: resident memory \(before) MB before, \(peak) MB at most")
        let counted = texts.reduce(0) { $0 + (Int($1.split(separator: " ").dropFirst().first ?? "") ?? 1) }
        #expect(counted == 10_000)
        #expect(texts.count <= 10)
        #expect(before > 0 && peak - before < 150)
        // No second held two messages.
        let times = receiver.accepted.map(\.atNanoseconds)
        for (first, second) in zip(times, times.dropFirst()) { #expect(second - first > 800_000_000) }
        // Page after page, every one of them, in the order of receipt.
        var ids: [String] = []
        var query = AlertQuery()
        query.limit = 1_000
        repeat {
            let page = try #require(try bench.outbox.alerts(matching: query))
            ids += page.alerts.map(\.signal.id)
            #expect(page.alerts.allSatisfy { $0.state == "sent" && $0.message != nil })
            query.cursor = page.nextCursor
        } while query.cursor != nil
        #expect(ids == (0..<10_000).reversed().map { "id-\($0)" })
    }

    /// A channel that never answers, and one that does: the second gets everything at once.
    @Test(.timeLimit(.minutes(1))) func aSlowChannelHoldsUpNoOther() async throws {
        let slow = try Receiver { _, _ in .hang }
        let fast = try Receiver(answers: [200])
        defer {
            slow.stop()
            fast.stop()
        }
        let bench = try DeliveryBench()
        let post = HTTPPost(bench.http, timeoutSeconds: 30)
        let stuck = AlertDelivery(
            DiscordSink(url: slow.url, links: SignalLinks(base: nil), post: post), outbox: bench.outbox,
            settings: .init(drainSeconds: 0.1), logger: .init(label: "test"))
        async let running: Void = stuck.run()
        try bench.add(Self.signals(50), channels: ["webhook", "discord"])
        try await bench.deliver(on: WebhookSink(rateLimits: [], url: fast.url, secret: nil, post: post)) {
            fast.acceptedCount == 50
        }
        #expect(fast.acceptedIDs == Self.signals(50).map(\.id))
        #expect(await eventually { slow.count == 1 })
        // A stop does not wait for the stuck one, and its alerts stay.
        stuck.finish()
        await running
        #expect(try bench.outbox.counts(.pending) == ["discord": 50])
    }

    /// One symbol's alert that fails holds up that symbol alone; its order stays.
    @Test(.timeLimit(.minutes(1))) func aFailureHoldsUpItsOwnLane() async throws {
        let receiver = try Receiver { number, request in
            let isPoison = request.header("X-Microstructure-Id") == "id-0" && number < 4
            return .answer(isPoison ? 500 : 200)
        }
        defer { receiver.stop() }
        let bench = try DeliveryBench()
        try bench.add(Self.signals(20, symbols: ["A", "B"]), channels: ["webhook"])
        let sink = WebhookSink(
            rateLimits: [], url: receiver.url, secret: nil, post: HTTPPost(bench.http, timeoutSeconds: 5))
        try await bench.deliver(on: sink) { receiver.acceptedCount == 20 }
        let ids = receiver.acceptedIDs
        for remainder in 0..<2 {
            let lane = ids.filter { (Int($0.dropFirst(3)) ?? 0) % 2 == remainder }
            #expect(lane == stride(from: remainder, to: 20, by: 2).map { "id-\($0)" })
        }
        #expect(ids.first != "id-0")
    }

    /// What was delivered and not yet marked when the process died comes again; what was marked does not.
    @Test(.timeLimit(.minutes(1))) func aRestartResumes() async throws {
        let receiver = try Receiver(answers: [200])
        defer { receiver.stop() }
        let folder = try TestFiles.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let http = try HTTPClient()
        defer { http.shutdown() }
        let sink = WebhookSink(
            rateLimits: [], url: receiver.url, secret: nil, post: HTTPPost(http, timeoutSeconds: 5))
        for round in 0..<3 {
            let outbox = try Outbox(path: folder.path + "/alerts.sqlite", at: 1)
            #expect(try outbox.positions == (round == 0 ? [:] : [9: UInt64(round * 10)]))
            let now = HostClock.now.nanoseconds
            // The batch before comes again, as after a kill between receipt and position.
            let signals = Self.signals(10 + (round > 0 ? 10 : 0), from: max(0, round - 1) * 10)
            let entries = signals.map {
                Outbox.Entry(
                    signal: $0, severity: .info,
                    decisions: [
                        .init(channel: "webhook", route: "r", outcome: .deliver(lane: "l", readyAt: now)),
                        .init(channel: "slack", route: "r", outcome: .suppress(.silenced)),
                    ])
            }
            try outbox.insert(entries, positions: [9: UInt64(round + 1) * 10], at: now)
            let delivery = AlertDelivery(sink, outbox: outbox, logger: .init(label: "test"))
            async let running: Void = delivery.run()
            #expect(await eventually { receiver.acceptedCount == (round + 1) * 10 })
            delivery.finish()
            await running
            #expect(try outbox.counts(.suppressed) == ["slack": (round + 1) * 10])
        }
        #expect(receiver.acceptedIDs == (0..<30).map { "id-\($0)" })
    }

    /// An alert that nothing delivers for long enough is dead, with its reason.
    @Test(.timeLimit(.minutes(1))) func whatIsTooOldIsGivenUp() async throws {
        let receiver = try Receiver(answers: [503])
        defer { receiver.stop() }
        let bench = try DeliveryBench()
        try bench.add(Self.signals(1), channels: ["webhook"])
        let sink = WebhookSink(
            rateLimits: [], url: receiver.url, secret: nil, post: HTTPPost(bench.http, timeoutSeconds: 5))
        try await bench.deliver(on: sink, settings: .init(giveUpSeconds: 0.5)) {
            try bench.history("webhook").first?.state == "dead"
        }
        #expect(try bench.history("webhook").first?.reason?.contains("503") == true)
        #expect(try bench.history("webhook").first?.attempts ?? 0 > 1)
    }

    /// Retention takes what is settled, oldest first, and nothing that is still to be sent.
    @Test func theHistoryIsPrunedAndPendingAlertsAreNot() throws {
        let bench = try DeliveryBench()
        try bench.add(Self.signals(5), channels: [])
        try bench.add(Self.signals(5, from: 5), channels: ["webhook"])
        let later = HostClock.now.nanoseconds + 2 * 86_400 * 1_000_000_000
        #expect(try bench.outbox.prune(days: 1, at: later) == 5)
        #expect(try bench.outbox.counts(.pending) == ["webhook": 5])
    }

    /// Of this process, in MB.
    private static var residentMegabytes: Int {
        // A file of /proc has no size: it is read until its end.
        let data = try? FileHandle(forReadingFrom: URL(filePath: "/proc/self/statm")).readToEnd()
        let fields = String(decoding: data ?? Data(), as: UTF8.self).split(separator: " ")
        return fields.count > 1 ? (Int(fields[1]) ?? 0) / 256 : 0
    }

    /// A real Alertmanager takes what we post, groups it and shows it.
    @Test(
        .enabled(if: FileManager.default.isExecutableFile(atPath: Self.alertmanager), "Alertmanager is not installed"),
        .timeLimit(.minutes(1)))
    func aRealAlertmanagerTakesAlerts() async throws {
        let bench = try DeliveryBench()
        let configuration = bench.folder.path + "/alertmanager.yml"
        try "route: {receiver: none}\nreceivers: [{name: none}]\n".write(
            toFile: configuration, atomically: true, encoding: .utf8)
        let port = freePort()
        let server = try Program(
            "alertmanager",
            [
                "--config.file", configuration, "--storage.path", bench.folder.path + "/am", "--web.listen-address",
                "127.0.0.1:\(port)", "--cluster.listen-address", "",
            ], in: bench.folder, executable: URL(filePath: Self.alertmanager))
        let address = "http://127.0.0.1:\(port)"
        #expect(await eventually { await Web.get(address + "/-/ready")?.status == 200 }, "\(server.logText)")
        var signals = Self.signals(150)
        signals[0].symbol = "<script>\u{202E}\"'\\"
        signals[1].signalType = String(repeating: "x", count: 5_000)
        try bench.add(signals, channels: ["alertmanager"], lane: "all")
        let sink = AlertmanagerSink(
            base: address, policy: AlertPolicy(), links: SignalLinks(base: address),
            post: HTTPPost(bench.http, timeoutSeconds: 5))
        try await bench.deliver(on: sink) { try bench.outbox.counts(.sent)["alertmanager"] == 150 }
        let shown = await eventually {
            let body = await Web.get(address + "/api/v2/alerts")?.body ?? ""
            return body.split(separator: "\"signal_id\"").count == 151
        }
        #expect(shown)
        server.signal(SIGTERM)
    }

    private static let alertmanager = "/usr/bin/prometheus-alertmanager"
}
