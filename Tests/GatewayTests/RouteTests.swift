@testable import Runtime
import Foundation
import Microstructure
import Testing
import Wire

@testable import Gateway

extension GatewayTests {
    @Suite struct RouteTests {
        private struct Health: Decodable {
            struct Part: Decodable {
                let name: String
                let ready: Bool
            }
            let status: String
            let service: String
            let parts: [Part]
        }

        @Test func healthAndReadinessFollowTheUpstreams() async throws {
            try await Bench.run { bench in
                let port = bench.port
                #expect(try eventually { try ask(port, "GET", "/health").decode(Health.self).parts.count == 6 })
                let health = try ask(port, "GET", "/health")
                #expect(health.status == 200)
                #expect(try health.decode(Health.self).service == "api-gateway")
                #expect(
                    try health.decode(Health.self).parts.map(\.name) == [
                        "detectors", "features", "posted", "signals", "store", "ticks",
                    ])

                let before = try ask(port, "GET", "/ready")
                #expect(before.status == 503)
                #expect(
                    try before.decode(Health.self).parts.filter { !$0.ready }.map(\.name) == [
                        "detectors", "features", "ticks",
                    ])

                var status = ProtoStatus()
                status.validity = .valid
                try bench.publish(.status(status), on: .tick(.binance, "BTCUSDT", .status))
                #expect(try eventually { try ask(port, "GET", "/ready").decode(Health.self).parts.last?.ready == true })
                #expect(try ask(port, "GET", "/ready").status == 503)
                try bench.publish(
                    .detectorState(ProtoDetectorState()), on: .detector(venue: "binance", symbol: "BTCUSDT"))
                try bench.publish(
                    .featureVector(ProtoFeatureVector()), on: .feature(venue: "binance", symbol: "BTCUSDT"))
                #expect(try eventually { try ask(port, "GET", "/ready").status == 200 })
            }
        }

        @Test func statsAreTheFeedsOwn() async throws {
            struct Stats: Decodable {
                struct Feed: Decodable {
                    let symbol: String
                    let validity: String
                    let messages: Int
                    let reconnects: Int
                    let gaps: Int
                    let median: Double?
                    let tail: Double?
                    let drift: Double?
                    let silent: [String]

                    enum CodingKeys: String, CodingKey {
                        case symbol, validity
                        case messages = "message_count"
                        case reconnects = "reconnect_count"
                        case gaps = "gap_count"
                        case median = "median_latency_ms"
                        case tail = "p95_latency_ms"
                        case drift = "clock_drift_ms"
                        case silent = "silent_channels"
                    }
                }
                let symbols: [Feed]
            }
            try await Bench.run { bench in
                let port = bench.port
                #expect(try ask(port, "GET", "/api/v1/stats").decode(Stats.self).symbols.isEmpty)
                #expect(try ask(port, "GET", "/api/v1/stats?symbol=BTCUSDT").status == 404)
                #expect(try ask(port, "GET", "/api/v1/stats?sym=BTCUSDT").status == 400)
                var status = ProtoStatus()
                status.validity = .valid
                status.messageCount = 12_500
                status.reconnectCount = 2
                status.latencyP50Ns = 45_200_000
                status.latencyP95Ns = 120_300_000
                status.clockOffsetNs = -12_500_000
                try bench.publish(.status(status), on: .tick(.binance, "BTCUSDT", .status))
                status = ProtoStatus()
                status.validity = .stale
                status.silentChannels = ["depth"]
                try bench.publish(.status(status), on: .tick(.binance, "ETHUSDT", .status))
                #expect(try eventually { try ask(port, "GET", "/api/v1/stats").decode(Stats.self).symbols.count == 2 })
                let feeds = try ask(port, "GET", "/api/v1/stats").decode(Stats.self).symbols
                #expect(feeds.map(\.symbol) == ["BTCUSDT", "ETHUSDT"] && feeds.map(\.validity) == ["VALID", "STALE"])
                #expect(feeds[0].messages == 12_500 && feeds[0].reconnects == 2 && feeds[0].gaps == 0)
                #expect(feeds[0].median == 45.2 && feeds[0].tail == 120.3)
                #expect(feeds[0].drift == -12.5 && feeds[1].drift == nil)
                #expect(feeds[1].silent == ["depth"])
                #expect(try ask(port, "GET", "/api/v1/stats?symbol=ethusdt").decode(Stats.self).symbols.count == 1)
            }
        }

        @Test func schemaIsThatOfTheFeatures() async throws {
            struct Schema: Decodable {
                struct Column: Decodable {
                    let name, source, side, unit, meaning: String
                }

                let schemaID: String
                let features: [String]
                let columns: [Column]

                enum CodingKeys: String, CodingKey {
                    case schemaID = "schema_id"
                    case features, columns
                }
            }
            try await Bench.run { bench in
                let schema = try ask(bench.port, "GET", "/api/v1/schema").decode(Schema.self)
                #expect(schema.features == FeatureSchema().names && schema.columns.map(\.name) == schema.features)
                for (shown, column) in zip(schema.columns, FeatureSchema().columns) {
                    #expect(shown.source == column.source.rawValue && shown.side == column.side.rawValue)
                    #expect(shown.unit == column.unit.rawValue && shown.meaning == column.meaning)
                }
                #expect(UInt64(schema.schemaID, radix: 16) == FeatureSchema().id)
                #expect(schema.schemaID.count == 16)
            }
        }

        @Test func everyRouteOfTheIndexAnswers() async throws {
            struct Index: Decodable {
                struct Entry: Decodable {
                    let path: String
                    let methods: [String]
                }
                let routes: [Entry]
            }
            try await Bench.run { bench in
                let index = try ask(bench.port, "GET", "/")
                #expect(index.headers["content-type"] == "application/json")
                let routes = try index.decode(Index.self).routes
                #expect(routes.count == 22)
                for route in routes {
                    let path = route.path.replacing(/{(id|symbol)}/, with: "none")
                    let options = try ask(bench.port, "OPTIONS", path)
                    #expect(options.status == 204)
                    #expect(options.headers["allow"] == route.methods.joined(separator: ", "))
                    let other = try ask(bench.port, "PATCH", path)
                    #expect(other.status == 405)
                    #expect(other.headers["allow"] == route.methods.joined(separator: ", "))
                    #expect(other.headers["content-type"] == "application/problem+json")
                    let head = try ask(bench.port, "HEAD", path)
                    // The bench has no alerter.
                    let isAway =
                        path == "/ready" || path.hasPrefix("/api/v1/alerts") || path.hasPrefix("/api/v1/silences")
                    #expect(head.status == (isAway ? 503 : path.contains("/none") ? 404 : 200), "\(path)")
                    #expect(head.body.isEmpty)
                }
            }
        }

        @Test func whatIsNotThereIsAProblem() async throws {
            try await Bench.run { bench in
                for path in [
                    "/nothing", "/api/v2/signals", "/api/v1/signals/a/b", "/api", "/%00", "/..%2f..%2fetc/passwd",
                ] {
                    let answer = try ask(bench.port, "GET", path)
                    #expect(answer.status == 404, "\(path)")
                    #expect(answer.headers["content-type"] == "application/problem+json")
                    let problem = try answer.decode(ProblemDocument.self)
                    #expect(problem.status == 404)
                    #expect(problem.title == "Not Found")
                    #expect(problem.type == "about:blank")
                }
                let unknown = try ask(bench.port, "PROPFIND", "/api/v1/signals")
                #expect(unknown.status == 501)
                #expect(unknown.headers["content-type"] == "application/problem+json")
            }
        }

        @Test func requestsAreCountedByRouteTemplate() async throws {
            let labels = #"{method="GET",route="/api/v1/signals/{id}",status="404"}"#
            let unmatched = #"{method="GET",route="unmatched",status="404"}"#
            try await Bench.run { bench in
                let before = (metric(MetricName.httpRequests, labels), metric(MetricName.httpRequests, unmatched))
                for number in 0..<3 { _ = try ask(bench.port, "GET", "/api/v1/signals/secret-\(number)") }
                for number in 0..<2 { _ = try ask(bench.port, "GET", "/hidden/\(number)") }
                #expect(metric(MetricName.httpRequests, labels) == before.0 + 3)
                #expect(metric(MetricName.httpRequests, unmatched) == before.1 + 2)
                let page = try ask(bench.port, "GET", "/metrics")
                #expect(page.status == 200)
                #expect(page.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8")
                #expect(page.body.contains("# TYPE \(MetricName.httpRequests) counter\n"))
                #expect(page.body.contains("# TYPE \(MetricName.httpSeconds) histogram\n"))
                #expect(page.body.contains("# TYPE \(MetricName.streamDropped) counter\n"))
                #expect(!page.body.contains("secret"))
                #expect(!page.body.contains("hidden"))
            }
        }

        @Test func rudeClientsAreAnsweredOrCutOff() async throws {
            try await Bench.run { bench in
                let garbage = try Connection(port: bench.port)
                try garbage.send("\u{1}\u{2}\u{3} nothing like HTTP\r\n\r\n")
                #expect(try garbage.read { $0.isAtEnd })
                let large = try Connection(port: bench.port)
                try? large.sendRequest("GET", "/", headers: [("X", String(repeating: "x", count: 100_000))])
                #expect(try large.read { $0.isAtEnd })
                #expect(!large.text.contains(" 200 "))
                #expect(try ask(bench.port, "GET", "/health").status == 200)
            }
        }
    }
}
