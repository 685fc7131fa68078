@testable import Runtime
import Wire
import Foundation
import Testing

@testable import Gateway

extension GatewayTests {
    @Suite struct PostTests {
        static let example =
            #"{"timestamp":1696867200.0,"signal_type":"buy_imbalance","score":0.85,"symbol":"BTC/USDT"}"#

        @Test func aPostedSignalIsStoredStreamedAndPushed() async throws {
            try await Bench.run { bench in
                let stream = try StreamClient(port: bench.port)
                #expect(try stream.opened())
                let answer = try post(bench.port, Self.example)
                #expect(answer.status == 202)
                let posted = try answer.decode(SignalDocument.self)
                #expect(posted.timestamp == 1_696_867_200)
                #expect(posted.signalType == "buy_imbalance")
                #expect(posted.score == 0.85)
                #expect(posted.symbol == "BTCUSDT")
                #expect(posted.id.hasPrefix("178c7bba5f030000-BTCUSDT-buy_imbalance-"))

                let location = try #require(answer.headers["location"])
                #expect(try ask(bench.port, "GET", location).decode(SignalDocument.self) == posted)
                let found = try ask(bench.port, "GET", "/api/v1/signals?symbol=BTC/USDT&type=buy_imbalance")
                #expect(try found.decode(SignalList.self).signals == [posted])

                #expect(try stream.ids(1) == [posted.id])
                let event = try #require(stream.events.first)
                #expect(event.name == "signal")
                #expect(try JSONDecoder().decode(SignalDocument.self, from: Data(event.data.utf8)) == posted)

                let alert = try #require(try bench.nextAlert())
                #expect(alert.topic == "signal.api.BTCUSDT.buy_imbalance|")
                #expect(alert.signal.id == posted.id)
                #expect(alert.signal.score == 0.85)
                #expect(alert.signal.detectedTimeNs == 1_696_867_200_000_000_000)
            }
        }

        /// The alert comes through the signal log, under a place of its own in it; a repeated key brings no second.
        @Test func anIdempotencyKeyMakesARepeatedPostCountOnce() async throws {
            try await Bench.run { bench in
                let key = [("Idempotency-Key", "order-1")]
                let first = try post(bench.port, Self.example, headers: key)
                let second = try post(bench.port, Self.example, headers: key)
                #expect(first.status == 202 && second.status == 202)
                #expect(first.body == second.body)
                let other = try post(bench.port, Self.example.replacing("0.85", with: "0.86"), headers: key)
                #expect(other.status == 409)
                #expect(try post(bench.port, Self.example, headers: [("Idempotency-Key", "")]).status == 400)
                let third = try post(bench.port, Self.example)
                let alerts = try [bench.nextAlert(), bench.nextAlert()].compactMap { $0?.signal }
                #expect(alerts.map(\.logSequence) == [1, 2])
                let ids = try [first, third].map { try $0.decode(SignalDocument.self).id }
                #expect(alerts.map(\.id) == ids)
                #expect(try ask(bench.port, "GET", "/api/v1/alerts").status == 503)
            }
        }

        @Test func twoPostsOfOneInstantDiffer() async throws {
            try await Bench.run { bench in
                var ids: Set<String> = []
                for _ in 0..<50 { ids.insert(try post(bench.port, Self.example).decode(SignalDocument.self).id) }
                #expect(ids.count == 50)
                let later = try post(bench.port, Self.example.replacing("1696867200.0", with: "1696867200.001"))
                let laterID = try later.decode(SignalDocument.self).id
                #expect(ids.allSatisfy { $0 < laterID })
                let held = try ask(bench.port, "GET", "/api/v1/signals?limit=1000").decode(SignalList.self).signals
                #expect(held.count == 51)
            }
        }

        @Test func whatIsAtTheEdgeIsTaken() async throws {
            try await Bench.run { bench in
                for body in [
                    #"{"timestamp":0,"signal_type":"a","score":0,"symbol":"x"}"#,
                    #"{"timestamp":9223372036,"signal_type":"a","score":1,"symbol":"x"}"#,
                    #" {"symbol":"1000pepe-usdt","score":1e-3,"signal_type":"x_9","timestamp":1.5e9} "#,
                ] {
                    let answer = try post(bench.port, body)
                    #expect(answer.status == 202, "\(body): \(answer.body)")
                }
                #expect(
                    try post(bench.port, Self.example, contentType: "Application/JSON; charset=utf-8").status == 202)
            }
        }

