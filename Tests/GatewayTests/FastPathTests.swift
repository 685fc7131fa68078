@testable import Runtime
import Wire
import Foundation
import Microstructure
import TestSupport
import Testing

@testable import Gateway

extension GatewayTests {
    @Suite struct FastPathTests {
        private static func read(_ text: String, upTo count: Int = .max) -> FastPathRequest.Outcome {
            Array(text.utf8.prefix(count)).withUnsafeBytes { FastPathRequest.read($0) }
        }

        private static let body = PostTests.example
        private static let canonical = [
            "GET /health HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /api/v1/signals HTTP/1.1\r\nHost: a:8000\r\nUser-Agent: wrk\r\nAccept: */*\r\n\r\n",
            "GET /api/v1/signals?limit=10&symbol=BTC%2FUSDT HTTP/1.1\r\nhost:a\r\nCONNECTION: Keep-Alive\r\n\r\n",
            "GET /health HTTP/1.1\r\nX-API-Key:  abc \r\nHost: a\r\n\r\n",
            "POST /api/v1/signals HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: "
                + "\(body.utf8.count)\r\nAuthorization: Bearer abc\r\n\r\n\(body)",
        ]

        @Test func canonicalRequestsAreReadWherePartsOfThemAreWaitedFor() throws {
            for text in Self.canonical {
                guard case .request(_, let length) = Self.read(text) else {
                    Issue.record("not read: \(text)")
                    continue
                }
                #expect(length == text.utf8.count)
                // What follows is the next request's.
                #expect(Self.read(text + "GET /") == Self.read(text))
                for count in 0..<text.utf8.count { #expect(Self.read(text, upTo: count) == .incomplete, "\(count)") }
            }
            #expect(
                Self.read(Self.canonical[3])
                    == .request(FastPathRequest(kind: .health, key: "abc"), length: Self.canonical[3].utf8.count))
        }

        @Test func everythingElseIsLeftAlone() {
            let host = "Host: a\r\n"
            for text in [
                "HEAD /health HTTP/1.1\r\n\(host)\r\n", "GET /health HTTP/1.0\r\n\(host)\r\n",
                "GET /health HTTP/1.1\r\n\r\n",
                "get /health HTTP/1.1\r\n\(host)\r\n", "GET  /health HTTP/1.1\r\n\(host)\r\n",
                "GET /health?x=1 HTTP/1.1\r\n\(host)\r\n", "GET /health/ HTTP/1.1\r\n\(host)\r\n",
                "GET /api/v1/signals/x HTTP/1.1\r\n\(host)\r\n", "GET /api/v1/signalsx HTTP/1.1\r\n\(host)\r\n",
                "GET /api/v1/signals?a b HTTP/1.1\r\n\(host)\r\n",
                "GET /api/v1/signals? HTTP/1.1 HTTP/1.1\r\n\(host)\r\n",
                "GET /health HTTP/1.1\n\(host)\r\n", "GET /health HTTP/1.1\r\nHost: a\n\r\n",
                "GET /health HTTP/1.1\r\n\(host)\(host)\r\n", "GET /health HTTP/1.1\r\n\(host)Cookie: a\r\n\r\n",
                "GET /health HTTP/1.1\r\n\(host)Content-Length: 0\r\n\r\n",
                "GET /health HTTP/1.1\r\n\(host)Transfer-Encoding: chunked\r\n\r\n",
                "GET /health HTTP/1.1\r\n\(host)Connection: close\r\n\r\n",
                "GET /health HTTP/1.1\r\n\(host)Origin: https://a\r\n\r\n",
                "GET /health HTTP/1.1\r\n\(host) folded\r\n\r\n",
                "GET /health HTTP/1.1\r\nHost : a\r\n\r\n", "GET /health HTTP/1.1\r\nHost: a\u{0}\r\n\r\n",
                "GET /health HTTP/1.1\r\n\(host)X-API-Key: a\r\nAuthorization: Bearer b\r\n\r\n",
                "GET /health HTTP/1.1\r\n\(host)Authorization: Basic b\r\n\r\n",
                "GET /health HTTP/1.1\r\n\(host)Accept: \(String(repeating: "x", count: 3_000))",
                "POST /api/v1/signals HTTP/1.1\r\n\(host)Content-Length: 2\r\n\r\n{}",
                "POST /api/v1/signals HTTP/1.1\r\n\(host)Content-Type: application/json\r\n\r\n{}",
                "POST /api/v1/signals HTTP/1.1\r\n\(host)Content-Type: application/json\r\nContent-Length: +2\r\n\r\n{}",
                "POST /api/v1/signals HTTP/1.1\r\n\(host)Content-Type: application/json\r\nContent-Length: 2\r\n"
                    + "Content-Length: 2\r\n\r\n{}",
                "POST /api/v1/signals HTTP/1.1\r\n\(host)Content-Type: application/json\r\nContent-Length: 5000\r\n\r\n{}",
                "POST /api/v1/signals?x HTTP/1.1\r\n\(host)Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
                "\u{16}\u{3}\u{1}\r\n",
            ] { #expect(Self.read(text) == .other, "\(text)") }
        }

        /// The reader of canonical bodies takes nothing that the full reader refuses, and reads the same.
        @Test func canonicalBodiesAreReadAsTheFullReaderReadsThem() throws {
            var random = SplitMix64(testSeed: testSeed)
            let pieces: [String] = [
                "{", "}", ",", ":", "\"timestamp\"", "\"score\"", "\"signal_type\"", "\"symbol\"", "\"drift\"",
                "\"BTC/USDT\"", "0.5", "1", "-1", "1e9", "01", "1.", ".5", "1e", "null", " ", "\n", "\"a\\u0041\"",
                "\"é\"",
                "1e400", "-0", "\"", "[", "true",
            ]
            var bodies = [Self.body]
            for _ in 0..<5_000 {
                var parts = [
                    "{", "\"timestamp\"", ":", "1696867200.25", ",", "\"score\"", ":", "0.85", ",", "\"signal_type\"",
                    ":",
                    "\"drift\"", ",", "\"symbol\"", ":", "\"BTCUSDT\"", "}",
                ]
                for _ in 0..<Int.random(in: 0...2, using: &random) {
                    let index = Int.random(in: 0..<parts.count, using: &random)
                    parts[index] = pieces.randomElement(using: &random) ?? ""
                }
                bodies.append(parts.joined())
            }
            var taken = 0
            for body in bodies {
                guard let plain = PostedSignal(canonical: Array(body.utf8)[...]) else { continue }
                taken += 1
                let full = try PostedSignal(json: Data(body.utf8))
                #expect(
                    plain.timestamp == full.timestamp && plain.score == full.score && plain.type == full.type
                        && plain.symbol == full.symbol, "\(body)")
                let document = try JSONDecoder().decode(SignalDocument.self, from: Data(plain.json.readableBytesView))
                #expect(document == plain.document, "\(body)")
            }
            #expect(taken > 500)
        }

