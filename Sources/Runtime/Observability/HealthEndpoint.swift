import Foundation
import ServiceLifecycle
import Transport

/// Serves `/health`, `/ready` and `/metrics` of one process on a thread of its own.
final class HealthEndpoint: Service, Sendable {
    let port: Int
    private let thread: StageThread

    /// Binds at once, so that an occupied port fails before anything else starts.
    init(
        host: String, port: Int, health: Health, metrics: PrometheusRegistry, pages: ExtraPages, service: String
    ) throws {
        // The loop moves into its thread before its first round and is never touched from here again.
        nonisolated(unsafe) let loop = try EventLoop()
        let pages = HealthPages(health: health, metrics: metrics, extra: pages, service: service)
        nonisolated(unsafe) let delegate = pages
        var options = ServerOptions()
        options.host = host
        options.port = port
        options.maxConnections = 64
        options.maxBodyBytes = 16 << 10
        let server = try loop.listen(options, delegate: pages)
        self.port = server.port
        thread = StageThread("health") { stop in
            stop.onRequest { [wake = loop.wake] in wake.wake() }
            withExtendedLifetime(delegate) {
                while !stop.isRequested { loop.runOnce(timeoutMilliseconds: 1_000) }
                loop.close()
            }
        }
    }

    func run() async throws { try await thread.run() }
}

private final class HealthPages: ServerDelegate {
    private let health: Health
    private let metrics: PrometheusRegistry
    private let extra: ExtraPages
    private let service: String

    init(health: Health, metrics: PrometheusRegistry, extra: ExtraPages, service: String) {
        self.extra = extra
        self.health = health
        self.metrics = metrics
        self.service = service
    }

    func didReceive(_ request: ServerRequest, responder: HTTPResponder) {
        if let page = extra.answer(request) {
            return responder.respond(status: page.status, headers: page.headers, body: page.body)
        }
        guard ["GET", "HEAD"].contains(request.method) else {
            return responder.respond(status: 405, headers: [("Allow", "GET, HEAD")], text: "method not allowed\n")
        }
        switch request.path {
        case "/health":
            answer(.health, responder)
        case "/ready":
            answer(.readiness, responder)
        case "/metrics":
            responder.respond(
                status: 200, headers: [("Content-Type", "text/plain; version=0.0.4; charset=utf-8")],
                text: metrics.render())
        default:
            responder.respond(status: 404, text: "not found; try /health, /ready or /metrics\n")
        }
    }

    private func answer(_ question: HealthReport.Question, _ responder: HTTPResponder) {
        let report = HealthReport(question, of: health, service: service)
        guard let body = try? CompactJSON.bytes(report) else { return responder.respond(status: 500, text: "") }
        responder.respond(
            status: report.isGood ? 200 : 503, headers: [("Content-Type", "application/json")], body: body)
    }
}