        @Test func badBodiesSayWhatToDo() async throws {
            func with(_ field: String, _ value: String) -> String {
                var fields = [
                    ("timestamp", "1696867200.0"), ("signal_type", #""drift""#), ("score", "0.5"),
                    ("symbol", #""BTCUSDT""#),
                ]
                fields = fields.map { $0.0 == field ? ($0.0, value) : $0 }
                return "{" + fields.map { "\"\($0.0)\":\($0.1)" }.joined(separator: ",") + "}"
            }
            let long = String(repeating: "a", count: 33)
            let cases: [(body: String, mentions: String)] = [
                ("", "not valid JSON"), ("{", "not valid JSON"), ("nonsense", "not valid JSON"),
                ("[]", "no JSON object"),
                ("\"text\"", "no JSON object"), ("null", "no JSON object"), ("{}", "'timestamp' is missing"),
                (#"{"timestamp":1,"signal_type":"drift","score":0.5}"#, "'symbol' is missing"),
                (with("timestamp", #""now""#), "'timestamp' is of the wrong type"),
                (with("timestamp", "true"), "'timestamp'"),
                (with("timestamp", "null"), "'timestamp' is of the wrong type"),
                (with("timestamp", "-1"), "timestamp -1.0"),
                (with("timestamp", "1696867200000"), "not milliseconds"), (with("timestamp", "1e999"), "timestamp"),
                (with("score", "1.01"), "score 1.01"), (with("score", "-0.01"), "score -0.01"),
                (with("score", "\"1\""), "'score'"),
                (with("signal_type", "1"), "'signal_type'"), (with("signal_type", "\"\""), "signal_type needs"),
                (with("signal_type", "\"Drift\""), "signal_type needs"),
                (with("signal_type", "\"\(long)\""), "signal_type needs"),
                (with("signal_type", "\"a.b|\""), "signal_type needs"), (with("symbol", "\"\""), "symbol needs"),
                (with("symbol", "\"///\""), "symbol needs"), (with("symbol", "\"\(long)\""), "symbol needs"),
                (with("symbol", "\"BTC|USDT\""), "symbol needs"), (with("symbol", "[]"), "'symbol'"),
                (
                    #"{"timestamp":1,"signal_type":"drift","score":0.5,"symbol":"A","price":1,"extra":{}}"#,
                    "unknown 'extra', 'price'"
                ),
                (String(repeating: "[", count: 30_000), ""),
            ]
            try await Bench.run { bench in
                for (body, mentions) in cases {
                    let answer = try post(bench.port, body)
                    #expect(answer.status == 400, "\(body.prefix(200))")
                    #expect(answer.headers["content-type"] == "application/problem+json", "\(body.prefix(200))")
                    let detail = try answer.decode(ProblemDocument.self).detail
                    #expect(mentions.isEmpty || detail.contains(mentions), "\(body): \(detail)")
                }
                #expect(try ask(bench.port, "GET", "/api/v1/signals").decode(SignalList.self).signals.isEmpty)
            }
        }

        @Test func wrongContentTypeIs415() async throws {
            try await Bench.run { bench in
                for type in [nil, "text/plain", "application/x-www-form-urlencoded", "application/jsonx", ""]
                    as [String?]
                {
                    let answer = try post(bench.port, Self.example, contentType: type)
                    #expect(answer.status == 415, "\(type ?? "none")")
                    #expect(try answer.decode(ProblemDocument.self).detail.contains("application/json"))
                }
            }
        }

        @Test func largeBodiesAre413() async throws {
            let padding = String(repeating: " ", count: (64 << 10) - Self.example.utf8.count)
            try await Bench.run { bench in
                #expect(try post(bench.port, Self.example + padding).status == 202)
                let answer = try post(bench.port, Self.example + padding + " ")
                #expect(answer.status == 413)
                #expect(answer.headers["content-type"] == "application/problem+json")

                // Without a length, too: chunk after chunk, until the limit is passed.
                let chunked = try Connection(port: bench.port)
                try chunked.sendRequest(
                    "POST", "/api/v1/signals",
                    headers: [("Content-Type", "application/json"), ("Transfer-Encoding", "chunked")])
                let chunk = "4000\r\n" + String(repeating: "x", count: 0x4000) + "\r\n"
                for _ in 0..<5 { try chunked.send(chunk) }
                #expect(try chunked.answer().status == 413)
                #expect(try ask(bench.port, "GET", "/health").status == 200)
            }
        }
    }
}