        /// A request gets the same answer on the fast path as from the full server.
        @Test func bothPathsAgree() async throws {
            try await Bench.run { bench in
                let fullPath = [("Cookie", "a=b")]
                for _ in 0..<3 { #expect(try post(bench.port, Self.body).status == 202) }
                for path in ["/health", "/api/v1/signals", "/api/v1/signals?limit=2", "/api/v1/signals?limit=0&x=%"] {
                    let fast = try ask(bench.port, "GET", path)
                    let full = try ask(bench.port, "GET", path, headers: fullPath)
                    #expect(fast.status == full.status && fast.headers.keys == full.headers.keys, "\(path)")
                    for (name, value) in fast.headers
                    where name != "date" && !(path == "/health" && name == "content-length") {
                        #expect(full.headers[name] == value, "\(path) \(name)")
                    }
                    if path != "/health" { #expect(fast.body == full.body, "\(path)") }
                }
                let fast = try post(bench.port, Self.body)
                let full = try post(bench.port, Self.body, headers: fullPath)
                #expect(fast.status == full.status && fast.headers.keys == full.headers.keys)
                #expect(fast.headers["location"]?.hasSuffix(try fast.decode(SignalDocument.self).id) == true)
                #expect(
                    try ask(bench.port, "GET", "/api/v1/signals").decode(SignalList.self).signals.prefix(2).map(\.id)
                        == [full, fast].map { try $0.decode(SignalDocument.self).id })
            }
        }

        /// Requests sent at once, in pieces of any size, are answered in their order, whichever path answers.
        @Test func pipelinedRequestsAreAnsweredInOrder() async throws {
            try await Bench.run { bench in
                var random = SplitMix64(testSeed: testSeed)
                for round in 0..<20 {
                    let connection = try Connection(port: bench.port)
                    var (text, kinds): (String, [Int]) = ("", [])
                    for _ in 0..<30 {
                        kinds.append(Int.random(in: 0...(round % 2 == 0 ? 2 : 3), using: &random))
                        text +=
                            [
                                Self.canonical[0], Self.canonical[1], Self.canonical[4],
                                "GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n",
                            ][
                                kinds[kinds.count - 1]]
                    }
                    var rest = text[...]
                    while !rest.isEmpty {
                        let piece = rest.prefix(Int.random(in: 1...400, using: &random))
                        try connection.send(String(piece))
                        rest = rest.dropFirst(piece.count)
                    }
                    var posted: [String] = []
                    for kind in kinds {
                        let answer = try connection.answer()
                        #expect(answer.status == [200, 200, 202, 404][kind])
                        if kind == 2 { posted.append(try answer.decode(SignalDocument.self).id) }
                        // A request sees what the ones before it did.
                        if kind == 1, let last = posted.last { #expect(answer.body.contains(last)) }
                    }
                }
            }
        }

        @Test func whatTheFastPathAnswersIsCounted() async throws {
            let health = #"{method="GET",route="/health",status="200"}"#
            let posts = #"{method="POST",route="/api/v1/signals",status="202"}"#
            try await Bench.run { bench in
                let before = (metric(MetricName.httpRequests, health), metric(MetricName.httpRequests, posts))
                for _ in 0..<3 { _ = try ask(bench.port, "GET", "/health") }
                for _ in 0..<2 { _ = try post(bench.port, Self.body) }
                #expect(metric(MetricName.httpRequests, health) == before.0 + 3)
                #expect(metric(MetricName.httpRequests, posts) == before.1 + 2)
            }
        }
    }
}
