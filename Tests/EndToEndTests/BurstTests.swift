@testable import Alerter
import Foundation
import Runtime
import TestSupport
import Testing
import Transport

@Suite struct BurstTests {
    /// Ten thousand signals at once through detector, gateway and alerter, with a stand-in for Slack: a few messages, and all of
    /// it in the history.
    @Test(.timeLimit(.minutes(3))) func aBurstThroughTheProcesses() async throws {
        let receiver = try Receiver { _, _ in .answer(200, body: "ok") }
        defer { receiver.stop() }
        let stage = try Stage(webhook: nil, environment: ["SLACK_WEBHOOK_URL": receiver.address + "/slack"])
        defer { stage.remove() }
        #expect(await eventually { await Web.get(stage.gatewayAddress + "/health")?.status == 200 }, "\(stage.logs)")
        let source = try VectorSource(
            stage.features, symbols: ["AUSDT", "BUSDT", "CUSDT"], signalsPerSecond: 0, limit: 10_000)
        defer { source.stop() }
        var made = 0.0
        let hasSettled = await eventually(within: 120) {
            made = await Web.metric(MetricName.signalLogHead, port: stage.metricsPort("detector")) ?? 0
            let sent = await Web.metric(MetricName.alertsDelivered, port: stage.metricsPort("alerter"))
            let stored = await Web.metric(MetricName.signalsStored, port: stage.metricsPort("api-gateway"))
            // The first vectors of a symbol may come before the detector has joined its topic.
            return source.signalCount == 10_000 && made >= 9_900 && sent == made && stored == made
        }
        #expect(hasSettled, "\(made) \(stage.logs)")
        let texts = try receiver.accepted.map { entry in
            let object = try JSONSerialization.jsonObject(with: Data(entry.request.body)) as? [String: Any]
            return object?["text"] as? String ?? ""
        }
        var history: Set<String> = []
        var cursor: String?
        repeat {
            let query = "?limit=1000" + (cursor.map { "&cursor=\($0)" } ?? "")
            let answer = try #require(await Web.get(stage.gatewayAddress + "/api/v1/alerts" + query))
            let page = try JSONDecoder().decode(AlertPage.self, from: Data(answer.body.utf8))
            history.formUnion(page.alerts.map(\.signal.id))
            cursor = page.nextCursor
        } while cursor != nil
        #expect(history.count == Int(made))
        #expect(texts.count < 200)
        print(
            "burst: \(Int(made)) signals through the processes, \(texts.count) messages, \(history.count) in the history"
        )
        for name in Stage.names { print("burst: \(name) used \(stage.peakMegabytes(of: name)) MB at most") }
        await stage.stop()
    }
}
